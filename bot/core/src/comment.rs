//! A comment, wherever on GitHub it was written: one type for every place a command can come from.

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::{AppId, CommentId, InstallationId, Number, RepositoryId, UserId};

/// Something a person wrote, with where it stands and who did it. Borrows from the payload where it can.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment<'a> {
    /// Newly written, or changed.
    pub action: CommentAction,
    /// Where it stands in the repository; a reply goes to the same place.
    pub place: Place<'a>,
    /// The repository.
    pub repository: Repository<'a>,
    /// The installation that sent the event. Absent only for webhooks that are not the App's.
    pub installation: Option<InstallationId>,
    /// Who wrote it first.
    pub author: Account<'a>,
    /// Who did what the event tells of. On an edit this can be somebody else: triage rights are enough.
    pub sender: Account<'a>,
    /// The App that wrote it with the author's token, where GitHub says so. What Deputy writes as a person
    /// comes back as that person's comment; only this tells it apart from what they typed.
    pub via_app: Option<AppId>,
    /// The Markdown, up to 65,536 characters. Empty where GitHub says `null`.
    pub body: Cow<'a, str>,
    /// On an edit that changed the text, what stood there before.
    pub old_body: Option<Cow<'a, str>>,
    /// When it was written, by GitHub's clock.
    pub created_at: Option<DateTime<Utc>>,
    /// When this version of it was written.
    pub updated_at: Option<DateTime<Utc>>,
    /// Its page.
    pub html_url: Cow<'a, str>,
    /// Its GraphQL id: what reactions go by where REST has none (reviews, discussions).
    pub node_id: Cow<'a, str>,
}

/// What happened to the comment. Deletions and the like are no comments any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommentAction {
    /// Written: `created`, `submitted`, `opened`.
    Created,
    /// Changed: `edited`.
    Edited,
}

/// A repository as a payload names it. Stores keep it as JSON for an hour or so: a field that is renamed is another field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository<'a> {
    /// Stable over renames.
    pub id: RepositoryId,
    /// The owner's login.
    pub owner: Cow<'a, str>,
    /// The name without the owner.
    pub name: Cow<'a, str>,
    /// Whether an organization owns it: only then is there a membership to ask for.
    pub owner_is_organization: bool,
}

impl Repository<'_> {
    /// The same, borrowing nothing.
    pub fn into_owned(self) -> Repository<'static> {
        let Self { id, owner, name, owner_is_organization } = self;
        let (owner, name) = (owner.into_owned().into(), name.into_owned().into());
        Repository { id, owner, name, owner_is_organization }
    }
}

impl fmt::Display for Repository<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

/// A GitHub account as a payload names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account<'a> {
    /// Stable over renames; what grants and sessions go by.
    pub id: UserId,
    /// The name shown. May be renamed and taken by somebody else.
    pub login: Cow<'a, str>,
    /// Whether GitHub says that a person stands behind it.
    pub is_human: bool,
}

/// Where a comment stands, with the ids that replies and reactions need. Stores keep it as JSON, too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place<'a> {
    /// An issue: its own text, or a comment on it.
    Issue {
        /// The issue.
        number: Number,
        /// The comment; `None` for the issue's own text.
        comment: Option<CommentId>,
    },
    /// A pull request's conversation: its own text, or a comment on it.
    PullRequest {
        /// The pull request.
        number: Number,
        /// The comment; `None` for the pull request's own text.
        comment: Option<CommentId>,
    },
    /// A comment on a line of a pull request's diff. Replies join its thread.
    ReviewComment {
        /// The pull request.
        number: Number,
        /// The comment.
        comment: CommentId,
        /// The thread's first comment, which replies must name; the comment itself where it opens the thread.
        thread: CommentId,
    },
    /// The text of a review of a pull request. Replies go to the conversation.
    Review {
        /// The pull request.
        number: Number,
        /// The review.
        review: CommentId,
    },
    /// A comment on a commit.
    Commit {
        /// The commit, 40 hex digits.
        sha: Cow<'a, str>,
        /// The comment.
        comment: CommentId,
    },
    /// A discussion: its own text, or a comment on it. Only GraphQL writes there.
    Discussion {
        /// The discussion.
        number: Number,
        /// The discussion's GraphQL id.
        discussion: Cow<'a, str>,
        /// The comment, with the GraphQL id that a reply names: the top-level comment of its thread.
        comment: Option<DiscussionComment<'a>>,
    },
}

/// A comment on a discussion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiscussionComment<'a> {
    /// The comment.
    pub comment: CommentId,
    /// Its GraphQL id where it is top-level. GitHub's payload names a parent by number only, so a reply to a
    /// reply goes to the discussion itself.
    pub thread: Option<Cow<'a, str>>,
}

impl Place<'_> {
    /// The number behind `#`; a commit has none.
    pub fn number(&self) -> Option<Number> {
        match self {
            Self::Issue { number, .. }
            | Self::PullRequest { number, .. }
            | Self::ReviewComment { number, .. }
            | Self::Review { number, .. }
            | Self::Discussion { number, .. } => Some(*number),
            Self::Commit { .. } => None,
        }
    }

    /// Whether it belongs to a pull request.
    pub fn is_pull_request(&self) -> bool {
        matches!(self, Self::PullRequest { .. } | Self::ReviewComment { .. } | Self::Review { .. })
    }
}
