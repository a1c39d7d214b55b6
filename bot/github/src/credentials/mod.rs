//! The credentials of one App or several: where each is installed, tokens for whoever may have them, and how much each
//! may still ask of GitHub.
//!
//! The first App is Deputy's own, whose webhooks come here and say when an installation changes. The others are known by
//! their keys alone; of them a sweep tells, and GitHub itself whenever an owner is not known or a token is refused.

mod directory;
mod metrics;
mod vend;

use std::collections::BTreeSet;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use deputy_core::ids::InstallationId;
use deputy_core::ports::{Audit, Clock, GitHubError, Installations};

use self::directory::Directory;
pub use self::vend::{Asker, Of, Order, VendError, Vended};
use crate::app::Installation;
use crate::client::{Client, Reading, Readings};

/// How often every installation's rate limits are read.
pub const READINGS: Duration = Duration::from_mins(10);
/// How often it is read where the Apps are installed.
pub const SWEEP: Duration = Duration::from_mins(30);

/// The credentials of some Apps.
pub struct Credentials {
    apps: Vec<App>,
    audit: Arc<dyn Audit>,
    clock: Arc<dyn Clock>,
    /// Below this share of an hour's requests, in percent, somebody should look.
    alarm_percent: u32,
}

/// One App.
struct App {
    name: String,
    client: Client,
    directory: Directory,
    /// Installation tokens that were handed out.
    tokens: AtomicU64,
    /// JWTs that were handed out.
    jwts: AtomicU64,
    /// Budgets that an alarm was raised for, so that it is raised once.
    alarms: Mutex<BTreeSet<(InstallationId, &'static str)>>,
}

/// Where an App is installed, as far as is known.
#[derive(Debug, Clone)]
pub struct Known {
    /// The App, by its name here.
    pub app: String,
    /// The installation.
    pub installation: Installation,
    /// GitHub's latest word on its rate limits.
    pub limits: Readings,
}

impl Credentials {
    /// Deputy's own App and further ones, each with its name and a client of its own. The alarm is raised when less than
    /// `alarm_percent` of an hour's requests are left.
    pub fn new(
        apps: impl IntoIterator<Item = (String, Client)>,
        audit: Arc<dyn Audit>,
        clock: Arc<dyn Clock>,
        alarm_percent: u32,
    ) -> Self {
        let apps = apps.into_iter().map(|(name, client)| App {
            name,
            client,
            directory: Directory::default(),
            tokens: AtomicU64::new(0),
            jwts: AtomicU64::new(0),
            alarms: Mutex::default(),
        });
        Self { apps: apps.collect(), audit, clock, alarm_percent }
    }

    /// Where they are installed, by App and owner; of one App where `app` names it.
    ///
    /// # Errors
    ///
    /// When there is no such App.
    pub fn installations(&self, app: Option<&str>) -> Result<Vec<Known>, VendError> {
        let apps: Vec<&App> = match app {
            Some(name) => vec![self.app(Some(name))?],
            None => self.apps.iter().collect(),
        };
        let known = apps.into_iter().flat_map(|app| {
            let mut all = app.directory.all();
            all.sort_by(|one, other| one.account.login.cmp(&other.account.login));
            all.into_iter().map(move |installation| Known {
                app: app.name.clone(),
                limits: app.client.readings(installation.id),
                installation,
            })
        });
        Ok(known.collect())
    }

    /// Sweeps every half hour and reads the rate limits every ten minutes, at first at once. Never ends: drop it.
    pub async fn keep_fresh(&self) {
        let mut next_sweep = self.clock.now();
        loop {
            let now = self.clock.now();
            if now >= next_sweep {
                next_sweep = now + SWEEP;
                self.sweep().await;
            }
            self.read_limits().await;
            self.clock.sleep_until(now + READINGS).await;
        }
    }

    /// Reads from GitHub where every App is installed. What cannot be read stays as it was.
    pub async fn sweep(&self) {
        for app in &self.apps {
            if let Err(error) = app.directory.sweep(&app.client, self.clock.now()).await {
                let error = format!("{:#}", anyhow::Error::from(error));
                tracing::warn!(app = app.name, error, "the App's installations could not be read");
            }
        }
    }

    /// Asks how much every installation may still ask, and raises an alarm where it is little.
    pub async fn read_limits(&self) {
        for app in &self.apps {
            for installation in app.directory.all() {
                if installation.suspended_at.is_some() {
                    continue;
                }
                let owner = &installation.account.login;
                if let Err(error) = app.client.rate_limits(installation.id).await {
                    let error = format!("{:#}", anyhow::Error::from(error));
                    tracing::warn!(app = app.name, owner, error, "its rate limits could not be read");
                }
                // Also where it could not be asked: nothing being left may be why.
                self.watch(app, &installation, app.client.readings(installation.id));
            }
        }
    }

    fn watch(&self, app: &App, installation: &Installation, readings: Readings) {
        let mut alarms = app.alarms.lock().unwrap_or_else(PoisonError::into_inner);
        for (resource, reading) in readings.each() {
            let key = (installation.id, resource);
            if !self.is_low(&reading) {
                alarms.remove(&key);
            } else if alarms.insert(key) {
                let Reading { limit, remaining, reset } = reading;
                tracing::error!(
                    alarm = "rate_limit",
                    app = app.name,
                    owner = installation.account.login,
                    installation = installation.id.0,
                    resource,
                    remaining,
                    limit,
                    %reset,
                    "an installation has nearly used up its requests of this hour"
                );
            }
        }
    }

    fn is_low(&self, reading: &Reading) -> bool {
        let share = u64::from(reading.limit) * u64::from(self.alarm_percent);
        reading.reset > self.clock.now() && u64::from(reading.remaining) * 100 < share
    }

    /// The App of this name; Deputy's own without one.
    fn app(&self, name: Option<&str>) -> Result<&App, VendError> {
        let found = match name {
            Some(name) => self.apps.iter().find(|app| app.name.eq_ignore_ascii_case(name)),
            None => self.apps.first(),
        };
        found.ok_or_else(|| VendError::UnknownApp {
            name: name.unwrap_or_default().to_owned(),
            known: self.apps.iter().map(|app| app.name.clone()).collect(),
        })
    }
}

#[async_trait]
impl Installations for Credentials {
    async fn changed(&self, installation: InstallationId) -> Result<(), GitHubError> {
        match self.apps.first() {
            Some(own) => own.directory.look_again(&own.client, installation).await,
            None => Ok(()),
        }
    }
}
