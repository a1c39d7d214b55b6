//! Comments and reactions, wherever people write.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Acting, GitHubError};
use crate::comment::{Comment, Place, Repository};
use crate::ids::Number;

/// What Deputy says.
#[async_trait]
pub trait Conversations: Send + Sync {
    /// Answers a comment in its own place: the conversation, the review thread, the commit, the discussion.
    ///
    /// Sent once: after a crash or an error that leaves open whether it arrived, look first
    /// ([`find_reply`](Self::find_reply)).
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

    /// Comments on an issue or pull request, or finds the comment of the same account that contains `marker`. Twice
    /// is once. The body must contain the marker, as an HTML comment for instance.
    async fn comment_on(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        number: Number,
        marked: &Marked<'_>,
    ) -> Result<PostedComment, GitHubError>;

    /// Hides a comment by its GraphQL id, with the reason that GitHub shows. Idempotent; a comment that is gone is
    /// [`GitHubError::NotFound`].
    async fn minimize(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        node_id: &str,
        why: Minimized,
    ) -> Result<(), GitHubError>;

    /// Reacts to a comment. Idempotent: GitHub keeps one reaction of a kind per person.
    async fn react(
        &self,
        acting: &Acting,
        comment: &Comment<'_>,
        reaction: Reaction,
    ) -> Result<(), GitHubError>;
}

/// A text that can be found again.
#[derive(Debug, Clone, Copy)]
pub struct Marked<'a> {
    /// Markdown, with the marker in it.
    pub body: &'a str,
    /// What no other comment contains.
    pub marker: &'a str,
}

/// Why a comment is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Minimized {
    /// Something newer says more.
    Outdated,
    /// What it was about is done.
    Resolved,
}

impl Minimized {
    /// GraphQL's classifier.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Outdated => "OUTDATED",
            Self::Resolved => "RESOLVED",
        }
    }
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
