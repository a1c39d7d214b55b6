//! A command: what a person may ask for in a comment, and the code that does it.
//!
//! One command is one file in `handlers/src/commands/` with one `pub static COMMAND: Command`.

use std::future::Future;
use std::pin::Pin;

use clap::ArgMatches;

use crate::authorization::{Authorizer, RunsAs};
use crate::comment::Comment;
use crate::delivery::Delivery;
use crate::drive::{Driver, OrderError};
use crate::language::{Definition, Vocabulary};
use crate::logins::Logins;
use crate::ports::{Acting, Clock, GitHub, GitHubError};
use crate::settings::Source;

/// A future that a command or an event handler returns: `Box::pin(async move { … })`.
pub type Running<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What people may ask for, and what happens then.
pub struct Command {
    /// Its words: name, arguments, help, and the permission it needs.
    pub definition: Definition,
    /// With whose authority it runs: the person's, unless all it does is answer.
    pub runs_as: RunsAs,
    /// The team that it is kept for, by its slug in the organization that owns the repository.
    pub team: Option<&'static str>,
    /// What it does once the person was found to be allowed to ask.
    pub run: for<'a> fn(&'a CommandContext<'a>) -> Running<'a, Result<Reply, CommandError>>,
}

/// Everything a running command may use.
pub struct CommandContext<'a> {
    /// Where and by whom it was asked.
    pub comment: &'a Comment<'a>,
    /// The delivery that brought the comment.
    pub delivery: &'a Delivery,
    /// Its arguments, as its definition parsed them.
    pub arguments: &'a ArgMatches,
    /// GitHub, to be used with [`acting`](Self::acting).
    pub github: &'a dyn GitHub,
    /// As whom the command acts: the person, or the App where it [runs as the App](RunsAs::App).
    pub acting: &'a Acting,
    /// The App's installation here: for look-ups, and for what GitHub lets only Apps do.
    pub installation: &'a Acting,
    /// What repositories set for themselves.
    pub settings: &'a Source,
    /// The jobs, and what runs them.
    pub driver: &'a Driver,
    /// People's logins, where this Deputy has them.
    pub logins: Option<&'a Logins>,
    /// Forgets what was remembered of people who log out.
    pub authorizer: &'a dyn Authorizer,
    /// What time it is.
    pub clock: &'a dyn Clock,
    /// All commands, for help.
    pub vocabulary: &'a Vocabulary,
    /// What this bot is.
    pub about: &'a About,
}

/// What the bot says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The App's name, as shown.
    pub name: String,
    /// The version of this build.
    pub version: String,
}

/// What a command answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Markdown, posted where the comment stands.
    pub body: String,
}

impl Reply {
    /// A reply with this text.
    pub fn new(body: impl Into<String>) -> Self {
        Self { body: body.into() }
    }
}

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// It cannot be done as asked. The text is for the person: what happened, why, what to type next.
    #[error("refused: {0}")]
    Refused(String),
    /// It went wrong for a reason that may pass; it is tried again.
    #[error("failed")]
    Failed(#[source] anyhow::Error),
}

impl From<OrderError> for CommandError {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::Refused(text) => Self::Refused(text),
            error @ OrderError::Failed(_) => Self::Failed(error.into()),
        }
    }
}

impl From<GitHubError> for CommandError {
    fn from(error: GitHubError) -> Self {
        Self::Failed(error.into())
    }
}
