//! Check runs: <https://docs.github.com/en/rest/checks/runs>. Only Apps write them, each only its own.

use serde_json::{Value, json};

use crate::access::Needs;
use crate::acts_ci::NewCheckRun;
use crate::http::auth::Caller;
use crate::http::call::Call;
use crate::http::reply::{Answer, Refusal, Reply};
use crate::http::route::{Route, get, patch, post};
use crate::ids::{AppId, CheckRunId, RepositoryId};
use crate::state::State;
use crate::state::app::Access;
use crate::state::checks::CheckRun;
use crate::state::repository::{Permission, Sha};

pub(crate) const ROUTES: &[Route] = &[
    post("/repos/{owner}/{repo}/check-runs", create),
    get("/repos/{owner}/{repo}/check-runs/{check_run_id}", get_run),
    patch("/repos/{owner}/{repo}/check-runs/{check_run_id}", update),
    get("/repos/{owner}/{repo}/check-runs/{check_run_id}/annotations", annotations),
    post("/repos/{owner}/{repo}/check-runs/{check_run_id}/rerequest", rerequest),
    get("/repos/{owner}/{repo}/commits/{ref}/check-runs", of_commit),
    get("/repos/{owner}/{repo}/check-suites/{check_suite_id}/check-runs", of_suite),
];

pub(super) const READ: Needs = Needs::read(&[("checks", Access::Read)]);
pub(super) const WRITE: Needs = Needs::read(&[("checks", Access::Write)]).person(Permission::Write);

/// What GitHub takes of `summary` and `text`, in bytes.
const LONGEST: usize = 65_535;

/// The repository and the App that writes there: an installation token's, nobody else's.
fn writer(state: &State, call: &Call) -> Result<(RepositoryId, AppId), Refusal> {
    let repository = state.enter(call, WRITE)?;
    match &call.caller {
        Caller::Installation(bearer) => {
            let installation =
                state.installations.get(&bearer.installation).ok_or_else(Refusal::not_found)?;
            Ok((repository, installation.app))
        }
        _ => Err(Refusal::new(403, "You must authenticate via a GitHub App.")),
    }
}

fn create(state: &mut State, call: &Call) -> Answer {
    let (repository, app) = writer(state, call)?;
    let name = call.text("CheckRun", "name")?.to_owned();
    let asked = call.text("CheckRun", "head_sha")?;
    let head_sha = Sha(asked.to_owned());
    if !state.repository(repository).commits.contains_key(&head_sha) {
        return Err(Refusal::new(422, &format!("No commit found for SHA: {asked}")));
    }
    check(&call.body)?;
    let id = state.add_check_run(NewCheckRun { app, repository, head_sha, name });
    state.fill_check_run(id, &call.body);
    let bot = state.app(app).bot;
    state.tell_of_progress(id, true, false, bot);
    Ok(Reply::created(state.check_run_json(&state.check_runs[&id])))
}

fn update(state: &mut State, call: &Call) -> Answer {
    let (repository, app) = writer(state, call)?;
    let id = find(state, call, repository)?;
    if state.check_runs[&id].app != app {
        return Err(Refusal::new(
            403,
            "Invalid app_id `check_run` can only be modified by the GitHub App that created it.",
        ));
    }
    check(&call.body)?;
    let was_completed = state.check_runs[&id].status == "completed";
    if was_completed && call.body["status"].as_str().is_some_and(|status| status != "completed") {
        // Re-running is done with a new run; the documentation of `rerequested` asks for that.
        return Err(Refusal::unprocessable("CheckRun", "status", "invalid"));
    }
    state.fill_check_run(id, &call.body);
    let bot = state.app(app).bot;
    state.tell_of_progress(id, false, was_completed, bot);
    Ok(Reply::ok(state.check_run_json(&state.check_runs[&id])))
}

/// What the description of the request leaves to GitHub's own checks.
fn check(body: &Value) -> Result<(), Refusal> {
    if body["status"] == "completed" && body["conclusion"].is_null() {
        return Err(Refusal::unprocessable("CheckRun", "conclusion", "missing_field"));
    }
    let output = &body["output"];
    if output.is_object() && output["summary"].is_null() {
        return Err(Refusal::unprocessable("CheckRun", "summary", "missing_field"));
    }
    for field in ["summary", "text"] {
        if output[field].as_str().is_some_and(|text| text.len() > LONGEST) {
            return Err(Refusal::new(422, &format!("Only {LONGEST} bytes are allowed in {field}")));
        }
    }
    let count = |value: &Value| value.as_array().map_or(0, Vec::len);
    if count(&output["annotations"]) > 50 {
        return Err(Refusal::new(422, "No more than 50 annotations are allowed in one request"));
    }
    if count(&body["actions"]) > 3 {
        return Err(Refusal::new(422, "No more than 3 actions are allowed"));
    }
    for action in body["actions"].as_array().into_iter().flatten() {
        for (field, longest) in [("label", 20), ("description", 40), ("identifier", 20)] {
            if action[field].as_str().is_none_or(|text| text.chars().count() > longest) {
                return Err(Refusal::unprocessable("CheckRun", field, "invalid"));
            }
        }
    }
    Ok(())
}

fn find(state: &State, call: &Call, repository: RepositoryId) -> Result<CheckRunId, Refusal> {
    let id = CheckRunId(call.number("check_run_id")?);
    match state.check_runs.get(&id) {
        Some(run) if run.repository == repository => Ok(id),
        _ => Err(Refusal::not_found()),
    }
}

fn get_run(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, READ)?;
    let id = find(state, call, repository)?;
    Ok(Reply::ok(state.check_run_json(&state.check_runs[&id])))
}

fn annotations(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, READ)?;
    let run = &state.check_runs[&find(state, call, repository)?];
    let blob = format!("{}/blob/{}", state.repository_html_url(repository), run.head_sha);
    let full = |annotation: &Value| {
        let field = |name: &str| annotation[name].clone();
        json!({
            "path": field("path"),
            "start_line": field("start_line"),
            "end_line": field("end_line"),
            "start_column": field("start_column"),
            "end_column": field("end_column"),
            "annotation_level": field("annotation_level"),
            "title": field("title"),
            "message": field("message"),
            "raw_details": field("raw_details"),
            "blob_href": format!("{blob}/{}", annotation["path"].as_str().unwrap_or_default()),
        })
    };
    Ok(call.page(run.annotations.iter().map(full).collect()))
}

fn rerequest(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, WRITE)?;
    let id = find(state, call, repository)?;
    let (actor, _) = state.actor(&call.caller)?;
    state.tell_of_check_run(id, "rerequested", actor, json!({}));
    Ok(Reply::new(201, json!({})))
}

fn of_commit(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, READ)?;
    let sha = super::commits::commit(state, repository, call.path("ref"))?;
    let latest = state.latest_runs(repository, &sha);
    let runs = if call.query("filter") == Some("all") {
        state.check_runs.values().filter(|run| run.repository == repository && run.head_sha == sha).collect()
    } else {
        latest
    };
    Ok(page(state, call, &runs))
}

fn of_suite(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, READ)?;
    let suite = super::check_suites::find(state, call, repository)?;
    let runs: Vec<&CheckRun> = state.runs_of(suite).collect();
    Ok(page(state, call, &runs))
}

fn page(state: &State, call: &Call, runs: &[&CheckRun]) -> Reply {
    let wanted = |run: &&&CheckRun| {
        call.query("check_name").is_none_or(|name| run.name == name)
            && call.query("status").is_none_or(|status| run.status == status)
            && call.query("app_id").is_none_or(|app| run.app.to_string() == app)
    };
    let runs: Vec<Value> = runs.iter().rev().filter(wanted).map(|run| state.check_run_json(run)).collect();
    let total = runs.len();
    call.page_in(runs, |page| json!({ "total_count": total, "check_runs": page }))
}
