//! What people's logins stand on, on one machine: the key ring, the vault, and the store for everything else.

use std::sync::Arc;

use anyhow::Context as _;
use deputy_core::login::NothingWaits;
use deputy_core::ports::Clock;
use deputy_github::client::Client;
use deputy_web::auth::{Auth, Ports, PublicUrl};

use crate::config::Config;
use crate::{LocalKeys, LocalVault, Store};

/// Opens the vault, and puts together what the login's pages need.
pub(crate) async fn open(
    config: &Config,
    public_url: PublicUrl,
    store: &Store,
    github: &Arc<Client>,
    clock: Arc<dyn Clock>,
) -> anyhow::Result<Arc<Auth>> {
    let keys = {
        let (folder, clock) = (config.data.clone(), Arc::clone(&clock));
        // Reading the ring takes the disk's time.
        tokio::task::spawn_blocking(move || LocalKeys::open(&folder, None, clock))
            .await
            .context("opening the key ring panicked")?
            .context("cannot open the key ring, without which no login can be read")?
    };
    let vault = LocalVault::open(store.clone(), Arc::new(keys)).await.context("cannot open the vault")?;
    let ports = Ports {
        oauth: Arc::clone(github) as _,
        vault: Arc::new(vault),
        nonces: Arc::new(store.clone()),
        sessions: Arc::new(store.clone()),
        on_login: Arc::new(NothingWaits),
        clock,
    };
    tracing::info!(url = public_url.as_str(), "people can log in");
    let auth = Auth::new(ports, public_url, &config.github.url).context("github.url is no address")?;
    Ok(Arc::new(auth))
}
