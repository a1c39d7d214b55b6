//! Logins under way and the tokens that come of them.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::State;
use super::token::{Bearer, UserBearer};
use crate::clock::Moment;
use crate::ids::{AccountId, AppId, RepositoryId};
use crate::random;

/// How long a user access token lives.
pub(crate) const ACCESS_LIFE: TimeDelta = TimeDelta::hours(8);
/// How long a refresh token lives: what GitHub calls six months.
pub(crate) const REFRESH_LIFE: TimeDelta = TimeDelta::seconds(15_897_600);
/// How many live tokens a user has per App; the oldest is dropped.
const MOST_TOKENS: usize = 10;

/// Everything about logging in that is not a token yet.
#[derive(Debug, Default)]
pub(crate) struct OAuth {
    pub(crate) codes: BTreeMap<String, Code>,
    pub(crate) devices: BTreeMap<String, Device>,
    pub(crate) refresh_tokens: BTreeMap<String, RefreshToken>,
    /// Manifests agreed to, by the code that buys the App.
    pub(crate) manifests: BTreeMap<String, Manifest>,
    /// Seconds between a device's polls at first, where a test is in a hurry.
    pub(crate) device_interval: Option<i64>,
}

/// What the web flow's callback gets.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) app: AppId,
    pub(crate) user: AccountId,
    /// As the request gave it; the exchange must repeat it.
    pub(crate) redirect_uri: Option<String>,
    /// PKCE's S256 challenge.
    pub(crate) challenge: Option<String>,
    pub(crate) expires_at: Moment,
}

/// A device that waits for its person.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    pub(crate) app: AppId,
    pub(crate) user_code: String,
    pub(crate) expires_at: Moment,
    /// Seconds to wait between two polls.
    pub(crate) interval: i64,
    pub(crate) polled_at: Option<Moment>,
    pub(crate) decision: Option<Decision>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Decision {
    Allowed(AccountId),
    Denied,
}

#[derive(Clone, Debug)]
pub(crate) struct RefreshToken {
    pub(crate) bearer: UserBearer,
    /// Dies with it.
    pub(crate) access_token: String,
    pub(crate) expires_at: Moment,
    /// Came from the device flow: no client secret is asked for.
    pub(crate) is_device: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Manifest {
    pub(crate) json: serde_json::Value,
    pub(crate) owner: AccountId,
    pub(crate) expires_at: Moment,
}

/// What the token endpoint hands out.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) access_token: String,
    pub(crate) refresh_token: Option<String>,
}

impl State {
    /// Issues a user's tokens; the oldest beyond ten die.
    pub(crate) fn grant(&mut self, bearer: UserBearer, is_device: bool) -> Grant {
        let now = self.now();
        let expires = self.app(bearer.app).user_tokens_expire;
        let until = expires.then(|| now + ACCESS_LIFE);
        let access_token = self.issue_token("ghu_", Bearer::User(bearer), until);
        let refresh_token = expires.then(|| {
            let text = random::token("ghr_", 76);
            self.keep_secret(&text);
            let expires_at = now + REFRESH_LIFE;
            let access_token = access_token.clone();
            let token = RefreshToken { bearer, access_token, expires_at, is_device };
            self.oauth.refresh_tokens.insert(text.clone(), token);
            text
        });
        while self.user_tokens(bearer.user, bearer.app).len() > MOST_TOKENS {
            let oldest = self.user_tokens(bearer.user, bearer.app).swap_remove(0);
            self.kill_token(&oldest);
        }
        Grant { access_token, refresh_token }
    }

    /// A user's live tokens of an App, oldest first.
    pub(crate) fn user_tokens(&self, user: AccountId, app: AppId) -> Vec<String> {
        let mut tokens: Vec<_> = self
            .tokens
            .iter()
            .filter(|(_, token)| {
                matches!(&token.bearer, Bearer::User(bearer) if bearer.user == user && bearer.app == app)
            })
            .filter(|(text, _)| self.live_token(text).is_some())
            .map(|(text, token)| (token.serial, text.clone()))
            .collect();
        tokens.sort_unstable();
        tokens.into_iter().map(|(_, text)| text).collect()
    }

    /// Ends an access token and the refresh token that came with it.
    pub(crate) fn kill_token(&mut self, access_token: &str) {
        self.tokens.remove(access_token);
        self.oauth.refresh_tokens.retain(|_, refresh| refresh.access_token != access_token);
    }

    /// Ends all that a user has allowed an App, and tells the App.
    pub(crate) fn revoke(&mut self, user: AccountId, app: AppId) {
        for token in self.user_tokens(user, app) {
            self.kill_token(&token);
        }
        let theirs = |bearer: &UserBearer| bearer.user == user && bearer.app == app;
        self.oauth.refresh_tokens.retain(|_, refresh| !theirs(&refresh.bearer));
        self.oauth.codes.retain(|_, code| !(code.user == user && code.app == app));
        let line = format!("@{} revokes what {} was allowed", self.login(user), self.app(app).slug);
        self.tell(line);
        self.tell_of_revocation(app, user);
    }

    pub(crate) fn app_by_client_id(&self, client_id: &str) -> Option<AppId> {
        self.apps.values().find(|app| app.client_id == client_id).map(|app| app.id)
    }

    /// A code for a person who allowed the App to act as them.
    pub(crate) fn issue_code(
        &mut self,
        (app, user): (AppId, AccountId),
        redirect_uri: Option<&str>,
        challenge: Option<&str>,
    ) -> String {
        let code = random::hex(&random::bytes(10));
        self.keep_secret(&code);
        let expires_at = self.now() + TimeDelta::minutes(10);
        let (redirect_uri, challenge) = (redirect_uri.map(str::to_owned), challenge.map(str::to_owned));
        self.oauth.codes.insert(code.clone(), Code { app, user, redirect_uri, challenge, expires_at });
        code
    }

    /// The bearer of a new user token.
    pub(crate) fn user_bearer(user: AccountId, app: AppId, repository: Option<RepositoryId>) -> UserBearer {
        UserBearer { user, app, repository }
    }
}
