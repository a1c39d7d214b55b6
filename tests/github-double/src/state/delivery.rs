//! Deliveries: every attempt to bring a webhook to its receiver, as `GET /app/hook/deliveries` tells them.

use std::collections::BTreeMap;

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
    /// The events that no attempt brought to their receiver, for a person to read.
    pub(crate) fn undelivered(&self) -> Vec<String> {
        let last_attempts: BTreeMap<&str, &Delivery> =
            self.deliveries.values().map(|delivery| (delivery.guid.as_str(), delivery)).collect();
        let was_delivered = |guid: &str| {
            self.deliveries.values().any(|delivery| delivery.guid == guid && delivery.is_delivered())
        };
        last_attempts
            .into_iter()
            .filter(|(guid, delivery)| !delivery.is_pending() && !was_delivered(guid))
            .map(|(guid, delivery)| {
                let how = match &delivery.outcome {
                    Outcome::Answered { status, body, .. } => format!("{status} {body}"),
                    Outcome::Failed { why, .. } => why.clone(),
                    Outcome::Pending => String::new(),
                };
                format!("webhook {} {guid} was not delivered: {how}", delivery.name())
            })
            .collect()
    }
}
