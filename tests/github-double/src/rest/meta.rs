//! What GitHub says of itself and of the caller: meta, rate limit, user.

use serde_json::json;

use crate::http::auth::Caller;
use crate::http::call::Call;
use crate::http::pipeline::ENTERPRISE;
use crate::http::reply::{Answer, Refusal, Reply};
use crate::http::route::{Route, get};
use crate::state::State;

pub(crate) const ROUTES: &[Route] = &[
    get("/meta", meta),
    get("/rate_limit", rate_limit),
    get("/user", myself),
    get("/users/{username}", user),
];

#[expect(clippy::unnecessary_wraps, reason = "routes have one shape")]
fn meta(state: &mut State, _: &Call) -> Answer {
    let mut json = json!({
        "verifiable_password_authentication": false,
        "hooks": ["127.0.0.1/32"],
        "web": ["127.0.0.1/32"],
        "api": ["127.0.0.1/32"],
    });
    if state.is_enterprise {
        json["installed_version"] = json!(ENTERPRISE);
    }
    Ok(Reply::ok(json))
}

#[expect(clippy::unnecessary_wraps, reason = "routes have one shape")]
fn rate_limit(state: &mut State, call: &Call) -> Answer {
    let standing = state.standing(&call.caller);
    let core = json!({
        "limit": standing.limit,
        "used": standing.used,
        "remaining": standing.remaining(),
        "reset": standing.resets.timestamp(),
    });
    let search = json!({ "limit": 30, "used": 0, "remaining": 30, "reset": standing.resets.timestamp() });
    Ok(Reply::ok(json!({ "resources": { "core": core, "search": search }, "rate": core })))
}

/// The person behind the token; an App's own tokens have none.
fn myself(state: &mut State, call: &Call) -> Answer {
    match &call.caller {
        Caller::User(bearer) => Ok(Reply::ok(state.public_user_json(bearer.user))),
        Caller::Personal(user) => Ok(Reply::ok(state.public_user_json(*user))),
        Caller::Anonymous => Err(Refusal::new(401, "Requires authentication")),
        Caller::App(_) | Caller::Client(_) | Caller::Installation(_) => Err(Refusal::not_for_integration()),
    }
}

fn user(state: &mut State, call: &Call) -> Answer {
    let user = state.account_by_login(call.path("username")).ok_or_else(Refusal::not_found)?.id;
    Ok(Reply::ok(state.public_user_json(user)))
}
