//! A job's name: a ULID, so that names sort by when they were asked for.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use crate::ids::DeliveryId;

/// Crockford's alphabet: no I, L, O, U.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LENGTH: usize = 26;

/// A job's ULID: 48 bits of milliseconds since 1970, then 80 bits that tell apart what was asked for in the same one.
///
/// Written as 26 characters, such as `01JE4Z8W3M5T7V9X1Z3B5D7F9H`; read in any case. It is the execution's name, too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JobId(u128);

impl JobId {
    /// The job of one command of one delivery.
    ///
    /// Derived and not drawn: whoever handles the delivery again, after a crash in the middle, names the same job,
    /// and so the same execution, check run and reply.
    pub fn of_command(received_at: DateTime<Utc>, delivery: DeliveryId, index: u32) -> Self {
        let mut asked = delivery.as_bytes().to_vec();
        asked.extend_from_slice(&index.to_be_bytes());
        Self::derived(received_at, &asked)
    }

    /// The job of whatever `seed` says happened at `at`. The same for the same.
    pub fn derived(at: DateTime<Utc>, seed: &[u8]) -> Self {
        let millis = u128::try_from(at.timestamp_millis()).unwrap_or(0) & ((1 << 48) - 1);
        let hash = digest(&SHA256, seed);
        let rest = hash.as_ref().iter().take(10).fold(0, |rest, byte| rest << 8 | u128::from(*byte));
        Self(millis << 80 | rest)
    }

    /// When it was asked for, to the millisecond.
    pub fn asked_at(self) -> DateTime<Utc> {
        let millis = i64::try_from(self.0 >> 80).unwrap_or_default();
        DateTime::from_timestamp_millis(millis).unwrap_or_default()
    }
}

/// Not a job's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a job: expected 26 letters and digits like 01JE4Z8W3M5T7V9X1Z3B5D7F9H")]
pub struct NotAJob;

impl FromStr for JobId {
    type Err = NotAJob;

    fn from_str(text: &str) -> Result<Self, NotAJob> {
        // 26 digits hold 130 bits: the first may not be above 7.
        if text.len() != LENGTH || !matches!(text.as_bytes()[0], b'0'..=b'7') {
            return Err(NotAJob);
        }
        text.bytes().try_fold(Self(0), |Self(read), byte| {
            let digit = DIGITS.iter().position(|digit| *digit == byte.to_ascii_uppercase()).ok_or(NotAJob)?;
            Ok(Self(read << 5 | digit as u128))
        })
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [b'0'; LENGTH];
        let mut left = self.0;
        for place in text.iter_mut().rev() {
            *place = DIGITS[(left & 31) as usize];
            left >>= 5;
        }
        f.write_str(str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for JobId {
    type Error = NotAJob;

    fn try_from(text: String) -> Result<Self, NotAJob> {
        text.parse()
    }
}

impl From<JobId> for String {
    fn from(id: JobId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::delivery_id;

    #[test]
    fn the_same_command_names_the_same_job_and_no_other_does() {
        let at = DateTime::from_timestamp_millis(1_790_000_000_123).unwrap();
        let id = JobId::of_command(at, delivery_id(1), 0);
        assert_eq!(id, JobId::of_command(at, delivery_id(1), 0));
        assert_ne!(id, JobId::of_command(at, delivery_id(1), 1));
        assert_ne!(id, JobId::of_command(at, delivery_id(2), 0));
        assert_eq!(id.asked_at(), at);
    }

    #[test]
    fn a_name_reads_in_any_case_and_sorts_by_time() {
        let at = DateTime::from_timestamp_millis(1_790_000_000_123).unwrap();
        let (id, later) =
            (JobId::derived(at, b"z"), JobId::derived(at + chrono::TimeDelta::milliseconds(1), b"a"));
        assert_eq!(id.to_string().to_lowercase().parse(), Ok(id));
        assert!(id < later && id.to_string() < later.to_string());
        assert_eq!(
            "7ZZZZZZZZZZZZZZZZZZZZZZZZZ".parse::<JobId>().unwrap().to_string(),
            "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"
        );
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "",
            "01JE4Z",
            "81JE4Z8W3M5T7V9X1Z3B5D7F9H",
            "01JE4Z8W3M5T7V9X1Z3B5D7F9I",
            "ü1JE4Z8W3M5T7V9X1Z3B5D7F9",
        ] {
            assert_eq!(text.parse::<JobId>(), Err(NotAJob), "{text}");
        }
    }
}
