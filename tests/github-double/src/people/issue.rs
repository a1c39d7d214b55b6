//! Issues and pull requests: talking in them, and seeing what is there.

use std::future::Future;
use std::sync::Arc;

use serde_json::json;

use super::{Comment, Reaction, Repository, Review, User};
use crate::hub::Hub;
use crate::ids::{AccountId, RepositoryId};
use crate::state::comment::{NewComment, NewLineComment, NewReview, Place, Verdict};
use crate::state::issue;
use crate::state::reaction::Subject;
use crate::state::repository::Sha;

/// An issue or a pull request.
#[derive(Clone, Debug)]
pub struct Issue {
    pub(crate) hub: Arc<Hub>,
    pub(crate) repository: RepositoryId,
    pub(crate) number: u64,
}

impl Issue {
    /// Its number in the repository.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The repository it is in.
    pub fn repository(&self) -> Repository {
        Repository { hub: Arc::clone(&self.hub), id: self.repository }
    }

    /// Where a browser shows it.
    pub fn html_url(&self) -> String {
        self.hub.read(|state| state.issue_html_url(state.issue(self.repository, self.number)))
    }

    /// Its title.
    pub fn title(&self) -> String {
        self.look(|issue| issue.title.clone())
    }

    /// Its own text.
    pub fn body(&self) -> Option<String> {
        self.look(|issue| issue.body.clone())
    }

    /// Who opened it.
    pub fn author(&self) -> String {
        self.hub.read(|state| state.login(state.issue(self.repository, self.number).author).to_owned())
    }

    /// Whether it is neither closed nor merged.
    pub fn is_open(&self) -> bool {
        self.look(|issue| issue.closed_at.is_none())
    }

    /// Whether it is a pull request.
    pub fn is_pull_request(&self) -> bool {
        self.look(|issue| issue.pull.is_some())
    }

    /// Whether it is a pull request that was merged.
    pub fn is_merged(&self) -> bool {
        self.look(|issue| issue.pull.as_ref().is_some_and(|pull| pull.merged.is_some()))
    }

    /// The head commit of a pull request.
    pub fn head_sha(&self) -> Sha {
        self.look(|issue| issue.pull.as_ref().expect("a pull request").head_sha.clone())
    }

    /// Comments in the conversation; returns when every webhook was answered.
    pub async fn comment(&self, user: &User, body: &str) -> Comment {
        let new = NewComment {
            repository: self.repository,
            place: Place::Issue { number: self.number },
            author: user.id,
            app: None,
            body: body.to_owned(),
        };
        let id = self.hub.act(|state| state.comment_and_tell(new).id).await;
        Comment { hub: Arc::clone(&self.hub), id }
    }

    /// Comments on a line of the pull request's diff.
    pub async fn comment_on_line(&self, user: &User, path: &str, line: u64, body: &str) -> Comment {
        let new = NewLineComment {
            repository: self.repository,
            number: self.number,
            author: user.id,
            app: None,
            path: path.to_owned(),
            line,
            body: body.to_owned(),
            reply_to: None,
        };
        let id = self.hub.act(|state| state.comment_on_line_and_tell(new).id).await;
        Comment { hub: Arc::clone(&self.hub), id }
    }

    /// Reviews the pull request at its present head.
    pub async fn review(&self, user: &User, verdict: Verdict, body: &str) -> Review {
        let new = NewReview {
            repository: self.repository,
            number: self.number,
            author: user.id,
            verdict,
            body: (!body.is_empty()).then(|| body.to_owned()),
        };
        let id = self.hub.act(|state| {
            let id = state.add_review(new);
            state.tell_of_review(id, "submitted", None, user.id);
            id
        });
        Review { hub: Arc::clone(&self.hub), id: id.await }
    }

    /// Pushes a commit to the pull request's branch; its head moves.
    pub async fn push(&self, user: &User, message: &str) -> Sha {
        let (repository, branch) = self.look(|issue| {
            let pull = issue.pull.as_ref().expect("a pull request");
            (pull.head_repository, pull.head_ref.clone())
        });
        self.hub.act(|state| state.push(repository, &branch, user.id, (message, None))).await;
        self.head_sha()
    }

    /// Changes the text, with `edited` for Apps that listen.
    pub async fn edit(&self, user: &User, body: &str) {
        let now = self.hub.read(crate::state::State::now);
        self.hub
            .act(|state| {
                let issue = state.issue_mut(self.repository, self.number);
                let was = issue.body.replace(body.to_owned());
                issue.updated_at = now;
                let changes = match was {
                    Some(was) => json!({ "body": { "from": was } }),
                    None => json!({}),
                };
                let at = (self.repository, self.number);
                state.tell_of_issue(at, "edited", user.id, json!({ "changes": changes }));
            })
            .await;
    }

    /// Closes it.
    pub async fn close(&self, user: &User) {
        self.hub.act(|state| state.set_open((self.repository, self.number), false, user.id)).await;
    }

    /// Opens it again.
    pub async fn reopen(&self, user: &User) {
        self.hub.act(|state| state.set_open((self.repository, self.number), true, user.id)).await;
    }

    /// Merges the pull request; a conflict fails the test.
    pub async fn merge(&self, user: &User) -> Sha {
        let merged = self.hub.act(|state| state.merge((self.repository, self.number), user.id, None)).await;
        merged.expect("the pull request has no conflict")
    }

    /// Lets nobody but those with write access comment.
    pub fn lock(&self) {
        self.hub.change(|state| state.issue_mut(self.repository, self.number).locked = true);
    }

    /// The comments of the conversation, oldest first.
    pub fn comments(&self) -> Vec<Comment> {
        let ids = self.hub.read(|state| {
            state.conversation(self.repository, self.number).map(|comment| comment.id).collect::<Vec<_>>()
        });
        ids.into_iter().map(|id| Comment { hub: Arc::clone(&self.hub), id }).collect()
    }

    /// The comments on lines of the diff, oldest first.
    pub fn line_comments(&self) -> Vec<Comment> {
        Comment::all(&self.hub, |comment| {
            comment.repository == self.repository
                && matches!(comment.place, Place::Line { number, .. } if number == self.number)
        })
    }

    /// The newest comment of the conversation.
    pub fn last_comment(&self) -> Option<Comment> {
        self.comments().pop()
    }

    /// The reactions on its own text.
    pub fn reactions(&self) -> Vec<Reaction> {
        let id = self.look(|issue| issue.id);
        Reaction::on(&self.hub, Subject::Issue(id))
    }

    /// Waits until `condition` holds; looks again whenever anything changes.
    ///
    /// Panics with all that happened, if it never does.
    pub fn wait_for(&self, condition: impl Fn(&Self) -> bool) -> impl Future<Output = ()> {
        let name = format!("a condition on {}#{}", self.repository().full_name(), self.number);
        let issue = self.clone();
        async move { self.hub.until(&name, move || condition(&issue)).await }
    }

    /// Waits for the next comment by somebody after those already there, and returns it.
    pub async fn wait_for_reply(&self, login: &str, already: usize) -> Comment {
        let theirs = |issue: &Self| -> Option<Comment> {
            issue.comments().into_iter().filter(|comment| comment.author() == login).nth(already)
        };
        let what = format!("comment {} of {login} on #{}", already + 1, self.number);
        self.hub.until(&what, || theirs(self).is_some()).await;
        theirs(self).expect("waited for it")
    }

    fn look<R>(&self, look: impl FnOnce(&issue::Issue) -> R) -> R {
        self.hub.read(|state| look(state.issue(self.repository, self.number)))
    }
}

/// An issue about to be opened.
#[derive(Clone, Debug)]
pub struct IssueBuilder {
    pub(crate) repository: Repository,
    pub(crate) title: String,
    pub(crate) body: Option<String>,
    pub(crate) by: Option<AccountId>,
}

impl IssueBuilder {
    /// Who opens it; the repository's owner if nothing is said.
    #[must_use]
    pub fn by(mut self, user: &User) -> Self {
        self.by = Some(user.id);
        self
    }

    /// Its text.
    #[must_use]
    pub fn body(mut self, body: &str) -> Self {
        self.body = Some(body.to_owned());
        self
    }

    /// Opens it, with `issues.opened` for Apps that listen.
    pub async fn open(self) -> Issue {
        let hub = Arc::clone(&self.repository.hub);
        let repository = self.repository.id;
        let number = hub
            .act(|state| {
                let by = self.by.unwrap_or_else(|| state.acting_owner(state.repository(repository).owner));
                let number = state.add_issue(repository, by, &self.title, self.body.as_deref());
                state.tell_of_issue((repository, number), "opened", by, json!({}));
                number
            })
            .await;
        Issue { hub, repository, number }
    }
}
