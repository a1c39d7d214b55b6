//! Deliveries for the tests of this crate.

use bytes::Bytes;
use chrono::DateTime;
use deputy_core::delivery::{About, Delivery, Headers};
use deputy_core::ids::{DeliveryId, InstallationId};

/// A delivery of its own for every `number`.
pub(crate) fn delivery(number: u64) -> Delivery {
    let mut guid = [0x11; 16];
    guid[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    let mut headers = Headers::new();
    headers.push("X-GitHub-Event", "issue_comment");
    headers.push("X-GitHub-Hook-ID", &number.to_string());
    Delivery {
        id: DeliveryId::from_bytes(guid),
        event: "issue_comment".parse().expect("an event's name"),
        received_at: DateTime::from_timestamp_nanos(1_790_000_000_123_456_789),
        headers,
        about: About {
            action: Some("created".into()),
            repository: Some(format!("octo/repository-{}", number % 7).into()),
            installation: Some(InstallationId(number)),
        },
        body: Bytes::from(format!(r#"{{"action":"created","number":{number},"text":"{number:0>200}"}}"#)),
    }
}
