//! Pull requests and reviews as JSON.

use serde_json::{Value, json};

use crate::clock::stamp;
use crate::ids::RepositoryId;
use crate::state::State;
use crate::state::comment::{Place, Review};
use crate::state::issue::{Issue, Pull};

impl State {
    pub(crate) fn pull_url(&self, repository: RepositoryId, number: u64) -> String {
        format!("{}/pulls/{number}", self.repository_url(repository))
    }

    /// `pull-request`, in answers and webhooks. The issue must be a pull request.
    pub(crate) fn pull_json(&self, issue: &Issue) -> Value {
        let pull = issue.pull.as_ref().expect("a pull request");
        let repository = self.repository_url(issue.repository);
        let (url, html) = (self.pull_url(issue.repository, issue.number), self.issue_html_url(issue));
        let issue_url = self.issue_url(issue);
        let statuses = format!("{repository}/statuses/{}", pull.head_sha);
        let review_comments = self.comments.values().filter(|comment| {
            comment.repository == issue.repository
                && matches!(comment.place, Place::Line { number, .. } if number == issue.number)
        });
        let link = |href: &str| json!({ "href": href });
        json!({
            "url": url,
            "id": pull.id,
            "node_id": crate::ids::node_id("PR", pull.id),
            "html_url": html,
            "diff_url": format!("{html}.diff"),
            "patch_url": format!("{html}.patch"),
            "issue_url": issue_url,
            "number": issue.number,
            "state": issue.state_name(),
            "locked": issue.locked,
            "title": issue.title,
            "user": self.user_json(issue.author),
            "body": issue.body,
            "created_at": stamp(issue.created_at),
            "updated_at": stamp(issue.updated_at),
            "closed_at": issue.closed_at.map(stamp),
            "merged_at": pull.merged.as_ref().map(|merge| stamp(merge.at)),
            "merge_commit_sha": pull.merged.as_ref().map(|merge| merge.sha.as_str()),
            "assignee": null,
            "assignees": [],
            "requested_reviewers": [],
            "requested_teams": [],
            "labels": [],
            "milestone": null,
            "draft": pull.draft,
            "commits_url": format!("{url}/commits"),
            "review_comments_url": format!("{url}/comments"),
            "review_comment_url": format!("{repository}/pulls/comments{{/number}}"),
            "comments_url": format!("{issue_url}/comments"),
            "statuses_url": statuses,
            "head": self.side_json(pull.head_repository, &pull.head_ref, pull.head_sha.as_str()),
            "base": self.side_json(issue.repository, &pull.base_ref, pull.base_sha.as_str()),
            "_links": {
                "self": link(&url),
                "html": link(&html),
                "issue": link(&issue_url),
                "comments": link(&format!("{issue_url}/comments")),
                "review_comments": link(&format!("{url}/comments")),
                "review_comment": link(&format!("{repository}/pulls/comments{{/number}}")),
                "commits": link(&format!("{url}/commits")),
                "statuses": link(&statuses),
            },
            "author_association": self.association(issue.author, issue.repository),
            "auto_merge": null,
            "active_lock_reason": null,
            "merged": pull.merged.is_some(),
            "mergeable": mergeable(issue, pull),
            "rebaseable": mergeable(issue, pull),
            "mergeable_state": if mergeable(issue, pull).is_some() { "clean" } else { "unknown" },
            "merged_by": pull.merged.as_ref().map(|merge| self.user_json(merge.by)),
            "comments": self.conversation(issue.repository, issue.number).count(),
            "review_comments": review_comments.count(),
            "maintainer_can_modify": pull.head_repository != issue.repository,
            "commits": 1,
            "additions": 1,
            "deletions": 0,
            "changed_files": 1,
        })
    }

    /// One side of a pull request: `head` or `base`.
    fn side_json(&self, repository: RepositoryId, branch: &str, sha: &str) -> Value {
        let owner = self.repository(repository).owner;
        json!({
            "label": format!("{}:{branch}", self.login(owner)),
            "ref": branch,
            "sha": sha,
            "user": self.user_json(owner),
            "repo": self.repository_json(repository),
        })
    }

    pub(crate) fn review_html_url(&self, review: &Review) -> String {
        let issue = self.issue(review.repository, review.number);
        format!("{}#pullrequestreview-{}", self.issue_html_url(issue), review.id)
    }

    /// `pull-request-review`, as REST answers it. Webhooks write the state in lower case.
    pub(crate) fn review_json(&self, review: &Review) -> Value {
        let pull = self.pull_url(review.repository, review.number);
        let html = self.review_html_url(review);
        json!({
            "id": review.id,
            "node_id": review.id.node_id(),
            "user": self.user_json(review.author),
            "body": review.body.as_deref().unwrap_or_default(),
            "state": review.verdict.name(),
            "html_url": html,
            "pull_request_url": pull,
            "author_association": self.association(review.author, review.repository),
            "_links": { "html": { "href": html }, "pull_request": { "href": pull } },
            "submitted_at": stamp(review.submitted_at),
            "updated_at": stamp(review.updated_at),
            "commit_id": review.commit.as_str(),
        })
    }

    /// A review as webhooks tell it: lower-case state, and `null` for a body that is not there.
    pub(crate) fn review_webhook_json(&self, review: &Review) -> Value {
        let mut json = self.review_json(review);
        json["state"] = json!(review.verdict.name().to_ascii_lowercase());
        json["body"] = json!(review.body);
        json
    }
}

fn mergeable(issue: &Issue, pull: &Pull) -> Option<bool> {
    (issue.closed_at.is_none() && pull.merged.is_none()).then_some(true)
}
