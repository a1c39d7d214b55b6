//! Nodes: what a global id names, what is told of it, and who may touch it.

use serde_json::{Value, json};

use super::Failure;
use crate::access::Needs;
use crate::clock::stamp;
use crate::http::auth::Caller;
use crate::ids::{AccountId, CommentId, DiscussionId, IssueId, RepositoryId, ReviewId, parse_node_id};
use crate::state::State;
use crate::state::app::Access;
use crate::state::comment::{Comment, Place};
use crate::state::reaction::Subject;

const ISSUES: Needs = Needs::read(&[("issues", Access::Write), ("pull_requests", Access::Write)]);
const PULLS: Needs = Needs::read(&[("pull_requests", Access::Write)]);
const CONTENTS: Needs = Needs::read(&[("contents", Access::Write)]);
pub(super) const DISCUSSIONS: Needs = Needs::read(&[("discussions", Access::Write)]);

impl State {
    /// What can be reacted to under a global id, if the caller may write there.
    pub(super) fn writable_node(&self, caller: &Caller, id: &str) -> Result<Subject, Failure> {
        let (subject, repository, needs) = self.node(id).ok_or_else(|| Failure::not_found(id))?;
        if !self.sees(caller, repository) {
            return Err(Failure::not_found(id));
        }
        self.allow(caller, repository, needs)?;
        Ok(subject)
    }

    fn node(&self, id: &str) -> Option<(Subject, RepositoryId, Needs)> {
        let (kind, number) = parse_node_id(id)?;
        match kind {
            "I" => {
                let id = IssueId(number);
                let issue = self.issues.values().find(|issue| issue.id == id)?;
                Some((Subject::Issue(id), issue.repository, ISSUES))
            }
            "PR" => {
                let is_it = |issue: &&crate::state::issue::Issue| {
                    issue.pull.as_ref().is_some_and(|pull| pull.id == number)
                };
                let issue = self.issues.values().find(is_it)?;
                Some((Subject::Issue(issue.id), issue.repository, PULLS))
            }
            "IC" | "PRRC" | "CC" | "DC" => {
                let comment = self.comments.get(&CommentId(number)).filter(|c| c.node_id() == id)?;
                let needs = match comment.place {
                    Place::Issue { .. } => ISSUES,
                    Place::Line { .. } => PULLS,
                    Place::Commit { .. } => CONTENTS,
                    Place::Discussion { .. } => DISCUSSIONS,
                };
                Some((Subject::Comment(comment.id), comment.repository, needs))
            }
            "PRR" => {
                let review = self.reviews.get(&ReviewId(number))?;
                Some((Subject::Review(review.id), review.repository, PULLS))
            }
            "D" => {
                let discussion = self.discussions.get(&DiscussionId(number))?;
                Some((Subject::Discussion(discussion.id), discussion.repository, DISCUSSIONS))
            }
            _ => None,
        }
    }

    /// Whatever can be reacted to, as GraphQL tells it.
    pub(super) fn subject_graph(&self, subject: Subject) -> Value {
        match subject {
            Subject::Issue(id) => {
                let issue = self.issues.values().find(|issue| issue.id == id).expect("a known issue");
                let (name, id) = match &issue.pull {
                    Some(pull) => ("PullRequest", crate::ids::node_id("PR", pull.id)),
                    None => ("Issue", issue.id.node_id()),
                };
                json!({ "__typename": name, "id": id, "number": issue.number, "title": issue.title, "body": issue.body })
            }
            Subject::Comment(id) => self.comment_graph(&self.comments[&id]),
            Subject::Review(id) => {
                let review = &self.reviews[&id];
                json!({
                    "__typename": "PullRequestReview",
                    "id": id.node_id(),
                    "databaseId": id,
                    "body": review.body,
                    "author": self.actor_graph(review.author),
                    "isMinimized": review.minimized.is_some(),
                    "minimizedReason": review.minimized,
                })
            }
            Subject::Discussion(id) => self.discussion_graph(id),
        }
    }

    pub(super) fn comment_graph(&self, comment: &Comment) -> Value {
        let name = match comment.place {
            Place::Issue { .. } => "IssueComment",
            Place::Line { .. } => "PullRequestReviewComment",
            Place::Commit { .. } => "CommitComment",
            Place::Discussion { .. } => "DiscussionComment",
        };
        let mut graph = json!({
            "__typename": name,
            "id": comment.node_id(),
            "databaseId": comment.id,
            "body": comment.body,
            "url": self.comment_html_url(comment),
            "createdAt": stamp(comment.created_at),
            "updatedAt": stamp(comment.updated_at),
            "author": self.actor_graph(comment.author),
            "isMinimized": comment.minimized.is_some(),
            "minimizedReason": comment.minimized.as_ref().map(|reason| reason.to_ascii_lowercase()),
        });
        if let Place::Discussion { discussion, .. } = comment.place {
            graph["replies"] = self.thread_graph(discussion, Some(comment.id));
        }
        graph
    }

    /// The top-level comments of a discussion, or the replies to one of them.
    fn thread_graph(&self, discussion: DiscussionId, parent: Option<CommentId>) -> Value {
        let nodes: Vec<Value> = self
            .discussion_comments(discussion)
            .filter(
                |comment| matches!(comment.place, Place::Discussion { reply_to, .. } if reply_to == parent),
            )
            .map(|comment| self.comment_graph(comment))
            .collect();
        json!({ "__typename": "DiscussionCommentConnection", "totalCount": nodes.len(), "nodes": nodes })
    }

    pub(super) fn discussion_graph(&self, id: DiscussionId) -> Value {
        let discussion = &self.discussions[&id];
        json!({
            "__typename": "Discussion",
            "id": id.node_id(),
            "databaseId": id,
            "number": discussion.number,
            "title": discussion.title,
            "body": discussion.body,
            "url": self.discussion_html_url(discussion),
            "author": self.actor_graph(discussion.author),
            "comments": self.thread_graph(id, None),
        })
    }

    pub(super) fn actor_graph(&self, id: AccountId) -> Value {
        // GraphQL leaves a bot's `[bot]` away.
        let account = self.account(id);
        let login = account.login.trim_end_matches("[bot]");
        json!({ "__typename": account.type_name(), "id": id.node_id(), "databaseId": id, "login": login })
    }
}
