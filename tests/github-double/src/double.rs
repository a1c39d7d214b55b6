//! The double itself: starting it, what a test may ask of it, and the reckoning at the end.

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::faults::{Fault, When};
use crate::http::server;
use crate::hub::{Hub, lock};
use crate::people::{App, AppBuilder, Organization, User};
use crate::schema;
use crate::state::{State, Urls};

/// A GitHub on loopback. Clones are the same GitHub; when the last is dropped it stops, and panics if
/// anything broke GitHub's rules or a webhook was not delivered.
#[derive(Clone, Debug)]
pub struct Double {
    hub: Arc<Hub>,
    _guard: Arc<Guard>,
}

/// How a double is started.
#[derive(Clone, Debug)]
pub struct DoubleBuilder {
    validate: bool,
    clock: Clock,
    port: u16,
    enterprise: bool,
}

#[derive(Debug)]
struct Guard {
    hub: Arc<Hub>,
    stop: watch::Sender<bool>,
    watch_end: bool,
}

impl Double {
    /// Starts a GitHub that checks everything.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// Options before the start.
    pub fn builder() -> DoubleBuilder {
        DoubleBuilder { validate: true, clock: Clock::default(), port: 0, enterprise: false }
    }

    /// Where this GitHub is: REST at its root and under `/api/v3`, logins under `/login`.
    pub fn base_url(&self) -> String {
        self.hub.read(|state| state.urls.web.clone())
    }

    /// Where the REST API says that it is.
    pub fn api_url(&self) -> String {
        self.hub.read(|state| state.urls.api.clone())
    }

    /// The time here; moving it expires tokens and resets rate limits.
    pub fn clock(&self) -> Clock {
        self.hub.read(|state| state.clock.clone())
    }

    /// The person of this login, made if there is none.
    pub fn user(&self, login: &str) -> User {
        User::named(&self.hub, login)
    }

    /// The organization of this login, made if there is none.
    pub fn org(&self, login: &str) -> Organization {
        Organization::named(&self.hub, login)
    }

    /// An App to be registered under this name.
    pub fn app(&self, name: &str) -> AppBuilder {
        AppBuilder::new(&self.hub, name)
    }

    /// The registered App of this slug.
    pub fn app_by_slug(&self, slug: &str) -> Option<App> {
        let id = self.hub.read(|state| state.apps.values().find(|app| app.slug == slug).map(|app| app.id))?;
        Some(App::handle(&self.hub, id))
    }

    /// Fails the next requests that `when` describes.
    pub fn inject(&self, when: When, fault: Fault) {
        lock(&self.hub.faults).add(when, fault);
    }

    /// Takes all faults away.
    pub fn clear_faults(&self) {
        lock(&self.hub.faults).clear();
    }

    /// Requests whose `METHOD /path` contains this may be unknown to the double.
    pub fn allow_unknown(&self, part: &str) {
        lock(&self.hub.settings).allowed_unknown.push(part.to_owned());
    }

    /// Deliveries may fail for good: the test is about that.
    pub fn allow_failed_deliveries(&self) {
        lock(&self.hub.settings).allow_failed_deliveries = true;
    }

    /// Waits until `condition` holds; looks again whenever anything changes here.
    pub async fn wait_for(&self, what: &str, condition: impl Fn() -> bool) {
        self.hub.until(what, condition).await;
    }

    /// Ticks at every change here, for whoever shows this GitHub to people.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.hub.changes()
    }

    /// Waits until no webhook is under way.
    pub async fn settled(&self) {
        let hub = &self.hub;
        let is_settled =
            || hub.read(|state| !state.deliveries.values().any(crate::state::delivery::Delivery::is_pending));
        hub.until("all webhooks to be answered", is_settled).await;
    }

    /// What happened so far, for a person to read.
    pub fn transcript(&self) -> String {
        self.hub.transcript()
    }

    /// Whether any webhook of this GitHub's was taken by its receiver.
    pub fn has_delivered(&self) -> bool {
        self.hub.read(|state| state.deliveries.values().any(crate::state::delivery::Delivery::is_delivered))
    }

    /// Every token, code, client secret, webhook secret, line of a private key and App JWT that this GitHub has ever given
    /// out or seen: none of them may turn up where it does not belong.
    pub fn secrets(&self) -> Vec<String> {
        self.hub.read(|state| state.secrets.iter().cloned().collect())
    }

    /// What broke GitHub's rules so far.
    pub fn violations(&self) -> Vec<String> {
        self.hub.read(|state| state.violations.clone())
    }

    /// Takes the violations out, so that a test about them can end well.
    pub fn take_violations(&self) -> Vec<String> {
        self.hub.change(|state| std::mem::take(&mut state.violations))
    }

    /// Waits for the webhooks under way, then panics if anything broke GitHub's rules or was not delivered.
    pub async fn assert_clean(&self) {
        self.settled().await;
        if let Some(complaint) = complaint(&self.hub) {
            // Said once: dropping the double must not panic again for the same.
            self.take_violations();
            self.allow_failed_deliveries();
            panic!("{complaint}");
        }
    }
}

impl DoubleBuilder {
    /// Checks nothing against GitHub's descriptions: for the playground, where they may not be there.
    #[must_use]
    pub fn without_validation(mut self) -> Self {
        self.validate = false;
        self
    }

    /// Tells the time by this clock.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Listens on this port instead of any free one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Says that its API is under `/api/v3`, as GitHub Enterprise Server does.
    #[must_use]
    pub fn enterprise(mut self) -> Self {
        self.enterprise = true;
        self
    }

    /// Starts listening on loopback.
    pub async fn start(self) -> Double {
        if self.validate {
            schema::ensure_fetched();
        }
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let web = format!("http://{address}");
        let api = if self.enterprise { format!("{web}/api/v3") } else { web.clone() };
        let mut state = State::new(Urls { api, web }, self.clock);
        state.is_enterprise = self.enterprise;
        let hub = Arc::new(Hub::new(state, self.validate));
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(server::serve(listener, Arc::clone(&hub), stopped));
        let guard = Arc::new(Guard { hub: Arc::clone(&hub), stop, watch_end: self.validate });
        Double { hub, _guard: guard }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        if !self.watch_end {
            return;
        }
        // A panic while panicking would abort, and hide what went wrong first.
        if !std::thread::panicking()
            && let Some(complaint) = complaint(&self.hub)
        {
            panic!("{complaint}");
        }
    }
}

/// What is wrong at the end of a test, with the transcript; nothing if nothing is.
fn complaint(hub: &Hub) -> Option<String> {
    let allow_failed = lock(&hub.settings).allow_failed_deliveries;
    let wrong = hub.read(|state| {
        let mut wrong = state.violations.clone();
        if !allow_failed {
            wrong.extend(state.undelivered());
        }
        wrong
    });
    if wrong.is_empty() {
        return None;
    }
    Some(format!("This is not as GitHub is:\n  {}\n\n{}", wrong.join("\n  "), hub.transcript()))
}
