//! Deputy's own JSON API, for terminals: logging in with a code, sessions, and what administrators may do.
//!
//! Every request but those of a login carries `Authorization: Bearer` with a session. No cookie counts here, so
//! that no other site can make a browser ask.

mod answer;
mod credentials;
mod deliveries;
mod device;
mod polls;
mod session;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{MethodRouter, any, get, post};

use self::answer::refuse;
pub use self::credentials::credentials_router;
pub use self::deliveries::deliveries;
pub(crate) use self::polls::Polls;
use crate::auth::{Auth, Trouble};
use crate::problem::Problem;

const DEVICE_PATH: &str = "/api/v1/device";
const POLL_PATH: &str = "/api/v1/device/poll";
const WHOAMI_PATH: &str = "/api/v1/whoami";
const LOGOUT_PATH: &str = "/api/v1/logout";

/// More than any request here needs.
const LARGEST_BODY: usize = 4 * 1024;

/// The API, to be merged into [`crate::router`]. `None` where nobody has set up logging in: then it says so.
pub fn router(auth: Option<Arc<Auth>>) -> Router {
    let Some(auth) = auth else {
        return not_configured(&[DEVICE_PATH, POLL_PATH, WHOAMI_PATH, LOGOUT_PATH]);
    };
    Router::new()
        .route(DEVICE_PATH, post(device::begin))
        .route(POLL_PATH, post(device::poll))
        .route(WHOAMI_PATH, get(session::whoami))
        .route(LOGOUT_PATH, post(session::logout))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .method_not_allowed_fallback(async || Problem::MethodNotAllowed)
        .with_state(auth)
}

/// What these paths answer where nobody can log in.
fn not_configured(paths: &[&str]) -> Router {
    let refuse: MethodRouter = any(async || refuse(&Trouble::NotConfigured));
    paths.iter().fold(Router::new(), |router, path| router.route(path, refuse.clone()))
}
