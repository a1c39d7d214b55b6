//! A grant as the bytes that are sealed.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::envelope::{Broken, DataKey, NoRandomness, SealContext, open, seal};
use crate::ids::UserId;
use crate::ports::{Grant, Version};

/// Seals a grant as this version of its person's.
pub fn seal_grant(key: &DataKey, version: Version, grant: &Grant) -> Result<Vec<u8>, NoRandomness> {
    let context = SealContext::grant(grant.user, version);
    seal(key, &context.bytes(), &encode(grant))
}

/// Opens what was sealed as this version of this person's grant.
pub fn open_grant(key: &DataKey, user: UserId, version: Version, sealed: &[u8]) -> Result<Grant, Broken> {
    let context = SealContext::grant(user, version);
    let plain = open(key, &context.bytes(), sealed)?;
    decode(user, &plain).ok_or(Broken)
}

/// What is sealed. The person is not in it: the context says who it is.
#[derive(Serialize)]
struct Written<'a> {
    login: &'a str,
    access_token: &'a str,
    access_expires_at: Option<DateTime<Utc>>,
    refresh_token: Option<&'a str>,
    refresh_expires_at: Option<DateTime<Utc>>,
    granted_at: DateTime<Utc>,
}

#[derive(Deserialize)]
struct Read<'a> {
    login: String,
    // Borrowed from the buffer that is wiped: GitHub's tokens hold nothing that JSON escapes.
    #[serde(borrow)]
    access_token: Cow<'a, str>,
    access_expires_at: Option<DateTime<Utc>>,
    #[serde(borrow)]
    refresh_token: Option<Cow<'a, str>>,
    refresh_expires_at: Option<DateTime<Utc>>,
    granted_at: DateTime<Utc>,
}

fn encode(grant: &Grant) -> Zeroizing<Vec<u8>> {
    let written = Written {
        login: &grant.login,
        access_token: grant.access_token.expose_secret(),
        access_expires_at: grant.access_expires_at,
        refresh_token: grant.refresh_token.as_ref().map(SecretString::expose_secret),
        refresh_expires_at: grant.refresh_expires_at,
        granted_at: grant.granted_at,
    };
    let mut counted = Count(0);
    serde_json::to_writer(&mut counted, &written)
        .expect("texts and times can be written, counting never fails");
    // As long as it needs from the start: a buffer that grows leaves copies of tokens behind that nobody wipes.
    let mut plain = Zeroizing::new(Vec::with_capacity(counted.0));
    serde_json::to_writer(&mut *plain, &written).expect("it was just counted");
    plain
}

fn decode(user: UserId, plain: &[u8]) -> Option<Grant> {
    let read: Read<'_> = serde_json::from_slice(plain).ok()?;
    Some(Grant {
        user,
        login: read.login,
        access_token: SecretString::from(&*read.access_token),
        access_expires_at: read.access_expires_at,
        refresh_token: read.refresh_token.map(|token| SecretString::from(&*token)),
        refresh_expires_at: read.refresh_expires_at,
        granted_at: read.granted_at,
    })
}

/// Counts what is written to it.
struct Count(usize);

impl std::io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant() -> Grant {
        let at = |seconds| DateTime::from_timestamp(seconds, 123_000_000);
        Grant {
            user: UserId(583_231),
            login: "octocat".to_owned(),
            access_token: "ghu_access\"\\\u{e4}".into(),
            access_expires_at: at(1_790_000_000),
            refresh_token: Some("ghr_refresh".into()),
            refresh_expires_at: at(1_800_000_000),
            granted_at: at(1_780_000_000).unwrap(),
        }
    }

    fn told(grant: &Grant) -> String {
        let refresh = grant.refresh_token.as_ref().map(SecretString::expose_secret);
        format!("{grant:?} {} {refresh:?}", grant.access_token.expose_secret())
    }

    #[test]
    fn a_grant_comes_back_whole() {
        let key = DataKey::random().unwrap();
        let forever =
            Grant { access_expires_at: None, refresh_token: None, refresh_expires_at: None, ..grant() };
        for grant in [grant(), forever] {
            let sealed = seal_grant(&key, Version(7), &grant).unwrap();
            let opened = open_grant(&key, grant.user, Version(7), &sealed).unwrap();
            assert_eq!(told(&opened), told(&grant));
        }
    }

    #[test]
    fn a_grant_opens_as_no_other_person_or_version() {
        let (key, grant) = (DataKey::random().unwrap(), grant());
        let sealed = seal_grant(&key, Version(7), &grant).unwrap();
        for (user, version) in [(583_230, 7), (583_231, 6), (583_231, 8)] {
            assert_eq!(open_grant(&key, UserId(user), Version(version), &sealed).unwrap_err(), Broken);
        }
    }

    #[test]
    fn the_plaintext_never_outgrows_its_buffer() {
        let plain = encode(&grant());
        assert_eq!(plain.len(), plain.capacity());
    }

    #[test]
    fn a_grant_shows_who_and_when_and_no_token() {
        let shown = format!("{:?} {:#?}", grant(), grant());
        assert!(shown.contains("octocat"), "{shown}");
        assert!(!shown.contains("ghu_") && !shown.contains("ghr_"), "{shown}");
    }
}
