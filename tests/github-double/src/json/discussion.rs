//! Discussions as JSON.

use serde_json::{Value, json};

use super::rollup;
use crate::clock::stamp;
use crate::state::State;
use crate::state::discussion::Discussion;
use crate::state::reaction::Subject;

impl State {
    pub(crate) fn discussion_html_url(&self, discussion: &Discussion) -> String {
        format!("{}/discussions/{}", self.repository_html_url(discussion.repository), discussion.number)
    }

    /// A discussion, as webhooks tell it.
    pub(crate) fn discussion_json(&self, discussion: &Discussion) -> Value {
        let html = self.discussion_html_url(discussion);
        let url = format!("{}/discussions/{}", self.repository_url(discussion.repository), discussion.number);
        json!({
            "repository_url": self.repository_url(discussion.repository),
            "category": {
                "id": 1,
                "node_id": "DIC_kwDOAAAAAAAAAAE",
                "repository_id": discussion.repository,
                "emoji": ":speech_balloon:",
                "name": "General",
                "description": "Chat about anything and everything here",
                "created_at": stamp(discussion.created_at),
                "updated_at": stamp(discussion.created_at),
                "slug": "general",
                "is_answerable": false,
            },
            "answer_html_url": null,
            "answer_chosen_at": null,
            "answer_chosen_by": null,
            "html_url": html,
            "id": discussion.id,
            "node_id": discussion.id.node_id(),
            "number": discussion.number,
            "title": discussion.title,
            "user": self.user_json(discussion.author),
            "labels": [],
            "state": "open",
            "state_reason": null,
            "locked": false,
            "comments": self.discussion_comments(discussion.id).count(),
            "created_at": stamp(discussion.created_at),
            "updated_at": stamp(discussion.updated_at),
            "author_association": self.association(discussion.author, discussion.repository),
            "active_lock_reason": null,
            "body": discussion.body,
            "reactions": rollup(self, Subject::Discussion(discussion.id), &format!("{url}/reactions")),
            "timeline_url": format!("{url}/timeline"),
        })
    }
}
