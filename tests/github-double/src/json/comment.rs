//! Comments and reactions as JSON.

use serde_json::{Value, json};

use crate::clock::stamp;
use crate::state::State;
use crate::state::comment::{Comment, Place};
use crate::state::reaction::{CONTENTS, Reaction, Subject};

impl State {
    /// Where REST finds a comment. Discussions have no REST: theirs is the discussion's.
    pub(crate) fn comment_url(&self, comment: &Comment) -> String {
        let repository = self.repository_url(comment.repository);
        match &comment.place {
            Place::Issue { .. } => format!("{repository}/issues/comments/{}", comment.id),
            Place::Line { .. } => format!("{repository}/pulls/comments/{}", comment.id),
            Place::Commit { .. } => format!("{repository}/comments/{}", comment.id),
            Place::Discussion { .. } => format!("{repository}/discussions/comments/{}", comment.id),
        }
    }

    pub(crate) fn comment_html_url(&self, comment: &Comment) -> String {
        let repository = self.repository_html_url(comment.repository);
        let id = comment.id;
        match &comment.place {
            Place::Issue { number } => {
                let issue = self.issue(comment.repository, *number);
                format!("{}#issuecomment-{id}", self.issue_html_url(issue))
            }
            Place::Line { number, .. } => format!("{repository}/pull/{number}#discussion_r{id}"),
            Place::Commit { commit } => format!("{repository}/commit/{commit}#commitcomment-{id}"),
            Place::Discussion { discussion, .. } => {
                let number = self.discussions[discussion].number;
                format!("{repository}/discussions/{number}#discussioncomment-{id}")
            }
        }
    }

    /// A comment of any kind, in answers and webhooks.
    pub(crate) fn comment_json(&self, comment: &Comment) -> Value {
        let url = self.comment_url(comment);
        let mut json = json!({
            "url": url,
            "html_url": self.comment_html_url(comment),
            "id": comment.id,
            "node_id": comment.node_id(),
            "user": self.user_json(comment.author),
            "created_at": stamp(comment.created_at),
            "updated_at": stamp(comment.updated_at),
            "author_association": self.association(comment.author, comment.repository),
            "body": comment.body,
            "reactions": rollup(self, Subject::Comment(comment.id), &format!("{url}/reactions")),
        });
        let more = match &comment.place {
            Place::Issue { number } => json!({
                "issue_url": self.issue_url(self.issue(comment.repository, *number)),
                "performed_via_github_app": comment.app.map(|app| self.app_json(app)),
            }),
            Place::Line { .. } => self.line_json(comment),
            Place::Commit { commit } => {
                json!({ "commit_id": commit.as_str(), "path": null, "position": null, "line": null })
            }
            Place::Discussion { discussion, reply_to } => json!({
                "discussion_id": discussion,
                "parent_id": reply_to,
                "child_comment_count": self.replies(comment.id),
                "repository_url": self.repository_full_name_url(comment),
            }),
        };
        super::extend(&mut json, more);
        json
    }

    /// GitHub writes `owner/name` here, and calls it a URL.
    fn repository_full_name_url(&self, comment: &Comment) -> String {
        self.full_name(comment.repository)
    }

    /// What a review comment has over other comments.
    fn line_json(&self, comment: &Comment) -> Value {
        let Place::Line { number, review, commit, path, line, reply_to } = &comment.place else {
            return Value::Null;
        };
        let (url, html) = (self.comment_url(comment), self.comment_html_url(comment));
        let pull = self.pull_url(comment.repository, *number);
        let mut json = json!({
            "pull_request_review_id": review,
            "diff_hunk": "@@ -1,1 +1,1 @@",
            "path": path,
            "position": 1,
            "original_position": 1,
            "commit_id": commit.as_str(),
            "original_commit_id": commit.as_str(),
            "pull_request_url": pull,
            "_links": {
                "self": { "href": url },
                "html": { "href": html },
                "pull_request": { "href": pull },
            },
            "start_line": null,
            "original_start_line": null,
            "start_side": null,
            "line": line,
            "original_line": line,
            "side": "RIGHT",
            "subject_type": "line",
        });
        if let Some(parent) = reply_to {
            json["in_reply_to_id"] = json!(parent);
        }
        json
    }

    /// `reaction`
    pub(crate) fn reaction_json(&self, reaction: &Reaction) -> Value {
        json!({
            "id": reaction.id,
            "node_id": reaction.id.node_id(),
            "user": self.user_json(reaction.user),
            "content": reaction.content,
            "created_at": stamp(reaction.at),
        })
    }
}

/// `reaction-rollup`: how often each reaction was given.
pub(crate) fn rollup(state: &State, on: Subject, url: &str) -> Value {
    let mut json = json!({ "url": url, "total_count": state.reactions_on(on).count() });
    for content in CONTENTS {
        json[content] = json!(state.reactions_on(on).filter(|r| r.content == content).count());
    }
    json
}
