//! Logging in: the web flow, the device flow, refresh and revocation, with every answer of GitHub's understood.
//!
//! GitHub answers most errors here with HTTP 200 and an `error` field. Tokens and codes are used up by being
//! used, so nothing here is repeated by itself once it may have arrived.

mod answers;
mod pkce;

use chrono::{DateTime, TimeDelta, Utc};
use deputy_core::ids::{RepositoryId, UserId};
use deputy_core::ports::GitHubError;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;

pub use answers::OAuthError;
pub use pkce::Verifier;

use crate::client::{Answer, Call, Client, Identity, Path, encode};
use answers::Described;

/// What a person granted: the tokens and how long they live.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Acts for the person, within what both they and the App may do.
    pub access_token: SecretString,
    /// Eight hours from its making; `None` where the App opted out of expiry.
    pub expires_at: Option<DateTime<Utc>>,
    /// Gets the next pair, once. `None` where access tokens do not expire.
    pub refresh_token: Option<SecretString>,
    /// About six months from its making.
    pub refresh_expires_at: Option<DateTime<Utc>>,
}

/// Where to send a browser to log in.
#[derive(Debug, Clone, Copy)]
pub struct Authorize<'a> {
    /// One of the App's callback URLs.
    pub redirect_uri: &'a str,
    /// Single use; GitHub only carries it, checking it is ours.
    pub state: &'a str,
    /// What the code will be exchanged with.
    pub verifier: &'a Verifier,
    /// The account to suggest, where somebody in particular was asked.
    pub login: Option<&'a str>,
}

/// A device flow that has begun: what the person is told, and what we poll with.
#[derive(Debug, Clone)]
pub struct DeviceCode {
    /// Polls with this. Secret: whoever has it gets the token.
    pub device_code: SecretString,
    /// What the person types, such as `WDJB-MJHT`.
    pub user_code: String,
    /// Where they type it.
    pub verification_uri: String,
    /// When it is too late; 15 minutes from the start.
    pub expires_at: DateTime<Utc>,
    /// The least time between polls.
    pub interval: TimeDelta,
}

/// Where a device flow stands.
#[derive(Debug, Clone)]
pub enum DevicePoll {
    /// They agreed.
    Granted(Grant),
    /// They have not typed the code yet: poll again after the interval.
    Pending,
    /// We polled too fast: from now on, wait this long between polls.
    SlowDown(TimeDelta),
    /// Too late: begin anew.
    Expired,
    /// They said no.
    Denied,
}

/// A person, by their own token.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Viewer {
    /// Stable over renames.
    #[serde(deserialize_with = "user_id")]
    pub id: UserId,
    /// The name shown.
    pub login: String,
}

impl Client {
    /// The page where a person agrees that Deputy acts for them.
    pub fn authorize_url(&self, authorize: &Authorize<'_>) -> Result<String, GitHubError> {
        let challenge = authorize.verifier.challenge();
        let mut url = format!("{}/login/oauth/authorize", self.config().site);
        let fields = [
            ("client_id", Some(self.oauth_client()?.id.as_str())),
            ("redirect_uri", Some(authorize.redirect_uri)),
            ("state", Some(authorize.state)),
            ("code_challenge", Some(&*challenge)),
            ("code_challenge_method", Some("S256")),
            ("login", authorize.login),
        ];
        for (index, (name, value)) in
            fields.into_iter().filter_map(|(name, value)| Some((name, value?))).enumerate()
        {
            url.push(if index == 0 { '?' } else { '&' });
            url.push_str(name);
            url.push('=');
            encode(value, &mut url);
        }
        Ok(url)
    }

    /// Exchanges the code of a callback, with the verifier that began it. `repository` narrows the token to one.
    pub async fn exchange_code(
        &self,
        code: &SecretString,
        redirect_uri: &str,
        verifier: &Verifier,
        repository: Option<RepositoryId>,
    ) -> Result<Grant, OAuthError> {
        let repository = repository.map(|id| id.to_string());
        let mut fields = vec![
            ("code", code.expose_secret()),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier.expose_secret()),
        ];
        fields.extend(repository.as_deref().map(|id| ("repository_id", id)));
        self.ask_for_grant(&fields).await
    }

    /// Exchanges a refresh token for the next pair. From then on neither it nor its access token is valid:
    /// store the new pair before using it. [`GitHubError::Unavailable`] leaves open whether that happened.
    pub async fn refresh_grant(&self, refresh_token: &SecretString) -> Result<Grant, OAuthError> {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose_secret())];
        self.ask_for_grant(&fields).await
    }

    /// Begins a device flow.
    pub async fn begin_device_flow(&self) -> Result<DeviceCode, OAuthError> {
        #[derive(Deserialize)]
        struct Begun {
            device_code: SecretString,
            user_code: String,
            verification_uri: String,
            expires_in: u32,
            #[serde(default = "five")]
            interval: u32,
        }
        fn five() -> u32 {
            5
        }
        let client = self.oauth_client()?;
        let call = Call::form("/login/device/code", &[("client_id", &client.id)]).idempotent();
        let now = self.now();
        let begun: Begun = understood(&self.send(Identity::Anonymous, call).await?)?;
        Ok(DeviceCode {
            device_code: begun.device_code,
            user_code: begun.user_code,
            verification_uri: begun.verification_uri,
            expires_at: now + TimeDelta::seconds(begun.expires_in.into()),
            interval: TimeDelta::seconds(begun.interval.into()),
        })
    }

    /// Asks once whether the person has typed the code.
    pub async fn poll_device_flow(&self, device_code: &SecretString) -> Result<DevicePoll, OAuthError> {
        let fields = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("device_code", device_code.expose_secret()),
        ];
        match self.ask_for_grant(&fields).await {
            Ok(grant) => Ok(DevicePoll::Granted(grant)),
            Err(OAuthError::Pending) => Ok(DevicePoll::Pending),
            Err(OAuthError::SlowDown(interval)) => Ok(DevicePoll::SlowDown(interval)),
            Err(OAuthError::Expired) => Ok(DevicePoll::Expired),
            Err(OAuthError::Denied) => Ok(DevicePoll::Denied),
            Err(other) => Err(other),
        }
    }

    /// Whose token it is: `GET /user`.
    pub async fn viewer(&self, access_token: &SecretString) -> Result<Viewer, GitHubError> {
        self.send_as(access_token, Call::get(Path::new(["user"])?)).await?.json()
    }

    /// Whether GitHub still honours a token of this App's, and whose it is.
    pub async fn check_token(&self, access_token: &SecretString) -> Result<Option<Viewer>, GitHubError> {
        #[derive(Deserialize)]
        struct Checked {
            user: Option<Viewer>,
        }
        let path = Path::new(["applications", &self.oauth_client()?.id, "token"])?;
        let body = json!({"access_token": access_token.expose_secret()});
        let call = Call::post(path).idempotent().json(&body)?;
        match self.send(Identity::OAuthClient, call).await {
            Ok(answer) => Ok(answer.json::<Checked>()?.user),
            Err(GitHubError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Ends a person's whole authorization of the App, with every token it has. Idempotent.
    pub async fn revoke_grant(&self, access_token: &SecretString) -> Result<(), GitHubError> {
        let path = Path::new(["applications", &self.oauth_client()?.id, "grant"])?;
        let call = Call::delete(path).json(&json!({"access_token": access_token.expose_secret()}))?;
        match self.send(Identity::OAuthClient, call).await {
            // A token that is dead already has no grant left that it could end.
            Ok(_) | Err(GitHubError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn ask_for_grant(&self, fields: &[(&str, &str)]) -> Result<Grant, OAuthError> {
        #[derive(Deserialize)]
        struct Granted {
            access_token: SecretString,
            expires_in: Option<u32>,
            refresh_token: Option<SecretString>,
            refresh_token_expires_in: Option<u32>,
        }
        let client = self.oauth_client()?;
        let mut all = vec![("client_id", &*client.id), ("client_secret", client.secret.expose_secret())];
        all.extend(fields);
        // Counted from before the request, so that a token never lives longer here than at GitHub.
        let now = self.now();
        let call = Call::form("/login/oauth/access_token", &all);
        let granted: Granted = understood(&self.send(Identity::Anonymous, call).await?)?;
        let after = |seconds: Option<u32>| seconds.map(|seconds| now + TimeDelta::seconds(seconds.into()));
        Ok(Grant {
            access_token: granted.access_token,
            expires_at: after(granted.expires_in),
            refresh_token: granted.refresh_token,
            refresh_expires_at: after(granted.refresh_token_expires_in),
        })
    }
}

/// The answer, unless it describes an error.
fn understood<T: serde::de::DeserializeOwned>(answer: &Answer) -> Result<T, OAuthError> {
    match serde_json::from_slice::<Described>(&answer.body) {
        Ok(Described { error: Some(code), interval, .. }) => Err(OAuthError::of(&code, interval)),
        _ if answer.status.is_success() => Ok(answer.json()?),
        _ => Err(OAuthError::Other(format!("HTTP {}", answer.status.as_u16()))),
    }
}

fn user_id<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<UserId, D::Error> {
    u64::deserialize(deserializer).map(UserId)
}
