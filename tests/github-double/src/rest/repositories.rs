//! Repositories and their collaborators: <https://docs.github.com/en/rest/repos/repos>.

use serde_json::json;

use crate::access::Needs;
use crate::http::call::Call;
use crate::http::reply::{Answer, Refusal, Reply};
use crate::http::route::{Route, get};
use crate::state::State;
use crate::state::app::Access;
use crate::state::repository::Permission;

pub(crate) const ROUTES: &[Route] = &[
    get("/repos/{owner}/{repo}", get_repository),
    get("/repos/{owner}/{repo}/collaborators/{username}", is_collaborator),
    get("/repos/{owner}/{repo}/collaborators/{username}/permission", permission),
];

pub(super) const METADATA: Needs = Needs::read(&[("metadata", Access::Read)]);

fn get_repository(state: &mut State, call: &Call) -> Answer {
    let id = state.enter(call, METADATA)?;
    let mut json = state.full_repository_json(id);
    if let Ok((actor, _)) = state.actor(&call.caller) {
        let permission = state.permission(actor, id);
        json["permissions"] = json!({
            "admin": permission >= Permission::Admin,
            "maintain": permission >= Permission::Maintain,
            "push": permission >= Permission::Write,
            "triage": permission >= Permission::Triage,
            "pull": permission >= Permission::Read,
        });
    }
    Ok(Reply::ok(json))
}

fn is_collaborator(state: &mut State, call: &Call) -> Answer {
    let id = state.enter(call, METADATA.person(Permission::Write))?;
    let user = state.account_by_login(call.path("username")).ok_or_else(Refusal::not_found)?.id;
    let repository = state.repository(id);
    let known = repository.collaborators.contains_key(&user)
        || repository.owner == user
        || state.organization(repository.owner).is_some_and(|org| org.active(user).is_some());
    if known { Ok(Reply::no_content()) } else { Err(Refusal::not_found()) }
}

fn permission(state: &mut State, call: &Call) -> Answer {
    let id = state.enter(call, METADATA)?;
    state.actor(&call.caller)?;
    let username = call.path("username");
    let user = state.account_by_login(username);
    let user = user.ok_or_else(|| Refusal::new(404, &format!("{username} is not a user")))?.id;
    let permission = state.permission(user, id);
    let mut json = state.user_json(user);
    json["permissions"] = json!({
        "admin": permission >= Permission::Admin,
        "maintain": permission >= Permission::Maintain,
        "push": permission >= Permission::Write,
        "triage": permission >= Permission::Triage,
        "pull": permission >= Permission::Read,
    });
    json["role_name"] = json!(permission.role_name());
    Ok(Reply::ok(json!({
        "permission": permission.legacy_name(),
        "role_name": permission.role_name(),
        "user": json,
    })))
}
