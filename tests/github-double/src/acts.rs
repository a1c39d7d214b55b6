//! What people and Apps do, whichever way they ask: the state changes, and whoever listens is told.

use std::sync::Arc;

use serde_json::json;

use crate::ids::{AccountId, AppId, CommentId, RepositoryId, ReviewId};
use crate::state::State;
use crate::state::comment::{Comment, NewComment, NewLineComment, NewReview, Place, Verdict};
use crate::state::git::NewCommit;
use crate::state::issue::{Merge, Pull};
use crate::state::reaction::Subject;
use crate::state::repository::Sha;
use crate::webhook::Happened;

/// A pull request about to be opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewPull<'a> {
    pub(crate) repository: RepositoryId,
    pub(crate) author: AccountId,
    pub(crate) app: Option<AppId>,
    pub(crate) title: &'a str,
    pub(crate) body: Option<&'a str>,
    pub(crate) head_repository: RepositoryId,
    pub(crate) head_ref: &'a str,
    /// The default branch if nothing is said.
    pub(crate) base_ref: Option<&'a str>,
    pub(crate) draft: bool,
}

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

    /// Opens a pull request. A branch that is not there yet is made, with one commit.
    pub(crate) fn open_pull(&mut self, new: &NewPull<'_>) -> u64 {
        let NewPull { repository, author, head_repository, head_ref, .. } = *new;
        let head_sha = match self.repository(head_repository).branches.get(head_ref) {
            Some(sha) => sha.clone(),
            None => self.add_commit(head_repository, head_ref, author, new.title),
        };
        self.share_commits(head_repository, repository, &head_sha);
        let number = self.add_issue(repository, author, new.title, new.body);
        let id = self.next_id();
        let base = self.repository(repository);
        let base_ref = new.base_ref.unwrap_or(&base.default_branch).to_owned();
        let base_sha = base.branches[&base_ref].clone();
        let (head_ref, draft) = (head_ref.to_owned(), new.draft);
        let pull = Pull { id, head_repository, head_ref, head_sha, base_ref, base_sha, draft, merged: None };
        let issue = self.issue_mut(repository, number);
        issue.pull = Some(pull);
        issue.app = new.app;
        let line =
            format!("@{} opens {}#{number}: {}", self.login(author), self.full_name(repository), new.title);
        self.tell(line);
        self.tell_of_issue((repository, number), "opened", author, json!({}));
        number
    }

    /// Pushes a commit that writes one file, or one of its own.
    pub(crate) fn push(
        &mut self,
        repository: RepositoryId,
        branch: &str,
        by: AccountId,
        (message, file): (&str, Option<(&str, &str)>),
    ) {
        let before = self.repository(repository).branches.get(branch).cloned();
        let after = match file {
            Some(file) => self.add_file(repository, branch, by, file, message),
            None => self.add_commit(repository, branch, by, message),
        };
        self.tell_of_moved_branch(repository, (branch, before, &after), by);
    }

    /// Makes a branch point elsewhere; who listens hears of a push.
    pub(crate) fn move_branch(&mut self, repository: RepositoryId, branch: &str, to: &Sha, by: AccountId) {
        let now = self.now();
        let known = self.repository_mut(repository);
        let before = known.branches.insert(branch.to_owned(), to.clone());
        known.pushed_at = now;
        self.tell_of_moved_branch(repository, (branch, before, to), by);
    }

    fn tell_of_moved_branch(
        &mut self,
        repository: RepositoryId,
        (branch, before, after): (&str, Option<Sha>, &Sha),
        by: AccountId,
    ) {
        let line = format!("@{} pushes {after} to {}:{branch}", self.login(by), self.full_name(repository));
        self.tell(line);
        self.tell_of_push(repository, branch, before.as_ref().map(Sha::as_str), by);
        self.request_suites(repository, after, by);
        let now = self.now();
        let mut synchronized = Vec::new();
        for issue in self.issues.values_mut().filter(|issue| issue.closed_at.is_none()) {
            let Some(pull) = &mut issue.pull else { continue };
            if pull.head_repository == repository && pull.head_ref == branch && pull.head_sha != *after {
                let was = std::mem::replace(&mut pull.head_sha, after.clone());
                issue.updated_at = now;
                synchronized.push((issue.repository, issue.number, was));
            }
        }
        for (base, number, was) in synchronized {
            // The head's repository has the commit; the base sees it through the pull request.
            self.share_commits(repository, base, after);
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

    /// Merges a pull request into its base: the merge commit, or the path of a conflict.
    pub(crate) fn merge(
        &mut self,
        at: (RepositoryId, u64),
        by: AccountId,
        message: Option<String>,
    ) -> Result<Sha, String> {
        let issue = self.issue(at.0, at.1);
        let pull = issue.pull.as_ref().ok_or("no pull request")?;
        let (base, theirs) = (pull.base_ref.clone(), pull.head_sha.clone());
        let repository = self.repository(at.0);
        let ours = repository.branches[&base].clone();
        let files = Arc::new(repository.merged_files(&ours, &theirs)?);
        let message = message.unwrap_or_else(|| format!("Merge pull request #{}", at.1));
        let sha =
            self.make_commit(at.0, NewCommit { message, author: by, parents: vec![ours, theirs], files });
        let now = self.now();
        let issue = self.issue_mut(at.0, at.1);
        issue.closed_at = Some(now);
        issue.updated_at = now;
        if let Some(pull) = &mut issue.pull {
            pull.merged = Some(Merge { at: now, by, sha: sha.clone() });
        }
        self.move_branch(at.0, &base, &sha, by);
        self.tell_of_issue(at, "closed", by, json!({}));
        Ok(sha)
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
