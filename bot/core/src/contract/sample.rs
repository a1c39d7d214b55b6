//! Deliveries to test with.

use bytes::Bytes;
use chrono::{DateTime, Utc};

use crate::delivery::{About, Delivery, Headers};
use crate::ids::{DeliveryId, InstallationId};

/// A GUID of its own for every `number`, scattered as GitHub's are.
pub fn delivery_id(number: u64) -> DeliveryId {
    let mut guid = [0; 16];
    guid[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    guid[8..].copy_from_slice(&number.wrapping_mul(0xd6e8_feb8_6659_fd93).to_be_bytes());
    DeliveryId::from_bytes(guid)
}

/// Bytes that no compression makes smaller.
pub fn noise(length: usize, seed: u32) -> Bytes {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

/// A comment that was made in one of seven repositories: a delivery of its own for every `number`.
pub fn delivery(number: u64, received_at: DateTime<Utc>) -> Delivery {
    let id = delivery_id(number);
    let mut headers = Headers::new();
    headers.push("X-GitHub-Delivery", &id.to_string());
    headers.push("X-GitHub-Event", "issue_comment");
    headers.push("User-Agent", "GitHub-Hookshot/044aadd");
    let repository = format!("Octo/repository-{}", number % 7);
    let body = format!(
        r#"{{"action":"created","comment":{{"id":{number},"body":"@deputy ping {number} \u00e4"}},"repository":{{"full_name":"{repository}"}}}}"#
    );
    Delivery {
        id,
        event: "issue_comment".parse().expect("it is a name"),
        received_at,
        headers,
        about: About {
            action: Some("created".into()),
            repository: Some(repository.into()),
            installation: Some(InstallationId(number + 1)),
        },
        body: body.into(),
    }
}
