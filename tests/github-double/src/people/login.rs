//! People logging in to Apps, and what comes of it.

use std::sync::Arc;

use super::{App, User};
use crate::state::State;
use crate::state::oauth::{Decision, Grant};

/// A person's tokens of an App.
#[derive(Clone, Debug)]
pub struct UserTokens {
    /// `ghu_…`
    pub access_token: String,
    /// `ghr_…`; none if the App's tokens do not expire.
    pub refresh_token: Option<String>,
}

impl User {
    /// What the person's browser does with an authorization address when the person agrees: the address it
    /// is sent back to, with the code.
    pub fn approve(&self, authorize_url: &str) -> String {
        self.hub.change(|state| state.browse_authorize(authorize_url, Some(self.id)))
    }

    /// The same when the person does not agree: back with `error=access_denied`.
    pub fn deny(&self, authorize_url: &str) -> String {
        self.hub.change(|state| state.browse_authorize(authorize_url, None))
    }

    /// Types the code that a device shows, and agrees. False if no device shows it.
    pub fn approve_device(&self, user_code: &str) -> bool {
        self.hub.change(|state| state.decide_device(user_code, Decision::Allowed(self.id)))
    }

    /// Types the code that a device shows, and does not agree.
    pub fn deny_device(&self, user_code: &str) -> bool {
        self.hub.change(|state| state.decide_device(user_code, Decision::Denied))
    }

    /// Tokens of an App without the login.
    pub fn tokens_of(&self, app: &App) -> UserTokens {
        let Grant { access_token, refresh_token } =
            self.hub.change(|state| state.grant(State::user_bearer(self.id, app.id, None), false));
        UserTokens { access_token, refresh_token }
    }

    /// How many live tokens of an App the person has.
    pub fn live_tokens(&self, app: &App) -> usize {
        self.hub.read(|state| state.user_tokens(self.id, app.id).len())
    }

    /// Takes back, in their settings, what the person allowed an App.
    pub async fn revoke(&self, app: &App) {
        self.hub.act(|state| state.revoke(self.id, app.id)).await;
    }

    /// Agrees to a manifest: the address that the browser is sent to, with the code, or why not.
    pub fn create_app(&self, manifest: &str, nonce: &str) -> Result<String, String> {
        self.hub.change(|state| state.agree_to_manifest(manifest, Some(nonce), self.id))
    }
}

impl App {
    /// One more address that logins may come back to; ten at most.
    pub fn add_callback_url(&self, url: &str) -> &Self {
        self.hub.change(|state| {
            let urls = &mut state.app_mut(self.id).callback_urls;
            assert!(urls.len() < 10, "an App has ten callback URLs at most");
            urls.push(url.to_owned());
        });
        self
    }

    /// Allows the device flow, as the switch in the App's settings does.
    pub fn enable_device_flow(&self) -> &Self {
        self.hub.change(|state| state.app_mut(self.id).device_flow = true);
        self
    }

    /// Forbids the device flow again.
    pub fn disable_device_flow(&self) -> &Self {
        self.hub.change(|state| state.app_mut(self.id).device_flow = false);
        self
    }

    /// Lets devices poll this often, for tests of what waits in real time.
    pub fn poll_devices_every(&self, seconds: u32) -> &Self {
        self.hub.change(|state| state.oauth.device_interval = Some(seconds.into()));
        self
    }

    /// User tokens without end and without refresh tokens: what Apps can opt out to.
    pub fn disable_user_token_expiry(&self) -> &Self {
        self.hub.change(|state| state.app_mut(self.id).user_tokens_expire = false);
        self
    }

    /// Replaces the client secret, and returns the new one.
    pub fn regenerate_client_secret(&self) -> String {
        let secret = crate::random::hex(&crate::random::bytes(20));
        self.hub.change(|state| {
            state.keep_secret(&secret);
            state.app_mut(self.id).client_secret.clone_from(&secret);
        });
        secret
    }

    pub(crate) fn handle(hub: &Arc<crate::hub::Hub>, id: crate::ids::AppId) -> Self {
        Self { hub: Arc::clone(hub), id }
    }
}
