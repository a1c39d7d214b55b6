//! Installations that a person sees through an App:
//! <https://docs.github.com/en/rest/apps/installations>. User access tokens only.

use serde_json::{Value, json};

use crate::http::auth::Caller;
use crate::http::call::Call;
use crate::http::reply::{Answer, Refusal};
use crate::http::route::{Route, get};
use crate::ids::{AccountId, InstallationId};
use crate::state::State;
use crate::state::app::Installation;
use crate::state::repository::Permission;
use crate::state::token::UserBearer;

pub(crate) const ROUTES: &[Route] = &[
    get("/user/installations", list),
    get("/user/installations/{installation_id}/repositories", repositories),
];

fn bearer(call: &Call) -> Result<&UserBearer, Refusal> {
    match &call.caller {
        Caller::User(bearer) => Ok(bearer),
        _ => Err(Refusal::new(
            403,
            "You must authenticate with an access token authorized to a GitHub App in order to list installations",
        )),
    }
}

fn list(state: &mut State, call: &Call) -> Answer {
    let bearer = bearer(call)?;
    let seen: Vec<Value> = state
        .installations
        .values()
        .filter(|i| i.app == bearer.app && !reached(state, i, bearer.user).is_empty())
        .map(|installation| state.installation_json(installation))
        .collect();
    let total = seen.len();
    Ok(call.page_in(seen, |page| json!({ "total_count": total, "installations": page })))
}

fn repositories(state: &mut State, call: &Call) -> Answer {
    let bearer = bearer(call)?;
    let id = InstallationId(call.number("installation_id")?);
    let installation = state.installations.get(&id).filter(|installation| installation.app == bearer.app);
    let seen = reached(state, installation.ok_or_else(Refusal::not_found)?, bearer.user);
    if seen.is_empty() {
        return Err(Refusal::not_found());
    }
    let total = seen.len();
    Ok(call.page_in(seen, |page| json!({ "total_count": total, "repositories": page })))
}

/// The repositories that both the person and the installation reach.
fn reached(state: &State, installation: &Installation, user: AccountId) -> Vec<Value> {
    let both = state.repositories.values().filter(|repository| {
        installation.covers(repository) && state.permission(user, repository.id) >= Permission::Read
    });
    both.map(|repository| state.repository_json(repository.id)).collect()
}
