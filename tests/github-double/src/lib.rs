//! A stateful GitHub over HTTP on loopback, for tests and for the playground.
//!
//! It is set up and talked to like people do it, in Rust; the service under test talks to it as to GitHub,
//! over HTTP, and gets signed webhooks from it. Permissions fail closed. What it is asked, what it answers
//! and what it sends is checked against GitHub's own descriptions; a violation fails the test.
//!
//! ```no_run
//! # async fn example() {
//! use github_double::{Double, Permission};
//!
//! let gh = Double::start().await;
//! let (acme, ada) = (gh.org("acme"), gh.user("ada"));
//! acme.add_member(&ada);
//! let shop = acme.repo("shop");
//! shop.permit(&ada, Permission::Write);
//! let app = gh.app("deputy").register();
//! app.install_on(&acme);
//! // Start the service with app.id(), app.private_key(), app.webhook_secret(), gh.api_url(), and then:
//! app.send_webhooks_to("http://127.0.0.1:4000/webhook");
//!
//! let pr = shop.pull_request("Sell tea").by(&ada).open().await;
//! let asked = pr.comment(&ada, "@deputy ping").await;
//! let reply = pr.wait_for_reply(&app.bot_login(), 0).await;
//! assert!(asked.has_reaction("deputy[bot]", "eyes"));
//! assert!(reply.body().contains("pong"));
//! gh.assert_clean().await;
//! # }
//! ```

// GitHub's objects have many fields, and `json!` recurses once per token.
#![recursion_limit = "512"]

mod access;
mod acts;
mod acts_ci;
mod clock;
mod double;
mod faults;
mod graphql;
mod http;
mod hub;
mod ids;
mod json;
mod keys;
mod oauth;
mod people;
mod random;
mod rest;
mod schema;
mod state;
mod webhook;

pub use clock::{Clock, Moment};
pub use double::{Double, DoubleBuilder};
pub use faults::{Fault, When};
pub use ids::{
    AccountId, AppId, CheckRunId, CheckSuiteId, CommentId, DeliveryId, DeploymentId, DeploymentStatusId,
    DiscussionId, InstallationId, IssueId, JobId, ReactionId, RepositoryId, ReviewId, RunId, StatusId,
    TeamId, WorkflowId,
};
pub use people::{
    App, AppBuilder, CheckRun, Comment, Delivery, Deployment, Discussion, Installation, Issue, IssueBuilder,
    Organization, PullRequestBuilder, Reaction, Repository, Review, Team, User, UserTokens, Workflow,
    WorkflowRun,
};
pub use state::app::Access;
pub use state::checks::CheckAction;
pub use state::comment::Verdict;
pub use state::repository::{Permission, Sha};
