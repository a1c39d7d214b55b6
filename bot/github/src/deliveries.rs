//! What GitHub tried to deliver: the App's hook deliveries of the last three days, and trying again.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use deputy_core::ids::InstallationId;
use deputy_core::ports::{AttemptsCursor, DeliveryAttempt, DeliveryAttempts, GitHubError, HookDeliveries};
use serde::Deserialize;

use crate::client::{Call, Client, Identity, Path};

/// An attempt with what was sent.
#[derive(Debug, Clone)]
pub struct AttemptDetail {
    /// The attempt.
    pub attempt: DeliveryAttempt,
    /// The headers that GitHub sent.
    pub headers: Vec<(String, String)>,
    /// The payload, written anew: its signature is not over these bytes.
    pub payload: Vec<u8>,
}

#[derive(Deserialize)]
struct Shown {
    id: u64,
    guid: String,
    delivered_at: DateTime<Utc>,
    #[serde(default)]
    redelivery: bool,
    #[serde(default)]
    status: String,
    #[serde(default)]
    status_code: u16,
    event: String,
    action: Option<String>,
    installation_id: Option<u64>,
}

impl Client {
    /// A page of up to a hundred attempts: the newest, or those from `cursor` on.
    pub async fn delivery_attempts(
        &self,
        cursor: Option<AttemptsCursor>,
    ) -> Result<DeliveryAttempts, GitHubError> {
        let call = match cursor {
            Some(AttemptsCursor(page)) => Call::page(page),
            None => Call::get(Path::new(["app", "hook", "deliveries"])?.query("per_page", "100")),
        };
        let answer = self.send(Identity::App, call).await?;
        let shown: Vec<Shown> = answer.json()?;
        let attempts = shown.into_iter().filter_map(Shown::read).collect();
        Ok(DeliveryAttempts { attempts, next: self.next_page(&answer).map(AttemptsCursor) })
    }

    /// One attempt with its payload.
    pub async fn delivery_attempt(&self, id: u64) -> Result<AttemptDetail, GitHubError> {
        #[derive(Deserialize)]
        struct Detail {
            #[serde(flatten)]
            shown: Shown,
            request: Request,
        }
        #[derive(Deserialize)]
        struct Request {
            #[serde(default)]
            headers: Option<serde_json::Map<String, serde_json::Value>>,
            payload: Option<serde_json::Value>,
        }
        let path = Path::new(["app", "hook", "deliveries", &id.to_string()])?;
        let detail: Detail = self.send(Identity::App, Call::get(path)).await?.json()?;
        let headers = detail.request.headers.unwrap_or_default().into_iter();
        Ok(AttemptDetail {
            attempt: detail.shown.read().ok_or(GitHubError::NotFound)?,
            headers: headers.filter_map(|(name, value)| Some((name, value.as_str()?.to_owned()))).collect(),
            payload: detail.request.payload.unwrap_or_default().to_string().into_bytes(),
        })
    }

    /// Has GitHub deliver it once more, with the same GUID. Asking twice is harmless: the inbox takes it once.
    pub async fn redeliver(&self, attempt: u64) -> Result<(), GitHubError> {
        let path = Path::new(["app", "hook", "deliveries", &attempt.to_string(), "attempts"])?;
        self.send(Identity::App, Call::post(path).idempotent()).await.map(drop)
    }
}

#[async_trait]
impl HookDeliveries for Client {
    async fn attempts(&self, cursor: Option<AttemptsCursor>) -> Result<DeliveryAttempts, GitHubError> {
        self.delivery_attempts(cursor).await
    }

    async fn redeliver(&self, attempt: u64) -> Result<(), GitHubError> {
        Client::redeliver(self, attempt).await
    }
}

impl Shown {
    /// An attempt that we could not name could not have been ours to handle either.
    fn read(self) -> Option<DeliveryAttempt> {
        let (Ok(delivery), Ok(event)) = (self.guid.parse(), self.event.parse()) else {
            tracing::warn!(attempt = self.id, "GitHub lists a delivery with an odd GUID or event name");
            return None;
        };
        Some(DeliveryAttempt {
            id: self.id,
            delivery,
            delivered_at: self.delivered_at,
            is_redelivery: self.redelivery,
            status_code: self.status_code,
            status: self.status,
            event,
            action: self.action,
            installation: self.installation_id.map(InstallationId),
        })
    }
}
