//! What every request meets: the App's name, its secrets, the inbox, the limits and the counters.

use std::sync::{Arc, PoisonError, RwLock};

use deputy_core::ports::{Clock, Inbox};
use deputy_github::signature::{Secrets, SignatureError};

use crate::body::{BodyLimits, Room};
use crate::counters::Counters;
use crate::damper::Damper;
use crate::readiness::Readiness;

/// One GitHub App's receiver. Shared by all connections.
pub struct App {
    name: Box<str>,
    secrets: RwLock<Secrets>,
    pub(crate) inbox: Arc<dyn Inbox>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limits: BodyLimits,
    pub(crate) room: Room,
    pub(crate) counters: Counters,
    /// For the log: signatures refused.
    pub(crate) refusals: Damper,
    /// For the log: deliveries that could not be stored.
    pub(crate) failures: Damper,
    pub(crate) readiness: Readiness,
}

impl App {
    /// A receiver with the default [`BodyLimits`].
    pub fn new(
        name: impl Into<Box<str>>,
        secrets: Secrets,
        inbox: Arc<dyn Inbox>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let limits = BodyLimits::default();
        Self {
            name: name.into(),
            secrets: RwLock::new(secrets),
            inbox,
            clock,
            room: Room::new(&limits),
            limits,
            counters: Counters::default(),
            refusals: Damper::default(),
            failures: Damper::default(),
            readiness: Readiness::default(),
        }
    }

    /// The same with other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: BodyLimits) -> Self {
        self.room = Room::new(&limits);
        self.limits = limits;
        self
    }

    /// The App's name, as `ping` is answered with.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What was counted so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Replaces the active secrets, for a rotation without a restart. Requests after this see the new ones.
    pub fn set_secrets(&self, secrets: Secrets) {
        *self.secrets.write().unwrap_or_else(PoisonError::into_inner) = secrets;
    }

    /// Whether the signature over `body` is of an active secret.
    ///
    /// A plain lock and no copy: it is held for microseconds, and written to when somebody rotates a secret.
    pub(crate) fn verify(&self, signature: Option<&[u8]>, body: &[u8]) -> Result<(), SignatureError> {
        self.secrets.read().unwrap_or_else(PoisonError::into_inner).verify(signature, body)
    }
}
