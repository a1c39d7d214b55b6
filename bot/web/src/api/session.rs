//! `GET /api/v1/whoami` and `POST /api/v1/logout`: what a session is, and its end.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::response::Response;
use chrono::{DateTime, Utc};
use deputy_core::ports::Session;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::answer::{refuse, tell};
use crate::auth::{Auth, Trouble};

/// How long a terminal stays logged in: as long as people do not mind, much less than GitHub's own half year.
pub(super) const SESSION_LIFETIME: Duration = Duration::from_hours(30 * 24);

impl Auth {
    /// The session that a request carries as `Authorization: Bearer`. What every request of the API begins with.
    ///
    /// # Errors
    ///
    /// When there is none, or it does not hold (any more).
    pub async fn session(&self, headers: &HeaderMap) -> Result<Session, Trouble> {
        let token = bearer(headers).ok_or(Trouble::NoSession)?;
        self.ports.sessions.verify(&token).await?.ok_or(Trouble::SessionEnded)
    }

    /// The same, for what only administrators may do. The session stands for the person alone, so what they may is
    /// asked for at each request.
    ///
    /// # Errors
    ///
    /// Also when it is no administrator's, and when that cannot be found out.
    pub async fn administrator(&self, headers: &HeaderMap) -> Result<Session, Trouble> {
        let session = self.session(headers).await?;
        if let Err(error) = self.ports.administrators.check(session.user).await {
            tracing::warn!(user = %session.user, session = %session.id, %error, "not let in as an administrator");
            return Err(error.into());
        }
        Ok(session)
    }
}

fn bearer(headers: &HeaderMap) -> Option<SecretString> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().into())
}

#[derive(Serialize)]
struct Whoami<'a> {
    login: &'a str,
    user: u64,
    session: About<'a>,
}

#[derive(Serialize)]
struct About<'a> {
    id: u64,
    name: &'a str,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

pub(super) async fn whoami(State(auth): State<Arc<Auth>>, headers: HeaderMap) -> Response {
    match auth.session(&headers).await {
        Ok(Session { id, user, login, name, created_at, expires_at, .. }) => tell(Whoami {
            login: &login,
            user: user.0,
            session: About { id: id.0, name: &name, created_at, expires_at },
        }),
        Err(trouble) => refuse(&trouble),
    }
}

/// Which sessions to end.
#[derive(Debug, Deserialize)]
pub(super) struct Logout {
    /// All of the person's, not only this one.
    #[serde(default)]
    everywhere: bool,
}

#[derive(Serialize)]
struct LoggedOut<'a> {
    login: &'a str,
    sessions: usize,
}

pub(super) async fn logout(
    State(auth): State<Arc<Auth>>,
    headers: HeaderMap,
    logout: Result<Json<Logout>, JsonRejection>,
) -> Response {
    let Ok(Json(Logout { everywhere })) = logout else { return refuse(&Trouble::Malformed) };
    auth.log_out(&headers, everywhere).await.unwrap_or_else(|trouble| refuse(&trouble))
}

impl Auth {
    async fn log_out(&self, headers: &HeaderMap, everywhere: bool) -> Result<Response, Trouble> {
        let Session { id, user, login, .. } = self.session(headers).await?;
        let sessions = if everywhere {
            self.ports.sessions.revoke_all(user).await?
        } else {
            usize::from(self.ports.sessions.revoke(user, id).await?)
        };
        tracing::info!(%user, login, session = %id, sessions, "a terminal logged out");
        Ok(tell(LoggedOut { login: &login, sessions }))
    }
}
