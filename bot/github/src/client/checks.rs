//! Checks: the runs that Deputy writes, and how all checks of a commit stand.

use std::borrow::Cow;

use async_trait::async_trait;
use deputy_core::comment::Repository;
use deputy_core::ids::{AppId, CheckRunId, CheckSuiteId, Sha};
use deputy_core::ports::{
    Acting, Annotation, CheckResult, CheckRunUpdate, CheckState, CheckSuite, Checks, Conclusion, GitHubError,
    LONGEST_OUTPUT, MOST_ANNOTATIONS, MOST_BUTTONS, NewCheckRun,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::actions::conclusion;
use super::{Call, Client, Path, shorten};

/// What stands at the end of a text that was cut.
const CUT: &str = "\n\n*The rest does not fit here.*";

/// A check run, as lists show it.
#[derive(Debug, Deserialize)]
struct Shown {
    id: CheckRunId,
    name: String,
    conclusion: Option<String>,
    external_id: Option<String>,
    html_url: Option<String>,
    app: Option<App>,
}

#[derive(Debug, Deserialize)]
struct App {
    id: AppId,
}

#[derive(Debug, Deserialize)]
struct ShownStatus {
    context: String,
    state: String,
    target_url: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ShownSuite {
    id: CheckSuiteId,
    app: Option<App>,
    conclusion: Option<String>,
    #[serde(default)]
    latest_check_runs_count: u64,
}

#[async_trait]
impl Checks for Client {
    async fn create_check_run(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        new: &NewCheckRun<'_>,
    ) -> Result<CheckRunId, GitHubError> {
        let path = Path::in_repository(repository, &["commits", new.head_sha.as_str(), "check-runs"])?
            .query("check_name", new.name)
            // The latest alone would hide the one that an earlier try made.
            .query("filter", "all")
            .query("per_page", "100");
        let made: Vec<Shown> =
            self.list_in(acting.into(), Call::get(path).of(repository.id), "check_runs").await?;
        if let Some(made) = made.iter().find(|run| run.external_id.as_deref() == Some(new.external_id)) {
            return Ok(made.id);
        }
        let mut body = described(&new.update);
        body["name"] = json!(new.name);
        body["head_sha"] = json!(new.head_sha.as_str());
        body["external_id"] = json!(new.external_id);
        if !new.annotations.is_empty() {
            let shown: Vec<Value> = new.annotations.iter().take(MOST_ANNOTATIONS).map(annotation).collect();
            body["output"]["annotations"] = json!(shown);
        }
        let path = Path::in_repository(repository, &["check-runs"])?;
        let answer = self.send(acting.into(), Call::post(path).of(repository.id).json(&body)?).await?;
        Ok(answer.json::<Shown>()?.id)
    }

    async fn update_check_run(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        run: CheckRunId,
        update: &CheckRunUpdate<'_>,
    ) -> Result<(), GitHubError> {
        let path = Path::in_repository(repository, &["check-runs", &run.to_string()])?;
        let call = Call::patch(path).of(repository.id).json(&described(update))?;
        self.send(acting.into(), call).await.map(drop)
    }

    async fn check_results(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        sha: &Sha,
    ) -> Result<Vec<CheckResult>, GitHubError> {
        let runs = Path::in_repository(repository, &["commits", sha.as_str(), "check-runs"])?;
        let runs = Call::get(runs.query("filter", "latest").query("per_page", "100")).of(repository.id);
        let statuses = Path::in_repository(repository, &["commits", sha.as_str(), "status"])?;
        let statuses = Call::get(statuses.query("per_page", "100")).of(repository.id);
        let (runs, statuses) = tokio::try_join!(
            self.list_in::<Shown>(acting.into(), runs, "check_runs"),
            self.list_in::<ShownStatus>(acting.into(), statuses, "statuses"),
        )?;
        let runs = runs.into_iter().map(|run| CheckResult {
            name: run.name,
            app: run.app.map(|app| app.id),
            conclusion: conclusion(run.conclusion.as_deref()),
            url: run.html_url,
            external_id: run.external_id.unwrap_or_default(),
        });
        let statuses = statuses.into_iter().map(|status| CheckResult {
            name: status.context,
            app: None,
            conclusion: match status.state.as_str() {
                "pending" => None,
                "success" => Some(Conclusion::Success),
                _ => Some(Conclusion::Failure),
            },
            url: status.target_url,
            external_id: String::new(),
        });
        Ok(runs.chain(statuses).collect())
    }

    async fn check_suites(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        sha: &Sha,
    ) -> Result<Vec<CheckSuite>, GitHubError> {
        let path = Path::in_repository(repository, &["commits", sha.as_str(), "check-suites"])?;
        let call = Call::get(path.query("per_page", "100")).of(repository.id);
        let suites: Vec<ShownSuite> = self.list_in(acting.into(), call, "check_suites").await?;
        let suite = |shown: ShownSuite| CheckSuite {
            id: shown.id,
            app: shown.app.map(|app| app.id),
            conclusion: conclusion(shown.conclusion.as_deref()),
            runs: shown.latest_check_runs_count,
        };
        Ok(suites.into_iter().map(suite).collect())
    }
}

fn described(update: &CheckRunUpdate<'_>) -> Value {
    let mut body = json!({
        "output": {"title": shorten(update.title, 255), "summary": cut(update.summary)},
    });
    match update.state {
        CheckState::Queued => body["status"] = json!("queued"),
        CheckState::InProgress => body["status"] = json!("in_progress"),
        CheckState::Completed(conclusion) => {
            body["status"] = json!("completed");
            // GitHub keeps these two for itself.
            body["conclusion"] = json!(match conclusion {
                Conclusion::Stale | Conclusion::StartupFailure => Conclusion::Failure.as_str(),
                other => other.as_str(),
            });
        }
    }
    if let Some(text) = update.text {
        body["output"]["text"] = json!(cut(text));
    }
    if let Some(url) = update.details_url {
        body["details_url"] = json!(url);
    }
    if let Some(at) = update.started_at {
        body["started_at"] = json!(at.format("%Y-%m-%dT%H:%M:%SZ").to_string());
    }
    let button = |button: &deputy_core::ports::Button| {
        json!({
            "label": shorten(&button.label, 20),
            "description": shorten(&button.description, 40),
            "identifier": button.identifier,
        })
    };
    let buttons: Vec<Value> = update.buttons.iter().take(MOST_BUTTONS).map(button).collect();
    body["actions"] = json!(buttons);
    body
}

fn annotation(annotation: &Annotation) -> Value {
    let (start, end) = annotation.lines;
    let mut body = json!({
        "path": annotation.path,
        "start_line": start,
        "end_line": end,
        "annotation_level": annotation.level.as_str(),
        "title": shorten(&annotation.title, 255),
        "message": shorten(&annotation.message, 16_000),
    });
    // GitHub refuses columns on a remark over several lines.
    if let Some((from, to)) = annotation.columns.filter(|_| start == end) {
        body["start_column"] = json!(from);
        body["end_column"] = json!(to);
    }
    body
}

/// As much as GitHub takes, to the end of a line.
fn cut(text: &str) -> Cow<'_, str> {
    if text.len() <= LONGEST_OUTPUT {
        return Cow::Borrowed(text);
    }
    let room = text.floor_char_boundary(LONGEST_OUTPUT - CUT.len());
    let end = text[..room].rfind('\n').unwrap_or(room);
    Cow::Owned(format!("{}{CUT}", &text[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_cut_at_a_line_and_says_so() {
        let long = "é line of some length\n".repeat(10_000);
        let text = cut(&long);
        assert!(text.len() <= LONGEST_OUTPUT && text.len() > LONGEST_OUTPUT - 200);
        assert!(text.ends_with(&format!("length{CUT}")));
        let one_line = "é".repeat(LONGEST_OUTPUT);
        assert!(cut(&one_line).len() <= LONGEST_OUTPUT);
        assert_eq!(cut("short"), "short");
    }
}
