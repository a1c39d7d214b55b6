//! An App looking after its users' tokens: <https://docs.github.com/en/rest/apps/oauth-applications>.
//! Basic authentication with client id and secret.

use serde_json::{Value, json};

use crate::clock::stamp;
use crate::http::auth::Caller;
use crate::http::call::Call;
use crate::http::reply::{Answer, Refusal, Reply};
use crate::http::route::{Route, delete, post};
use crate::ids::AppId;
use crate::state::State;
use crate::state::token::{Bearer, Token, UserBearer};

pub(crate) const ROUTES: &[Route] = &[
    post("/applications/{client_id}/token", check),
    delete("/applications/{client_id}/token", delete_token),
    delete("/applications/{client_id}/grant", delete_grant),
];

fn client(state: &State, call: &Call) -> Result<AppId, Refusal> {
    match call.caller {
        Caller::Client(app) if state.app(app).client_id == call.path("client_id") => Ok(app),
        _ => Err(Refusal::not_found()),
    }
}

/// The token that the body names, if it is a live one of this App.
fn named<'a>(state: &'a State, call: &'a Call) -> Result<(&'a str, &'a Token, &'a UserBearer), Refusal> {
    let app = client(state, call)?;
    let text = call.text("OauthAccess", "access_token")?;
    let token = state.live_token(text).ok_or_else(Refusal::not_found)?;
    match &token.bearer {
        Bearer::User(bearer) if bearer.app == app => Ok((text, token, bearer)),
        _ => Err(Refusal::not_found()),
    }
}

fn check(state: &mut State, call: &Call) -> Answer {
    let (text, token, bearer) = named(state, call)?;
    let app = state.app(bearer.app);
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    let installation: Option<Value> = None;
    Ok(Reply::ok(json!({
        "id": token.serial,
        "url": format!("{}/authorizations/{}", state.urls.api, token.serial),
        "scopes": [],
        "token": text,
        "token_last_eight": &text[text.len() - 8..],
        "hashed_token": crate::random::hex(digest.as_ref()),
        "app": {
            "client_id": app.client_id,
            "name": app.name,
            "url": format!("{}/apps/{}", state.urls.web, app.slug),
        },
        "note": null,
        "note_url": null,
        "created_at": stamp(token.issued_at),
        "updated_at": stamp(token.issued_at),
        "fingerprint": null,
        "expires_at": token.expires_at.map(stamp),
        "user": state.user_json(bearer.user),
        "installation": installation,
    })))
}

fn delete_token(state: &mut State, call: &Call) -> Answer {
    let text = named(state, call)?.0.to_owned();
    state.kill_token(&text);
    Ok(Reply::no_content())
}

/// Ends all of the person's tokens of this App, not only the one named.
fn delete_grant(state: &mut State, call: &Call) -> Answer {
    let (_, _, bearer) = named(state, call)?;
    let (user, app) = (bearer.user, bearer.app);
    state.revoke(user, app);
    Ok(Reply::no_content())
}
