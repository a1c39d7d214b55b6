//! Comments wherever they stand, and pull request reviews.

use super::State;
use crate::clock::Moment;
use crate::ids::{AccountId, AppId, CommentId, DiscussionId, RepositoryId, ReviewId, node_id};
use crate::state::repository::Sha;

#[derive(Clone, Debug)]
pub(crate) struct Comment {
    pub(crate) id: CommentId,
    pub(crate) repository: RepositoryId,
    pub(crate) place: Place,
    pub(crate) author: AccountId,
    pub(crate) app: Option<AppId>,
    pub(crate) body: String,
    pub(crate) created_at: Moment,
    pub(crate) updated_at: Moment,
    /// Why it is hidden, if it is: `OUTDATED` and such.
    pub(crate) minimized: Option<String>,
}

/// Where a comment stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The conversation of an issue or pull request.
    Issue { number: u64 },
    /// A line of a pull request's diff.
    Line { number: u64, review: ReviewId, commit: Sha, path: String, line: u64, reply_to: Option<CommentId> },
    /// A commit.
    Commit { commit: Sha },
    /// A discussion.
    Discussion { discussion: DiscussionId, reply_to: Option<CommentId> },
}

#[derive(Clone, Debug)]
pub(crate) struct Review {
    pub(crate) id: ReviewId,
    pub(crate) repository: RepositoryId,
    pub(crate) number: u64,
    pub(crate) author: AccountId,
    pub(crate) body: Option<String>,
    pub(crate) verdict: Verdict,
    pub(crate) commit: Sha,
    pub(crate) submitted_at: Moment,
    pub(crate) updated_at: Moment,
    pub(crate) minimized: Option<String>,
}

/// What a reviewer thinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Only comments.
    Commented,
    /// Approves.
    Approved,
    /// Asks for changes.
    ChangesRequested,
    /// Was withdrawn by a maintainer.
    Dismissed,
}

impl Verdict {
    /// In REST answers.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Commented => "COMMENTED",
            Self::Approved => "APPROVED",
            Self::ChangesRequested => "CHANGES_REQUESTED",
            Self::Dismissed => "DISMISSED",
        }
    }
}

impl Comment {
    pub(crate) fn node_id(&self) -> String {
        let prefix = match self.place {
            Place::Issue { .. } => "IC",
            Place::Line { .. } => "PRRC",
            Place::Commit { .. } => "CC",
            Place::Discussion { .. } => "DC",
        };
        node_id(prefix, self.id.0)
    }
}

/// What a new comment needs to be told.
#[derive(Debug)]
pub(crate) struct NewComment {
    pub(crate) repository: RepositoryId,
    pub(crate) place: Place,
    pub(crate) author: AccountId,
    pub(crate) app: Option<AppId>,
    pub(crate) body: String,
}

/// What a new comment on a line of a pull request needs to be told.
#[derive(Debug)]
pub(crate) struct NewLineComment {
    pub(crate) repository: RepositoryId,
    pub(crate) number: u64,
    pub(crate) author: AccountId,
    pub(crate) app: Option<AppId>,
    pub(crate) path: String,
    pub(crate) line: u64,
    pub(crate) body: String,
    pub(crate) reply_to: Option<CommentId>,
}

/// What a new review needs to be told.
#[derive(Debug)]
pub(crate) struct NewReview {
    pub(crate) repository: RepositoryId,
    pub(crate) number: u64,
    pub(crate) author: AccountId,
    pub(crate) verdict: Verdict,
    pub(crate) body: Option<String>,
}

impl State {
    pub(crate) fn add_comment(&mut self, new: NewComment) -> CommentId {
        let id = CommentId(self.next_id());
        let now = self.now();
        let NewComment { repository, place, author, app, body } = new;
        if let Place::Issue { number } = place {
            self.issue_mut(repository, number).updated_at = now;
        }
        let comment = Comment {
            id,
            repository,
            place,
            author,
            app,
            body,
            created_at: now,
            updated_at: now,
            minimized: None,
        };
        self.comments.insert(id, comment);
        id
    }

    /// Reviews the pull request at its present head.
    pub(crate) fn add_review(&mut self, new: NewReview) -> ReviewId {
        let id = ReviewId(self.next_id());
        let now = self.now();
        let NewReview { repository, number, author, verdict, body } = new;
        let pull = self.issue(repository, number).pull.as_ref().expect("only pull requests are reviewed");
        let commit = pull.head_sha.clone();
        let review = Review {
            id,
            repository,
            number,
            author,
            body,
            verdict,
            commit,
            submitted_at: now,
            updated_at: now,
            minimized: None,
        };
        self.reviews.insert(id, review);
        id
    }

    /// The comments of one issue's or pull request's conversation, oldest first.
    pub(crate) fn conversation(
        &self,
        repository: RepositoryId,
        number: u64,
    ) -> impl Iterator<Item = &Comment> {
        let here = Place::Issue { number };
        self.comments
            .values()
            .filter(move |comment| comment.repository == repository && comment.place == here)
    }
}
