//! Issues, and the pull requests among them.

use super::State;
use crate::clock::Moment;
use crate::ids::{AccountId, AppId, IssueId, RepositoryId};
use crate::state::repository::Sha;

#[derive(Debug)]
pub(crate) struct Issue {
    pub(crate) id: IssueId,
    pub(crate) repository: RepositoryId,
    pub(crate) number: u64,
    pub(crate) title: String,
    pub(crate) body: Option<String>,
    pub(crate) author: AccountId,
    pub(crate) app: Option<AppId>,
    pub(crate) locked: bool,
    pub(crate) created_at: Moment,
    pub(crate) updated_at: Moment,
    pub(crate) closed_at: Option<Moment>,
    pub(crate) pull: Option<Pull>,
}

/// What makes an issue a pull request.
#[derive(Debug)]
pub(crate) struct Pull {
    /// GitHub numbers pull requests apart from issues.
    pub(crate) id: u64,
    pub(crate) head_repository: RepositoryId,
    pub(crate) head_ref: String,
    pub(crate) head_sha: Sha,
    pub(crate) base_ref: String,
    pub(crate) base_sha: Sha,
    pub(crate) draft: bool,
    pub(crate) merged: Option<Merge>,
}

#[derive(Debug)]
pub(crate) struct Merge {
    pub(crate) at: Moment,
    pub(crate) by: AccountId,
    pub(crate) sha: Sha,
}

impl Issue {
    pub(crate) fn state_name(&self) -> &'static str {
        if self.closed_at.is_some() { "closed" } else { "open" }
    }

    /// `pull` for a pull request, else `issues`: the word in its web address.
    pub(crate) fn path_word(&self) -> &'static str {
        if self.pull.is_some() { "pull" } else { "issues" }
    }
}

impl State {
    pub(crate) fn issue(&self, repository: RepositoryId, number: u64) -> &Issue {
        self.issues.get(&(repository, number)).expect("issues are never deleted")
    }

    pub(crate) fn issue_mut(&mut self, repository: RepositoryId, number: u64) -> &mut Issue {
        self.issues.get_mut(&(repository, number)).expect("issues are never deleted")
    }

    pub(crate) fn add_issue(
        &mut self,
        repository: RepositoryId,
        author: AccountId,
        title: &str,
        body: Option<&str>,
    ) -> u64 {
        let number = self.next_number(repository);
        let id = IssueId(self.next_id());
        let now = self.now();
        let issue = Issue {
            id,
            repository,
            number,
            title: title.to_owned(),
            body: body.map(str::to_owned),
            author,
            app: None,
            locked: false,
            created_at: now,
            updated_at: now,
            closed_at: None,
            pull: None,
        };
        self.issues.insert((repository, number), issue);
        number
    }
}
