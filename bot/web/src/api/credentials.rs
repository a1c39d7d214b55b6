//! `GET /api/v1/installations`, `POST /api/v1/tokens`, `POST /api/v1/tokens/app` and
//! `GET /api/v1/audit`: the Apps' credentials, for administrators, and who was given which.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{MethodRouter, any, get, post};
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use deputy_core::ids::InstallationId;
use deputy_core::ports::{Audit, Session};
use deputy_github::app::Scope;
use deputy_github::client::{Reading, Readings};
use deputy_github::credentials::{Asker, Credentials, Known, Of, Order, VendError, Vended};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};

use super::answer::{refuse, refuse_with, tell};
use crate::auth::{Auth, Trouble};
use crate::problem::Problem;

const INSTALLATIONS_PATH: &str = "/api/v1/installations";
const TOKENS_PATH: &str = "/api/v1/tokens";
const APP_TOKENS_PATH: &str = "/api/v1/tokens/app";
const AUDIT_PATH: &str = "/api/v1/audit";

/// Room for the names of the 500 repositories that GitHub takes.
const LARGEST_BODY: usize = 64 * 1024;
/// Lines of the audit log, unless the request says otherwise, and at most.
const LINES: usize = 100;
const MOST_LINES: usize = 1000;

struct Desk {
    auth: Arc<Auth>,
    credentials: Arc<Credentials>,
    audit: Arc<dyn Audit>,
}

/// To be merged into [`crate::router`]. Where nobody has set up logging in, nobody is an administrator, and it says so.
pub fn credentials_router(
    auth: Option<Arc<Auth>>,
    credentials: Arc<Credentials>,
    audit: Arc<dyn Audit>,
) -> Router {
    let Some(auth) = auth else {
        let refuse: MethodRouter = any(async || refuse(&Trouble::NotConfigured));
        return [INSTALLATIONS_PATH, TOKENS_PATH, APP_TOKENS_PATH, AUDIT_PATH]
            .into_iter()
            .fold(Router::new(), |router, path| router.route(path, refuse.clone()));
    };
    Router::new()
        .route(INSTALLATIONS_PATH, get(installations))
        .route(TOKENS_PATH, post(installation_token))
        .route(APP_TOKENS_PATH, post(app_token))
        .route(AUDIT_PATH, get(audit_lines))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .method_not_allowed_fallback(async || Problem::MethodNotAllowed)
        .with_state(Arc::new(Desk { auth, credentials, audit }))
}

/// Which installations to list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Filter {
    /// Of this App; of all without it.
    app: Option<String>,
}

/// An installation in a list.
#[derive(Serialize)]
struct InstallationRow<'a> {
    app: &'a str,
    installation: InstallationId,
    owner: &'a str,
    /// `all` or `selected`.
    repositories: &'a str,
    permissions: &'a BTreeMap<String, String>,
    suspended_at: Option<DateTime<Utc>>,
    rate_limits: BTreeMap<&'static str, Hour>,
}

#[derive(Serialize)]
struct Hour {
    limit: u32,
    remaining: u32,
    reset: DateTime<Utc>,
}

impl<'a> InstallationRow<'a> {
    fn of(known: &'a Known) -> Self {
        let Known { app, installation, limits } = known;
        Self {
            app,
            installation: installation.id,
            owner: &installation.account.login,
            repositories: &installation.repository_selection,
            permissions: &installation.permissions,
            suspended_at: installation.suspended_at,
            rate_limits: rate_limits(*limits),
        }
    }
}

fn rate_limits(readings: Readings) -> BTreeMap<&'static str, Hour> {
    let hour = |Reading { limit, remaining, reset }| Hour { limit, remaining, reset };
    readings.each().map(|(resource, reading)| (resource, hour(reading))).collect()
}

async fn installations(
    State(desk): State<Arc<Desk>>,
    headers: HeaderMap,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Response {
    if let Err(trouble) = desk.auth.administrator(&headers).await {
        return refuse(&trouble);
    }
    let Ok(Query(Filter { app })) = filter else {
        return malformed("The query takes `app` and nothing else.");
    };
    match desk.credentials.installations(app.as_deref()) {
        Ok(known) => {
            let rows: Vec<_> = known.iter().map(InstallationRow::of).collect();
            tell(serde_json::json!({ "installations": rows }))
        }
        Err(error) => refuse_order(error),
    }
}

/// A token of an installation: of `owner`, or of `installation`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    app: Option<String>,
    owner: Option<String>,
    installation: Option<InstallationId>,
    /// Names without their owner. Without any, all that the installation has.
    #[serde(default)]
    repositories: BTreeSet<String>,
    /// `contents` → `read`. Without any, all that the installation has.
    #[serde(default)]
    permissions: BTreeMap<String, String>,
}

/// A credential, as it is handed out.
#[derive(Serialize)]
struct HandedOut<'a> {
    token: &'a str,
    expires_at: DateTime<Utc>,
    app: &'a str,
    credential: &'a deputy_core::ports::Credential,
    token_sha256: &'a str,
}

async fn installation_token(
    State(desk): State<Arc<Desk>>,
    headers: HeaderMap,
    wanted: Result<Json<Wanted>, JsonRejection>,
) -> Response {
    let asker = match desk.auth.administrator(&headers).await {
        Ok(session) => asker(session),
        Err(trouble) => return refuse(&trouble),
    };
    let Ok(Json(Wanted { app, owner, installation, repositories, permissions })) = wanted else {
        return malformed(ORDER);
    };
    let of = match (owner, installation) {
        (Some(owner), None) => Of::Owner(owner),
        (None, Some(installation)) => Of::Installation(installation),
        _ => return malformed(ORDER),
    };
    let order = Order { app, of, scope: Scope { repositories, permissions } };
    hand_out(desk.credentials.installation_token(&asker, &order).await)
}

/// A JWT of an App itself.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedApp {
    app: Option<String>,
}

async fn app_token(
    State(desk): State<Arc<Desk>>,
    headers: HeaderMap,
    wanted: Result<Json<WantedApp>, JsonRejection>,
) -> Response {
    let asker = match desk.auth.administrator(&headers).await {
        Ok(session) => asker(session),
        Err(trouble) => return refuse(&trouble),
    };
    let Ok(Json(WantedApp { app })) = wanted else { return malformed("Send {}, or {\"app\": \"NAME\"}.") };
    hand_out(desk.credentials.app_token(&asker, app.as_deref()).await)
}

/// How many lines.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lines {
    limit: Option<usize>,
}

async fn audit_lines(
    State(desk): State<Arc<Desk>>,
    headers: HeaderMap,
    lines: Result<Query<Lines>, QueryRejection>,
) -> Response {
    if let Err(trouble) = desk.auth.administrator(&headers).await {
        return refuse(&trouble);
    }
    let Ok(Query(Lines { limit })) = lines else {
        return malformed("The query takes `limit` and nothing else.");
    };
    match desk.audit.newest(limit.unwrap_or(LINES).min(MOST_LINES)).await {
        Ok(entries) => tell(serde_json::json!({ "entries": entries })),
        Err(error) => refuse_order(error.into()),
    }
}

/// What an order for a token looks like.
const ORDER: &str = "Send {\"owner\": \"acme\"} or {\"installation\": 5}, and with it, if you like, \"app\", \
                     \"repositories\": [\"shop\"] and \"permissions\": {\"contents\": \"read\"}.";

fn malformed(what: &str) -> Response {
    refuse_with(StatusCode::BAD_REQUEST, Trouble::Malformed.code(), what, None)
}

fn asker(session: Session) -> Asker {
    Asker { user: session.user, login: session.login, session: session.id.0 }
}

fn hand_out(vended: Result<Vended, VendError>) -> Response {
    match vended {
        Ok(Vended { token, expires_at, app, credential, token_sha256 }) => tell(HandedOut {
            token: token.expose_secret(),
            expires_at,
            app: &app,
            credential: &credential,
            token_sha256: &token_sha256,
        }),
        Err(error) => refuse_order(error),
    }
}

/// `{"error": code, "message": what to do}` for an order that cannot be carried out.
fn refuse_order(error: VendError) -> Response {
    let sentence = |text: String| format!("{text}.");
    match error {
        VendError::UnknownApp { .. } => {
            refuse_with(StatusCode::NOT_FOUND, "unknown_app", &sentence(capital(&error.to_string())), None)
        }
        VendError::NotInstalled { .. } => {
            refuse_with(StatusCode::NOT_FOUND, "not_installed", &sentence(capital(&error.to_string())), None)
        }
        VendError::Refused(message) => refuse_with(
            StatusCode::UNPROCESSABLE_ENTITY,
            "refused_by_github",
            &format!("GitHub refuses: {message}"),
            None,
        ),
        VendError::Audit(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "the audit log cannot be used");
            let message = "The audit log cannot be used, and without a line in it no credential is handed out. Whoever runs \
                           this Deputy finds the cause in its log.";
            refuse_with(StatusCode::SERVICE_UNAVAILABLE, "audit_unavailable", message, Some(30))
        }
        VendError::GitHub(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "no credential could be had from GitHub"
            );
            let message = "GitHub cannot be asked, or does not accept the App's key. Try again in a few minutes; whoever runs \
                           this Deputy finds the cause in its log.";
            refuse_with(StatusCode::SERVICE_UNAVAILABLE, "github_unavailable", message, Some(30))
        }
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
