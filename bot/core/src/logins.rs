//! People's logins as handlers see them: the link that asks for one, the grant that came of it, and its end.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::authorization::GrantCheck;
use crate::comment::Account;
use crate::grants::{Grants, LoggedOut};
use crate::ids::UserId;
use crate::login::LoginLink;
use crate::ports::{Expected, Grant, OAuth, Sessions, Vault, VaultError, Waiting};

/// Everything that logging in rests on. A home has it where the App's client secret and a public address are
/// configured.
pub struct Logins {
    /// Where browsers find Deputy, without a slash at the end.
    pub public_url: String,
    /// People's tokens at the moment of use.
    pub grants: Arc<Grants>,
    /// Where their grants are kept.
    pub vault: Arc<dyn Vault>,
    /// GitHub's side of logging in and out.
    pub oauth: Arc<dyn OAuth>,
    /// What people hold in a terminal.
    pub sessions: Arc<dyn Sessions>,
    /// Commands that wait for a login.
    pub waiting: Arc<dyn Waiting>,
}

impl Logins {
    /// The page where `person` logs in, and from where they come back to `return_to`.
    pub fn link(&self, person: &Account<'_>, return_to: &str) -> String {
        let Account { id: user, login, .. } = person;
        LoginLink { public_url: &self.public_url, user: *user, login, return_to }.to_string()
    }

    /// What authorization asks of a grant.
    pub fn check(&self) -> GrantCheck {
        GrantCheck { tokens: Arc::clone(&self.grants) as _, oauth: Arc::clone(&self.oauth) }
    }

    /// The person's grant, without its tokens being used. `None` where there is none that can be opened.
    pub async fn grant(&self, user: UserId) -> anyhow::Result<Option<Grant>> {
        match self.vault.load(user).await {
            Ok(stored) => Ok(stored.map(|stored| stored.grant)),
            Err(VaultError::Tampered { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Ends the person's authorization at GitHub, and forgets them here whether or not GitHub could be told.
    /// Idempotent.
    pub async fn log_out(&self, user: UserId) -> anyhow::Result<LoggedOut> {
        // Sessions first: where the rest fails and is tried again, nobody acts with them meanwhile.
        self.sessions.revoke_all(user).await?;
        Ok(self.grants.log_out(user).await?)
    }

    /// GitHub said at `told_at` that the person's authorization has ended: forgets them here. A grant made
    /// since then is another one, and stays. Idempotent.
    pub async fn revoked(&self, user: UserId, told_at: DateTime<Utc>) -> anyhow::Result<()> {
        let expected = match self.vault.load(user).await {
            Ok(Some(stored)) if stored.grant.granted_at > told_at => return Ok(()),
            Ok(Some(stored)) => Expected::Version(stored.version),
            // Nothing is there, or nothing that anybody can use.
            Ok(None) | Err(VaultError::Tampered { .. }) => Expected::Anything,
            Err(error) => return Err(error.into()),
        };
        let had_grant = self.vault.delete(user, expected).await?;
        let changed = !had_grant && matches!(expected, Expected::Version(_));
        anyhow::ensure!(!changed, "the grant changed meanwhile; it has to be looked at again");
        let sessions = self.sessions.revoke_all(user).await?;
        tracing::info!(%user, had_grant, sessions, "GitHub said that a login was revoked; it was deleted");
        Ok(())
    }
}
