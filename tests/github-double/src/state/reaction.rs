//! Reactions, on whatever can be reacted to.

use super::State;
use crate::clock::Moment;
use crate::ids::{AccountId, CommentId, DiscussionId, IssueId, ReactionId, ReviewId};

/// The eight reactions and their REST names.
pub(crate) const CONTENTS: [&str; 8] = ["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"];

#[derive(Clone, Debug)]
pub(crate) struct Reaction {
    pub(crate) id: ReactionId,
    pub(crate) on: Subject,
    pub(crate) user: AccountId,
    /// One of [`CONTENTS`].
    pub(crate) content: &'static str,
    pub(crate) at: Moment,
}

/// What is reacted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Issue(IssueId),
    Comment(CommentId),
    Review(ReviewId),
    Discussion(DiscussionId),
}

impl State {
    /// Adds a reaction; the same one again by the same account gives the first back, as on GitHub.
    /// True if it is new.
    pub(crate) fn react(
        &mut self,
        on: Subject,
        user: AccountId,
        content: &'static str,
    ) -> (ReactionId, bool) {
        let known = self.reactions.iter().find(|r| r.on == on && r.user == user && r.content == content);
        if let Some(known) = known {
            return (known.id, false);
        }
        let id = ReactionId(self.next_id());
        let at = self.now();
        self.reactions.push(Reaction { id, on, user, content, at });
        (id, true)
    }

    pub(crate) fn reactions_on(&self, on: Subject) -> impl Iterator<Item = &Reaction> {
        self.reactions.iter().filter(move |reaction| reaction.on == on)
    }
}
