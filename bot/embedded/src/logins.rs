//! What people's logins stand on, on one machine: the vault for grants, and the store for everything else.

use std::sync::Arc;

use anyhow::Context as _;
use deputy_core::login::NothingWaits;
use deputy_core::ports::Clock;
use deputy_github::client::Client;
use deputy_web::auth::{Auth, Ports, PublicUrl};

use crate::config::Config;
use crate::{LocalVault, Store};

/// Puts together what the pages and the API of logins need.
pub(crate) fn auth(
    config: &Config,
    public_url: PublicUrl,
    store: &Store,
    vault: &LocalVault,
    github: &Arc<Client>,
    clock: Arc<dyn Clock>,
) -> anyhow::Result<Arc<Auth>> {
    let ports = Ports {
        oauth: Arc::clone(github) as _,
        vault: Arc::new(vault.clone()),
        nonces: Arc::new(store.clone()),
        sessions: Arc::new(store.clone()),
        on_login: Arc::new(NothingWaits),
        clock,
    };
    tracing::info!(url = public_url.as_str(), "people can log in");
    let auth = Auth::new(ports, public_url, &config.github.url).context("github.url is no address")?;
    Ok(Arc::new(auth))
}
