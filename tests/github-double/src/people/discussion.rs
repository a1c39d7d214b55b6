//! Discussions.

use std::sync::Arc;

use super::{Comment, Reaction, User};
use crate::hub::Hub;
use crate::ids::DiscussionId;
use crate::state::comment::{NewComment, Place};
use crate::state::reaction::Subject;

/// A discussion.
#[derive(Clone, Debug)]
pub struct Discussion {
    pub(crate) hub: Arc<Hub>,
    pub(crate) id: DiscussionId,
}

impl Discussion {
    /// Its number in the repository.
    pub fn number(&self) -> u64 {
        self.hub.read(|state| state.discussions[&self.id].number)
    }

    /// The id that GraphQL names the discussion by.
    pub fn node_id(&self) -> String {
        self.id.node_id()
    }

    /// Comments in it.
    pub async fn comment(&self, user: &User, body: &str) -> Comment {
        let new = NewComment {
            repository: self.hub.read(|state| state.discussions[&self.id].repository),
            place: Place::Discussion { discussion: self.id, reply_to: None },
            author: user.id,
            app: None,
            body: body.to_owned(),
        };
        let id = self.hub.act(|state| state.comment_and_tell(new).id).await;
        Comment { hub: Arc::clone(&self.hub), id }
    }

    /// Its comments and their replies, oldest first.
    pub fn comments(&self) -> Vec<Comment> {
        Comment::all(
            &self.hub,
            |comment| matches!(comment.place, Place::Discussion { discussion, .. } if discussion == self.id),
        )
    }

    /// The reactions on its own text.
    pub fn reactions(&self) -> Vec<Reaction> {
        Reaction::on(&self.hub, Subject::Discussion(self.id))
    }

    /// Waits until `condition` holds; looks again whenever anything changes.
    pub async fn wait_for(&self, condition: impl Fn(&Self) -> bool) {
        self.hub.until("a condition on a discussion", || condition(self)).await;
    }
}
