//! Registering the App: a page on loopback with one button, and the way back from GitHub with the code.
//!
//! GitHub's manifest flow. Whoever serves this is on the person's own machine; the page holds no secret, and the code
//! that GitHub sends the browser back with counts only with the `state` that the page gave it.

mod page;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::header::{HOST, LOCATION};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use deputy_core::vault::{NoRandomness, new_token};
use deputy_github::client::ClientConfig;
use deputy_github::manifest::{Manifest, registration_url};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use subtle::ConstantTimeEq as _;
use tokio::net::TcpListener;

use crate::auth::STYLE_PATH;
use crate::auth::page::style;

/// Where GitHub sends the browser back to.
pub const CREATED_PATH: &str = "/created";
const DONE_PATH: &str = "/done";

/// What happens with the code: it buys the App's credentials, and they are kept.
#[async_trait]
pub trait Finish: Send + Sync {
    /// Called for a code that came back with our state, once at a time, and again where it failed and the person
    /// reloads the page. The error is for the person, and says what to do.
    async fn finish(&self, code: SecretString) -> Result<Finished, String>;
}

/// The App is there, and its credentials are on the disk.
#[derive(Debug, Clone)]
pub struct Finished {
    /// What it is called.
    pub name: String,
    /// What is left to do by hand, in order.
    pub next: Vec<Step>,
}

/// Something for the person to do.
#[derive(Debug, Clone)]
pub struct Step {
    /// What, in a sentence; `what is typed` in backticks.
    pub text: String,
    /// Where.
    pub link: Option<Link>,
}

/// A link that says where it leads.
#[derive(Debug, Clone)]
pub struct Link {
    /// What it says.
    pub text: &'static str,
    /// Where it leads.
    pub href: String,
}

/// One registration.
pub struct Setup {
    manifest: Manifest,
    /// Where the form goes.
    action: String,
    /// GitHub's address as people see it.
    site: String,
    organization: Option<String>,
    state: SecretString,
    /// `127.0.0.1:4242`.
    host: String,
    finish: Arc<dyn Finish>,
    turn: tokio::sync::Mutex<()>,
    finished: Mutex<Option<Finished>>,
}

impl Setup {
    /// Registers the App that `manifest` describes with the GitHub of `config`; the page is served at `address`.
    ///
    /// # Errors
    ///
    /// When the machine gives no random numbers.
    pub fn new(
        mut manifest: Manifest,
        config: &ClientConfig,
        organization: Option<String>,
        address: SocketAddr,
        finish: Arc<dyn Finish>,
    ) -> Result<Self, NoRandomness> {
        let state = new_token("")?;
        manifest.redirect_url = format!("http://{address}{CREATED_PATH}");
        let action = registration_url(config, organization.as_deref(), state.expose_secret());
        Ok(Self {
            manifest,
            action,
            site: config.site().to_owned(),
            organization,
            state,
            host: address.to_string(),
            finish,
            turn: tokio::sync::Mutex::default(),
            finished: Mutex::default(),
        })
    }

    /// The page where it begins.
    pub fn url(&self) -> String {
        format!("http://{}/", self.host)
    }

    fn finished(&self) -> Option<Finished> {
        self.finished.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the browser asked for us by our address. A name that somebody made point at this machine is refused,
    /// so that no other site can read the page.
    fn is_asked_for(&self, headers: &HeaderMap) -> bool {
        headers.get(HOST).is_some_and(|host| host.as_bytes() == self.host.as_bytes())
    }
}

/// The pages.
pub fn router(setup: Arc<Setup>) -> Router {
    Router::new()
        .route("/", get(begin))
        .route(CREATED_PATH, get(created))
        .route(DONE_PATH, get(done))
        .route(STYLE_PATH, get(style))
        .fallback(async || (StatusCode::NOT_FOUND, "Nothing is here."))
        .with_state(setup)
}

/// Serves them until `end`, and then until the requests under way are answered.
///
/// # Errors
///
/// When the listener fails.
pub async fn serve_pages(
    listener: TcpListener,
    pages: Router,
    end: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, pages).with_graceful_shutdown(end).await
}

async fn begin(State(setup): State<Arc<Setup>>, headers: HeaderMap) -> Response {
    if !setup.is_asked_for(&headers) {
        return page::trouble(
            StatusCode::FORBIDDEN,
            "Open this page by the address that the terminal shows.",
        );
    }
    match setup.finished() {
        Some(finished) => page::done(&finished),
        None => page::begin(&setup),
    }
}

/// What GitHub sends along.
#[derive(Deserialize)]
struct Created {
    code: Option<SecretString>,
    state: Option<SecretString>,
}

async fn created(
    State(setup): State<Arc<Setup>>,
    headers: HeaderMap,
    Query(Created { code, state }): Query<Created>,
) -> Response {
    let is_ours = state.is_some_and(|state| {
        state.expose_secret().as_bytes().ct_eq(setup.state.expose_secret().as_bytes()).into()
    });
    if !setup.is_asked_for(&headers) || !is_ours {
        return page::trouble(
            StatusCode::FORBIDDEN,
            "This did not begin here, and nothing was kept. Begin at the address that the terminal shows. If GitHub \
             made an App that you do not know, delete it in your settings there.",
        );
    }
    let Some(code) = code else {
        return page::trouble(StatusCode::BAD_REQUEST, "GitHub sent no code. Begin again.");
    };
    // One at a time: a browser that asks twice must not spend the code twice.
    let _turn = setup.turn.lock().await;
    if setup.finished().is_none() {
        match setup.finish.finish(code).await {
            Ok(finished) => {
                *setup.finished.lock().unwrap_or_else(PoisonError::into_inner) = Some(finished);
            }
            Err(why) => return page::trouble(StatusCode::BAD_GATEWAY, &why),
        }
    }
    // So that the code does not stay in the address bar.
    let mut response = StatusCode::SEE_OTHER.into_response();
    response.headers_mut().insert(LOCATION, HeaderValue::from_static(DONE_PATH));
    page::guard(response.headers_mut(), None);
    response
}

async fn done(State(setup): State<Arc<Setup>>) -> Response {
    match setup.finished() {
        Some(finished) => page::done(&finished),
        None => page::begin(&setup),
    }
}
