//! Which handler gets which event, and running one of them: the core that both homes drive.

mod ask;
mod conversation;
mod plan;
mod prompt;
mod resume;
mod turn;
mod under;

use std::sync::Arc;

use chrono::{DateTime, Utc};

pub(crate) use self::plan::MARK;
pub use self::plan::{Ignored, Plan, plan};
pub use self::resume::Resumptions;
use crate::authorization::Authorizer;
use crate::command::{About, Command};
use crate::delivery::Delivery;
use crate::drive::Driver;
use crate::event_handler::{Effects, EventContext, EventHandler, Events};
use crate::ids::EventName;
use crate::language::Vocabulary;
use crate::logins::Logins;
use crate::panics::caught;
use crate::ports::{
    Archive, Begin, Clock, DeadLetters, GitHub, Installations, Lease, Once, OnceKey, Payloads,
};
use crate::settings::Source;
use crate::workflow::Workflow;

/// How long a handler may hold a delivery before another process may take it over.
pub const LEASE: std::time::Duration = std::time::Duration::from_mins(15);

/// The events whose text may hold commands.
pub const COMMENT_EVENTS: Events = Events::Named(&[
    "commit_comment",
    "discussion",
    "discussion_comment",
    "issue_comment",
    "issues",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
]);

/// The name under which commands are queued and recorded.
pub const COMMANDS: &str = "commands";

/// Everything that handlers stand on. A home fills it in once at start.
pub struct Deputy {
    /// Name and version.
    pub about: About,
    /// The words that people can use.
    pub vocabulary: Vocabulary,
    /// The code behind the words.
    pub commands: &'static [&'static Command],
    /// The commands that are workflows, by name.
    pub workflows: Vec<Arc<Workflow>>,
    /// What runs them.
    pub driver: Arc<Driver>,
    /// The reactions to events.
    pub events: &'static [&'static EventHandler],
    /// GitHub.
    pub github: Arc<dyn GitHub>,
    /// GitHub's payload formats.
    pub payloads: Arc<dyn Payloads>,
    /// What repositories set for themselves.
    pub settings: Arc<Source>,
    /// Who may ask for what.
    pub authorizer: Arc<dyn Authorizer>,
    /// People's logins; `None` where they are not configured. Then only commands that
    /// [run as the App](crate::authorization::RunsAs::App) do anything.
    pub logins: Option<Arc<Logins>>,
    /// Payloads of earlier deliveries, for the commands in them that waited.
    pub archive: Arc<dyn Archive>,
    /// The record of what was done.
    pub once: Arc<dyn Once>,
    /// What failed for good.
    pub dead_letters: Arc<dyn DeadLetters>,
    /// Whoever remembers where the App is installed.
    pub installations: Arc<dyn Installations>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// Which try this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// From 1 on.
    pub number: u32,
    /// Whether a failure now is final, so that whoever waits should be told.
    pub is_last: bool,
}

/// How a run ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Complete: it never runs again.
    Done,
    /// It waits for its person to log in.
    Waits,
}

/// Why a delivery was not handled.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    /// It may work later.
    #[error("the handler failed")]
    Failed(#[source] anyhow::Error),
    /// It will never work: a dead letter at once.
    #[error("the handler can never handle this delivery")]
    Hopeless(#[source] anyhow::Error),
    /// Another run is at it. Come back then; this was no attempt.
    #[error("another run is at it until {until}")]
    Busy {
        /// When its lease ends.
        until: DateTime<Utc>,
    },
}

/// A panic in the handler is a failure as any other, so that its record is released for the next attempt.
async fn run_event(handler: &EventHandler, context: &EventContext<'_>) -> Result<(), HandlerError> {
    let ran = caught((handler.run)(context)).await;
    ran.map_err(anyhow::Error::from).flatten().map_err(HandlerError::Failed)
}

/// The handlers that get `event`, by the names they are queued under.
pub fn handlers_of<'a>(
    events: &'static [&'static EventHandler],
    event: &'a EventName,
) -> impl Iterator<Item = &'static str> + 'a {
    let commands = COMMENT_EVENTS.contain(event).then_some(COMMANDS);
    let events = events.iter().filter(|handler| handler.events.contain(event));
    commands.into_iter().chain(events.map(|handler| handler.name))
}

impl Deputy {
    /// All handlers, each with a queue of its own.
    pub fn handlers(&self) -> impl Iterator<Item = &'static str> + '_ {
        std::iter::once(COMMANDS).chain(self.events.iter().map(|handler| handler.name))
    }

    /// Runs one handler on one delivery.
    pub async fn handle(
        &self,
        handler: &str,
        delivery: &Delivery,
        attempt: Attempt,
    ) -> Result<(), HandlerError> {
        if handler == COMMANDS {
            return conversation::hold(self, delivery, attempt).await;
        }
        let Some(handler) = self.events.iter().find(|known| known.name == handler) else {
            // A handler that was taken out while its work was queued. Its dead letter can be redriven if it
            // comes back.
            return Err(HandlerError::Hopeless(anyhow::anyhow!("no handler is called `{handler}`")));
        };
        let context = EventContext {
            delivery,
            github: &*self.github,
            payloads: &*self.payloads,
            settings: &self.settings,
            driver: &self.driver,
            authorizer: &*self.authorizer,
            installations: &*self.installations,
            logins: self.logins.as_deref(),
            clock: &*self.clock,
        };
        match handler.effects {
            Effects::None => run_event(handler, &context).await,
            Effects::Recorded => {
                let key = OnceKey { handler: handler.name.to_owned(), delivery: delivery.id };
                let run = async |_: &Lease| run_event(handler, &context).await.map(|()| Outcome::Done);
                self.once(key, run).await.map(|_| ())
            }
        }
    }

    /// Runs `effect` unless it was done before, and records that it was.
    ///
    /// What waits is not recorded: it is to run again, under the same key, when what it waits for has come.
    async fn once(
        &self,
        key: OnceKey,
        effect: impl AsyncFnOnce(&Lease) -> Result<Outcome, HandlerError>,
    ) -> Result<Outcome, HandlerError> {
        let failed = |error: crate::ports::OnceError| HandlerError::Failed(error.into());
        let lease = match self.once.begin(&key, LEASE).await.map_err(failed)? {
            Begin::Done => return Ok(Outcome::Done),
            Begin::InProgress { until } => return Err(HandlerError::Busy { until }),
            Begin::Run(lease) => lease,
        };
        let outcome = effect(&lease).await;
        if !matches!(outcome, Ok(Outcome::Done)) {
            // Best effort: a key that is not released is free again when its lease ends.
            if let Err(release) = self.once.release(&key, &lease).await {
                tracing::warn!(%key, error = %release, "a run that is not complete keeps its lease until it ends");
            }
            return outcome;
        }
        if !self.once.finish(&key, &lease).await.map_err(failed)? {
            tracing::warn!(%key, "a run outlived its lease; another one has taken over");
        }
        Ok(Outcome::Done)
    }
}
