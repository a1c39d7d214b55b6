//! Deployments and environments: <https://docs.github.com/en/rest/deployments>.

use serde_json::{Value, json};

use crate::access::Needs;
use crate::acts_ci::NewDeploymentStatus;
use crate::http::call::Call;
use crate::http::reply::{Answer, Refusal, Reply};
use crate::http::route::{Route, get, post};
use crate::ids::{DeploymentId, RepositoryId};
use crate::state::State;
use crate::state::app::Access;
use crate::state::deployment::Deployment;
use crate::state::repository::Permission;

pub(crate) const ROUTES: &[Route] = &[
    get("/repos/{owner}/{repo}/deployments", list),
    post("/repos/{owner}/{repo}/deployments", create),
    get("/repos/{owner}/{repo}/deployments/{deployment_id}", get_deployment),
    get("/repos/{owner}/{repo}/deployments/{deployment_id}/statuses", statuses),
    post("/repos/{owner}/{repo}/deployments/{deployment_id}/statuses", set_status),
    get("/repos/{owner}/{repo}/environments", environments),
    get("/repos/{owner}/{repo}/environments/{environment_name}", environment),
];

const READ: Needs = Needs::read(&[("deployments", Access::Read)]);
const WRITE: Needs = Needs::read(&[("deployments", Access::Write)]).person(Permission::Write);

fn list(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, READ)?;
    let wanted = |deployment: &&Deployment| {
        let is = |name: &str, value: &str| call.query(name).is_none_or(|wanted| wanted == value);
        deployment.repository == repository
            && is("sha", deployment.sha.as_str())
            && is("ref", &deployment.reference)
            && is("task", &deployment.task)
            && is("environment", &deployment.environment)
    };
    let found = state.deployments.values().rev().filter(wanted);
    Ok(call.page(found.map(|deployment| state.deployment_json(deployment)).collect()))
}

/// 201; 202 if the default branch had to be merged first; 409 if that or the checks stand in the way.
fn create(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, WRITE)?;
    let (creator, app) = state.actor(&call.caller)?;
    let reference = call.text("Deployment", "ref")?.to_owned();
    let sha = state.repository(repository).resolve(&reference);
    let sha = sha.ok_or_else(|| Refusal::new(422, &format!("No ref found for: {reference}")))?;
    let known = state.repository(repository);
    let default = known.default_branch.clone();
    let main = known.branches[&default].clone();
    // GitHub merges the default branch into a branch that is behind it, unless told not to.
    let is_behind = known.branches.contains_key(&reference)
        && reference != default
        && !known.ancestors(&sha).contains(&main);
    if is_behind && call.body["auto_merge"] != json!(false) {
        let files = known.merged_files(&sha, &main);
        let text = format!("Conflict merging {default} into {reference}");
        files.map_err(|_| Refusal::new(409, &text))?;
        let message = format!("Auto-merged {default} into {reference} on deployment.");
        state.add_commit(repository, &reference, creator, &message);
        return Ok(Reply::new(202, json!({ "message": message })));
    }
    let required: Option<Vec<String>> = call.body["required_contexts"]
        .as_array()
        .map(|names| names.iter().filter_map(Value::as_str).map(str::to_owned).collect());
    if !state.not_green(repository, &sha, required.as_deref()).is_empty() {
        return Err(Refusal::new(409, &format!("Conflict: Commit status checks failed for {reference}.")));
    }
    let text = |field: &str| call.body[field].as_str().map(str::to_owned);
    let environment = text("environment").unwrap_or_else(|| "production".to_owned());
    let id = DeploymentId(state.next_id());
    let now = state.now();
    let payload = &call.body["payload"];
    let deployment = Deployment {
        id,
        repository,
        sha,
        reference,
        task: text("task").unwrap_or_else(|| "deploy".to_owned()),
        description: text("description"),
        payload: if payload.is_null() { json!({}) } else { payload.clone() },
        is_transient: call.body["transient_environment"] == json!(true),
        is_production: call.body["production_environment"].as_bool().unwrap_or(environment == "production"),
        environment,
        creator,
        app,
        created_at: now,
        updated_at: now,
        statuses: Vec::new(),
    };
    state.deployments.insert(id, deployment);
    state.tell_of_deployment(id);
    Ok(Reply::created(state.deployment_json(&state.deployments[&id])))
}

fn find(state: &State, call: &Call, repository: RepositoryId) -> Result<DeploymentId, Refusal> {
    let id = DeploymentId(call.number("deployment_id")?);
    match state.deployments.get(&id) {
        Some(deployment) if deployment.repository == repository => Ok(id),
        _ => Err(Refusal::not_found()),
    }
}

fn get_deployment(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, READ)?;
    let id = find(state, call, repository)?;
    Ok(Reply::ok(state.deployment_json(&state.deployments[&id])))
}

fn statuses(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, READ)?;
    let deployment = &state.deployments[&find(state, call, repository)?];
    let statuses = deployment.statuses.iter().rev();
    Ok(call.page(statuses.map(|status| state.deployment_status_json(deployment, status)).collect()))
}

fn set_status(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, WRITE)?;
    let id = find(state, call, repository)?;
    let (creator, app) = state.actor(&call.caller)?;
    let text = |field: &str| call.body[field].as_str().unwrap_or_default().to_owned();
    let log_url = if call.body["log_url"].is_string() { text("log_url") } else { text("target_url") };
    let new = NewDeploymentStatus {
        state: call.text("DeploymentStatus", "state")?.to_owned(),
        description: text("description"),
        log_url,
        environment_url: text("environment_url"),
        creator,
        app,
    };
    if new.description.chars().count() > 140 {
        return Err(Refusal::unprocessable("DeploymentStatus", "description", "custom"));
    }
    state.add_deployment_status(id, new, call.body["auto_inactive"] != json!(false));
    let deployment = &state.deployments[&id];
    let status = deployment.statuses.last().ok_or_else(Refusal::not_found)?;
    Ok(Reply::created(state.deployment_status_json(deployment, status)))
}

const ENVIRONMENTS: Needs = Needs::read(&[("actions", Access::Read), ("environments", Access::Read)]);

fn environments(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, ENVIRONMENTS)?;
    let names = state.environments(repository);
    let total = names.len();
    let all = names.iter().map(|name| state.environment_json(repository, name)).collect();
    Ok(call.page_in(all, |page| json!({ "total_count": total, "environments": page })))
}

fn environment(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, ENVIRONMENTS)?;
    let name = call.path("environment_name");
    if !state.environments(repository).iter().any(|known| known == name) {
        return Err(Refusal::not_found());
    }
    Ok(Reply::ok(state.environment_json(repository, name)))
}
