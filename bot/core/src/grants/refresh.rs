//! One refresh, from asking GitHub to having stored its answer.

use std::sync::Arc;

use anyhow::anyhow;
use chrono::TimeDelta;
use secrecy::SecretString;

use super::REFRESH_LEASE;
use crate::ports::{
    Clock, Expected, Grant, LeaseId, OAuth, OAuthError, Put, StoredGrant, Tokens, Vault, VaultError,
};

/// How long after a write that failed the next is tried.
const AGAIN: TimeDelta = TimeDelta::seconds(1);

/// What a refresh needs, owned: it goes on when its caller is gone.
pub(super) struct Refresh {
    pub(super) vault: Arc<dyn Vault>,
    pub(super) oauth: Arc<dyn OAuth>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) stored: StoredGrant,
    pub(super) lease: LeaseId,
}

/// What came of it.
pub(super) enum Outcome {
    /// The new access token; its pair is stored.
    Token(SecretString),
    /// Something else is in the vault by now.
    LookAgain,
    /// GitHub does not know the refresh token any more. The grant is deleted.
    Refused,
    /// It may work later. The old token may still be good.
    NotNow(anyhow::Error),
}

impl Refresh {
    pub(super) async fn run(self) -> Outcome {
        let user = self.stored.grant.user;
        let Some(refresh_token) = &self.stored.grant.refresh_token else {
            return Outcome::NotNow(anyhow!("there is no refresh token"));
        };
        let by = self.clock.now() + REFRESH_LEASE;
        match self.oauth.refresh(refresh_token).await {
            Ok(tokens) => {
                let new = renewed(&self.stored.grant, tokens);
                loop {
                    match self.store(&new).await {
                        Ok(Put::Stored(version)) => {
                            tracing::debug!(%user, %version, "refreshed a grant");
                            return Outcome::Token(new.access_token);
                        }
                        // A login or logout, or our own write, whose answer was lost.
                        Ok(Put::Conflict) => return Outcome::LookAgain,
                        // This is the only copy of the pair, and the old one is dead.
                        Err(error) if self.clock.now() + AGAIN < by => {
                            tracing::warn!(
                                %user, error = &error as &dyn std::error::Error,
                                "a refreshed grant could not be stored yet"
                            );
                            self.clock.sleep_until(self.clock.now() + AGAIN).await;
                        }
                        Err(error) => {
                            tracing::error!(
                                %user, error = &error as &dyn std::error::Error,
                                "a refreshed grant could not be stored and is lost: the person must log in again"
                            );
                            return Outcome::NotNow(
                                anyhow!(error).context("the new pair could not be stored"),
                            );
                        }
                    }
                }
            }
            Err(OAuthError::BadRefreshToken) => {
                match self.vault.delete(user, Expected::Version(self.stored.version)).await {
                    Ok(true) => {
                        tracing::info!(%user, "GitHub does not accept the refresh token: deleted the grant");
                        Outcome::Refused
                    }
                    Ok(false) => Outcome::LookAgain,
                    Err(error) => Outcome::NotNow(error.into()),
                }
            }
            Err(error) => {
                if !matches!(error, OAuthError::GitHub(_)) {
                    tracing::error!(%user, %error, "GitHub refuses to refresh grants");
                }
                if let Err(error) = self.vault.release_refresh(user, self.lease).await {
                    tracing::warn!(
                        %user, error = &error as &dyn std::error::Error,
                        "a refresh that failed keeps its lease until it ends"
                    );
                }
                Outcome::NotNow(anyhow!(error).context("the grant could not be refreshed"))
            }
        }
    }

    async fn store(&self, new: &Grant) -> Result<Put, VaultError> {
        self.vault.put(Expected::Version(self.stored.version), new.clone()).await
    }
}

/// The grant with the next pair.
fn renewed(old: &Grant, tokens: Tokens) -> Grant {
    Grant {
        user: old.user,
        login: old.login.clone(),
        access_token: tokens.access_token,
        access_expires_at: tokens.expires_at,
        refresh_token: tokens.refresh_token,
        refresh_expires_at: tokens.refresh_expires_at,
        granted_at: old.granted_at,
    }
}
