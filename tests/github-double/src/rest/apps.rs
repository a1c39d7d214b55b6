//! Apps and installations: <https://docs.github.com/en/rest/apps/apps>.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::clock::stamp;
use crate::http::auth::Caller;
use crate::http::call::Call;
use crate::http::reply::{Answer, Refusal, Reply};
use crate::http::route::{Route, delete, get, post};
use crate::ids::{AccountId, AppId, InstallationId, RepositoryId};
use crate::json::permissions;
use crate::state::State;
use crate::state::app::{Access, Installation, Permissions};
use crate::state::token::{Bearer, InstallationBearer};

pub(crate) const ROUTES: &[Route] = &[
    get("/app", get_app),
    get("/app/installations", list),
    get("/app/installations/{installation_id}", get_installation),
    post("/app/installations/{installation_id}/access_tokens", create_token),
    get("/repos/{owner}/{repo}/installation", of_repository),
    get("/orgs/{org}/installation", of_organization),
    get("/users/{username}/installation", of_user),
    get("/installation/repositories", repositories),
    delete("/installation/token", revoke_token),
];

/// The App, if the caller is one by JWT: nothing else will do here.
pub(super) fn app(call: &Call) -> Result<AppId, Refusal> {
    match call.caller {
        Caller::App(app) => Ok(app),
        _ => Err(Refusal::new(401, "A JSON web token could not be decoded")),
    }
}

fn get_app(state: &mut State, call: &Call) -> Answer {
    let app = app(call)?;
    let mut json = state.app_json(app);
    json["installations_count"] = json!(state.installations.values().filter(|i| i.app == app).count());
    Ok(Reply::ok(json))
}

fn list(state: &mut State, call: &Call) -> Answer {
    let app = app(call)?;
    let mine = state.installations.values().filter(|installation| installation.app == app);
    Ok(call.page(mine.map(|installation| state.installation_json(installation)).collect()))
}

fn get_installation(state: &mut State, call: &Call) -> Answer {
    let id = installation(state, call)?;
    Ok(Reply::ok(state.installation_json(&state.installations[&id])))
}

/// The App's own installation that the path names.
fn installation(state: &State, call: &Call) -> Result<InstallationId, Refusal> {
    let app = app(call)?;
    let id = InstallationId(call.number("installation_id")?);
    match state.installations.get(&id) {
        Some(installation) if installation.app == app => Ok(id),
        _ => Err(Refusal::not_found()),
    }
}

fn of_repository(state: &mut State, call: &Call) -> Answer {
    let app = app(call)?;
    let repository = state.repository_by_name(call.path("owner"), call.path("repo"));
    let id = repository.ok_or_else(Refusal::not_found)?.id;
    let installation = state.installation_on(app, id).ok_or_else(Refusal::not_found)?;
    Ok(Reply::ok(state.installation_json(installation)))
}

fn of_organization(state: &mut State, call: &Call) -> Answer {
    let account = state.account_by_login(call.path("org")).filter(|account| account.organization().is_some());
    let account = account.map(|account| account.id);
    on_account(state, call, account)
}

fn of_user(state: &mut State, call: &Call) -> Answer {
    let account =
        state.account_by_login(call.path("username")).filter(|account| account.organization().is_none());
    let account = account.map(|account| account.id);
    on_account(state, call, account)
}

fn on_account(state: &State, call: &Call, account: Option<AccountId>) -> Answer {
    let app = app(call)?;
    let account = account.ok_or_else(Refusal::not_found)?;
    let found = state.installations.values().find(|i| i.app == app && i.account == account);
    let installation = found.ok_or_else(Refusal::not_found)?;
    Ok(Reply::ok(state.installation_json(installation)))
}

fn create_token(state: &mut State, call: &Call) -> Answer {
    let id = installation(state, call)?;
    let installation = &state.installations[&id];
    if installation.suspended.is_some() {
        return Err(Refusal::new(403, "This installation has been suspended"));
    }
    let narrowed = narrowed_repositories(state, installation, &call.body)?;
    let permissions_asked = narrowed_permissions(installation, &call.body["permissions"])?;
    let granted = permissions_asked.clone().unwrap_or_else(|| installation.permissions.clone());
    let everything = installation.selected.is_none() && narrowed.is_none();
    let repositories: Option<Vec<Value>> = narrowed
        .as_ref()
        .map(|some| some.iter().map(|repository| state.repository_json(*repository)).collect());
    let expires_at = state.now() + TimeDelta::hours(1);
    let bearer =
        InstallationBearer { installation: id, repositories: narrowed, permissions: permissions_asked };
    let token = state.issue_token("ghs_", Bearer::Installation(bearer), Some(expires_at));
    let mut json = json!({
        "token": token,
        "expires_at": stamp(expires_at),
        "permissions": permissions(&granted),
        "repository_selection": if everything { "all" } else { "selected" },
    });
    if let Some(repositories) = repositories {
        json["repositories"] = json!(repositories);
    }
    Ok(Reply::new(201, json))
}

/// `repositories` (names) and `repository_ids`: at most 500, all of them covered.
fn narrowed_repositories(
    state: &State,
    installation: &Installation,
    body: &Value,
) -> Result<Option<BTreeSet<RepositoryId>>, Refusal> {
    let none_such = || {
        let text = "There is at least one repository that does not exist or is not accessible to the parent installation.";
        Refusal::new(422, text)
    };
    let names = body["repositories"].as_array();
    let ids = body["repository_ids"].as_array();
    if names.is_none() && ids.is_none() {
        return Ok(None);
    }
    let owner = state.login(installation.account);
    let mut some = BTreeSet::new();
    for name in names.into_iter().flatten() {
        let repository = name.as_str().and_then(|name| state.repository_by_name(owner, name));
        some.insert(repository.ok_or_else(none_such)?.id);
    }
    for id in ids.into_iter().flatten() {
        some.insert(RepositoryId(id.as_u64().ok_or_else(none_such)?));
    }
    let covered = |id| state.repositories.get(id).is_some_and(|repository| installation.covers(repository));
    if some.is_empty() || some.len() > 500 || !some.iter().all(covered) {
        return Err(none_such());
    }
    Ok(Some(some))
}

fn narrowed_permissions(installation: &Installation, asked: &Value) -> Result<Option<Permissions>, Refusal> {
    let Some(asked) = asked.as_object() else { return Ok(None) };
    let too_much = || Refusal::new(422, "The permissions requested are not granted to this installation.");
    let mut permissions = Permissions::new();
    for (name, access) in asked {
        let access = access.as_str().and_then(Access::parse).ok_or_else(too_much)?;
        if installation.permissions.get(name).is_none_or(|granted| access > *granted) {
            return Err(too_much());
        }
        permissions.insert(name.clone(), access);
    }
    // GitHub adds metadata:read to whatever is asked for.
    permissions.entry("metadata".to_owned()).or_insert(Access::Read);
    Ok(Some(permissions))
}

fn repositories(state: &mut State, call: &Call) -> Answer {
    let Caller::Installation(_) = &call.caller else {
        return Err(Refusal::new(
            403,
            "You must authenticate with an installation access token in order to list repositories for an installation.",
        ));
    };
    let covered: Vec<Value> = state
        .repositories
        .values()
        .filter(|repository| state.reaches(&call.caller, repository.id))
        .map(|repository| state.repository_json(repository.id))
        .collect();
    let total = covered.len();
    Ok(call.page_in(covered, |page| json!({ "total_count": total, "repositories": page })))
}

fn revoke_token(state: &mut State, call: &Call) -> Answer {
    match &call.caller {
        Caller::Installation(bearer) => {
            let token = bearer.clone();
            state.tokens.retain(|_, known| match &known.bearer {
                Bearer::Installation(other) => *other != token,
                Bearer::User(_) | Bearer::Personal(_) => true,
            });
            Ok(Reply::no_content())
        }
        _ => Err(Refusal::new(401, "Bad credentials")),
    }
}
