//! Where one App is installed: read from GitHub, and read again when something changed.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use chrono::{DateTime, Utc};
use deputy_core::ids::InstallationId;
use deputy_core::ports::GitHubError;
use tokio::sync::Mutex;

use crate::app::Installation;
use crate::client::Client;

/// An App's installations.
#[derive(Default)]
pub(super) struct Directory {
    known: RwLock<Known>,
    /// One reading at a time: a sweep that began before a change must not put back what the change took out.
    reading: Mutex<()>,
}

#[derive(Default)]
struct Known {
    installations: BTreeMap<InstallationId, Installation>,
    swept_at: Option<DateTime<Utc>>,
}

impl Directory {
    pub(super) fn all(&self) -> Vec<Installation> {
        self.read(|known| known.installations.values().cloned().collect())
    }

    pub(super) fn swept_at(&self) -> Option<DateTime<Utc>> {
        self.read(|known| known.swept_at)
    }

    pub(super) fn get(&self, id: InstallationId) -> Option<Installation> {
        self.read(|known| known.installations.get(&id).cloned())
    }

    fn on(&self, owner: &str) -> Option<Installation> {
        let is_theirs = |it: &&Installation| it.account.login.eq_ignore_ascii_case(owner);
        self.read(|known| known.installations.values().find(is_theirs).cloned())
    }

    /// The installation on this owner's account: as it is known, or else as GitHub says.
    pub(super) async fn find(
        &self,
        client: &Client,
        owner: &str,
    ) -> Result<Option<Installation>, GitHubError> {
        if let Some(known) = self.on(owner) {
            return Ok(Some(known));
        }
        let _reading = self.reading.lock().await;
        let found = client.installation_of(owner).await?;
        if let Some(installation) = &found {
            self.change(|known| known.installations.insert(installation.id, installation.clone()));
        }
        Ok(found)
    }

    /// Reads all of them.
    pub(super) async fn sweep(&self, client: &Client, now: DateTime<Utc>) -> Result<(), GitHubError> {
        let _reading = self.reading.lock().await;
        let installations: BTreeMap<_, _> =
            client.installations().await?.into_iter().map(|it| (it.id, it)).collect();
        let before = self.all();
        for gone in before.iter().filter(|it| !has_tokens(installations.get(&it.id))) {
            client.forget_installation(gone.id);
        }
        self.change(|known| *known = Known { installations, swept_at: Some(now) });
        Ok(())
    }

    /// Reads one of them.
    pub(super) async fn look_again(&self, client: &Client, id: InstallationId) -> Result<(), GitHubError> {
        let _reading = self.reading.lock().await;
        let found = client.installation(id).await?;
        if !has_tokens(found.as_ref()) {
            client.forget_installation(id);
        }
        self.change(|known| match found {
            Some(installation) => known.installations.insert(id, installation),
            None => known.installations.remove(&id),
        });
        Ok(())
    }

    fn read<R>(&self, look: impl FnOnce(&Known) -> R) -> R {
        look(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change<R>(&self, change: impl FnOnce(&mut Known) -> R) -> R {
        change(&mut self.known.write().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether tokens of it work.
fn has_tokens(installation: Option<&Installation>) -> bool {
    installation.is_some_and(|it| it.suspended_at.is_none())
}
