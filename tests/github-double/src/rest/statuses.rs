//! Commit statuses: <https://docs.github.com/en/rest/commits/statuses>.

use serde_json::{Value, json};

use crate::access::Needs;
use crate::acts_ci::NewStatus;
use crate::http::call::Call;
use crate::http::reply::{Answer, Refusal, Reply};
use crate::http::route::{Route, get, post};
use crate::state::State;
use crate::state::app::Access;
use crate::state::repository::{Permission, Sha};

pub(crate) const ROUTES: &[Route] = &[
    post("/repos/{owner}/{repo}/statuses/{sha}", create),
    get("/repos/{owner}/{repo}/commits/{ref}/statuses", list),
    get("/repos/{owner}/{repo}/commits/{ref}/status", combined),
];

const READ: Needs = Needs::read(&[("statuses", Access::Read)]);
const WRITE: Needs = Needs::read(&[("statuses", Access::Write)]).person(Permission::Write);

fn create(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, WRITE)?;
    let (creator, _) = state.actor(&call.caller)?;
    let sha = Sha(call.path("sha").to_owned());
    if !state.repository(repository).commits.contains_key(&sha) {
        return Err(Refusal::new(422, &format!("No commit found for SHA: {sha}")));
    }
    let text = |field: &str| call.body[field].as_str().map(str::to_owned);
    let description = text("description");
    if description.as_ref().is_some_and(|text| text.chars().count() > 140) {
        return Err(Refusal::unprocessable("Status", "description", "custom"));
    }
    let new = NewStatus {
        repository,
        sha,
        state: call.text("Status", "state")?.to_owned(),
        context: text("context").unwrap_or_else(|| "default".to_owned()),
        description,
        target_url: text("target_url"),
        creator,
    };
    let status = state.set_status(new);
    Ok(Reply::created(state.status_json(&status)))
}

fn list(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, READ)?;
    let sha = super::commits::commit(state, repository, call.path("ref"))?;
    let statuses = state.statuses.iter().rev().filter(|s| s.repository == repository && s.sha == sha);
    Ok(call.page(statuses.map(|status| state.status_json(status)).collect()))
}

fn combined(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, READ)?;
    let sha = super::commits::commit(state, repository, call.path("ref"))?;
    let latest = state.latest_statuses(repository, &sha);
    let any = |wanted: &str| latest.iter().any(|status| status.state == wanted);
    let result = if any("failure") || any("error") {
        "failure"
    } else if latest.is_empty() || any("pending") {
        "pending"
    } else {
        "success"
    };
    let statuses: Vec<Value> = latest.iter().map(|status| state.status_json(status)).collect();
    let url = format!("{}/commits/{sha}", state.repository_url(repository));
    Ok(Reply::ok(json!({
        "state": result,
        "total_count": statuses.len(),
        "statuses": statuses,
        "sha": sha.as_str(),
        "repository": state.repository_json(repository),
        "commit_url": url,
        "url": format!("{url}/status"),
    })))
}
