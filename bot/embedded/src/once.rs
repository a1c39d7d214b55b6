//! Running something once per delivery: a row an effect, with a lease while it runs.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::DateTime;
use deputy_core::ports::{Begin, Lease, Once, OnceError, OnceKey};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::store::{Shared, Store};

#[async_trait]
impl Once for Store {
    async fn begin(&self, key: &OnceKey, lease: Duration) -> Result<Begin, OnceError> {
        let (shared, key) = (Arc::clone(self.shared()), stored_key(key));
        self.write(move |connection| begin(connection, &shared, &key, lease))
            .await
            .map_err(unreachable_record)
    }

    async fn finish(&self, key: &OnceKey, lease: &Lease) -> Result<bool, OnceError> {
        let (shared, key, token) = (Arc::clone(self.shared()), stored_key(key), lease.token as i64);
        self.write(move |connection| {
            let changed = connection
                .prepare_cached(
                    "UPDATE once SET done = 1, lease = NULL, expires_at = ? WHERE key = ? AND lease = ?",
                )?
                .execute(params![expiry(&shared), key, token])?;
            Ok(changed == 1)
        })
        .await
        .map_err(unreachable_record)
    }

    async fn release(&self, key: &OnceKey, lease: &Lease) -> Result<(), OnceError> {
        let (key, token) = (stored_key(key), lease.token as i64);
        self.write(move |connection| {
            connection
                .prepare_cached("UPDATE once SET lease = NULL WHERE key = ? AND lease = ?")?
                .execute(params![key, token])?;
            Ok(())
        })
        .await
        .map_err(unreachable_record)
    }
}

fn begin(connection: &Connection, shared: &Shared, key: &[u8], lease: Duration) -> rusqlite::Result<Begin> {
    let now = shared.now();
    let known = connection
        .prepare_cached("SELECT done, lease IS NOT NULL, lease_until, attempts FROM once WHERE key = ?")?
        .query_row([key], |row| {
            Ok((row.get::<_, bool>(0)?, row.get::<_, bool>(1)?, row.get::<_, i64>(2)?, row.get::<_, u32>(3)?))
        })
        .optional()?;
    let attempt = match known {
        Some((true, ..)) => return Ok(Begin::Done),
        Some((_, true, until, _)) if until > now => {
            let until = DateTime::from_timestamp_millis(until).unwrap_or(DateTime::<chrono::Utc>::MAX_UTC);
            return Ok(Begin::InProgress { until });
        }
        Some((.., attempts)) => attempts + 1,
        None => 1,
    };
    let token = shared.lease_token();
    let until = now.saturating_add(lease.as_millis() as i64);
    connection
        .prepare_cached(
            "INSERT INTO once (key, done, lease, lease_until, attempts, expires_at) VALUES (?1, 0, ?2, ?3, ?4, ?5)
             ON CONFLICT (key) DO UPDATE SET lease = ?2, lease_until = ?3, attempts = ?4, expires_at = ?5",
        )?
        .execute(params![key, token, until, attempt, expiry(shared)])?;
    Ok(Begin::Run(Lease { token: token as u64, attempt }))
}

fn expiry(shared: &Shared) -> i64 {
    shared.now().saturating_add(shared.options.once_for.as_millis() as i64)
}

/// The GUID first, so that what belongs to a delivery lies together.
fn stored_key(key: &OnceKey) -> Vec<u8> {
    let mut stored = key.delivery.as_bytes().to_vec();
    stored.extend_from_slice(key.handler.as_bytes());
    stored
}

fn unreachable_record(error: crate::WriteError) -> OnceError {
    OnceError(error.into())
}
