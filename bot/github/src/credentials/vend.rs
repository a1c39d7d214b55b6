//! Handing out a token: find the installation, get the token, write it down, and only then answer.

use std::sync::atomic::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use deputy_core::ids::{InstallationId, UserId};
use deputy_core::ports::{AuditEntry, AuditError, Credential, GitHubError};
use ring::digest::{SHA256, digest};
use secrecy::{ExposeSecret as _, SecretString};

use super::{App, Credentials};
use crate::app::{Installation, Scope};

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asker {
    /// The account.
    pub user: UserId,
    /// Its login.
    pub login: String,
    /// The session that asks.
    pub session: u64,
}

/// A token of which installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Of {
    /// The one on this organization's or person's account.
    Owner(String),
    /// This one.
    Installation(InstallationId),
}

/// Which token is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Of which App, by its name here; Deputy's own without one.
    pub app: Option<String>,
    /// Of which installation.
    pub of: Of,
    /// Narrowed to what.
    pub scope: Scope,
}

/// A token that is handed out. It has been written down.
#[derive(Debug, Clone)]
pub struct Vended {
    /// The token.
    pub token: SecretString,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
    /// Of which App.
    pub app: String,
    /// What it is.
    pub credential: Credential,
    /// Its SHA-256 in base64: what GitHub's audit log knows it by.
    pub token_sha256: String,
}

/// Why no token is handed out, by what can be done about it.
#[derive(Debug, thiserror::Error)]
pub enum VendError {
    /// No App is called that.
    #[error("no App is called `{name}` here; there are: {}", known.join(", "))]
    UnknownApp {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The App is not installed there.
    #[error("the App `{app}` is not installed on {place}; install it there first")]
    NotInstalled {
        /// Which App.
        app: String,
        /// The owner, or the installation's number.
        place: String,
    },
    /// GitHub says no to what was asked for: no such repository, a permission that the installation has not, suspended.
    #[error("GitHub refuses: {0}")]
    Refused(String),
    /// It could not be written down, so it is not handed out.
    #[error("the token could not be written down, so it is not handed out")]
    Audit(#[from] AuditError),
    /// GitHub cannot be asked, or does not know the App's key.
    #[error(transparent)]
    GitHub(GitHubError),
}

impl From<GitHubError> for VendError {
    fn from(error: GitHubError) -> Self {
        match error {
            GitHubError::Refused { message, .. } | GitHubError::Forbidden { message } => {
                Self::Refused(message)
            }
            other => Self::GitHub(other),
        }
    }
}

impl Credentials {
    /// A token of an installation, narrowed as asked.
    pub async fn installation_token(&self, asker: &Asker, order: &Order) -> Result<Vended, VendError> {
        let app = self.app(order.app.as_deref())?;
        let mut installation = app.locate(&order.of).await?;
        let minted = match app.client.installation_token(installation.id, &order.scope).await {
            // Uninstalled, and perhaps installed again, since we looked: a new installation has a new number.
            Err(GitHubError::Unauthorized(_)) => {
                app.directory.look_again(&app.client, installation.id).await?;
                installation = app.locate(&order.of).await?;
                app.client.installation_token(installation.id, &order.scope).await
            }
            answer => answer,
        }?;
        let credential = Credential::Installation {
            installation: installation.id,
            owner: installation.account.login,
            repositories: order.scope.repositories.clone(),
            permissions: order.scope.permissions.clone(),
        };
        let vended = self.vend(asker, app, (minted.token, minted.expires_at), credential).await?;
        app.tokens.fetch_add(1, Ordering::Relaxed);
        Ok(vended)
    }

    /// A JWT of the App itself, which lasts nine minutes. It can do whatever the App can, on every installation.
    pub async fn app_token(&self, asker: &Asker, app: Option<&str>) -> Result<Vended, VendError> {
        let app = self.app(app)?;
        let token = app.client.app_token().await?;
        let vended = self.vend(asker, app, token, Credential::App).await?;
        app.jwts.fetch_add(1, Ordering::Relaxed);
        Ok(vended)
    }

    async fn vend(
        &self,
        asker: &Asker,
        app: &App,
        (token, expires_at): (SecretString, DateTime<Utc>),
        credential: Credential,
    ) -> Result<Vended, VendError> {
        let token_sha256 = STANDARD.encode(digest(&SHA256, token.expose_secret().as_bytes()));
        let entry = AuditEntry {
            at: self.clock.now(),
            user: asker.user,
            login: asker.login.clone(),
            session: asker.session,
            app: app.name.clone(),
            credential: credential.clone(),
            expires_at,
            token_sha256: token_sha256.clone(),
        };
        self.audit.record(&entry).await?;
        tracing::info!(
            target: "deputy::audit",
            user = %asker.user,
            login = asker.login,
            session = asker.session,
            app = app.name,
            credential = serde_json::to_string(&credential).unwrap_or_default(),
            %expires_at,
            token_sha256,
            "a credential was handed out"
        );
        Ok(Vended { token, expires_at, app: app.name.clone(), credential, token_sha256 })
    }
}

impl App {
    async fn locate(&self, of: &Of) -> Result<Installation, VendError> {
        let (found, place) = match of {
            Of::Owner(owner) => (self.directory.find(&self.client, owner).await?, owner.clone()),
            Of::Installation(id) => {
                if self.directory.get(*id).is_none() {
                    self.directory.look_again(&self.client, *id).await?;
                }
                (self.directory.get(*id), format!("installation {id}"))
            }
        };
        found.ok_or_else(|| VendError::NotInstalled { app: self.name.clone(), place })
    }
}
