//! Checks: the runs that Deputy writes, and how all checks of a commit stand.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Acting, Conclusion, GitHubError};
use crate::comment::Repository;
use crate::ids::{AppId, CheckRunId, CheckSuiteId, Sha};

/// The most bytes that GitHub takes in a check run's summary, and in its text.
pub const LONGEST_OUTPUT: usize = 65_535;
/// The most annotations that one request may carry.
pub const MOST_ANNOTATIONS: usize = 50;
/// The most buttons that a check run may have.
pub const MOST_BUTTONS: usize = 3;

/// What Deputy does with checks. Only an App writes check runs, and each only its own: as the installation.
#[async_trait]
pub trait Checks: Send + Sync {
    /// Makes a check run, or finds the one that this App made before on this commit with the same name and
    /// [`external_id`](NewCheckRun::external_id). Twice is once; the one that is found is left as it is.
    async fn create_check_run(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        new: &NewCheckRun<'_>,
    ) -> Result<CheckRunId, GitHubError>;

    /// Replaces a check run's state and output. Idempotent. A completed run cannot go back: make a new one.
    async fn update_check_run(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        run: CheckRunId,
        update: &CheckRunUpdate<'_>,
    ) -> Result<(), GitHubError>;

    /// The latest check run of each name and App on a commit, and the latest commit status of each context: what a
    /// person sees behind the commit's mark. At most a thousand of each.
    async fn check_results(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        sha: &Sha,
    ) -> Result<Vec<CheckResult>, GitHubError>;

    /// The check suites of a commit, one for each App, at most a thousand.
    async fn check_suites(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        sha: &Sha,
    ) -> Result<Vec<CheckSuite>, GitHubError>;
}

/// A check run to be made.
#[derive(Debug, Clone)]
pub struct NewCheckRun<'a> {
    /// What it is called among the commit's checks.
    pub name: &'a str,
    /// The commit.
    pub head_sha: &'a Sha,
    /// What makes it ours and this one: the job's id with its attempt, say. Never empty.
    pub external_id: &'a str,
    /// How it stands from the start.
    pub update: CheckRunUpdate<'a>,
    /// Remarks on lines of files. The first [`MOST_ANNOTATIONS`] are shown; annotations are only ever added, so
    /// they come with the making of the run and never again.
    pub annotations: &'a [Annotation],
}

/// What a check run shows.
#[derive(Debug, Clone)]
pub struct CheckRunUpdate<'a> {
    /// How far it is.
    pub state: CheckState,
    /// Where *Details* leads; GitHub's own page of the run where there is none.
    pub details_url: Option<&'a str>,
    /// When its work began.
    pub started_at: Option<DateTime<Utc>>,
    /// One line.
    pub title: &'a str,
    /// Markdown. Beyond [`LONGEST_OUTPUT`] it is cut at a line, and says so.
    pub summary: &'a str,
    /// More Markdown, below the summary; cut like it.
    pub text: Option<&'a str>,
    /// At most [`MOST_BUTTONS`]; GitHub shows them once the run is completed.
    pub buttons: &'a [Button],
}

/// How far a check run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    /// Asked for.
    Queued,
    /// Under way.
    InProgress,
    /// Ended, at this time where it is known.
    Completed(Conclusion),
}

/// A button on a check run. GitHub calls it an action, and tells of presses as `check_run.requested_action`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Button {
    /// What stands on it: at most 20 characters.
    pub label: String,
    /// What it does: at most 40 characters.
    pub description: String,
    /// What the event carries: at most 20 characters.
    pub identifier: String,
}

/// A remark on lines of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    /// The file, from the repository's root.
    pub path: String,
    /// First and last line, from 1 on.
    pub lines: (u32, u32),
    /// First and last column, from 1 on; GitHub takes them only where the lines are the same.
    pub columns: Option<(u32, u32)>,
    /// How bad it is.
    pub level: AnnotationLevel,
    /// A heading: at most 255 characters.
    pub title: String,
    /// What is wrong and what to do, at most 64 KB.
    pub message: String,
}

/// How bad an annotation's matter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnnotationLevel {
    /// For information.
    Notice,
    /// To be looked at.
    Warning,
    /// It does not work like this.
    Failure,
}

impl AnnotationLevel {
    /// GitHub's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Failure => "failure",
        }
    }
}

/// How one check of a commit stands, whether a check run or a commit status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckResult {
    /// The check run's name, or the status's context.
    pub name: String,
    /// The App behind a check run; `None` for a status.
    pub app: Option<AppId>,
    /// How it ended; `None` while it is under way. A status that is `error` counts as a failure.
    pub conclusion: Option<Conclusion>,
    /// Where to read more.
    pub url: Option<String>,
    /// What a check run was given as `external_id`; empty for others.
    #[serde(default)]
    pub external_id: String,
}

/// All of one App's check runs on a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckSuite {
    /// Its id.
    pub id: CheckSuiteId,
    /// The App.
    pub app: Option<AppId>,
    /// How it ended; `None` until then.
    pub conclusion: Option<Conclusion>,
    /// How many runs it has. A suite without any stays queued for good: Apps that have nothing to say leave it so.
    pub runs: u64,
}
