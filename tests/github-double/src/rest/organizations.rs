//! Organizations, their members and teams: <https://docs.github.com/en/rest/orgs/members>.

use serde_json::json;

use crate::http::auth::Caller;
use crate::http::call::Call;
use crate::http::reply::{Answer, Refusal, Reply};
use crate::http::route::{Route, get};
use crate::ids::AccountId;
use crate::state::State;

pub(crate) const ROUTES: &[Route] = &[
    get("/orgs/{org}/members/{username}", is_member),
    get("/orgs/{org}/memberships/{username}", membership),
    get("/orgs/{org}/teams/{team_slug}/memberships/{username}", team_membership),
];

fn organization(state: &State, call: &Call) -> Result<AccountId, Refusal> {
    let account = state.account_by_login(call.path("org"));
    account
        .filter(|account| account.organization().is_some())
        .map(|account| account.id)
        .ok_or_else(Refusal::not_found)
}

fn person(state: &State, call: &Call) -> Result<AccountId, Refusal> {
    state.account_by_login(call.path("username")).map(|account| account.id).ok_or_else(Refusal::not_found)
}

/// 204 if so, 404 if not; 302 to the public members for an asker who is no member.
fn is_member(state: &mut State, call: &Call) -> Answer {
    let org = organization(state, call)?;
    let asker_is_member = match state.allow_members(&call.caller, org) {
        Ok(()) => true,
        Err(refusal) if refusal.status == 404 => false,
        Err(refusal) => match call.caller {
            // An App without the permission is told as a stranger is.
            Caller::Installation(_) | Caller::User(_) => return Err(refusal),
            _ => false,
        },
    };
    if !asker_is_member {
        let location =
            format!("{}/orgs/{}/public_members/{}", state.urls.api, call.path("org"), call.path("username"));
        return Ok(Reply::empty(302).with_header("location", location));
    }
    let user = person(state, call)?;
    let known = state.organization(org).is_some_and(|org| org.active(user).is_some());
    if known {
        return Ok(Reply::no_content());
    }
    let text = format!("User does not exist or is not a member of the organization {}", call.path("org"));
    Err(Refusal::new(404, &text))
}

fn membership(state: &mut State, call: &Call) -> Answer {
    let org = organization(state, call)?;
    state.allow_members(&call.caller, org)?;
    let user = person(state, call)?;
    state.org_membership_json(org, user).map(Reply::ok).ok_or_else(Refusal::not_found)
}

fn team_membership(state: &mut State, call: &Call) -> Answer {
    let org = organization(state, call)?;
    state.allow_members(&call.caller, org)?;
    let user = person(state, call)?;
    let team = state.organization(org).and_then(|org| org.teams.get(call.path("team_slug")));
    let team = team.ok_or_else(Refusal::not_found)?;
    let maintains = team.members.get(&user).ok_or_else(Refusal::not_found)?;
    let url =
        format!("{}/organizations/{org}/team/{}/memberships/{}", state.urls.api, team.id, state.login(user));
    let role = if *maintains { "maintainer" } else { "member" };
    Ok(Reply::ok(json!({ "url": url, "role": role, "state": "active" })))
}
