//! Logging in with a browser: to GitHub and back, with a grant in the vault at the end.
//!
//! [`Auth`] holds what logins stand on, the terminal's ([`crate::api`]) included. [`router`] serves the pages.

mod address;
mod begin;
mod callback;
mod cookie;
mod done;
mod finish;
mod pace;
pub(crate) mod page;
mod trouble;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use deputy_core::authorization::Administrators;
use deputy_core::login::{LOGIN_PATH, OnLogin};
use deputy_core::ports::{Clock, Nonces, OAuth, Sessions, Vault};
use url::Url;

use self::address::Destinations;
pub use self::address::{BadPublicUrl, PublicUrl, is_loopback};
use self::cookie::Jar;
pub(crate) use self::finish::Welcome;
use self::pace::Pace;
pub use self::trouble::Trouble;
use crate::api::Polls;
use crate::problem::Problem;

/// Where GitHub sends browsers back to: to be listed among the App's callback URLs.
pub const CALLBACK_PATH: &str = "/auth/callback";
const DONE_PATH: &str = "/auth/done";
pub(crate) const STYLE_PATH: &str = "/auth/style.css";

/// More people than this do not log in by hand; whoever does it faster is no person.
const WEB_LOGINS_A_MINUTE: u32 = 300;
/// Each asks GitHub, which has a limit of its own.
const DEVICE_LOGINS_A_MINUTE: u32 = 60;

/// What logins stand on.
pub struct Ports {
    /// GitHub's OAuth endpoints.
    pub oauth: Arc<dyn OAuth>,
    /// Where grants go.
    pub vault: Arc<dyn Vault>,
    /// What a login carries while the person is at GitHub's.
    pub nonces: Arc<dyn Nonces>,
    /// What a terminal holds afterwards.
    pub sessions: Arc<dyn Sessions>,
    /// Whose sessions may operate this Deputy.
    pub administrators: Arc<Administrators>,
    /// What happens next.
    pub on_login: Arc<dyn OnLogin>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// Logging in, for one App. Shared by all requests.
pub struct Auth {
    pub(crate) ports: Ports,
    pub(crate) device_pace: Pace,
    pub(crate) polls: Polls,
    web_pace: Pace,
    destinations: Destinations,
    /// GitHub's name as an OAuth server, as its metadata (RFC 8414) and `iss` (RFC 9207) have it.
    issuer: String,
    callback_url: String,
    jar: Jar,
}

impl Auth {
    /// Logins at `public_url` with the GitHub whose address people see is `github`.
    ///
    /// # Errors
    ///
    /// When `github` is no address.
    pub fn new(ports: Ports, public_url: PublicUrl, github: &str) -> Result<Self, url::ParseError> {
        let github = Url::parse(github)?;
        Ok(Self {
            ports,
            device_pace: Pace::per_minute(DEVICE_LOGINS_A_MINUTE),
            polls: Polls::default(),
            web_pace: Pace::per_minute(WEB_LOGINS_A_MINUTE),
            issuer: format!("{}/login/oauth", github.as_str().trim_end_matches('/')),
            callback_url: format!("{}{CALLBACK_PATH}", public_url.as_str()),
            jar: if public_url.is_encrypted() { Jar::Secure } else { Jar::Plain },
            destinations: Destinations::new(public_url, github),
        })
    }
}

/// The pages of a login, to be merged into [`crate::router`]. `None` where nobody has set it up: then they say so.
pub fn router(auth: Option<Arc<Auth>>) -> Router {
    let pages = match auth {
        Some(auth) => Router::new()
            .route(LOGIN_PATH, get(begin::begin))
            .route(CALLBACK_PATH, get(callback::callback))
            .route(DONE_PATH, get(done::done))
            .with_state(auth),
        None => [LOGIN_PATH, CALLBACK_PATH, DONE_PATH].into_iter().fold(Router::new(), |router, path| {
            router.route(path, get(async || page::trouble(&Trouble::NotConfigured, LOGIN_PATH)))
        }),
    };
    pages.route(STYLE_PATH, get(page::style)).method_not_allowed_fallback(async || Problem::MethodNotAllowed)
}
