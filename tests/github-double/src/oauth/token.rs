//! The token endpoint: codes, refresh tokens and device codes against tokens. Errors come with status 200.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{Fields, device, error};
use crate::http::pipeline::Received;
use crate::ids::{AppId, RepositoryId};
use crate::state::State;
use crate::state::oauth::{ACCESS_LIFE, Grant, REFRESH_LIFE};

const KNOWN: [&str; 9] = [
    "client_id",
    "client_secret",
    "code",
    "redirect_uri",
    "code_verifier",
    "repository_id",
    "grant_type",
    "refresh_token",
    "device_code",
];

/// `POST /login/oauth/access_token`
pub(super) fn exchange(state: &mut State, received: &Received, fields: &Fields) -> Value {
    fields.only(state, "/login/oauth/access_token", &KNOWN);
    // GitHub still takes them there; a secret in an address ends in somebody's log.
    if !received.query.is_empty() {
        state.violation("/login/oauth/access_token: credentials in the address".to_owned());
    }
    let answer = match fields.get("grant_type") {
        None | Some("authorization_code") => by_code(state, fields),
        Some("refresh_token") => by_refresh_token(state, fields),
        Some("urn:ietf:params:oauth:grant-type:device_code") => device::poll(state, fields),
        Some(_) => error("unsupported_grant_type", "The grant_type is not supported."),
    };
    if let Some(name) = answer["error"].as_str() {
        let line = format!("   the token endpoint refuses: {name}");
        state.tell(line);
    }
    answer
}

/// What a grant looks like in an answer.
pub(super) fn granted(grant: &Grant) -> Value {
    let mut answer = json!({ "access_token": grant.access_token });
    if let Some(refresh_token) = &grant.refresh_token {
        answer["expires_in"] = json!(ACCESS_LIFE.num_seconds());
        answer["refresh_token"] = json!(refresh_token);
        answer["refresh_token_expires_in"] = json!(REFRESH_LIFE.num_seconds());
    }
    answer["scope"] = json!("");
    answer["token_type"] = json!("bearer");
    answer
}

fn client(state: &State, fields: &Fields) -> Option<AppId> {
    let id = state.app_by_client_id(fields.get("client_id")?)?;
    (state.app(id).client_secret == fields.get("client_secret")?).then_some(id)
}

fn bad_client() -> Value {
    error("incorrect_client_credentials", "The client_id and/or client_secret passed are incorrect.")
}

fn by_code(state: &mut State, fields: &Fields) -> Value {
    let Some(app) = client(state, fields) else { return bad_client() };
    let bad_code = || error("bad_verification_code", "The code passed is incorrect or expired.");
    // Taken out first: a code is good for one try.
    let now = state.now();
    let code = fields.get("code").and_then(|code| state.oauth.codes.remove(code));
    let Some(code) = code.filter(|code| code.app == app && now < code.expires_at) else { return bad_code() };
    let redirect_uri = fields.get("redirect_uri");
    if redirect_uri.is_some_and(|uri| code.redirect_uri.as_deref().is_some_and(|asked| asked != uri)) {
        let text = "The redirect_uri MUST match the registered callback URL for this application.";
        return error("redirect_uri_mismatch", text);
    }
    // A verifier without a challenge is a downgrade that somebody slipped in: refused like a wrong one.
    let challenge = fields.get("code_verifier").map(|verifier| {
        let digest = ring::digest::digest(&ring::digest::SHA256, verifier.as_bytes());
        URL_SAFE_NO_PAD.encode(digest)
    });
    if challenge != code.challenge {
        return bad_code();
    }
    let repository = match fields.get("repository_id") {
        None => None,
        Some(text) => match text.parse().map(RepositoryId) {
            Ok(id) if state.repositories.contains_key(&id) => Some(id),
            _ => return error("invalid_repository", "The repository_id is not one of the user's."),
        },
    };
    let grant = state.grant(State::user_bearer(code.user, app, repository), false);
    granted(&grant)
}

/// The old refresh token and the old access token die, also when the answer never arrives.
fn by_refresh_token(state: &mut State, fields: &Fields) -> Value {
    let Some(app) = fields.get("client_id").and_then(|id| state.app_by_client_id(id)) else {
        return bad_client();
    };
    let text = fields.get("refresh_token").unwrap_or_default();
    let now = state.now();
    let known = state.oauth.refresh_tokens.get(text);
    let Some(refresh) = known.filter(|refresh| refresh.bearer.app == app && now < refresh.expires_at) else {
        return error("bad_refresh_token", "The refresh token passed is incorrect or expired.");
    };
    let refresh = refresh.clone();
    if !refresh.is_device && client(state, fields) != Some(app) {
        return bad_client();
    }
    state.oauth.refresh_tokens.remove(text);
    state.kill_token(&refresh.access_token);
    let grant = state.grant(refresh.bearer, refresh.is_device);
    granted(&grant)
}
