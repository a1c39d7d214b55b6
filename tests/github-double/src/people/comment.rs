//! Comments, reviews and reactions: changing them, and seeing what is there.

use std::sync::Arc;

use super::User;
use crate::clock::Moment;
use crate::hub::Hub;
use crate::ids::{CommentId, ReviewId};
use crate::state::comment::{self, NewComment, NewLineComment, Place};
use crate::state::reaction::{CONTENTS, Subject};

/// A comment, wherever it stands.
#[derive(Clone, Debug)]
pub struct Comment {
    pub(crate) hub: Arc<Hub>,
    pub(crate) id: CommentId,
}

impl Comment {
    pub(crate) fn all(hub: &Arc<Hub>, wanted: impl Fn(&comment::Comment) -> bool) -> Vec<Self> {
        let ids: Vec<CommentId> = hub.read(|state| {
            state.comments.values().filter(|comment| wanted(comment)).map(|comment| comment.id).collect()
        });
        ids.into_iter().map(|id| Self { hub: Arc::clone(hub), id }).collect()
    }

    /// The id that webhooks and answers name the comment by.
    pub fn id(&self) -> CommentId {
        self.id
    }

    /// The id that GraphQL names the comment by.
    pub fn node_id(&self) -> String {
        self.look(comment::Comment::node_id)
    }

    /// Where a browser shows it.
    pub fn html_url(&self) -> String {
        self.hub.read(|state| state.comment_html_url(&state.comments[&self.id]))
    }

    /// Its text.
    pub fn body(&self) -> String {
        self.look(|comment| comment.body.clone())
    }

    /// The login of who wrote it: `ada`, `deputy[bot]`.
    pub fn author(&self) -> String {
        self.hub.read(|state| state.login(state.comments[&self.id].author).to_owned())
    }

    /// When it was written.
    pub fn created_at(&self) -> Moment {
        self.look(|comment| comment.created_at)
    }

    /// The slug of the App through which it was written, if through one.
    pub fn via_app(&self) -> Option<String> {
        self.hub.read(|state| state.comments[&self.id].app.map(|app| state.app(app).slug.clone()))
    }

    /// Whether it was changed since it was written.
    pub fn is_edited(&self) -> bool {
        self.hub.read(|state| state.edits.contains_key(&self.id))
    }

    /// Whether it was deleted.
    pub fn is_deleted(&self) -> bool {
        self.hub.read(|state| !state.comments.contains_key(&self.id))
    }

    /// Why it is hidden, if it is: `OUTDATED` and such.
    pub fn minimized(&self) -> Option<String> {
        self.look(|comment| comment.minimized.clone())
    }

    /// The reactions on it, oldest first.
    pub fn reactions(&self) -> Vec<Reaction> {
        Reaction::on(&self.hub, Subject::Comment(self.id))
    }

    /// Whether somebody reacted with this: `eyes`, `+1`, `rocket`.
    pub fn has_reaction(&self, login: &str, content: &str) -> bool {
        self.reactions().iter().any(|reaction| reaction.user == login && reaction.content == content)
    }

    /// Changes its text, as its author or somebody with the right to.
    pub async fn edit(&self, user: &User, body: &str) {
        self.hub.act(|state| state.edit_and_tell(self.id, body.to_owned(), user.id)).await;
    }

    /// Deletes it.
    pub async fn delete(&self, user: &User) {
        self.hub.act(|state| state.delete_and_tell(self.id, user.id)).await;
    }

    /// Reacts to it: `eyes`, `+1`, `rocket`. GitHub sends no webhook for that.
    pub fn react(&self, user: &User, content: &str) {
        let content = CONTENTS.into_iter().find(|known| *known == content);
        let content = content.expect("one of GitHub's eight reactions");
        self.hub.change(|state| state.react(Subject::Comment(self.id), user.id, content));
    }

    /// Replies to a comment on a line or in a discussion.
    pub async fn reply(&self, user: &User, body: &str) -> Self {
        let parent = self.look(Clone::clone);
        let (repository, author, app, body) = (parent.repository, user.id, None, body.to_owned());
        let id = match parent.place {
            Place::Line { number, path, line, reply_to, .. } => {
                let reply_to = reply_to.or(Some(parent.id));
                let new = NewLineComment { repository, number, author, app, path, line, body, reply_to };
                self.hub.act(|state| state.comment_on_line_and_tell(new).id).await
            }
            Place::Discussion { discussion, reply_to } => {
                let place = Place::Discussion { discussion, reply_to: reply_to.or(Some(parent.id)) };
                let new = NewComment { repository, place, author, app, body };
                self.hub.act(|state| state.comment_and_tell(new).id).await
            }
            Place::Issue { .. } | Place::Commit { .. } => {
                panic!("GitHub has no replies to this kind of comment")
            }
        };
        Self { hub: Arc::clone(&self.hub), id }
    }

    fn look<R>(&self, look: impl FnOnce(&comment::Comment) -> R) -> R {
        self.hub.read(|state| look(state.comments.get(&self.id).expect("the comment was deleted")))
    }
}

/// A pull request review.
#[derive(Clone, Debug)]
pub struct Review {
    pub(crate) hub: Arc<Hub>,
    pub(crate) id: ReviewId,
}

impl Review {
    /// The id that webhooks and answers name the review by.
    pub fn id(&self) -> ReviewId {
        self.id
    }

    /// Its text.
    pub fn body(&self) -> Option<String> {
        self.hub.read(|state| state.reviews[&self.id].body.clone())
    }

    /// Changes its text.
    pub async fn edit(&self, user: &User, body: &str) {
        self.hub.act(|state| state.edit_review_and_tell(self.id, body.to_owned(), user.id)).await;
    }

    /// The reactions on it.
    pub fn reactions(&self) -> Vec<Reaction> {
        Reaction::on(&self.hub, Subject::Review(self.id))
    }
}

/// A reaction, as it was when it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reaction {
    /// Who reacted.
    pub user: String,
    /// GitHub's name of it: `eyes`, `+1`, `rocket`.
    pub content: String,
}

impl Reaction {
    pub(crate) fn on(hub: &Hub, subject: Subject) -> Vec<Self> {
        hub.read(|state| {
            let reactions = state.reactions_on(subject);
            reactions
                .map(|reaction| Self {
                    user: state.login(reaction.user).to_owned(),
                    content: reaction.content.to_owned(),
                })
                .collect()
        })
    }
}
