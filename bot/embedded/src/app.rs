//! The composition root of one machine: which adapter stands behind which port, and what runs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use deputy_core::authorization::Authority;
use deputy_core::command::{About, Command};
use deputy_core::delivery::Delivery;
use deputy_core::dispatch::{self, Attempt, Deputy, HandlerError, Resumptions};
use deputy_core::drive::{Driver, Nudges};
use deputy_core::event_handler::Events;
use deputy_core::ids::EventName;
use deputy_core::language::{Entry, Vocabulary, VocabularyError};
use deputy_core::login::OnLogin;
use deputy_core::logins::Logins;
use deputy_core::ports::{AppSigner, Audit, Busy, Clock, Orchestrator, Permanent, SystemClock};
use deputy_core::redelivery::Redelivery;
use deputy_core::settings::Source;
use deputy_core::task::{TaskServices, Tasks};
use deputy_core::workflow::Workflow;
use deputy_github::client::{self, Client, ClientConfig, NoLogins, OAuthClient};
use deputy_github::credentials::Credentials;
use deputy_github::needs::{Needs, UnknownNeed};
use deputy_github::{GitHubPayloads, PemSigner, Secrets};
use deputy_handlers::{COMMANDS, EVENTS, TASKS};
use deputy_web::{Metrics, Server, ServerConfig};
use secrecy::ExposeSecret as _;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use url::Url;

use crate::config::{AppConfig, Config};
use crate::control::Control;
use crate::forward::Forwarder;
use crate::{
    AuditLog, Lane, LocalKeys, LocalOrchestrator, LocalVault, Options as StoreOptions, Retry, Run, Store,
    Workers,
};
use crate::{logins, workflows};

/// How long handlers may go on once the server is told to stop. What is not done then is done after the next start.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a test brings in place of the real thing.
pub struct Options {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// When failed work is tried again.
    pub retry: Retry,
    /// A smee channel that webhooks come from, beside those that come by themselves.
    pub forward: Option<Url>,
    /// What people can ask for.
    pub commands: &'static [&'static Command],
}

impl Default for Options {
    fn default() -> Self {
        Self { clock: Arc::new(SystemClock), retry: Retry::default(), forward: None, commands: COMMANDS }
    }
}

/// A server that runs. Dropping it stops it without waiting, as if the process died: nothing is lost.
pub struct Running {
    address: SocketAddr,
    metrics_address: Option<SocketAddr>,
    store: Store,
    stop: watch::Sender<bool>,
    server: JoinHandle<usize>,
    workers: Workers,
    sweeper: JoinHandle<()>,
    vault: LocalVault,
    resumptions: Arc<Resumptions>,
    driver: Arc<Driver>,
    orchestrator: Arc<LocalOrchestrator>,
    /// Re-wrapping, the control socket, and what was left of logins.
    keeping: JoinSet<()>,
}

/// Opens the store, starts the handlers and then the receiver.
pub async fn start(config: &Config, options: Options) -> anyhow::Result<Running> {
    let Options { clock, retry, forward, commands } = options;
    let server =
        Server::bind(ServerConfig { listen: config.listen, ..ServerConfig::default() }).await.with_context(
            || format!("cannot listen on {}; choose another address with DEPUTY_LISTEN", config.listen),
        )?;
    let store_options = StoreOptions {
        dedup_window: config.dedup,
        archive_for: config.archive.max(config.dedup),
        retry,
        ..StoreOptions::new(&config.data)
    };
    let tries = store_options.retry.tries();
    let store = {
        let clock = Arc::clone(&clock);
        // Reading which deliveries are known takes the disk's time.
        tokio::task::spawn_blocking(move || Store::open(store_options, clock, Arc::new(subscribed)))
            .await
            .context("opening the store panicked")?
            .with_context(|| format!("cannot open the data folder {}", config.data.display()))?
    };
    let metrics = match config.metrics {
        Some(address) => Some(TcpListener::bind(address).await.with_context(|| {
            format!("cannot serve metrics on {address}; choose another address with DEPUTY_METRICS_LISTEN")
        })?),
        None => None,
    };
    let vault = open_vault(config, &store, Arc::clone(&clock)).await?;
    let address = server.local_addr()?;
    let public_url = config.login.as_ref().map(|login| login.public_url(address));
    let client = github(config, Arc::clone(&clock))?;
    let logins =
        public_url.as_ref().map(|url| Arc::new(logins::open(url, &store, &vault, client.clone(), &clock)));
    let client = match &logins {
        Some(logins) => client.acting_for(Arc::new(logins::Tokens(Arc::clone(&logins.grants)))),
        None => client,
    };
    let redelivery =
        Arc::new(Redelivery::new(Arc::new(client.clone()), Arc::new(store.clone()), Arc::clone(&clock)));
    let audit: Arc<dyn Audit> = Arc::new(AuditLog::in_folder(&config.data));
    let credentials = Arc::new(credentials(config, &client, &audit, &clock)?);
    let (nudges, nudged) = Nudges::new();
    let tasks = tasks(config, &store, &client, &clock);
    let orchestrator = Arc::new(orchestrator(config, &tasks, &nudges, &clock).await?);
    let driver = Arc::new(Driver::new(tasks, Arc::clone(&orchestrator) as Arc<dyn Orchestrator>, nudges));
    let workflows = configured_workflows(config)?;
    let entries = commands.iter().map(|command| Entry::from(command.definition));
    let entries = entries.chain(workflows.iter().map(Workflow::entry));
    let deputy = Arc::new(Deputy {
        about: About { name: "Deputy".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() },
        vocabulary: Vocabulary::new(&config.mention, entries)?,
        commands,
        workflows,
        driver: Arc::clone(&driver),
        events: EVENTS,
        payloads: Arc::new(GitHubPayloads::new(&config.mention)),
        settings: Arc::new(settings(config, &client, commands, &clock)),
        authorizer: Arc::new(Authority::new(
            Arc::new(client.clone()),
            logins.as_deref().map(Logins::check),
            Arc::clone(&clock),
        )),
        logins: logins.clone(),
        archive: Arc::new(store.clone()),
        once: Arc::new(store.clone()),
        dead_letters: Arc::new(store.clone()),
        installations: Arc::clone(&credentials) as _,
        github: Arc::new(client),
        clock: Arc::clone(&clock),
    });
    let resumptions = Arc::new(Resumptions::new(Arc::clone(&deputy)));
    let pages = match (public_url, &logins) {
        (Some(url), Some(logins)) => {
            let on_login = Arc::clone(&resumptions) as Arc<dyn OnLogin>;
            Some(logins::pages(config, url, logins, &store, (on_login, Arc::clone(&clock)))?)
        }
        _ => None,
    };
    let lanes = deputy.handlers().map(Lane::new).collect();
    let workers = Workers::start(&store, Arc::new(Handlers { deputy, tries }), lanes).await?;
    let app = Arc::new(deputy_web::App::new(
        config.mention.as_str(),
        webhook_secrets(config)?,
        Arc::new(store.clone()),
        Arc::clone(&clock),
    ));
    let (stop, stopped) = watch::channel(false);
    let sweeper = tokio::spawn({
        let store = store.clone();
        async move { store.keep_sweeping().await }
    });
    let mut keeping = JoinSet::new();
    keeping.spawn(Arc::clone(&driver).keep_driving(nudged));
    keeping.spawn({
        let driver = Arc::clone(&driver);
        async move { driver.keep_looking().await }
    });
    keeping.spawn({
        let resumptions = Arc::clone(&resumptions);
        async move { resumptions.keep_sweeping().await }
    });
    keeping.spawn({
        let vault = vault.clone();
        async move { vault.keep_rewrapping().await }
    });
    keeping.spawn({
        let redelivery = Arc::clone(&redelivery);
        async move { redelivery.keep_sweeping().await }
    });
    if let Some(channel) = forward {
        let forwarder = Forwarder::new(channel, address, Arc::clone(&clock));
        keeping.spawn(async move { forwarder.keep_forwarding().await });
    }
    keeping.spawn({
        let credentials = Arc::clone(&credentials);
        async move { credentials.keep_fresh().await }
    });
    let metrics_address = metrics.as_ref().and_then(|listener| listener.local_addr().ok());
    if let Some(listener) = metrics {
        let sources: Vec<Arc<dyn Metrics>> =
            vec![Arc::clone(&app) as _, Arc::new(store.clone()), Arc::clone(&credentials) as _];
        keeping.spawn(deputy_web::serve_metrics(listener, sources));
    }
    match Control::listen(&config.data) {
        Ok(control) => drop(keeping.spawn(control.serve(vault.clone()))),
        // A path that is too long for a socket is no reason not to serve.
        Err(error) => tracing::warn!(
            %error,
            "no control socket in the data folder: `deputy keys` works only while the server does not run"
        ),
    }
    let router = deputy_web::router(Arc::clone(&app))
        .merge(deputy_web::auth::router(pages.clone()))
        .merge(deputy_web::api::deliveries(pages.clone().map(|auth| (auth, redelivery))))
        .merge(deputy_web::api::router(pages.clone()))
        .merge(deputy_web::api::credentials_router(pages, credentials, audit));
    let server = tokio::spawn(server.serve(app, router, told(stopped)));
    Ok(Running {
        address,
        metrics_address,
        store,
        stop,
        server,
        workers,
        sweeper,
        vault,
        resumptions,
        driver,
        orchestrator,
        keeping,
    })
}

impl Running {
    /// Where it listens, with the port that was really taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it serves metrics, with the port that was really taken.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// The store beneath it.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// People's grants.
    pub fn vault(&self) -> &LocalVault {
        &self.vault
    }

    /// What logins set in motion.
    pub fn resumptions(&self) -> &Resumptions {
        &self.resumptions
    }

    /// What runs workflows.
    pub fn driver(&self) -> &Driver {
        &self.driver
    }

    /// Finishes the requests under way, then the handlers that run, and puts the store in order.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        // The receiver first: nothing new may come in while the handlers finish.
        match self.server.await {
            Ok(0) => {}
            Ok(cut) => tracing::warn!(cut, "connections were not done in time and were cut"),
            Err(error) => tracing::error!(%error, "the receiver did not end by itself"),
        }
        let cut = self.workers.drain(PATIENCE).await;
        if cut > 0 {
            tracing::warn!(cut, "deliveries were still being handled; they are handled after the next start");
        }
        // What does not end in time is found by the sweep after the next start.
        let _ = tokio::time::timeout(PATIENCE, self.resumptions.finish()).await;
        // Steps that are under way are begun again after the next start.
        let _ = tokio::time::timeout(PATIENCE, self.driver.rest()).await;
        self.sweeper.abort();
        self.keeping.shutdown().await;
        self.orchestrator.close().await;
        self.store.close().await;
    }
}

/// Opens the keys and the vault, in the folder that the store has locked.
async fn open_vault(config: &Config, store: &Store, clock: Arc<dyn Clock>) -> anyhow::Result<LocalVault> {
    let (data, passphrase) = (config.data.clone(), config.vault_passphrase.clone());
    let keys = tokio::task::spawn_blocking(move || LocalKeys::open(&data, passphrase.as_ref(), clock))
        .await
        .context("opening the key ring panicked")??;
    LocalVault::open(store.clone(), Arc::new(keys)).await.context("cannot open the vault")
}

/// All words that people can use.
pub fn vocabulary(mention: &str) -> Result<Vocabulary, VocabularyError> {
    Vocabulary::new(mention, COMMANDS.iter().map(|command| command.definition))
}

/// The handlers that get `event`.
pub fn handlers_of(event: &EventName) -> impl Iterator<Item = &'static str> + '_ {
    dispatch::handlers_of(EVENTS, event)
}

/// What the App must be allowed and told of for the handlers of this build.
pub fn needs() -> Result<Needs, UnknownNeed> {
    let named = |events: Events| match events {
        Events::Named(names) => names,
        // Whatever there is, and nothing for its sake.
        Events::All => &[],
    };
    let events = EVENTS.iter().flat_map(|handler| named(handler.events));
    let tasks = TASKS.iter().map(|task| task.name);
    Needs::of(named(dispatch::COMMENT_EVENTS).iter().chain(events).copied(), tasks)
}

/// The App's key, ready to sign.
pub fn signer(config: &Config) -> anyhow::Result<Arc<dyn AppSigner>> {
    let signer = PemSigner::new(config.github.private_key.expose_secret())?;
    Ok(Arc::new(signer))
}

/// The webhook secrets, ready to verify.
pub fn webhook_secrets(config: &Config) -> anyhow::Result<Secrets> {
    Ok(Secrets::new(config.webhook_secrets.iter().map(|secret| secret.expose_secret().as_bytes()))?)
}

/// The one client of this process: everybody's rate limits, tokens and connections are in it. It acts for nobody yet.
pub(crate) fn github(config: &Config, clock: Arc<dyn Clock>) -> anyhow::Result<Client> {
    let oauth = config
        .login
        .as_ref()
        .map(|login| OAuthClient { id: login.client_id.clone(), secret: login.client_secret.clone() });
    let app = client::App { issuer: config.github.issuer.clone(), signer: signer(config)?, oauth };
    Ok(Client::new(ClientConfig::new(&config.github.url)?, app, Arc::new(NoLogins), clock))
}

/// The credentials of Deputy's own App and of the further ones, each with a client of its own.
fn credentials(
    config: &Config,
    own: &Client,
    audit: &Arc<dyn Audit>,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Credentials> {
    let mut apps = vec![(config.mention.clone(), own.clone())];
    for AppConfig { name, issuer, private_key } in &config.apps {
        let signer: Arc<dyn AppSigner> = Arc::new(PemSigner::new(private_key.expose_secret())?);
        let app = client::App { issuer: issuer.clone(), signer, oauth: None };
        let github = ClientConfig::new(&config.github.url)?;
        apps.push((name.clone(), Client::new(github, app, Arc::new(NoLogins), Arc::clone(clock))));
    }
    let percent = config.github.rate_limit_alarm_percent;
    Ok(Credentials::new(apps, Arc::clone(audit), Arc::clone(clock), percent))
}

/// Where repositories' settings come from.
fn settings(
    config: &Config,
    github: &Client,
    commands: &[&'static Command],
    clock: &Arc<dyn Clock>,
) -> Source {
    let names: Vec<String> = commands.iter().map(|command| command.definition.name.to_owned()).collect();
    let commands = Box::new(move || names.clone());
    Source::new(Arc::new(github.clone()), Arc::clone(clock), config.settings.clone(), commands)
}

fn tasks(config: &Config, store: &Store, github: &Client, clock: &Arc<dyn Clock>) -> Tasks {
    let services = TaskServices {
        github: Arc::new(github.clone()),
        payloads: Arc::new(GitHubPayloads::new(&config.mention)),
        jobs: Arc::new(store.clone()),
        locks: Arc::new(store.clone()),
        waits: Arc::new(store.clone()),
        clock: Arc::clone(clock),
    };
    Tasks::new(TASKS, services)
}

async fn orchestrator(
    config: &Config,
    tasks: &Tasks,
    nudges: &Nudges,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<LocalOrchestrator> {
    let (folder, nudges) = (config.data.join("stepfunctions"), nudges.clone());
    let on_progress = Arc::new(move |job| nudges.nudge(job));
    LocalOrchestrator::open(folder, Arc::clone(clock), Arc::new(tasks.clone()), on_progress).await
}

/// The workflows of the configured folder. Those that are wrong keep the server from starting.
fn configured_workflows(config: &Config) -> anyhow::Result<Vec<Arc<Workflow>>> {
    let Some(folder) = &config.workflows else { return Ok(Vec::new()) };
    workflows::load(folder, TASKS).map_err(|faults| {
        let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("the workflows cannot be used:\n{}", faults.join("\n"))
    })
}

fn subscribed(event: &EventName) -> Vec<String> {
    handlers_of(event).map(str::to_owned).collect()
}

/// The core's dispatcher behind the queues.
struct Handlers {
    deputy: Arc<Deputy>,
    tries: u32,
}

#[async_trait]
impl Run for Handlers {
    async fn run(&self, handler: &str, delivery: Delivery, attempt: u32) -> anyhow::Result<()> {
        let attempt = Attempt { number: attempt, is_last: attempt >= self.tries };
        match self.deputy.handle(handler, &delivery, attempt).await {
            Ok(()) => Ok(()),
            Err(HandlerError::Failed(error)) => {
                tracing::warn!(
                    delivery = %delivery.id, handler, attempt = attempt.number, last = attempt.is_last,
                    error = format!("{error:#}"), "handler failed"
                );
                Err(error)
            }
            Err(HandlerError::Hopeless(error)) => {
                tracing::error!(delivery = %delivery.id, handler, error = format!("{error:#}"), "dead letter");
                Err(error.context(Permanent))
            }
            Err(HandlerError::Busy { until }) => Err(Busy(until).into()),
        }
    }
}

/// Completes when it is time to stop.
async fn told(mut stopped: watch::Receiver<bool>) {
    // The sender is gone when the server was dropped: time to stop, too.
    let _ = stopped.wait_for(|stop| *stop).await;
}
