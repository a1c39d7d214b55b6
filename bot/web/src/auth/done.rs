//! `GET /auth/done`: the page after a login, at an address that holds neither code nor state.
//!
//! It can be reloaded, and nothing of the login is in the browser's history. A cookie names what it shows.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use deputy_core::ids::UserId;
use deputy_core::login::{LOGIN_PATH, Resumed};
use deputy_core::ports::{NONCE_LIFETIME, Purpose};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::cookie::Cookie;
use super::finish::Welcome;
use super::trouble::Trouble;
use super::{Auth, page};

const LOGIN_OUTCOME: Purpose = Purpose("login-outcome");

/// What the page shows.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Outcome {
    user: u64,
    login: String,
    /// Command, place and address of each.
    resumed: Vec<(String, String, String)>,
    return_to: Option<String>,
}

impl Outcome {
    pub(super) fn of(welcome: &Welcome, return_to: Option<&str>) -> Self {
        let resumed = welcome.resumed.iter().cloned();
        Self {
            user: welcome.user.0,
            login: welcome.login.clone(),
            resumed: resumed.map(|Resumed { command, place, html_url }| (command, place, html_url)).collect(),
            return_to: return_to.map(str::to_owned),
        }
    }
}

pub(super) async fn done(State(auth): State<Arc<Auth>>, headers: HeaderMap) -> Response {
    match auth.outcome(&headers).await {
        Ok(Outcome { user, login, resumed, return_to }) => {
            let resumed = resumed.into_iter();
            let resumed = resumed.map(|(command, place, html_url)| Resumed { command, place, html_url }).collect();
            page::welcome(&Welcome { user: UserId(user), login, resumed }, return_to.as_deref())
        }
        Err(trouble) => page::trouble(&trouble, LOGIN_PATH),
    }
}

impl Auth {
    pub(super) async fn keep_outcome(&self, outcome: &Outcome) -> Result<SecretString, Trouble> {
        let json = serde_json::to_string(outcome).unwrap_or_default();
        Ok(self.ports.nonces.put(LOGIN_OUTCOME, json.into(), NONCE_LIFETIME).await?)
    }

    async fn outcome(&self, headers: &HeaderMap) -> Result<Outcome, Trouble> {
        let token = self.jar.get(Cookie::Outcome, headers).ok_or(Trouble::NothingToShow)?;
        let kept = self.ports.nonces.look(LOGIN_OUTCOME, &token).await?.ok_or(Trouble::NothingToShow)?;
        serde_json::from_str(kept.expose_secret()).map_err(|_| Trouble::NothingToShow)
    }
}
