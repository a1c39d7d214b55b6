//! The names things go by: GitHub's ids and slugs as types, so that no two of them can be mixed up.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! numeric_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

numeric_id!(
    /// A GitHub App's id.
    AppId
);
numeric_id!(
    /// An installation of the App on an organization or a person's account.
    InstallationId
);
numeric_id!(
    /// A GitHub account's id. Logins can be renamed and taken over by others; ids cannot.
    UserId
);
numeric_id!(
    /// A repository's id, stable over renames and transfers.
    RepositoryId
);
numeric_id!(
    /// The number that GitHub shows behind `#`, shared by issues, pull requests and discussions.
    Number
);
numeric_id!(
    /// A run of a GitHub Actions workflow.
    RunId
);
numeric_id!(
    /// A job of a run of GitHub Actions.
    ActionsJobId
);
numeric_id!(
    /// A deployment.
    DeploymentId
);
numeric_id!(
    /// A check suite: one App's check runs on a commit.
    CheckSuiteId
);
numeric_id!(
    /// A comment's id. Unique only within its kind (issue comment, review comment, commit comment…).
    CommentId
);
numeric_id!(
    /// A check run's id.
    CheckRunId
);

/// A commit's name: 40 lower-case hex digits, or 64 in a repository that names objects by SHA-256. Never abbreviated:
/// what acts on a commit must not mean another one tomorrow.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sha(Box<str>);

/// Not the whole name of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a whole SHA: expected 40 hex digits like 6dcb09b5b57875f334f61aebed695e2e4193db5e")]
pub struct NotASha;

impl Sha {
    /// All its digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first seven digits, as GitHub shows it to people. Not for GitHub itself.
    pub fn short(&self) -> &str {
        &self.0[..7]
    }
}

impl FromStr for Sha {
    type Err = NotASha;

    fn from_str(text: &str) -> Result<Self, NotASha> {
        let fits = matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if fits { Ok(Self(text.to_ascii_lowercase().into())) } else { Err(NotASha) }
    }
}

impl TryFrom<String> for Sha {
    type Error = NotASha;

    fn try_from(text: String) -> Result<Self, NotASha> {
        text.parse()
    }
}

impl From<Sha> for String {
    fn from(sha: Sha) -> Self {
        sha.0.into()
    }
}

impl fmt::Display for Sha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Sha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The GUID of one webhook request, from `X-GitHub-Delivery`. A redelivery keeps it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId([u8; 16]);

impl DeliveryId {
    /// The 16 bytes, in the order they are written.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// From the 16 bytes that [`as_bytes`](Self::as_bytes) gave.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

/// Not a GUID of the form `72d3162e-cc78-11e3-81ab-4c9367dc0958`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a GUID: expected 36 characters like 72d3162e-cc78-11e3-81ab-4c9367dc0958")]
pub struct NotAGuid;

impl FromStr for DeliveryId {
    type Err = NotAGuid;

    fn from_str(text: &str) -> Result<Self, NotAGuid> {
        fn nibble(byte: u8) -> Result<u8, NotAGuid> {
            match byte {
                b'0'..=b'9' => Ok(byte - b'0'),
                b'a'..=b'f' => Ok(byte - b'a' + 10),
                b'A'..=b'F' => Ok(byte - b'A' + 10),
                _ => Err(NotAGuid),
            }
        }
        let text = text.as_bytes();
        if text.len() != 36 {
            return Err(NotAGuid);
        }
        let mut bytes = [0; 16];
        let mut at = 0;
        for (index, byte) in bytes.iter_mut().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                if text[at] != b'-' {
                    return Err(NotAGuid);
                }
                at += 1;
            }
            *byte = nibble(text[at])? << 4 | nibble(text[at + 1])?;
            at += 2;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // In one piece: every delivery's answer carries this, and 16 calls of `write!` would be its largest cost.
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [b'-'; 36];
        let mut at = 0;
        for (index, byte) in self.0.iter().enumerate() {
            at += usize::from(matches!(index, 4 | 6 | 8 | 10));
            text[at] = DIGITS[usize::from(byte >> 4)];
            text[at + 1] = DIGITS[usize::from(byte & 15)];
            at += 2;
        }
        f.write_str(str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An event's name, as `X-GitHub-Event` carries it: `issue_comment`, `push`, …
///
/// GitHub adds events without notice, so any name of its alphabet is fine: up to 64 of `a-z`, `0-9`, `_`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventName(Box<str>);

/// Not the name of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an event name: expected 1 to 64 characters of a-z, 0-9 and _")]
pub struct NotAnEventName;

impl EventName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EventName {
    type Err = NotAnEventName;

    fn from_str(text: &str) -> Result<Self, NotAnEventName> {
        let fits = matches!(text.len(), 1..=64)
            && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        if fits { Ok(Self(text.into())) } else { Err(NotAnEventName) }
    }
}

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_reads_in_any_case_and_shows_in_lower_case() {
        let id: DeliveryId = "72D3162E-cc78-11e3-81ab-4c9367dc0958".parse().unwrap();
        assert_eq!(id.to_string(), "72d3162e-cc78-11e3-81ab-4c9367dc0958");
        assert_eq!(DeliveryId::from_bytes(*id.as_bytes()), id);
    }

    #[test]
    fn what_is_no_guid_is_refused() {
        for text in [
            "",
            "72d3162e",
            "72d3162ecc7811e381ab4c9367dc0958",
            "72d3162e-cc78-11e3-81ab-4c9367dc095g",
            "72d3162e-cc78-11e3-81ab_4c9367dc0958",
            "72d3162e-cc78-11e3-81ab-4c9367dc09é",
        ] {
            assert_eq!(text.parse::<DeliveryId>(), Err(NotAGuid), "{text}");
        }
    }

    #[test]
    fn a_sha_is_whole_and_in_lower_case() {
        let sha: Sha = "6DCB09B5b57875f334f61aebed695e2e4193db5e".parse().unwrap();
        assert_eq!(sha.to_string(), "6dcb09b5b57875f334f61aebed695e2e4193db5e");
        assert_eq!(sha.short(), "6dcb09b");
        for text in ["", "main", "6dcb09b", &"g".repeat(40), &"a".repeat(41)] {
            assert_eq!(text.parse::<Sha>(), Err(NotASha), "{text}");
        }
        assert!(serde_json::from_str::<Sha>("\"main\"").is_err());
    }

    #[test]
    fn event_names_are_githubs_alphabet() {
        assert_eq!("issue_comment".parse::<EventName>().unwrap().as_str(), "issue_comment");
        for text in ["", "Issue", "push; drop", &"a".repeat(65)] {
            assert_eq!(text.parse::<EventName>(), Err(NotAnEventName), "{text}");
        }
    }
}
