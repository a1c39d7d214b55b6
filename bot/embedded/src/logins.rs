//! What people's logins stand on, on one machine: grants in the vault, GitHub's OAuth endpoints, and the store for
//! everything else.

use std::sync::Arc;

use anyhow::Context as _;
use async_trait::async_trait;
use deputy_core::authorization::Administrators;
use deputy_core::grants::Grants;
use deputy_core::ids::UserId;
use deputy_core::login::OnLogin;
use deputy_core::logins::Logins;
use deputy_core::ports::{Clock, GitHubError, OAuth, UserTokenError, UserTokens as _};
use deputy_github::client::{Client, UserTokens};
use deputy_web::auth::{Auth, Ports, PublicUrl};
use secrecy::SecretString;

use crate::config::Config;
use crate::{LocalVault, Store};

/// Logins at `public_url`, through a client of GitHub that knows the App's secret.
pub(crate) fn open(
    public_url: &PublicUrl,
    store: &Store,
    vault: &LocalVault,
    oauth: Client,
    clock: &Arc<dyn Clock>,
) -> Logins {
    let oauth: Arc<dyn OAuth> = Arc::new(oauth);
    Logins {
        public_url: public_url.as_str().to_owned(),
        grants: Arc::new(Grants::new(Arc::new(vault.clone()), Arc::clone(&oauth), Arc::clone(clock))),
        vault: Arc::new(vault.clone()),
        oauth,
        sessions: Arc::new(store.clone()),
        waiting: Arc::new(store.clone()),
    }
}

/// The login's pages.
pub(crate) fn pages(
    config: &Config,
    public_url: PublicUrl,
    logins: &Logins,
    store: &Store,
    (on_login, clock): (Arc<dyn OnLogin>, Arc<dyn Clock>),
) -> anyhow::Result<Arc<Auth>> {
    let administrators = Administrators::new(config.admins.clone(), logins.check(), Arc::clone(&clock));
    let ports = Ports {
        oauth: Arc::clone(&logins.oauth),
        vault: Arc::clone(&logins.vault),
        nonces: Arc::new(store.clone()),
        sessions: Arc::clone(&logins.sessions),
        administrators: Arc::new(administrators),
        on_login,
        clock,
    };
    tracing::info!(url = public_url.as_str(), "people can log in");
    let auth = Auth::new(ports, public_url, &config.github.url).context("github.url is no address")?;
    Ok(Arc::new(auth))
}

/// People's tokens, as the client asks for them.
pub(crate) struct Tokens(pub(crate) Arc<Grants>);

#[async_trait]
impl UserTokens for Tokens {
    async fn token(
        &self,
        user: UserId,
        rejected: Option<&SecretString>,
    ) -> Result<SecretString, GitHubError> {
        self.0.token(user, rejected).await.map_err(|error| match error {
            UserTokenError::NeedsLogin { .. } => GitHubError::Unauthorized(error.into()),
            UserTokenError::Unavailable(cause) => GitHubError::Unavailable(cause),
        })
    }
}
