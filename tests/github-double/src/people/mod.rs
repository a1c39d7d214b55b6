//! Acting like people: handles on users, organizations, repositories and what is in them.
//!
//! A handle names something on this GitHub; it is cheap to clone and holds no state of its own. What changes
//! state and makes webhooks is `async`, and returns when every webhook was answered, so that a test reads
//! as a conversation. Setting up is not `async`; its webhooks, if any App listens yet, go out by themselves.

mod account;
mod app;
mod ci;
mod comment;
mod discussion;
mod installation;
mod issue;
mod login;
mod repository;
mod team;

pub use account::{Organization, User};
pub use app::{App, AppBuilder, Delivery};
pub use ci::{CheckRun, Deployment, Workflow, WorkflowRun};
pub use comment::{Comment, Reaction, Review};
pub use discussion::Discussion;
pub use installation::Installation;
pub use issue::{Issue, IssueBuilder};
pub use login::UserTokens;
pub use repository::{PullRequestBuilder, Repository};
pub use team::Team;
