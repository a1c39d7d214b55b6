//! A small world for conversations: an organization, its people, a repository, and Deputy installed there.
//!
//! ```no_run
//! # async fn example() {
//! let world = scenarios::World::new().await;
//! let pr = world.pull_request().await;
//! pr.comment(&world.ada, "@deputy ping").await;
//! let reply = world.reply_on(&pr, 0).await;
//! assert!(reply.starts_with("🏓 pong"));
//! world.end().await;
//! # }
//! ```
//!
//! [`World::end`] fails when something is still queued, when a dead letter lies around that the test did not
//! expect, or when anything that went over the wire was not as GitHub describes it.

pub mod browser;
pub mod clock;
mod leaks;
mod logins;
pub mod wire;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use deputy_core::command::Command;
use deputy_core::ports::{DeadLetter, DeadLetterQuery, DeadLetters as _};
use deputy_embedded::Retry;
use deputy_embedded::app::{self, Options, Running};
use deputy_embedded::config::{AppConfig, Config, GitHubConfig, LogConfig, LogFormat, LoginConfig};
use deputy_handlers::COMMANDS;
use github_double::{App, Comment, Double, Installation, Issue, Organization, Permission, Repository, User};
use tempfile::TempDir;

use crate::leaks::{Ended, Watch};

/// How long anything may take before a test gives up. Generous: machines that test are busy.
const PATIENCE: Duration = Duration::from_mins(1);

/// After so long without a change, everybody on GitHub waits for time to pass. Longer than any request takes on a machine
/// that is not busy; on one that is, too short only means that time passes a little early.
const STALLED: Duration = Duration::from_millis(150);

/// The world at the beginning of a conversation.
pub struct World {
    /// GitHub.
    pub github: Double,
    /// The organization.
    pub acme: Organization,
    /// Its repository, public.
    pub shop: Repository,
    /// A member who may write.
    pub ada: User,
    /// A member who may read.
    pub grace: User,
    /// A stranger to the organization.
    pub mallory: User,
    /// The App.
    pub app: App,
    /// Its installation on the organization.
    pub installation: Installation,
    /// The smee channel that Deputy is started with.
    pub forward: Option<url::Url>,
    login: Option<LoginConfig>,
    commands: Vec<&'static Command>,
    further_apps: Vec<(String, App)>,
    deputy: Option<Running>,
    watch: Option<Watch>,
    has_run: bool,
    folder: TempDir,
}

impl World {
    /// Sets it up, and starts Deputy. The members have logged in.
    pub async fn new() -> Self {
        let world = Self::with_logins().await;
        world.has_logged_in(&world.ada).await;
        world.has_logged_in(&world.grace).await;
        world
    }

    /// The same before Deputy was started.
    pub async fn without_deputy() -> Self {
        let watch = Some(Watch::begin());
        let github = Double::start().await;
        let acme = github.org("acme");
        let (ada, grace, mallory) = (github.user("ada"), github.user("grace"), github.user("mallory"));
        acme.add_member(&ada).add_member(&grace);
        let shop = acme.repo("shop");
        shop.public().permit(&ada, Permission::Write).permit(&grace, Permission::Read);
        let app = github.app("deputy").register();
        let installation = app.install_on(&acme);
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self {
            github,
            acme,
            shop,
            ada,
            grace,
            mallory,
            app,
            installation,
            forward: None,
            login: None,
            commands: COMMANDS.to_vec(),
            further_apps: Vec::new(),
            deputy: None,
            watch,
            has_run: false,
            folder,
        }
    }

    /// Lets people use one more command from the next start on.
    pub fn add_command(&mut self, command: &'static Command) {
        self.commands.push(command);
    }

    /// Lets Deputy hand out an App's credentials, under a name of its own, from the next start on.
    pub fn hands_out_credentials_of(&mut self, name: &str, app: &App) {
        self.further_apps.push((name.to_owned(), app.clone()));
    }

    /// Starts Deputy on this world's data folder.
    ///
    /// # Panics
    ///
    /// When it runs already, or cannot start.
    pub async fn start(&mut self) {
        assert!(self.deputy.is_none(), "Deputy runs already");
        // Five tries as always, but none of them waits.
        let retry = Retry { waits: vec![Duration::ZERO; 4] };
        let options = Options {
            retry,
            clock: Arc::new(clock::GitHubsClock(self.github.clock())),
            forward: self.forward.clone(),
            commands: self.commands.clone().leak(),
        };
        self.has_run = true;
        let deputy = app::start(&self.config(), options).await.expect("Deputy starts");
        self.app.send_webhooks_to(&format!("http://{}/webhook", deputy.address()));
        self.deputy = Some(deputy);
    }

    /// Stops Deputy as SIGTERM does.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub async fn stop(&mut self) {
        self.deputy.take().expect("Deputy runs").stop().await;
    }

    /// Deputy as it runs.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub fn deputy(&self) -> &Running {
        self.deputy.as_ref().expect("Deputy runs")
    }

    /// The configuration that Deputy is started with.
    pub fn config(&self) -> Config {
        Config {
            listen: "127.0.0.1:0".parse().expect("an address"),
            metrics: Some("127.0.0.1:0".parse().expect("an address")),
            mention: "deputy".to_owned(),
            data: self.folder.path().join("data"),
            workflows: Some(self.workflows()).filter(|folder| folder.exists()),
            archive: Duration::from_hours(90 * 24),
            dedup: Duration::from_hours(72),
            github: GitHubConfig {
                url: self.github.base_url(),
                issuer: self.app.client_id(),
                private_key: self.app.private_key().into(),
                rate_limit_alarm_percent: 10,
            },
            apps: self
                .further_apps
                .iter()
                .map(|(name, app)| AppConfig {
                    name: name.clone(),
                    issuer: app.client_id(),
                    private_key: app.private_key().into(),
                })
                .collect(),
            login: self.login.clone(),
            admins: self.login.iter().map(|_| "ada".parse().expect("a name")).collect(),
            settings: deputy_core::settings::Settings::default(),
            webhook_secrets: vec![self.app.webhook_secret().into()],
            vault_passphrase: None,
            log: LogConfig { filter: "off".to_owned(), format: LogFormat::Human },
        }
    }

    /// The folder from which Deputy takes workflows when it starts, if it is there by then.
    pub fn workflows(&self) -> PathBuf {
        self.folder.path().join("workflows")
    }

    /// A new pull request of ada's, without commands.
    pub async fn pull_request(&self) -> Issue {
        self.shop.pull_request("Sell tea").by(&self.ada).open().await
    }

    /// Deputy's reply after `already` earlier ones, as people see it: without the marker.
    pub async fn reply_on(&self, issue: &Issue, already: usize) -> String {
        visible(&self.comment_on(issue, already).await.body())
    }

    /// What Deputy wrote after `already` earlier comments, as itself or as a person.
    ///
    /// # Panics
    ///
    /// When it never comes.
    pub async fn comment_on(&self, issue: &Issue, already: usize) -> Comment {
        issue.wait_for(|issue| said(issue).len() > already).await;
        said(issue).swap_remove(already)
    }

    /// Waits until every accepted delivery was handled, one way or the other.
    ///
    /// # Panics
    ///
    /// When that takes too long.
    pub async fn quiet(&self) {
        self.github.settled().await;
        let store = self.deputy().store();
        let busy = async {
            loop {
                let counts = store.counts().await.expect("the store answers");
                if counts.iter().all(|lane| lane.pending + lane.in_flight + lane.delayed == 0) {
                    return;
                }
                // Nothing tells when a queue runs dry, so this looks again and again.
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let busy = async {
            busy.await;
            self.deputy().driver().rest().await;
        };
        if tokio::time::timeout(PATIENCE, busy).await.is_err() {
            let counts = store.counts().await;
            panic!("still at work after {PATIENCE:?}: {counts:?}\n{}", self.github.transcript());
        }
    }

    /// Lets time pass while something is done: a step of the clock whenever nothing has happened on GitHub for a moment, so
    /// that whoever waits for time gets it, and whoever waits for an answer is not made to believe that it is late.
    pub async fn while_time_passes<T>(&self, step: Duration, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        let mut changes = self.github.changes();
        loop {
            let stalled = async { while tokio::time::timeout(STALLED, changes.changed()).await.is_ok() {} };
            tokio::select! {
                done = &mut work => return done,
                () = stalled => self.github.clock().advance(step),
            }
        }
    }

    /// What failed for good.
    ///
    /// # Panics
    ///
    /// When the store does not answer.
    pub async fn dead_letters(&self) -> Vec<DeadLetter> {
        self.quiet().await;
        let query = DeadLetterQuery::default();
        self.deputy().store().list(&query).await.expect("the store answers").items
    }

    /// Ends the conversation: everything was handled, nothing failed, the wire saw only what GitHub knows, and no secret was
    /// written anywhere.
    ///
    /// # Panics
    ///
    /// When that is not so.
    pub async fn end(mut self) {
        let dead = self.dead_letters().await;
        assert!(dead.is_empty(), "dead letters: {dead:#?}\n{}", self.github.transcript());
        self.stop().await;
        self.github.assert_clean().await;
        let findings = self.leaks();
        assert!(findings.is_empty(), "secrets were written down:\n  {}", findings.join("\n  "));
    }

    /// Where secrets were written down in this world. Asked here, it is not asked again at the end.
    pub fn leaks(&mut self) -> Vec<String> {
        let Some(watch) = self.watch.take() else { return Vec::new() };
        let data = self.config().data;
        watch.findings(&Ended { github: &self.github, data: &data, has_run: self.has_run })
    }
}

/// Worlds that no test brought to their end are looked through as well.
impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let findings = self.leaks();
        assert!(findings.is_empty(), "secrets were written down:\n  {}", findings.join("\n  "));
    }
}

/// What Deputy wrote in a conversation, as itself or as people, oldest first.
pub fn said(issue: &Issue) -> Vec<Comment> {
    issue.comments().into_iter().filter(|comment| comment.body().contains("<!-- deputy:")).collect()
}

/// A reply as people see it: without the marker that GitHub does not show.
pub fn visible(body: &str) -> String {
    let end = body.rfind("\n\n<!-- deputy:").unwrap_or(body.len());
    body[..end].to_owned()
}
