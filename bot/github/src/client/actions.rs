//! GitHub Actions: starting workflows, and what became of their runs.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use deputy_core::comment::Repository;
use deputy_core::ids::{ActionsJobId, RunId, Sha};
use deputy_core::masking::mask_lines;
use deputy_core::ports::{
    Acting, Actions, ActionsJob, Conclusion, Dispatch, Dispatched, GitHubError, WorkflowRun,
};
use serde::Deserialize;
use serde_json::json;

use super::{Call, Client, Identity, Path};

/// How far GitHub's clock and ours may be apart.
const DRIFT: TimeDelta = TimeDelta::seconds(30);
/// Until a run that was started shows in lists.
const SHOWS_AFTER: TimeDelta = TimeDelta::seconds(15);
/// Between two looks.
const PAUSE: TimeDelta = TimeDelta::seconds(3);
/// How much of a log's end is kept to take lines from.
const TAIL: usize = 256 * 1024;
/// What every marker of ours contains, so that another job's run is not taken for this one's.
const MARK: &str = "deputy:";

/// A run, as REST shows it.
#[derive(Debug, Deserialize)]
struct Shown {
    id: RunId,
    name: Option<String>,
    #[serde(default)]
    display_title: String,
    status: Option<String>,
    conclusion: Option<String>,
    head_sha: Sha,
    head_branch: Option<String>,
    event: String,
    #[serde(default)]
    run_attempt: Option<u32>,
    html_url: String,
    created_at: DateTime<Utc>,
    actor: Option<Account>,
}

#[derive(Debug, Deserialize)]
struct Runs {
    workflow_runs: Vec<Shown>,
}

#[derive(Debug, Deserialize)]
struct Account {
    id: u64,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Debug, Deserialize)]
struct ShownJob {
    id: ActionsJobId,
    name: String,
    status: String,
    conclusion: Option<String>,
    html_url: Option<String>,
    #[serde(default)]
    steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
struct Step {
    name: String,
    conclusion: Option<String>,
}

impl From<Shown> for WorkflowRun {
    fn from(shown: Shown) -> Self {
        Self {
            id: shown.id,
            name: shown.name.unwrap_or_default(),
            title: shown.display_title,
            status: shown.status.unwrap_or_default(),
            conclusion: conclusion(shown.conclusion.as_deref()),
            head_sha: shown.head_sha,
            attempt: shown.run_attempt.unwrap_or(1),
            html_url: shown.html_url,
            created_at: shown.created_at,
        }
    }
}

impl From<ShownJob> for ActionsJob {
    fn from(shown: ShownJob) -> Self {
        let failed = |step: &&Step| conclusion(step.conclusion.as_deref()).is_some_and(|it| !it.is_green());
        Self {
            failed_step: shown.steps.iter().find(failed).map(|step| step.name.clone()),
            id: shown.id,
            name: shown.name,
            status: shown.status,
            conclusion: conclusion(shown.conclusion.as_deref()),
            html_url: shown.html_url.unwrap_or_default(),
        }
    }
}

/// GitHub's word for how something ended. A word that nobody knows is no success.
pub(super) fn conclusion(word: Option<&str>) -> Option<Conclusion> {
    word.map(|word| word.parse().unwrap_or(Conclusion::Failure))
}

impl Client {
    /// The run that an earlier try of the same dispatch started.
    async fn find_dispatched(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        dispatch: &Dispatch<'_>,
        since: DateTime<Utc>,
    ) -> Result<Option<RunId>, GitHubError> {
        let since = since - DRIFT;
        let path = Path::in_repository(repository, &["actions", "workflows", dispatch.workflow, "runs"])?
            .query("event", "workflow_dispatch")
            .query("branch", short(dispatch.reference))
            .query("per_page", "100");
        // Newest first: what was started since the first try is on the first page.
        let answer = self.send(acting.into(), Call::get(path).of(repository.id)).await?;
        let mut runs = answer.json::<Runs>()?.workflow_runs;
        runs.retain(|run| {
            run.event == "workflow_dispatch"
                && run.created_at >= since
                && run.head_branch.as_deref() == Some(short(dispatch.reference))
                && is_by(acting.into(), run.actor.as_ref())
        });
        if let Some(marked) = runs.iter().find(|run| run.display_title.contains(dispatch.marker)) {
            return Ok(Some(marked.id));
        }
        runs.retain(|run| !run.display_title.contains(MARK));
        Ok(runs.iter().min_by_key(|run| (run.created_at, run.id)).map(|run| run.id))
    }

    async fn send_dispatch(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        dispatch: &Dispatch<'_>,
        with_details: bool,
    ) -> Result<Option<RunId>, GitHubError> {
        #[derive(Deserialize)]
        struct Details {
            workflow_run_id: RunId,
        }
        let path = ["actions", "workflows", dispatch.workflow, "dispatches"];
        let mut body = json!({"ref": dispatch.reference, "inputs": dispatch.inputs});
        if with_details {
            body["return_run_details"] = json!(true);
        }
        let call = Call::post(Path::in_repository(repository, &path)?).of(repository.id).json(&body)?;
        let answer = self.send(acting.into(), call).await?;
        if answer.body.is_empty() {
            return Ok(None);
        }
        Ok(Some(answer.json::<Details>()?.workflow_run_id))
    }

    /// Looks for a run until it shows, or could have.
    async fn await_dispatched(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        dispatch: &Dispatch<'_>,
        tried: DateTime<Utc>,
    ) -> Result<Option<RunId>, GitHubError> {
        loop {
            if let Some(run) = self.find_dispatched(acting, repository, dispatch, tried).await? {
                return Ok(Some(run));
            }
            let now = self.clock.now();
            if now >= tried + SHOWS_AFTER {
                return Ok(None);
            }
            self.clock.sleep_until(now + PAUSE).await;
        }
    }
}

#[async_trait]
impl Actions for Client {
    async fn dispatch_workflow(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        dispatch: &Dispatch<'_>,
    ) -> Result<Dispatched, GitHubError> {
        if let Some(tried) = dispatch.first_tried
            && let Some(run) = self.await_dispatched(acting, repository, dispatch, tried).await?
        {
            return Ok(Dispatched { run, was_there: true });
        }
        let now = self.clock.now();
        let sent = match self.send_dispatch(acting, repository, dispatch, true).await {
            // A GitHub Enterprise Server of before 3.21.
            Err(GitHubError::Refused { status: 422, message }) if message.contains("return_run_details") => {
                self.send_dispatch(acting, repository, dispatch, false).await?
            }
            sent => sent?,
        };
        let run = match sent {
            Some(run) => Some(run),
            None => self.await_dispatched(acting, repository, dispatch, now).await?,
        };
        let missing = || {
            let error =
                anyhow::anyhow!("GitHub took the dispatch of {} and shows no run of it", dispatch.workflow);
            GitHubError::Unavailable(error)
        };
        Ok(Dispatched { run: run.ok_or_else(missing)?, was_there: false })
    }

    async fn workflow_run(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        run: RunId,
    ) -> Result<WorkflowRun, GitHubError> {
        let path = Path::in_repository(repository, &["actions", "runs", &run.to_string()])?;
        let answer = self.send(acting.into(), Call::get(path).of(repository.id)).await?;
        Ok(answer.json::<Shown>()?.into())
    }

    async fn jobs_of_run(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        run: RunId,
    ) -> Result<Vec<ActionsJob>, GitHubError> {
        let path = Path::in_repository(repository, &["actions", "runs", &run.to_string(), "jobs"])?;
        let call = Call::get(path.query("per_page", "100")).of(repository.id);
        let jobs: Vec<ShownJob> = self.list_in(acting.into(), call, "jobs").await?;
        Ok(jobs.into_iter().take(100).map(ActionsJob::from).collect())
    }

    async fn log_tail(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        job: ActionsJobId,
        lines: usize,
    ) -> Result<Vec<String>, GitHubError> {
        let path = Path::in_repository(repository, &["actions", "jobs", &job.to_string(), "logs"])?;
        let tail = match self.send_for_tail(acting.into(), Call::get(path).of(repository.id), TAIL).await {
            Ok(tail) => tail,
            Err(GitHubError::NotFound) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let text = String::from_utf8_lossy(&tail.bytes);
        // The first line of a cut log is half of one.
        let text = if tail.is_cut { text.split_once('\n').map_or("", |(_, rest)| rest) } else { &text };
        let plain: Vec<String> = text.lines().map(plain).collect();
        // All of it, before lines are dropped: a private key may begin far above its end.
        let mut masked = mask_lines(plain.iter().map(String::as_str));
        while masked.last().is_some_and(|line| line.trim().is_empty()) {
            masked.pop();
        }
        Ok(masked.split_off(masked.len().saturating_sub(lines)))
    }

    async fn cancel_run(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        run: RunId,
    ) -> Result<(), GitHubError> {
        let path = Path::in_repository(repository, &["actions", "runs", &run.to_string(), "cancel"])?;
        match self.send(acting.into(), Call::post(path).idempotent().of(repository.id)).await {
            // It has ended.
            Ok(_) | Err(GitHubError::Refused { status: 409, .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Whether the account is the one that acts. An installation acts as the App's bot, whose number it does not know.
fn is_by(identity: Identity, actor: Option<&Account>) -> bool {
    match (identity, actor) {
        (Identity::User(user), Some(actor)) => actor.id == user.0,
        (_, Some(actor)) => actor.kind == "Bot",
        (_, None) => false,
    }
}

fn short(reference: &str) -> &str {
    reference
        .strip_prefix("refs/heads/")
        .or_else(|| reference.strip_prefix("refs/tags/"))
        .unwrap_or(reference)
}

/// A line of a log without GitHub's timestamp, its marks and the terminal's colours.
fn plain(line: &str) -> String {
    let line = line.trim_start_matches('\u{feff}');
    let line = match line.split_once(' ') {
        Some((stamp, rest)) if DateTime::parse_from_rfc3339(stamp).is_ok() => rest,
        _ => line,
    };
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find('\u{1b}') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(sequence) = rest.strip_prefix('[') {
            // CSI: parameters, then one final byte from `@` to `~`.
            let end = sequence.find(|c: char| ('@'..='~').contains(&c)).map_or(sequence.len(), |at| at + 1);
            rest = &sequence[end..];
        }
    }
    out.push_str(rest);
    out.retain(|c| c == '\t' || !c.is_control());
    for (mark, word) in
        [("##[error]", "error: "), ("##[warning]", "warning: "), ("##[group]", ""), ("##[endgroup]", "")]
    {
        if let Some(rest) = out.strip_prefix(mark) {
            return format!("{word}{rest}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_as_the_program_wrote_them() {
        for (line, expected) in [
            ("2026-11-20T12:00:00.1234567Z \u{1b}[31mred\u{1b}[0m end", "red end"),
            ("2026-11-20T12:00:00.1234567Z ##[error]Process completed", "error: Process completed"),
            ("\u{feff}2026-11-20T12:00:00Z hi\u{7}", "hi"),
            ("no stamp\u{1b}", "no stamp"),
            ("", ""),
        ] {
            assert_eq!(plain(line), expected);
        }
    }
}
