//! The device flow: a code on a screen, typed into a browser somewhere else.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{Fields, error, page};
use crate::http::reply::Reply;
use crate::random;
use crate::state::State;
use crate::state::oauth::{Decision, Device};

/// Seconds that a device code lives.
const LIFE: i64 = 900;
/// Seconds between two polls at first.
const INTERVAL: i64 = 5;

/// `POST /login/device/code`
pub(super) fn start(state: &mut State, fields: &Fields) -> Value {
    fields.only(state, "/login/device/code", &["client_id", "scope", "repository_id"]);
    let Some(app) = fields.get("client_id").and_then(|id| state.app_by_client_id(id)) else {
        return error("incorrect_client_credentials", "The client_id passed is incorrect.");
    };
    if !state.app(app).device_flow {
        return error("device_flow_disabled", "Device Flow must be explicitly enabled for this App");
    }
    let device_code = random::hex(&random::bytes(20));
    state.keep_secret(&device_code);
    let letters: Vec<char> = random::bytes(8).iter().map(|byte| char::from(b'A' + byte % 26)).collect();
    let user_code: String = letters[..4].iter().chain(&['-']).chain(&letters[4..]).collect();
    let interval = state.oauth.device_interval.unwrap_or(INTERVAL);
    let device = Device {
        app,
        user_code: user_code.clone(),
        expires_at: state.now() + TimeDelta::seconds(LIFE),
        interval,
        polled_at: None,
        decision: None,
    };
    state.oauth.devices.insert(device_code.clone(), device);
    json!({
        "device_code": device_code,
        "user_code": user_code,
        "verification_uri": format!("{}/login/device", state.urls.web),
        "expires_in": LIFE,
        "interval": interval,
    })
}

/// One poll at the token endpoint: the grant's parts, or why not yet.
pub(super) fn poll(state: &mut State, fields: &Fields) -> Value {
    let now = state.now();
    let Some(app) = fields.get("client_id").and_then(|id| state.app_by_client_id(id)) else {
        return error("incorrect_client_credentials", "The client_id passed is incorrect.");
    };
    let code = fields.get("device_code").unwrap_or_default().to_owned();
    let Some(device) = state.oauth.devices.get_mut(&code).filter(|device| device.app == app) else {
        return error("incorrect_device_code", "The device_code provided is not valid.");
    };
    if device.expires_at <= now {
        return error("expired_token", "The device_code has expired.");
    }
    let too_soon = device.polled_at.is_some_and(|last| now - last < TimeDelta::seconds(device.interval));
    device.polled_at = Some(now);
    if too_soon {
        device.interval += 5;
        let mut answer = error("slow_down", "Too many requests have been made in the same timeframe.");
        answer["interval"] = json!(device.interval);
        return answer;
    }
    match device.decision {
        None => error("authorization_pending", "The authorization request is still pending."),
        Some(Decision::Denied) => error("access_denied", "The authorization request was denied."),
        Some(Decision::Allowed(user)) => {
            state.oauth.devices.remove(&code);
            let grant = state.grant(State::user_bearer(user, app, None), true);
            super::token::granted(&grant)
        }
    }
}

/// `GET /login/device`
pub(super) fn ask(state: &State, fields: &Fields) -> Reply {
    let Some(code) = fields.get("user_code") else {
        return page::error(200, "Add ?user_code=XXXX-XXXX to the address");
    };
    let fields = [("user_code".to_owned(), code.to_owned())];
    let title = format!("Authorize device {code}");
    page::ask(
        state,
        &page::Question { title: &title, action: "/login/device", fields: &fields, can_deny: true },
    )
}

/// `POST /login/device`
pub(super) fn decide(state: &mut State, fields: &Fields) -> Reply {
    let decision = match (fields.get("deny"), fields.person(state)) {
        (Some(_), _) => Decision::Denied,
        (None, Some(user)) => Decision::Allowed(user),
        (None, None) => return page::error(422, "Who are you?"),
    };
    if state.decide_device(fields.get("user_code").unwrap_or_default(), decision) {
        page::say("Your device is now connected, or knows that it is not to be")
    } else {
        page::error(404, "No device shows this code")
    }
}

impl State {
    /// A person typed a device's code; false if no device shows it.
    pub(crate) fn decide_device(&mut self, user_code: &str, decision: Decision) -> bool {
        let now = self.now();
        let device =
            self.oauth.devices.values_mut().find(|device| device.user_code.eq_ignore_ascii_case(user_code));
        match device {
            Some(device) if device.expires_at > now => {
                device.decision = Some(decision);
                true
            }
            _ => false,
        }
    }
}
