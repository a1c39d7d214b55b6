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
