//! Deliveries: every attempt to bring a webhook to its receiver, as `GET /app/hook/deliveries` tells them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::clock::Moment;
use crate::ids::{AppId, DeliveryId, InstallationId, RepositoryId};

#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) id: DeliveryId,
    /// The same for all attempts at one event.
    pub(crate) guid: String,
    pub(crate) app: AppId,
    pub(crate) event: String,
    pub(crate) action: Option<String>,
    pub(crate) installation: Option<InstallationId>,
    pub(crate) repository: Option<RepositoryId>,
    pub(crate) redelivery: bool,
    pub(crate) at: Moment,
    pub(crate) payload: Value,
    pub(crate) request_headers: Value,
    pub(crate) outcome: Outcome,
}

#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// Under way.
    Pending,
    /// The receiver answered.
    Answered { status: u16, seconds: f64, headers: Value, body: String },
    /// It did not: refused, cut off, or too late.
    Failed { why: String, seconds: f64 },
}

impl Delivery {
    /// 2xx is what GitHub calls delivered.
    pub(crate) fn is_delivered(&self) -> bool {
        matches!(self.outcome, Outcome::Answered { status: 200..=299, .. })
    }

    pub(crate) fn is_pending(&self) -> bool {
        matches!(self.outcome, Outcome::Pending)
    }

    /// `issue_comment.created`
    pub(crate) fn name(&self) -> String {
        match &self.action {
            Some(action) => format!("{}.{action}", self.event),
            None => self.event.clone(),
        }
    }
}

impl super::State {
    /// The last attempts at the events that no attempt brought to their receiver.
    fn failed(&self) -> impl Iterator<Item = &Delivery> {
        let last_attempts: BTreeMap<&str, &Delivery> =
            self.deliveries.values().map(|delivery| (delivery.guid.as_str(), delivery)).collect();
        let delivered: BTreeSet<&str> =
            self.deliveries.values().filter(|d| d.is_delivered()).map(|d| d.guid.as_str()).collect();
        last_attempts
            .into_values()
            .filter(move |delivery| !delivery.is_pending() && !delivered.contains(delivery.guid.as_str()))
    }

    /// An App's failed deliveries, in the order of their last attempts.
    pub(crate) fn failed_deliveries(&self, app: AppId) -> Vec<DeliveryId> {
        let mut ids: Vec<DeliveryId> = self.failed().filter(|d| d.app == app).map(|d| d.id).collect();
        ids.sort_unstable();
        ids
    }

    /// The events that no attempt brought to their receiver, for a person to read.
    pub(crate) fn undelivered(&self) -> Vec<String> {
        self.failed()
            .map(|delivery| {
                let how = match &delivery.outcome {
                    Outcome::Answered { status, body, .. } => format!("{status} {body}"),
                    Outcome::Failed { why, .. } => why.clone(),
                    Outcome::Pending => String::new(),
                };
                format!("webhook {} {} was not delivered: {how}", delivery.name(), delivery.guid)
            })
            .collect()
    }
}
