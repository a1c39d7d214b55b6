//! What Deputy does on GitHub, and as whom.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::comment::{Comment, Place, Repository};
use crate::ids::{InstallationId, UserId};
use crate::permission::Permission;

/// GitHub, as handlers see it.
///
/// Calls wait for rate limits and retry what is safe to retry by themselves, within a deadline of about a
/// minute. A call that makes something (a comment) is sent once: after a crash or an error that leaves open
/// whether it arrived, look first ([`find_reply`](Self::find_reply)).
#[async_trait]
pub trait GitHub: Send + Sync {
    /// Answers a comment in its own place: the conversation, the review thread, the commit, the discussion.
    async fn reply(
        &self,
        acting: &Acting,
        comment: &Comment<'_>,
        body: &str,
    ) -> Result<PostedComment, GitHubError>;

    /// A reply that contains `marker`, made since the comment was written, where there is one.
    async fn find_reply(
        &self,
        acting: &Acting,
        comment: &Comment<'_>,
        marker: &str,
    ) -> Result<Option<PostedComment>, GitHubError>;

    /// Replaces the text of a comment that we made. Idempotent.
    async fn edit_reply(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        posted: &PostedComment,
        body: &str,
    ) -> Result<(), GitHubError>;

    /// Reacts to a comment. Idempotent: GitHub keeps one reaction of a kind per person.
    async fn react(
        &self,
        acting: &Acting,
        comment: &Comment<'_>,
        reaction: Reaction,
    ) -> Result<(), GitHubError>;

    /// Whether `login` is an active member of `organization`, concealed membership included.
    async fn is_member(&self, acting: &Acting, organization: &str, login: &str) -> Result<bool, GitHubError>;

    /// Whether `login` is an active member of the team `team` (its slug) of `organization`, or of a team below it.
    /// Where there is no such team, nobody is.
    async fn is_team_member(
        &self,
        acting: &Acting,
        organization: &str,
        team: &str,
        login: &str,
    ) -> Result<bool, GitHubError>;

    /// What `login` may do in `repository`. Custom roles count as the role they are based on.
    async fn permission(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        login: &str,
    ) -> Result<Permission, GitHubError>;
}

/// As whom something is done. Tokens stay inside the adapter.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Acting {
    /// As the App's installation: look-ups, check runs, asking somebody to log in.
    Installation(InstallationId),
    /// As a person, with their own grant.
    User(UserId),
}

/// A comment that was made, by the ids that editing it needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostedComment {
    /// The kind of place, which decides the endpoint that edits it.
    pub place: Place<'static>,
    /// REST id; GraphQL-only places carry theirs in `node_id` alone.
    pub id: u64,
    /// GraphQL id.
    pub node_id: String,
    /// Its page.
    pub html_url: String,
}

/// GitHub's eight reactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reaction {
    /// 👍
    PlusOne,
    /// 👎
    MinusOne,
    /// 😄
    Laugh,
    /// 😕
    Confused,
    /// ❤️
    Heart,
    /// 🎉
    Hooray,
    /// 🚀
    Rocket,
    /// 👀
    Eyes,
}

impl Reaction {
    /// REST's `content`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PlusOne => "+1",
            Self::MinusOne => "-1",
            Self::Laugh => "laugh",
            Self::Confused => "confused",
            Self::Heart => "heart",
            Self::Hooray => "hooray",
            Self::Rocket => "rocket",
            Self::Eyes => "eyes",
        }
    }
}

/// Why GitHub did not do it, by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum GitHubError {
    /// 401: the credentials are not valid (any more).
    #[error("GitHub does not accept the credentials")]
    Unauthorized(#[source] anyhow::Error),
    /// 403 that is no rate limit: they may not do this.
    #[error("GitHub forbids it: {message}")]
    Forbidden {
        /// GitHub's own words.
        message: String,
    },
    /// 404 or 410: it is not there, or they may not see it.
    #[error("GitHub does not know it, or does not show it")]
    NotFound,
    /// 422 and other refusals of the request itself.
    #[error("GitHub refuses the request ({status}): {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// GitHub's own words.
        message: String,
    },
    /// A rate limit that ends later than the call could wait.
    #[error("GitHub's rate limit is used up for another {} s", retry_after.as_secs())]
    RateLimited {
        /// How long until it is worth trying again.
        retry_after: Duration,
    },
    /// No answer, a broken one, or 5xx, after the retries that were safe. A write may have arrived.
    #[error("GitHub cannot be reached")]
    Unavailable(#[source] anyhow::Error),
}
