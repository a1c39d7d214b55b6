//! The one place where state changes: under a lock, telling everybody who waits, and sending the webhooks.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::faults::Faults;
use crate::state::State;
use crate::webhook::Sender;

/// How long anybody waits for a condition: generous, as it is only ever used up by a failing test.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Shared by the server, the handles that tests hold, and the deliveries under way.
#[derive(Debug)]
pub(crate) struct Hub {
    state: Mutex<State>,
    changes: watch::Sender<u64>,
    pub(crate) runtime: Handle,
    pub(crate) sender: Sender,
    pub(crate) validate: bool,
    pub(crate) faults: Mutex<Faults>,
    pub(crate) settings: Mutex<Settings>,
}

/// What a test may change about the double itself.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    /// Routes that may be unknown without that being a violation: parts of `METHOD /path`.
    pub(crate) allowed_unknown: Vec<String>,
    /// Failed deliveries are what the test wants.
    pub(crate) allow_failed_deliveries: bool,
}

impl Hub {
    pub(crate) fn new(state: State, validate: bool) -> Self {
        Self {
            state: Mutex::new(state),
            changes: watch::Sender::new(0),
            runtime: Handle::current(),
            sender: Sender::new(),
            validate,
            faults: Mutex::default(),
            settings: Mutex::default(),
        }
    }

    /// Looks at the state.
    pub(crate) fn read<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        look(&self.lock())
    }

    /// Changes the state; webhooks that the change caused go out in the background.
    pub(crate) fn change<R>(self: &Arc<Self>, change: impl FnOnce(&mut State) -> R) -> R {
        self.change_and_send(change).0
    }

    /// Changes the state and waits until every webhook that the change caused was answered, or failed.
    pub(crate) async fn act<R>(self: &Arc<Self>, change: impl FnOnce(&mut State) -> R) -> R {
        let (result, sent) = self.change_and_send(change);
        let is_over = || {
            self.read(|state| sent.iter().all(|id| state.deliveries.get(id).is_none_or(|d| !d.is_pending())))
        };
        self.until("the webhooks to be answered", is_over).await;
        result
    }

    fn change_and_send<R>(
        self: &Arc<Self>,
        change: impl FnOnce(&mut State) -> R,
    ) -> (R, Vec<crate::ids::DeliveryId>) {
        let (result, sent) = {
            let mut state = self.lock();
            let result = change(&mut state);
            (result, std::mem::take(&mut state.outbox))
        };
        for &id in &sent {
            let hub = Arc::clone(self);
            self.runtime.spawn(async move { hub.deliver(id).await });
        }
        self.changes.send_modify(|count| *count += 1);
        (result, sent)
    }

    /// Waits until `condition` holds, looking again after every change.
    ///
    /// Panics with the transcript when [`PATIENCE`] is used up.
    pub(crate) async fn until(&self, what: &str, condition: impl Fn() -> bool) {
        let mut changes = self.changes.subscribe();
        let waiting = async {
            loop {
                changes.mark_unchanged();
                if condition() {
                    return;
                }
                changes.changed().await.expect("the hub outlives its receivers");
            }
        };
        let happened = tokio::time::timeout(PATIENCE, waiting).await.is_ok();
        assert!(happened, "waited {PATIENCE:?} in vain for {what}\n\n{}", self.transcript());
    }

    /// Ticks at every change.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// What happened so far, for a person to read.
    pub(crate) fn transcript(&self) -> String {
        self.read(|state| format!("What happened on GitHub:\n  {}", state.transcript.join("\n  ")))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic under the lock is a failing test; the others that look afterwards must still see.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Locks whatever a panic elsewhere may have poisoned.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
