//! What people and Apps do, whichever way they ask: the state changes, and whoever listens is told.

use serde_json::json;

use crate::ids::{AccountId, CommentId, RepositoryId, ReviewId};
use crate::state::State;
use crate::state::comment::{Comment, NewComment, NewLineComment, NewReview, Place, Verdict};
use crate::state::issue::{Merge, Pull};
use crate::state::reaction::Subject;
use crate::webhook::Happened;

impl State {
    pub(crate) fn comment_and_tell(&mut self, new: NewComment) -> Comment {
        let author = new.author;
        let id = self.add_comment(new);
        let comment = self.comments[&id].clone();
        let line = format!("@{} on {}: {}", self.login(author), self.place_name(&comment), comment.body);
        self.tell(line);
        self.tell_of_comment(&comment, &Happened::Created, author);
        comment
    }

    /// A comment on a line comes with a review, also when it was made alone.
    pub(crate) fn comment_on_line_and_tell(&mut self, new: NewLineComment) -> Comment {
        let NewLineComment { repository, number, author, app, path, line, body, reply_to } = new;
        let verdict = Verdict::Commented;
        let review = self.add_review(NewReview { repository, number, author, verdict, body: None });
        let commit = self.reviews[&review].commit.clone();
        let place = Place::Line { number, review, commit, path, line, reply_to };
        let comment = self.comment_and_tell(NewComment { repository, place, author, app, body });
        self.tell_of_review(review, "submitted", None, author);
        comment
    }

    pub(crate) fn edit_and_tell(&mut self, id: CommentId, body: String, editor: AccountId) {
        let now = self.now();
        let Some(comment) = self.comments.get_mut(&id) else { return };
        let was = std::mem::replace(&mut comment.body, body);
        comment.updated_at = now;
        let comment = comment.clone();
        *self.edits.entry(id).or_default() += 1;
        let line = format!("@{} edits {}: {}", self.login(editor), self.place_name(&comment), comment.body);
        self.tell(line);
        self.tell_of_comment(&comment, &Happened::Edited { was }, editor);
    }

    pub(crate) fn delete_and_tell(&mut self, id: CommentId, by: AccountId) {
        let Some(comment) = self.comment(id) else { return };
        let line = format!("@{} deletes a comment on {}", self.login(by), self.place_name(&comment));
        self.tell(line);
        // Told first: the payload still counts the comment, as GitHub's does.
        self.tell_of_comment(&comment, &Happened::Deleted, by);
        self.comments.remove(&id);
        self.reactions.retain(|reaction| reaction.on != Subject::Comment(id));
    }

    pub(crate) fn edit_review_and_tell(&mut self, id: ReviewId, body: String, editor: AccountId) {
        let now = self.now();
        let Some(review) = self.reviews.get_mut(&id) else { return };
        let was = review.body.replace(body);
        review.updated_at = now;
        self.tell_of_review(id, "edited", was.as_deref(), editor);
    }

    /// Opens a pull request from `head`, a branch of `head_repository`, into the default branch.
    pub(crate) fn open_pull(
        &mut self,
        (repository, author): (RepositoryId, AccountId),
        (head_repository, head_ref): (RepositoryId, &str),
        (title, body): (&str, Option<&str>),
        draft: bool,
    ) -> u64 {
        let head_sha = match self.repository(head_repository).branches.get(head_ref) {
            Some(sha) => sha.clone(),
            None => self.add_commit(head_repository, head_ref, author, title),
        };
        let number = self.add_issue(repository, author, title, body);
        let id = self.next_id();
        let base = self.repository(repository);
        let base_ref = base.default_branch.clone();
        let base_sha = base.branches[&base_ref].clone();
        let head_ref = head_ref.to_owned();
        let pull = Pull { id, head_repository, head_ref, head_sha, base_ref, base_sha, draft, merged: None };
        self.issue_mut(repository, number).pull = Some(pull);
        let line = format!("@{} opens {}#{number}: {title}", self.login(author), self.full_name(repository));
        self.tell(line);
        self.tell_of_issue((repository, number), "opened", author, json!({}));
        number
    }

    /// Pushes a commit; the pull requests from that branch get a new head.
    pub(crate) fn push(&mut self, repository: RepositoryId, branch: &str, by: AccountId, message: &str) {
        let before = self.repository(repository).branches.get(branch).cloned();
        let after = self.add_commit(repository, branch, by, message);
        let line = format!("@{} pushes {after} to {}:{branch}", self.login(by), self.full_name(repository));
        self.tell(line);
        self.tell_of_push(repository, branch, before.as_ref().map(crate::state::repository::Sha::as_str), by);
        let now = self.now();
        let mut synchronized = Vec::new();
        for issue in self.issues.values_mut().filter(|issue| issue.closed_at.is_none()) {
            let Some(pull) = &mut issue.pull else { continue };
            if pull.head_repository == repository && pull.head_ref == branch {
                let was = std::mem::replace(&mut pull.head_sha, after.clone());
                issue.updated_at = now;
                synchronized.push((issue.repository, issue.number, was));
            }
        }
        for (base, number, was) in synchronized {
            // The head's repository has the commit; the base sees it through the pull request.
            let commit = self.repository(repository).commits[&after].clone();
            self.repository_mut(base).commits.insert(after.clone(), commit);
            let more = json!({ "before": was.as_str(), "after": after.as_str() });
            self.tell_of_issue((base, number), "synchronize", by, more);
        }
    }

    /// Closes or reopens an issue or pull request.
    pub(crate) fn set_open(&mut self, at: (RepositoryId, u64), open: bool, by: AccountId) {
        let now = self.now();
        let issue = self.issue_mut(at.0, at.1);
        if issue.closed_at.is_none() == open {
            return;
        }
        issue.closed_at = (!open).then_some(now);
        issue.updated_at = now;
        self.tell_of_issue(at, if open { "reopened" } else { "closed" }, by, json!({}));
    }

    /// Merges a pull request into its base.
    pub(crate) fn merge(&mut self, at: (RepositoryId, u64), by: AccountId) {
        let issue = self.issue(at.0, at.1);
        let Some(pull) = &issue.pull else { return };
        let (base, title) = (pull.base_ref.clone(), format!("Merge pull request #{}", at.1));
        let sha = self.add_commit(at.0, &base, by, &title);
        let now = self.now();
        let issue = self.issue_mut(at.0, at.1);
        issue.closed_at = Some(now);
        issue.updated_at = now;
        if let Some(pull) = &mut issue.pull {
            pull.merged = Some(Merge { at: now, by, sha });
        }
        self.tell_of_issue(at, "closed", by, json!({}));
    }

    /// Where a comment stands, for the transcript.
    fn place_name(&self, comment: &Comment) -> String {
        let repository = self.full_name(comment.repository);
        match &comment.place {
            Place::Issue { number } => format!("{repository}#{number}"),
            Place::Line { number, path, line, .. } => format!("{repository}#{number} {path}:{line}"),
            Place::Commit { commit } => format!("{repository}@{commit}"),
            Place::Discussion { discussion, .. } => {
                format!("{repository} discussion {}", self.discussions[discussion].number)
            }
        }
    }
}
