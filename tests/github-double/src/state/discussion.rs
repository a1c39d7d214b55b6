//! Discussions; their comments are in [`super::comment`].

use super::State;
use crate::clock::Moment;
use crate::ids::{AccountId, CommentId, DiscussionId, RepositoryId};
use crate::state::comment::{Comment, Place};

#[derive(Debug)]
pub(crate) struct Discussion {
    pub(crate) id: DiscussionId,
    pub(crate) repository: RepositoryId,
    pub(crate) number: u64,
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) author: AccountId,
    pub(crate) created_at: Moment,
    pub(crate) updated_at: Moment,
}

impl State {
    pub(crate) fn add_discussion(
        &mut self,
        repository: RepositoryId,
        author: AccountId,
        title: &str,
        body: &str,
    ) -> DiscussionId {
        let number = self.next_number(repository);
        let id = DiscussionId(self.next_id());
        let now = self.now();
        let discussion = Discussion {
            id,
            repository,
            number,
            title: title.to_owned(),
            body: body.to_owned(),
            author,
            created_at: now,
            updated_at: now,
        };
        self.discussions.insert(id, discussion);
        id
    }

    /// A discussion's comments and their replies, oldest first.
    pub(crate) fn discussion_comments(&self, id: DiscussionId) -> impl Iterator<Item = &Comment> {
        self.comments.values().filter(
            move |comment| matches!(comment.place, Place::Discussion { discussion, .. } if discussion == id),
        )
    }

    /// How many replies a discussion comment has.
    pub(crate) fn replies(&self, id: CommentId) -> usize {
        self.comments
            .values()
            .filter(|comment| {
                matches!(comment.place, Place::Discussion { reply_to: Some(parent), .. } if parent == id)
            })
            .count()
    }
}
