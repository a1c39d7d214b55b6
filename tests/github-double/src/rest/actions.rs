//! GitHub Actions: <https://docs.github.com/en/rest/actions>.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::access::Needs;
use crate::http::call::Call;
use crate::http::reply::{Answer, Refusal, Reply};
use crate::http::route::{Route, get, post};
use crate::ids::{JobId, RepositoryId, RunId, WorkflowId};
use crate::state::State;
use crate::state::actions::Run;
use crate::state::app::Access;
use crate::state::repository::Permission;

pub(crate) const ROUTES: &[Route] = &[
    get("/repos/{owner}/{repo}/actions/workflows", workflows),
    get("/repos/{owner}/{repo}/actions/workflows/{workflow_id}", get_workflow),
    post("/repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches", dispatch),
    get("/repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs", runs_of_workflow),
    get("/repos/{owner}/{repo}/actions/runs", runs),
    get("/repos/{owner}/{repo}/actions/runs/{run_id}", get_run),
    get("/repos/{owner}/{repo}/actions/runs/{run_id}/jobs", jobs),
    post("/repos/{owner}/{repo}/actions/runs/{run_id}/cancel", cancel),
    post("/repos/{owner}/{repo}/actions/runs/{run_id}/rerun", rerun),
    post("/repos/{owner}/{repo}/actions/runs/{run_id}/rerun-failed-jobs", rerun_failed),
    get("/repos/{owner}/{repo}/actions/jobs/{job_id}", get_job),
    get("/repos/{owner}/{repo}/actions/jobs/{job_id}/logs", logs),
];

const READ: Needs = Needs::read(&[("actions", Access::Read)]);
const WRITE: Needs = Needs::read(&[("actions", Access::Write)]).person(Permission::Write);

fn workflow(state: &State, call: &Call, repository: RepositoryId) -> Result<WorkflowId, Refusal> {
    let found = state.workflow_by_name(repository, call.path("workflow_id"));
    found.map(|workflow| workflow.id).ok_or_else(Refusal::not_found)
}

fn run(state: &State, call: &Call, repository: RepositoryId) -> Result<RunId, Refusal> {
    let id = RunId(call.number("run_id")?);
    match state.runs.get(&id) {
        Some(run) if run.repository == repository => Ok(id),
        _ => Err(Refusal::not_found()),
    }
}

fn workflows(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, READ)?;
    let here = state.workflows.values().filter(|workflow| workflow.repository == repository);
    let here: Vec<Value> = here.map(|workflow| state.workflow_json(workflow)).collect();
    let total = here.len();
    Ok(call.page_in(here, |page| json!({ "total_count": total, "workflows": page })))
}

fn get_workflow(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, READ)?;
    let id = workflow(state, call, repository)?;
    Ok(Reply::ok(state.workflow_json(&state.workflows[&id])))
}

/// 204; with `return_run_details` 200 and the run. Enterprise Server does not know that field yet.
fn dispatch(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, WRITE)?;
    let id = workflow(state, call, repository)?;
    let (actor, _) = state.actor(&call.caller)?;
    let details = &call.body["return_run_details"];
    if state.is_enterprise && !details.is_null() {
        let text = "Invalid request.\n\n\"return_run_details\" is not a permitted key.";
        return Err(Refusal::new(422, text));
    }
    let reference = call.text("WorkflowDispatch", "ref")?;
    let short = reference.trim_start_matches("refs/heads/").trim_start_matches("refs/tags/").to_owned();
    let known = state.repository(repository);
    // Branches and tags only: a SHA is no ref.
    let head = known.branches.get(&short).or_else(|| known.tags.get(&short)).cloned();
    let head = head.ok_or_else(|| Refusal::new(422, &format!("No ref found for: {reference}")))?;
    let declared = state.workflows[&id].inputs.as_ref();
    let declared =
        declared.ok_or_else(|| Refusal::new(422, "Workflow does not have 'workflow_dispatch' trigger"))?;
    let inputs: BTreeMap<String, String> = call.body["inputs"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        .collect();
    let unexpected: Vec<&String> = inputs.keys().filter(|name| !declared.contains_key(*name)).collect();
    if !unexpected.is_empty() {
        return Err(Refusal::new(422, &format!("Unexpected inputs provided: {unexpected:?}")));
    }
    if let Some((name, _)) =
        declared.iter().find(|(name, required)| **required && !inputs.contains_key(*name))
    {
        return Err(Refusal::new(422, &format!("Required input '{name}' not provided")));
    }
    let id = state.dispatch(id, actor, (short, head), inputs);
    if details != &json!(true) {
        return Ok(Reply::no_content());
    }
    let run = &state.runs[&id];
    Ok(Reply::ok(json!({
        "workflow_run_id": id,
        "run_url": format!("{}/actions/runs/{id}", state.repository_url(repository)),
        "html_url": state.run_html_url(run),
    })))
}

fn runs(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, READ)?;
    Ok(list(state, call, |run| run.repository == repository))
}

fn runs_of_workflow(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, READ)?;
    let id = workflow(state, call, repository)?;
    Ok(list(state, call, |run| run.workflow == id))
}

fn list(state: &State, call: &Call, here: impl Fn(&Run) -> bool) -> Reply {
    let wanted = |run: &&Run| {
        let is = |name: &str, value: &str| call.query(name).is_none_or(|wanted| wanted == value);
        let conclusion = run.conclusion.as_deref().unwrap_or_default();
        // `status` asks for a conclusion as well.
        let status = is("status", run.status) || is("status", conclusion);
        let since = call.query("created").and_then(|range| range.strip_prefix(">="));
        let since = since.and_then(|text| chrono::DateTime::parse_from_rfc3339(text).ok());
        here(run)
            && status
            && is("head_sha", run.head_sha.as_str())
            && is("branch", &run.head_branch)
            && is("event", "workflow_dispatch")
            && is("actor", state.login(run.actor))
            && since.is_none_or(|since| run.created_at.timestamp() >= since.timestamp())
    };
    let runs: Vec<Value> = state.runs.values().rev().filter(wanted).map(|run| state.run_json(run)).collect();
    let total = runs.len();
    call.page_in(runs, |page| json!({ "total_count": total, "workflow_runs": page }))
}

fn get_run(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, READ)?;
    let id = run(state, call, repository)?;
    Ok(Reply::ok(state.run_json(&state.runs[&id])))
}

fn jobs(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, READ)?;
    let id = run(state, call, repository)?;
    let jobs: Vec<Value> = if call.query("filter") == Some("all") {
        state.jobs.values().filter(|job| job.run == id).map(|job| state.job_json(job)).collect()
    } else {
        state.jobs_of(id).map(|job| state.job_json(job)).collect()
    };
    let total = jobs.len();
    Ok(call.page_in(jobs, |page| json!({ "total_count": total, "jobs": page })))
}

fn cancel(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, WRITE)?;
    let id = run(state, call, repository)?;
    if state.runs[&id].status == "completed" {
        return Err(Refusal::new(409, "Cannot cancel a workflow run that is completed."));
    }
    state.end_run(id, "cancelled");
    Ok(Reply::new(202, json!({})))
}

fn rerun(state: &mut State, call: &Call) -> Answer {
    again(state, call, false)
}

fn rerun_failed(state: &mut State, call: &Call) -> Answer {
    again(state, call, true)
}

fn again(state: &mut State, call: &Call, only_failed: bool) -> Answer {
    let repository = state.enter(call, WRITE)?;
    let id = run(state, call, repository)?;
    let (actor, _) = state.actor(&call.caller)?;
    if state.runs[&id].status != "completed" {
        return Err(Refusal::new(403, "This workflow is already running"));
    }
    state.rerun(id, only_failed, actor);
    Ok(Reply::new(201, json!({})))
}

fn job(state: &State, call: &Call, repository: RepositoryId) -> Result<JobId, Refusal> {
    let id = JobId(call.number("job_id")?);
    match state.jobs.get(&id) {
        Some(job) if state.runs[&job.run].repository == repository => Ok(id),
        _ => Err(Refusal::not_found()),
    }
}

fn get_job(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, READ)?;
    let id = job(state, call, repository)?;
    Ok(Reply::ok(state.job_json(&state.jobs[&id])))
}

/// Sends to where the log can be read for a minute, without credentials.
fn logs(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, READ)?;
    let id = job(state, call, repository)?;
    if state.jobs[&id].status != "completed" {
        return Err(Refusal::not_found());
    }
    let location = format!("{}/_storage/logs/{id}", state.urls.web);
    Ok(Reply::empty(302).with_header("location", location))
}
