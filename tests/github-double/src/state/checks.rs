//! Check suites, check runs and commit statuses.

use super::State;
use crate::clock::Moment;
use crate::ids::{AccountId, AppId, CheckRunId, CheckSuiteId, RepositoryId, StatusId};
use crate::state::repository::Sha;

/// All check runs of one App on one commit.
#[derive(Clone, Debug)]
pub(crate) struct CheckSuite {
    pub(crate) id: CheckSuiteId,
    pub(crate) repository: RepositoryId,
    pub(crate) app: AppId,
    pub(crate) head_sha: Sha,
    /// None for a commit that came from a fork.
    pub(crate) head_branch: Option<String>,
    pub(crate) created_at: Moment,
    pub(crate) updated_at: Moment,
}

#[derive(Clone, Debug)]
pub(crate) struct CheckRun {
    pub(crate) id: CheckRunId,
    pub(crate) suite: CheckSuiteId,
    pub(crate) repository: RepositoryId,
    pub(crate) app: AppId,
    pub(crate) head_sha: Sha,
    pub(crate) name: String,
    /// `queued`, `in_progress` or `completed`.
    pub(crate) status: String,
    pub(crate) conclusion: Option<String>,
    pub(crate) external_id: String,
    pub(crate) details_url: Option<String>,
    pub(crate) started_at: Option<Moment>,
    pub(crate) completed_at: Option<Moment>,
    pub(crate) title: Option<String>,
    pub(crate) summary: Option<String>,
    pub(crate) text: Option<String>,
    /// Annotations add up over the requests that bring them.
    pub(crate) annotations: Vec<serde_json::Value>,
    pub(crate) actions: Vec<CheckAction>,
    /// How often it was written, for tests about coalescing.
    pub(crate) writes: usize,
}

/// A button on a check run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckAction {
    /// What is written on it.
    pub label: String,
    /// What it does.
    pub description: String,
    /// What the webhook says when it is pressed.
    pub identifier: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Status {
    pub(crate) id: StatusId,
    pub(crate) repository: RepositoryId,
    pub(crate) sha: Sha,
    /// `error`, `failure`, `pending` or `success`.
    pub(crate) state: String,
    pub(crate) context: String,
    pub(crate) description: Option<String>,
    pub(crate) target_url: Option<String>,
    pub(crate) creator: AccountId,
    pub(crate) at: Moment,
}

impl State {
    /// The App's suite on a commit, and whether it is new.
    pub(crate) fn suite(&mut self, app: AppId, repository: RepositoryId, sha: &Sha) -> (CheckSuiteId, bool) {
        let known = self
            .check_suites
            .values()
            .find(|suite| suite.app == app && suite.repository == repository && suite.head_sha == *sha);
        if let Some(known) = known {
            return (known.id, false);
        }
        let branches = &self.repository(repository).branches;
        let head_branch = branches.iter().find(|(_, head)| *head == sha).map(|(name, _)| name.clone());
        let id = CheckSuiteId(self.next_id());
        let now = self.now();
        let suite = CheckSuite {
            id,
            repository,
            app,
            head_sha: sha.clone(),
            head_branch,
            created_at: now,
            updated_at: now,
        };
        self.check_suites.insert(id, suite);
        (id, true)
    }

    /// A suite's check runs, oldest first, superseded ones of the same name among them.
    pub(crate) fn runs_of(&self, suite: CheckSuiteId) -> impl Iterator<Item = &CheckRun> {
        self.check_runs.values().filter(move |run| run.suite == suite)
    }

    /// The check runs on a commit that count: the newest of each name of each App.
    pub(crate) fn latest_runs(&self, repository: RepositoryId, sha: &Sha) -> Vec<&CheckRun> {
        let on = |run: &&CheckRun| run.repository == repository && run.head_sha == *sha;
        let runs: Vec<&CheckRun> = self.check_runs.values().filter(on).collect();
        let is_latest =
            |run: &CheckRun| !runs.iter().any(|o| o.app == run.app && o.name == run.name && o.id > run.id);
        runs.iter().copied().filter(|run| is_latest(run)).collect()
    }

    /// A suite's status and conclusion: the worst of its runs counts.
    pub(crate) fn suite_result(&self, id: CheckSuiteId) -> (&'static str, Option<&'static str>) {
        let suite = &self.check_suites[&id];
        let runs = self.latest_runs(suite.repository, &suite.head_sha);
        let mine: Vec<_> = runs.into_iter().filter(|run| run.suite == id).collect();
        if mine.is_empty() {
            return ("queued", None);
        }
        if mine.iter().any(|run| run.status != "completed") {
            let started = mine.iter().any(|run| run.status != "queued");
            return (if started { "in_progress" } else { "queued" }, None);
        }
        let worst = ["failure", "timed_out", "cancelled", "action_required", "neutral", "skipped"];
        let found =
            worst.into_iter().find(|bad| mine.iter().any(|run| run.conclusion.as_deref() == Some(bad)));
        let conclusion = match found {
            // Neutral and skipped runs leave a suite successful where another run succeeded.
            Some("neutral" | "skipped")
                if mine.iter().any(|r| r.conclusion.as_deref() == Some("success")) =>
            {
                "success"
            }
            Some(bad) => bad,
            None => "success",
        };
        ("completed", Some(conclusion))
    }

    /// The newest status of each context on a commit.
    pub(crate) fn latest_statuses(&self, repository: RepositoryId, sha: &Sha) -> Vec<&Status> {
        let on = |status: &&Status| status.repository == repository && status.sha == *sha;
        let statuses: Vec<&Status> = self.statuses.iter().filter(on).collect();
        let is_latest = |status: &Status| {
            !statuses.iter().any(|other| other.context == status.context && other.id > status.id)
        };
        statuses.iter().copied().filter(|status| is_latest(status)).collect()
    }

    /// What is required and not green on a commit; all that is there if nothing is named.
    pub(crate) fn not_green(
        &self,
        repository: RepositoryId,
        sha: &Sha,
        required: Option<&[String]>,
    ) -> Vec<String> {
        let good = |conclusion: Option<&str>| matches!(conclusion, Some("success" | "neutral" | "skipped"));
        let mut known: Vec<(String, bool)> = self
            .latest_runs(repository, sha)
            .into_iter()
            .map(|run| (run.name.clone(), good(run.conclusion.as_deref())))
            .collect();
        known.extend(
            self.latest_statuses(repository, sha)
                .into_iter()
                .map(|status| (status.context.clone(), status.state == "success")),
        );
        match required {
            None => known.into_iter().filter(|(_, green)| !green).map(|(name, _)| name).collect(),
            Some(required) => required
                .iter()
                .filter(|name| !known.iter().any(|(known, green)| known == *name && *green))
                .cloned()
                .collect(),
        }
    }
}
