//! `GET /api/v1/deliveries` and `POST /api/v1/deliveries/{guid}/attempts`: what GitHub sent, what came of it here, and
//! asking for one again. For administrators.

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use chrono::{DateTime, TimeDelta, Utc};
use deputy_core::ids::{DeliveryId, EventName};
use deputy_core::ports::{DeliveryAttempt, GitHubError, Known, Stage};
use deputy_core::redelivery::{Asked, Overview, Redelivery, RedeliveryError};
use serde::{Deserialize, Serialize};

use super::answer::{refuse, tell};
use crate::auth::{Auth, Trouble};
use crate::problem::Problem;

const LIST_PATH: &str = "/api/v1/deliveries";
const ATTEMPTS_PATH: &str = "/api/v1/deliveries/{guid}/attempts";

/// Events looked at, unless the request says otherwise, and at most.
const LIMIT: usize = 100;
const MOST: usize = 1000;
/// How far back the list goes, unless the request says otherwise.
const LOOK_BACK: TimeDelta = TimeDelta::days(1);

/// What operating deliveries stands on.
struct Operations {
    auth: Arc<Auth>,
    redelivery: Arc<Redelivery>,
}

/// Which deliveries to list. All conditions must hold.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Filter {
    /// Only what is not handled here and will not be: never accepted, or a dead letter.
    #[serde(default)]
    failed: bool,
    /// Only of this event, such as `push`.
    event: Option<String>,
    /// Sent at or after this, RFC 3339; a day ago if nothing is said. GitHub keeps three days.
    since: Option<DateTime<Utc>>,
    /// At most so many; 100 if nothing is said, 1,000 at most.
    limit: Option<usize>,
}

#[derive(Serialize)]
struct List<'a> {
    deliveries: Vec<Row<'a>>,
    /// Whether there are older ones that the limit left out.
    more: bool,
}

/// One event: GitHub's side, and ours.
#[derive(Serialize)]
struct Row<'a> {
    guid: String,
    event: &'a str,
    action: Option<&'a str>,
    installation: Option<u64>,
    first_at: DateTime<Utc>,
    attempts: usize,
    last: Last<'a>,
    /// `unknown`: our inbox never saw it; `accepted`: on its way to handlers; `handled`; `dead`: some handler gave it
    /// up.
    state: &'static str,
    received_at: Option<DateTime<Utc>>,
    /// The handlers that gave it up.
    dead: &'a [String],
}

/// The newest attempt, in GitHub's words.
#[derive(Serialize)]
struct Last<'a> {
    id: u64,
    delivered_at: DateTime<Utc>,
    redelivery: bool,
    /// 0 where nothing answered.
    status_code: u16,
    status: &'a str,
}

#[derive(Serialize)]
struct Redelivered<'a> {
    guid: String,
    event: &'a str,
    /// The attempt that is repeated.
    attempt: u64,
}

/// The API, to be merged into [`crate::router`]. `None` where nobody has set up logging in: then it says so.
pub fn deliveries(operations: Option<(Arc<Auth>, Arc<Redelivery>)>) -> Router {
    let Some((auth, redelivery)) = operations else {
        return super::not_configured(&[LIST_PATH, ATTEMPTS_PATH]);
    };
    Router::new()
        .route(LIST_PATH, get(list))
        .route(ATTEMPTS_PATH, post(redeliver))
        .method_not_allowed_fallback(async || Problem::MethodNotAllowed)
        .with_state(Arc::new(Operations { auth, redelivery }))
}

async fn list(
    State(operations): State<Arc<Operations>>,
    headers: HeaderMap,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Response {
    if let Err(trouble) = operations.auth.administrator(&headers).await {
        return refuse(&trouble);
    }
    let Ok(Query(filter)) = filter else { return refuse(&Trouble::Malformed) };
    operations.list(&filter).await.unwrap_or_else(|trouble| refuse(&trouble))
}

async fn redeliver(
    State(operations): State<Arc<Operations>>,
    headers: HeaderMap,
    Path(guid): Path<String>,
) -> Response {
    let session = match operations.auth.administrator(&headers).await {
        Ok(session) => session,
        Err(trouble) => return refuse(&trouble),
    };
    let Ok(id) = guid.parse() else { return refuse(&Trouble::Malformed) };
    tracing::info!(user = %session.user, login = session.login, delivery = %id, "an administrator asks for a redelivery");
    operations.redeliver(id).await.unwrap_or_else(|trouble| refuse(&trouble))
}

impl Operations {
    async fn list(&self, filter: &Filter) -> Result<Response, Trouble> {
        let since = filter.since.unwrap_or_else(|| self.auth.ports.clock.now() - LOOK_BACK);
        let event: Option<EventName> = match &filter.event {
            Some(event) => Some(event.parse().map_err(|_| Trouble::Malformed)?),
            None => None,
        };
        let limit = filter.limit.unwrap_or(LIMIT).min(MOST);
        // What is filtered out has to be read, too.
        let filters = filter.failed || event.is_some();
        let overviews = self.redelivery.overview(since, (!filters).then_some(limit)).await?;
        let wanted = |overview: &&Overview| {
            event.as_ref().is_none_or(|event| *event == overview.newest.event)
                && (!filter.failed || has_failed(overview.known.as_ref()))
        };
        let rows = overviews.deliveries.iter().filter(wanted).map(row);
        let mut rows: Vec<Row<'_>> = rows.take(limit + 1).collect();
        let more = rows.len() > limit || !overviews.is_whole;
        rows.truncate(limit);
        Ok(tell(List { deliveries: rows, more }))
    }

    async fn redeliver(&self, id: DeliveryId) -> Result<Response, Trouble> {
        match self.redelivery.redeliver(id).await? {
            Asked::Redelivered(DeliveryAttempt { id: attempt, event, .. }) => {
                let body = tell(Redelivered { guid: id.to_string(), event: event.as_str(), attempt });
                Ok((StatusCode::ACCEPTED, body).into_response())
            }
            Asked::AlreadyKnown(Known { stage: Stage::Dead(handlers), .. }) => {
                Err(Trouble::DeadLetter(handlers))
            }
            Asked::AlreadyKnown(_) => Err(Trouble::AlreadyAccepted),
            Asked::Unknown => Err(Trouble::UnknownDelivery),
        }
    }
}

fn has_failed(known: Option<&Known>) -> bool {
    known.is_none_or(|known| matches!(known.stage, Stage::Dead(_)))
}

fn row(overview: &Overview) -> Row<'_> {
    let Overview { newest, first_at, attempts, known } = overview;
    let (state, dead): (_, &[String]) = match known.as_ref().map(|known| &known.stage) {
        None => ("unknown", &[]),
        Some(Stage::Accepted) => ("accepted", &[]),
        Some(Stage::Handled) => ("handled", &[]),
        Some(Stage::Dead(handlers)) => ("dead", handlers),
    };
    Row {
        guid: newest.delivery.to_string(),
        event: newest.event.as_str(),
        action: newest.action.as_deref(),
        installation: newest.installation.map(|id| id.0),
        first_at: *first_at,
        attempts: *attempts,
        last: Last {
            id: newest.id,
            delivered_at: newest.delivered_at,
            redelivery: newest.is_redelivery,
            status_code: newest.status_code,
            status: &newest.status,
        },
        state,
        received_at: known.as_ref().map(|known| known.received_at),
        dead,
    }
}

impl From<RedeliveryError> for Trouble {
    fn from(error: RedeliveryError) -> Self {
        match error {
            RedeliveryError::GitHub(error @ GitHubError::Unauthorized(_)) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "GitHub does not accept the App's key"
                );
                Self::BadKey
            }
            RedeliveryError::GitHub(error) => error.into(),
            RedeliveryError::Inbox(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "The inbox cannot be asked about deliveries."
                );
                Self::StoreAway
            }
        }
    }
}
