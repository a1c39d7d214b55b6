//! Repositories, and opening things in them.

use std::sync::Arc;

use serde_json::json;

use super::{Comment, Discussion, Issue, IssueBuilder, Organization, User};
use crate::acts::NewPull;
use crate::hub::Hub;
use crate::ids::{AccountId, RepositoryId};
use crate::state::comment::{NewComment, Place};
use crate::state::repository::{Permission, Sha};
use crate::webhook::emit::{Event, EventPlace};

/// A repository.
#[derive(Clone, Debug)]
pub struct Repository {
    pub(crate) hub: Arc<Hub>,
    pub(crate) id: RepositoryId,
}

impl Repository {
    pub(crate) fn named(hub: &Arc<Hub>, owner: AccountId, name: &str) -> Self {
        let id = hub.change(|state| {
            let login = state.login(owner).to_owned();
            match state.repository_by_name(&login, name) {
                Some(repository) => repository.id,
                None => state.add_repository(owner, name),
            }
        });
        Self { hub: Arc::clone(hub), id }
    }

    /// The id that webhooks and answers name the repository by.
    pub fn id(&self) -> RepositoryId {
        self.id
    }

    /// `owner/name`
    pub fn full_name(&self) -> String {
        self.hub.read(|state| state.full_name(self.id))
    }

    /// Lets everybody see the repository, with `repository.publicized` for Apps that listen.
    pub fn public(&self) -> &Self {
        self.set_private(false)
    }

    /// Hides the repository from everybody without a permission, with `repository.privatized`.
    pub fn private(&self) -> &Self {
        self.set_private(true)
    }

    fn set_private(&self, private: bool) -> &Self {
        self.hub.change(|state| {
            let was = std::mem::replace(&mut state.repository_mut(self.id).private, private);
            if was == private {
                return;
            }
            let action = if private { "privatized" } else { "publicized" };
            let place = EventPlace::Repository(self.id);
            let sender = state.acting_owner(state.repository(self.id).owner);
            state.emit(Event { name: "repository", action: Some(action), place, sender, body: json!({}) });
        });
        self
    }

    /// Makes somebody a collaborator with this permission, or none with [`Permission::None`]; tells Apps
    /// that listen to `member`.
    pub fn permit(&self, user: &User, permission: Permission) -> &Self {
        self.hub.change(|state| {
            let collaborators = &mut state.repository_mut(self.id).collaborators;
            let before = match permission {
                Permission::None => collaborators.remove(&user.id),
                _ => collaborators.insert(user.id, permission),
            };
            let (action, changes) = match (before, permission) {
                (None, Permission::None) => return,
                (None, _) => ("added", json!({ "permission": { "to": permission.legacy_name() } })),
                (Some(_), Permission::None) => ("removed", json!(null)),
                (Some(before), _) => {
                    let from = before.legacy_name();
                    ("edited", json!({ "permission": { "from": from, "to": permission.legacy_name() } }))
                }
            };
            let mut body = json!({ "member": state.user_json(user.id) });
            if !changes.is_null() {
                body["changes"] = changes;
            }
            let place = EventPlace::Repository(self.id);
            let sender = state.acting_owner(state.repository(self.id).owner);
            state.emit(Event { name: "member", action: Some(action), place, sender, body });
        });
        self
    }

    /// What somebody may do here, by all ways.
    pub fn permission_of(&self, user: &User) -> Permission {
        self.hub.read(|state| state.permission(user.id, self.id))
    }

    /// A fork of this repository under a person's name, made if there is none.
    #[must_use]
    pub fn fork(&self, user: &User) -> Self {
        let (name, private) = self.hub.read(|state| {
            let repository = state.repository(self.id);
            (repository.name.clone(), repository.private)
        });
        let fork = Self::named(&self.hub, user.id, &name);
        self.hub.change(|state| {
            let repository = state.repository_mut(fork.id);
            repository.fork_of = Some(self.id);
            repository.private = private;
        });
        fork
    }

    /// The commit that a branch points to.
    pub fn head(&self, branch: &str) -> Option<Sha> {
        self.hub.read(|state| state.repository(self.id).branches.get(branch).cloned())
    }

    /// Points a branch to a commit that is there already, without a push.
    pub fn point(&self, branch: &str, sha: &Sha) -> &Self {
        self.hub
            .change(|state| state.repository_mut(self.id).branches.insert(branch.to_owned(), sha.clone()));
        self
    }

    /// Pushes a commit to a branch, made if there is none.
    pub async fn push(&self, user: &User, branch: &str, message: &str) -> Sha {
        self.hub.act(|state| state.push(self.id, branch, user.id, (message, None))).await;
        self.head(branch).expect("just pushed")
    }

    /// Pushes a commit that writes one file to a branch.
    pub async fn write_file(&self, user: &User, branch: &str, path: &str, text: &str) -> Sha {
        let message = format!("Write {path}");
        self.hub.act(|state| state.push(self.id, branch, user.id, (&message, Some((path, text))))).await;
        self.head(branch).expect("just pushed")
    }

    /// The text of a file on a branch.
    pub fn file(&self, branch: &str, path: &str) -> Option<String> {
        self.hub.read(|state| {
            let repository = state.repository(self.id);
            let sha = repository.branches.get(branch)?;
            repository.commits[sha].files.get(path).map(ToString::to_string)
        })
    }

    /// A pull request to be opened: say by whom, from where, with which text.
    pub fn pull_request(&self, title: &str) -> PullRequestBuilder {
        PullRequestBuilder {
            repository: self.clone(),
            title: title.to_owned(),
            body: None,
            by: None,
            branch: None,
            head: self.id,
            base: None,
            draft: false,
        }
    }

    /// An issue to be opened.
    pub fn issue(&self, title: &str) -> IssueBuilder {
        IssueBuilder { repository: self.clone(), title: title.to_owned(), body: None, by: None }
    }

    /// The issue or pull request of this number.
    pub fn issue_number(&self, number: u64) -> Option<Issue> {
        let known = self.hub.read(|state| state.issues.contains_key(&(self.id, number)));
        known.then(|| Issue { hub: Arc::clone(&self.hub), repository: self.id, number })
    }

    /// All issues and pull requests, oldest first.
    pub fn issues(&self) -> Vec<Issue> {
        let numbers: Vec<u64> = self.hub.read(|state| {
            state.issues.keys().filter(|(id, _)| *id == self.id).map(|(_, number)| *number).collect()
        });
        let issue = |number| Issue { hub: Arc::clone(&self.hub), repository: self.id, number };
        numbers.into_iter().map(issue).collect()
    }

    /// Comments on a commit.
    pub async fn comment_on_commit(&self, user: &User, commit: &Sha, body: &str) -> Comment {
        let new = NewComment {
            repository: self.id,
            place: Place::Commit { commit: commit.clone() },
            author: user.id,
            app: None,
            body: body.to_owned(),
        };
        let id = self.hub.act(|state| state.comment_and_tell(new).id).await;
        Comment { hub: Arc::clone(&self.hub), id }
    }

    /// The comments on a commit.
    pub fn commit_comments(&self, commit: &Sha) -> Vec<Comment> {
        let here = Place::Commit { commit: commit.clone() };
        Comment::all(&self.hub, |comment| comment.repository == self.id && comment.place == here)
    }

    /// Starts a discussion.
    pub async fn discuss(&self, user: &User, title: &str, body: &str) -> Discussion {
        let id = self.hub.act(|state| {
            let id = state.add_discussion(self.id, user.id, title, body);
            state.tell_of_discussion(id, "created", user.id, json!({}));
            id
        });
        Discussion { hub: Arc::clone(&self.hub), id: id.await }
    }

    /// Waits until `condition` holds; looks again whenever anything changes.
    pub async fn wait_for(&self, condition: impl Fn(&Self) -> bool) {
        let what = format!("a condition on {}", self.full_name());
        self.hub.until(&what, || condition(self)).await;
    }

    /// The organization that owns the repository, if one does.
    pub fn organization(&self) -> Option<Organization> {
        let owner = self.hub.read(|state| state.repository(self.id).owner);
        let is_organization = self.hub.read(|state| state.organization(owner).is_some());
        is_organization.then(|| Organization { hub: Arc::clone(&self.hub), id: owner })
    }
}

/// A pull request about to be opened.
#[derive(Clone, Debug)]
pub struct PullRequestBuilder {
    repository: Repository,
    title: String,
    body: Option<String>,
    by: Option<AccountId>,
    branch: Option<String>,
    head: RepositoryId,
    base: Option<String>,
    draft: bool,
}

impl PullRequestBuilder {
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

    /// The branch that it comes from; made up if nothing is said.
    #[must_use]
    pub fn from_branch(mut self, branch: &str) -> Self {
        self.branch = Some(branch.to_owned());
        self
    }

    /// From a fork instead of the repository itself.
    #[must_use]
    pub fn from_fork(mut self, fork: &Repository) -> Self {
        self.head = fork.id;
        self
    }

    /// Into another branch than the default one.
    #[must_use]
    pub fn into_branch(mut self, branch: &str) -> Self {
        self.base = Some(branch.to_owned());
        self
    }

    /// Not ready for review.
    #[must_use]
    pub fn draft(mut self) -> Self {
        self.draft = true;
        self
    }

    /// Opens it, with `pull_request.opened` for Apps that listen.
    pub async fn open(self) -> Issue {
        let hub = Arc::clone(&self.repository.hub);
        let repository = self.repository.id;
        let number = hub.act(|state| {
            let by = self.by.unwrap_or_else(|| state.acting_owner(state.repository(repository).owner));
            let branch = self.branch.clone().unwrap_or_else(|| crate::state::account::slug(&self.title));
            state.open_pull(&NewPull {
                repository,
                author: by,
                app: None,
                title: &self.title,
                body: self.body.as_deref(),
                head_repository: self.head,
                head_ref: &branch,
                base_ref: self.base.as_deref(),
                draft: self.draft,
            })
        });
        Issue { number: number.await, hub: Arc::clone(&self.repository.hub), repository }
    }
}
