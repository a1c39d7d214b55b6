//! Checks and statuses: reading them, pressing their buttons, and reporting as another CI does.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use super::{Issue, Repository, User};
use crate::acts_ci::{NewCheckRun, NewStatus};
use crate::hub::Hub;
use crate::ids::{CheckRunId, CheckSuiteId, RepositoryId};
use crate::state::checks::{self, CheckAction};
use crate::state::repository::Sha;

/// A check run.
#[derive(Clone, Debug)]
pub struct CheckRun {
    hub: Arc<Hub>,
    id: CheckRunId,
}

impl CheckRun {
    /// The id that webhooks and answers name it by.
    pub fn id(&self) -> CheckRunId {
        self.id
    }

    /// Its name.
    pub fn name(&self) -> String {
        self.look(|run| run.name.clone())
    }

    /// `queued`, `in_progress` or `completed`.
    pub fn status(&self) -> String {
        self.look(|run| run.status.clone())
    }

    /// `success`, `failure`, … once it is completed.
    pub fn conclusion(&self) -> Option<String> {
        self.look(|run| run.conclusion.clone())
    }

    /// The title of its output.
    pub fn title(&self) -> Option<String> {
        self.look(|run| run.title.clone())
    }

    /// The summary of its output.
    pub fn summary(&self) -> Option<String> {
        self.look(|run| run.summary.clone())
    }

    /// The details of its output.
    pub fn text(&self) -> Option<String> {
        self.look(|run| run.text.clone())
    }

    /// Where "Details" leads.
    pub fn details_url(&self) -> Option<String> {
        self.look(|run| run.details_url.clone())
    }

    /// The App's own id for it.
    pub fn external_id(&self) -> String {
        self.look(|run| run.external_id.clone())
    }

    /// How many annotations it has.
    pub fn annotations(&self) -> Vec<serde_json::Value> {
        self.look(|run| run.annotations.clone())
    }

    /// The buttons that a person sees: only on a completed run.
    pub fn actions(&self) -> Vec<CheckAction> {
        self.look(|run| if run.status == "completed" { run.actions.clone() } else { Vec::new() })
    }

    /// How many requests wrote it, the first included.
    pub fn writes(&self) -> usize {
        self.look(|run| run.writes)
    }

    /// Presses a button; a button that is not shown fails the test.
    pub async fn press(&self, user: &User, identifier: &str) {
        let shown = self.actions();
        assert!(
            shown.iter().any(|action| action.identifier == identifier),
            "no button {identifier}: {shown:?}"
        );
        let more = json!({ "requested_action": { "identifier": identifier } });
        self.hub.act(|state| state.tell_of_check_run(self.id, "requested_action", user.id, more)).await;
    }

    /// Presses "Re-run".
    pub async fn rerequest(&self, user: &User) {
        self.hub.act(|state| state.tell_of_check_run(self.id, "rerequested", user.id, json!({}))).await;
    }

    fn look<R>(&self, look: impl FnOnce(&checks::CheckRun) -> R) -> R {
        self.hub.read(|state| look(&state.check_runs[&self.id]))
    }
}

impl Repository {
    /// The check runs on a commit, oldest first, superseded ones included.
    pub fn check_runs(&self, sha: &Sha) -> Vec<CheckRun> {
        check_runs(&self.hub, self.id, sha)
    }

    /// What GitHub Actions says of a commit: no conclusion means that it still runs.
    pub async fn report_check(&self, sha: &Sha, name: &str, conclusion: Option<&str>) -> CheckRun {
        let id = self.hub.act(|state| {
            let app = state.actions_app();
            let by = state.app(app).bot;
            let known =
                state.latest_runs(self.id, sha).into_iter().find(|run| run.app == app && run.name == name);
            let open = known.filter(|run| run.status != "completed").map(|run| run.id);
            let id = open.unwrap_or_else(|| {
                let (repository, head_sha, name) = (self.id, sha.clone(), name.to_owned());
                state.add_check_run(NewCheckRun { app, repository, head_sha, name })
            });
            let body = match conclusion {
                Some(conclusion) => json!({ "conclusion": conclusion }),
                None => json!({ "status": "in_progress" }),
            };
            state.fill_check_run(id, &body);
            state.tell_of_progress(id, open.is_none(), false, by);
            id
        });
        CheckRun { hub: Arc::clone(&self.hub), id: id.await }
    }

    /// Sets a commit status: `pending`, `success`, `failure`, `error`.
    pub async fn report_status(&self, user: &User, sha: &Sha, context: &str, state: &str) {
        let new = NewStatus {
            repository: self.id,
            sha: sha.clone(),
            state: state.to_owned(),
            context: context.to_owned(),
            description: None,
            target_url: None,
            creator: user.id,
        };
        self.hub.act(|state| state.set_status(new)).await;
    }

    /// The newest state of each commit status, by context.
    pub fn statuses(&self, sha: &Sha) -> BTreeMap<String, String> {
        self.hub.read(|state| {
            let statuses = state.latest_statuses(self.id, sha);
            statuses.into_iter().map(|status| (status.context.clone(), status.state.clone())).collect()
        })
    }

    /// Protects the default branch: these checks must be green before a merge.
    pub fn require_checks(&self, names: &[&str]) -> &Self {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        self.hub.change(|state| state.repository_mut(self.id).required_checks = names);
        self
    }
}

impl Issue {
    /// The check runs on the pull request's present head, oldest first.
    pub fn check_runs(&self) -> Vec<CheckRun> {
        check_runs(&self.hub, self.repository, &self.head_sha())
    }

    /// The newest check run of this name on the pull request's present head.
    pub fn check_run(&self, name: &str) -> Option<CheckRun> {
        self.check_runs().into_iter().rfind(|run| run.name() == name)
    }

    /// Presses "Re-run all checks": every suite's App is asked.
    pub async fn rerequest_checks(&self, user: &User) {
        let sha = self.head_sha();
        self.hub
            .act(|state| {
                let suites: Vec<CheckSuiteId> = state
                    .check_suites
                    .values()
                    .filter(|suite| suite.repository == self.repository && suite.head_sha == sha)
                    .map(|suite| suite.id)
                    .collect();
                for suite in suites {
                    state.rerequest_suite(suite, user.id);
                }
            })
            .await;
    }
}

fn check_runs(hub: &Arc<Hub>, repository: RepositoryId, sha: &Sha) -> Vec<CheckRun> {
    let ids: Vec<CheckRunId> = hub.read(|state| {
        let on = |run: &&checks::CheckRun| run.repository == repository && run.head_sha == *sha;
        state.check_runs.values().filter(on).map(|run| run.id).collect()
    });
    ids.into_iter().map(|id| CheckRun { hub: Arc::clone(hub), id }).collect()
}
