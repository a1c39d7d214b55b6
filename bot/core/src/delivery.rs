//! One webhook request of GitHub's, from the moment its signature held to the handlers that get it.

use bytes::Bytes;
use chrono::{DateTime, Utc};

use crate::ids::{DeliveryId, EventName, InstallationId};

/// A delivery whose signature was verified: what is archived, byte for byte, and handed to handlers.
///
/// Cloning is cheap: the body is shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// GitHub's GUID; the key of everything that happens once.
    pub id: DeliveryId,
    /// Which event it is; decides which handlers get it.
    pub event: EventName,
    /// When the receiver had read it whole.
    pub received_at: DateTime<Utc>,
    /// GitHub's headers, as they came.
    pub headers: Headers,
    /// What the receiver could tell at a glance, for listings.
    pub about: About,
    /// The JSON payload. A form-encoded delivery is stored decoded.
    pub body: Bytes,
}

/// What listings show of a delivery, read from its payload while checking that it is JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// The payload's `action`, where the event has one.
    pub action: Option<Box<str>>,
    /// `owner/name`, where the event belongs to a repository.
    pub repository: Option<Box<str>>,
    /// Whose installation of the App sent it.
    pub installation: Option<InstallationId>,
}

/// The headers worth keeping, one `name: value` a line, in one allocation because every delivery has them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(String);

impl Headers {
    /// An empty set with room for GitHub's usual ones.
    pub fn new() -> Self {
        Self(String::with_capacity(512))
    }

    /// Appends a header. Line breaks, which HTTP forbids in a value, become spaces.
    pub fn push(&mut self, name: &str, value: &str) {
        self.0.push_str(name);
        self.0.push_str(": ");
        if value.bytes().any(|byte| matches!(byte, b'\r' | b'\n')) {
            self.0.push_str(&value.replace(['\r', '\n'], " "));
        } else {
            self.0.push_str(value);
        }
        self.0.push('\n');
    }

    /// The first value of a header; names match in any case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// All of them, in the order they came.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.lines().filter_map(|line| line.split_once(": "))
    }

    /// The stored form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// From the [stored form](Self::as_str).
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_found_in_any_case_and_survive_storage() {
        let mut headers = Headers::new();
        headers.push("X-GitHub-Event", "push");
        headers.push("user-agent", "GitHub-Hookshot/1: beta");
        let back = Headers::from_stored(headers.as_str().to_owned());
        assert_eq!(back.get("x-github-event"), Some("push"));
        assert_eq!(back.get("User-Agent"), Some("GitHub-Hookshot/1: beta"));
        assert_eq!(back.get("cookie"), None);
    }

    #[test]
    fn a_value_cannot_smuggle_in_a_second_header() {
        let mut headers = Headers::new();
        headers.push("a", "1\nb: 2");
        assert_eq!(headers.get("b"), None);
    }
}
