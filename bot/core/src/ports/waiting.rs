//! Commands that wait for their author to log in, and the replies that ask for it.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::github::PostedComment;
use crate::comment::Repository;
use crate::ids::{DeliveryId, InstallationId, UserId};

/// How long a command waits unless the caller has a reason for another time.
pub const WAITING_LIFETIME: Duration = Duration::from_hours(1);

/// How long one who was told to ask has to do it before the next one is told to.
pub const ASKING: Duration = Duration::from_mins(2);

/// Commands kept for people without a grant.
///
/// A *prompt* is one reply that asks one person, in one place, to log in. All commands of theirs that wait in that
/// place share it: the first is told to ask, the others are not.
///
/// # What holds after a crash
///
/// * A command that [`keep`](Self::keep) returned for is handed out by [`take_all`](Self::take_all), or its prompt
///   comes up in [`expired`](Self::expired); never neither.
/// * [`take_all`](Self::take_all) hands out under a lease. What is not [`finish`](Self::finish)ed when it ends is
///   handed out again, by `take_all` or [`resume`](Self::resume): at least once, so the taker runs each command
///   under its own key of [`Once`](super::Once).
/// * Who was told to ask and died before [`prompted`](Self::prompted) is told again when it comes back, and after
///   [`ASKING`] any other command in the same place is told instead. Look for the reply's marker before posting.
#[async_trait]
pub trait Waiting: Send + Sync {
    /// Keeps a command. Idempotent by delivery and index: keeping one that waits changes nothing, and answers
    /// [`Ask::Prompt`] again as long as this command is the one to ask. One that was taken or has expired waits
    /// anew.
    async fn keep(&self, command: WaitingCommand, lifetime: Duration) -> Result<Ask, WaitingError>;

    /// The reply that asks was posted. Idempotent. Does nothing where the person has logged in meanwhile.
    async fn prompted(&self, prompt: PromptId, reply: PostedComment) -> Result<(), WaitingError>;

    /// The person has logged in: hands out their commands that have not expired and are not handed out, oldest
    /// first, and their prompts, whose replies may be edited now. The prompts are gone: the next command of theirs
    /// asks anew.
    async fn take_all(&self, user: UserId, lease: Duration) -> Result<Released, WaitingError>;

    /// The command was handed on for good. Idempotent. Does nothing where it waits anew.
    async fn finish(&self, delivery: DeliveryId, index: u32) -> Result<(), WaitingError>;

    /// Hands out again what was taken by a process that died. For a sweep, every minute or so, and at start.
    async fn resume(&self, lease: Duration, limit: usize) -> Result<Vec<WaitingCommand>, WaitingError>;

    /// Prompts whose last command has expired. Their replies must be edited to say so, and the prompts then
    /// [`dropped`](Self::dropped); until then they come again. Expired commands are not handed out, and a new command
    /// in the same place gets a prompt of its own.
    async fn expired(&self, limit: usize) -> Result<Vec<Prompt>, WaitingError>;

    /// The prompt's reply says that it expired: forgets it with its commands. Idempotent.
    async fn dropped(&self, prompt: PromptId) -> Result<(), WaitingError>;
}

/// A command that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingCommand {
    /// The delivery that holds it; the archive has its payload.
    pub delivery: DeliveryId,
    /// Which of the delivery's commands, counted from 0.
    pub index: u32,
    /// The command's name, for showing: `deploy`.
    pub name: String,
    /// Where to ask whom.
    pub prompt: PromptKey,
    /// As whom the reply is posted and edited.
    pub installation: InstallationId,
    /// Where the reply is.
    pub repository: Repository<'static>,
    /// The comment's page, to send the person back to.
    pub html_url: String,
}

/// Names a prompt. Never given to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PromptId(pub u64);

/// Whom to ask where.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PromptKey {
    /// Who must log in.
    pub user: UserId,
    /// Where, in the caller's own words: the same text for the same conversation, such as `1296269#12`.
    pub place: String,
}

/// Whether to ask the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Post the reply that asks, then say [`Waiting::prompted`].
    Prompt(PromptId),
    /// They were asked in this place already, or are being asked.
    Asked,
}

/// A reply that asks, with what is needed to edit it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// Its name.
    pub id: PromptId,
    /// Whom it asks, and where.
    pub key: PromptKey,
    /// As whom it was posted.
    pub installation: InstallationId,
    /// Where it is.
    pub repository: Repository<'static>,
    /// The reply; `None` where it was never posted, or that was never recorded.
    pub reply: Option<PostedComment>,
    /// When the person was asked.
    pub asked_at: DateTime<Utc>,
}

/// What a login sets free.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Released {
    /// Run these.
    pub commands: Vec<WaitingCommand>,
    /// Edit the replies of these, if you like.
    pub prompts: Vec<Prompt>,
}

/// What waits could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("the waiting commands cannot be reached")]
pub struct WaitingError(#[source] pub anyhow::Error);
