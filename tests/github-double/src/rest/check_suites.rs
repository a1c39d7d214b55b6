//! Check suites: <https://docs.github.com/en/rest/checks/suites>.

use serde_json::{Value, json};

use super::check_runs::{READ, WRITE};
use crate::http::call::Call;
use crate::http::reply::{Answer, Refusal, Reply};
use crate::http::route::{Route, get, post};
use crate::ids::{CheckSuiteId, RepositoryId};
use crate::state::State;

pub(crate) const ROUTES: &[Route] = &[
    get("/repos/{owner}/{repo}/check-suites/{check_suite_id}", get_suite),
    post("/repos/{owner}/{repo}/check-suites/{check_suite_id}/rerequest", rerequest),
    get("/repos/{owner}/{repo}/commits/{ref}/check-suites", of_commit),
];

pub(super) fn find(state: &State, call: &Call, repository: RepositoryId) -> Result<CheckSuiteId, Refusal> {
    let id = CheckSuiteId(call.number("check_suite_id")?);
    match state.check_suites.get(&id) {
        Some(suite) if suite.repository == repository => Ok(id),
        _ => Err(Refusal::not_found()),
    }
}

fn get_suite(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, READ)?;
    let id = find(state, call, repository)?;
    Ok(Reply::ok(state.check_suite_json(id)))
}

fn rerequest(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, WRITE)?;
    let id = find(state, call, repository)?;
    let (actor, _) = state.actor(&call.caller)?;
    state.rerequest_suite(id, actor);
    Ok(Reply::new(201, json!({})))
}

fn of_commit(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, READ)?;
    let sha = super::commits::commit(state, repository, call.path("ref"))?;
    let suites: Vec<Value> = state
        .check_suites
        .values()
        .filter(|suite| suite.repository == repository && suite.head_sha == sha)
        .filter(|suite| call.query("app_id").is_none_or(|app| suite.app.to_string() == app))
        .map(|suite| state.check_suite_json(suite.id))
        .collect();
    let total = suites.len();
    Ok(call.page_in(suites, |page| json!({ "total_count": total, "check_suites": page })))
}
