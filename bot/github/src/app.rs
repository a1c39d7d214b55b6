//! The App as GitHub has it: its settings, its installations, its tokens and how much it may still ask.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use deputy_core::ids::{AppId, InstallationId, UserId};
use deputy_core::ports::GitHubError;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::client::{Call, Client, Identity, Path, Reading, Readings};

/// The most pages of a hundred that a list of installations is read for.
const MOST_PAGES: usize = 1000;

/// The App's settings, as far as they can be read.
#[derive(Debug, Clone, Deserialize)]
pub struct AppSettings {
    /// Its number.
    #[serde(deserialize_with = "app_id")]
    pub id: AppId,
    /// Its name in URLs and, with `[bot]` behind it, its login.
    pub slug: String,
    /// Its OAuth client id. Older servers do not say.
    pub client_id: Option<String>,
    /// Its settings page's public twin.
    pub html_url: String,
    /// Whose it is.
    pub owner: Option<AppOwner>,
    /// What it asks of each installation: `issues` → `write`.
    pub permissions: BTreeMap<String, String>,
    /// What it is told of.
    pub events: BTreeSet<String>,
}

/// Who owns an App, and so where its settings are.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AppOwner {
    /// The account's name. An enterprise has a slug instead.
    #[serde(alias = "slug")]
    pub login: String,
    /// Or a person.
    #[serde(default, rename = "type", deserialize_with = "is_organization")]
    pub is_organization: bool,
}

/// Where and how the App is sent webhooks.
#[derive(Debug, Clone, Deserialize)]
pub struct HookConfig {
    /// The receiver's URL.
    pub url: Option<String>,
    /// `json` or `form`.
    pub content_type: Option<String>,
    /// Whether there is a secret; GitHub shows it as asterisks.
    #[serde(default, rename = "secret", deserialize_with = "is_there")]
    pub has_secret: bool,
    /// `1` where certificates are not checked.
    #[serde(default)]
    pub insecure_ssl: Value,
}

/// The App on one account.
#[derive(Debug, Clone, Deserialize)]
pub struct Installation {
    /// Its number.
    #[serde(deserialize_with = "installation_id")]
    pub id: InstallationId,
    /// The organization or person.
    pub account: Owner,
    /// `all` or `selected`.
    pub repository_selection: String,
    /// What the account has agreed to; may lag behind what the App asks.
    #[serde(default)]
    pub permissions: BTreeMap<String, String>,
    /// Since when it is switched off.
    pub suspended_at: Option<DateTime<Utc>>,
}

/// Whose installation it is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Owner {
    /// Stable over renames.
    #[serde(deserialize_with = "owner_id")]
    pub id: UserId,
    /// The name shown. An enterprise has a slug instead.
    #[serde(alias = "slug")]
    pub login: String,
}

/// What an installation token is narrowed to. Empty: everything that the installation has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Scope {
    /// Repositories by name, without the owner.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub repositories: BTreeSet<String>,
    /// Permissions, no wider than the installation's: `contents` → `read`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub permissions: BTreeMap<String, String>,
}

/// An installation token, for somebody else to use.
#[derive(Debug, Clone)]
pub struct InstallationToken {
    /// The token.
    pub token: SecretString,
    /// When it stops working; at most an hour from its making.
    pub expires_at: DateTime<Utc>,
}

impl Client {
    /// The App's settings. Fails with [`GitHubError::Unauthorized`] where key and App do not belong together.
    pub async fn app_settings(&self) -> Result<AppSettings, GitHubError> {
        self.send(Identity::App, Call::get(Path::new(["app"])?)).await?.json()
    }

    /// Where the App is sent webhooks.
    pub async fn hook_config(&self) -> Result<HookConfig, GitHubError> {
        self.send(Identity::App, Call::get(Path::new(["app", "hook", "config"])?)).await?.json()
    }

    /// Points the App's webhooks elsewhere, or gives them another secret. Idempotent.
    pub async fn set_hook(&self, url: &str, secret: &SecretString) -> Result<(), GitHubError> {
        use secrecy::ExposeSecret as _;
        let body = json!({"url": url, "content_type": "json", "secret": secret.expose_secret()});
        let call = Call::patch(Path::new(["app", "hook", "config"])?).json(&body)?;
        self.send(Identity::App, call).await.map(drop)
    }

    /// Every installation of the App.
    pub async fn installations(&self) -> Result<Vec<Installation>, GitHubError> {
        let mut all = Vec::new();
        let mut call = Call::get(Path::new(["app", "installations"])?.query("per_page", "100"));
        for _ in 0..MOST_PAGES {
            let answer = self.send(Identity::App, call).await?;
            all.append(&mut answer.json()?);
            let Some(next) = self.next_page(&answer) else { break };
            call = Call::page(next);
        }
        Ok(all)
    }

    /// The installation on an organization's or person's account, where there is one.
    pub async fn installation_of(&self, owner: &str) -> Result<Option<Installation>, GitHubError> {
        for kind in ["orgs", "users"] {
            let call = Call::get(Path::new([kind, owner, "installation"])?);
            match self.send(Identity::App, call).await {
                Ok(answer) => return answer.json().map(Some),
                Err(GitHubError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// A token of an installation, narrowed as asked. Kept and given again until five minutes before its end.
    pub async fn installation_token(
        &self,
        installation: InstallationId,
        scope: &Scope,
    ) -> Result<InstallationToken, GitHubError> {
        let minted = self.minted(installation, scope, None).await?;
        Ok(InstallationToken { token: minted.token, expires_at: minted.expires_at })
    }

    /// One installation; `None` where the App has it no more.
    pub async fn installation(&self, id: InstallationId) -> Result<Option<Installation>, GitHubError> {
        let call = Call::get(Path::new(["app", "installations", &id.to_string()])?);
        match self.send(Identity::App, call).await {
            Ok(answer) => answer.json().map(Some),
            Err(GitHubError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What an installation may still ask. Asking costs nothing, and what GitHub says counts for every other request
    /// of this client's.
    pub async fn rate_limits(&self, installation: InstallationId) -> Result<Readings, GitHubError> {
        #[derive(Deserialize)]
        struct Limits {
            resources: Resources,
        }
        #[derive(Deserialize)]
        struct Resources {
            core: Option<Resource>,
            graphql: Option<Resource>,
        }
        #[derive(Deserialize)]
        struct Resource {
            limit: u32,
            remaining: u32,
            reset: i64,
        }
        let call = Call::get(Path::new(["rate_limit"])?);
        let limits: Limits = self.send(Identity::Installation(installation), call).await?.json()?;
        let reading = |it: Resource| {
            let reset = DateTime::from_timestamp(it.reset, 0)?;
            Some(Reading { limit: it.limit, remaining: it.remaining, reset })
        };
        let Resources { core, graphql } = limits.resources;
        let readings = Readings { rest: core.and_then(reading), graphql: graphql.and_then(reading) };
        self.note_readings(installation, readings);
        Ok(readings)
    }

    /// How far our clock is ahead of GitHub's, to a second or two. Past a minute, App JWTs are refused.
    pub async fn clock_drift(&self) -> Result<Option<TimeDelta>, GitHubError> {
        let answer = self.send(Identity::Anonymous, Call::get(Path::new(["meta"])?)).await?;
        Ok(answer.date.map(|date| self.now() - date))
    }
}

fn app_id<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<AppId, D::Error> {
    u64::deserialize(deserializer).map(AppId)
}

fn installation_id<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<InstallationId, D::Error> {
    u64::deserialize(deserializer).map(InstallationId)
}

fn owner_id<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<UserId, D::Error> {
    u64::deserialize(deserializer).map(UserId)
}

fn is_organization<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    String::deserialize(deserializer).map(|kind| kind == "Organization")
}

fn is_there<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Option::<serde::de::IgnoredAny>::deserialize(deserializer).map(|value| value.is_some())
}
