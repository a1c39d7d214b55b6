//! The end that every login comes to: whose tokens are these, may they be kept, and what runs now.

use std::sync::Arc;

use deputy_core::ids::UserId;
use deputy_core::login::Resumed;
use deputy_core::ports::{Expected, Grant, Tokens};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::Auth;
use super::trouble::Trouble;

/// Who a login link was made for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asked {
    /// The account's id. Logins can be renamed and taken over by others.
    pub(super) user: u64,
    /// What the link says they are called. Only ever shown, or suggested to GitHub.
    pub(super) login: Option<String>,
}

/// A login that succeeded.
#[derive(Debug)]
pub(crate) struct Welcome {
    pub(crate) user: UserId,
    pub(crate) login: String,
    pub(crate) resumed: Vec<Resumed>,
}

impl Auth {
    /// Keeps the tokens as the grant of whomever they belong to, and sets what waited for it in motion.
    ///
    /// On a task of its own: a browser that closes the connection would otherwise stop it half-way, and leave a token
    /// alive at GitHub that nobody keeps.
    pub(crate) async fn finish(self: &Arc<Self>, tokens: Tokens, asked: Option<Asked>) -> Result<Welcome, Trouble> {
        let auth = Arc::clone(self);
        let finished = tokio::spawn(async move { auth.keep(tokens, asked).await }).await;
        finished.unwrap_or_else(|panic| {
            tracing::error!(error = &panic as &dyn std::error::Error, "Finishing a login failed.");
            Err(Trouble::StoreAway)
        })
    }

    async fn keep(&self, tokens: Tokens, asked: Option<Asked>) -> Result<Welcome, Trouble> {
        let viewer = match self.ports.oauth.viewer(&tokens.access_token).await {
            Ok(viewer) => viewer,
            Err(error) => {
                self.give_back(&tokens.access_token).await;
                return Err(error.into());
            }
        };
        if let Some(asked) = asked.filter(|asked| asked.user != viewer.id.0) {
            tracing::warn!(asked = asked.user, user = %viewer.id, "A login link was used by somebody else.");
            self.give_back(&tokens.access_token).await;
            return Err(Trouble::OtherPerson { asked: asked.login, is: viewer.login });
        }
        let grant = Grant {
            user: viewer.id,
            login: viewer.login.clone(),
            access_token: tokens.access_token.clone(),
            access_expires_at: tokens.expires_at,
            refresh_token: tokens.refresh_token,
            refresh_expires_at: tokens.refresh_expires_at,
            granted_at: self.ports.clock.now(),
        };
        if let Err(error) = self.ports.vault.put(Expected::Anything, grant).await {
            self.give_back(&tokens.access_token).await;
            return Err(error.into());
        }
        tracing::info!(user = %viewer.id, login = viewer.login, "logged in");
        let resumed = self.ports.on_login.logged_in(viewer.id).await;
        Ok(Welcome { user: viewer.id, login: viewer.login, resumed })
    }

    /// Ends a token that is not kept. Only this one: the person may have logged in before, and that login is not to
    /// end because they followed somebody else's link.
    pub(crate) async fn give_back(&self, token: &SecretString) {
        if let Err(error) = self.ports.oauth.revoke_token(token).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "A token that is not kept could not be ended; it ends by itself within hours.");
        }
    }
}
