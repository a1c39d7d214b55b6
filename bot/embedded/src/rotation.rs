//! Rotating the wrapping keys while everything runs: re-wrap in small batches, then retire what nothing uses.
//!
//! A rotation is complete in the key file before anything is re-wrapped, so a crash at any point leaves work that the
//! next start finds by itself: grants that are not under the active key.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use deputy_core::ids::UserId;
use deputy_core::ports::{KeyId, KeysError, Rewrapped, VaultError};
use deputy_core::vault::SealContext;
use rusqlite::params;
use serde::{Deserialize, Serialize};

use crate::store::Store;
use crate::vault::{LocalVault, Opened, Sealed, unavailable};

/// Grants a transaction: deliveries wait for no more than that.
const BATCH: usize = 64;
/// After a failure, how long until the next try.
const PAUSE: Duration = Duration::from_mins(1);

/// A wrapping key, and how much needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyUse {
    /// Its name.
    #[serde(with = "key_name")]
    pub id: KeyId,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Whether it wraps what is new.
    pub active: bool,
    /// How many grants are wrapped by it.
    pub grants: u64,
}

impl LocalVault {
    /// Adds a key, makes it active, and has [`keep_rewrapping`](Self::keep_rewrapping) do the rest. Nobody has to log in
    /// again.
    pub async fn rotate(&self) -> Result<KeyId, KeysError> {
        let key = self.0.keys.rotate().await?;
        tracing::info!(%key, "a new key wraps grants from now on");
        self.0.rotated.notify_one();
        Ok(key)
    }

    /// Re-wraps what an earlier process left, then after each rotation. Never ends: drop it, or abort its task.
    pub async fn keep_rewrapping(&self) {
        let clock = &self.0.store.shared().clock;
        loop {
            match self.rewrap_all().await {
                Ok(retired) if retired.is_empty() => self.0.rotated.notified().await,
                Ok(retired) => tracing::info!(?retired, "nothing uses these keys any more; they are gone"),
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the keys could not be rotated yet"
                    );
                    clock.sleep_until(clock.now() + PAUSE).await;
                }
            }
        }
    }

    /// Brings everything under the active key, and retires the keys that nothing uses any more.
    pub async fn rewrap_all(&self) -> Result<Vec<KeyId>, VaultError> {
        let (mut after, mut failed) = (None, 0);
        loop {
            let step = self.rewrap_batch(after, BATCH).await?;
            failed += step.failed;
            match step.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        if failed > 0 {
            tracing::warn!(failed, "some grants cannot be re-wrapped; the keys they name are kept");
        }
        let Opened { keys, anchor, .. } = &*self.0;
        anchor.rewrap(&**keys).await?;
        // The key that the file names may only go once the file names another one.
        self.try_persist_anchor().await?;
        self.retire_unused().await
    }

    /// All keys, oldest first, with how many grants each wraps.
    pub async fn key_uses(&self) -> Result<Vec<KeyUse>, VaultError> {
        let mut uses = uses(&self.0.store).await?;
        let with_use = |info: deputy_core::ports::KeyInfo| KeyUse {
            grants: uses.remove(&info.id).unwrap_or(0),
            id: info.id,
            created_at: info.created_at,
            active: info.active,
        };
        Ok(self.0.keys.list().await?.into_iter().map(with_use).collect())
    }

    pub(crate) async fn rewrap_batch(
        &self,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Rewrapped, VaultError> {
        let Opened { store, keys, .. } = &*self.0;
        let _sealing = self.0.sealing.read().await;
        let active = keys.active().await?;
        let from = after.map_or(-1, |user| user.0 as i64);
        let rows: Vec<Sealed> = store
            .shared()
            .read(move |connection| {
                let sql = format!(
                    "SELECT {} FROM user_grant WHERE key_id <> ? AND user > ? ORDER BY user LIMIT ?",
                    Sealed::COLUMNS
                );
                let rows = params![active.0, from, limit as i64];
                connection.prepare_cached(&sql)?.query_map(rows, Sealed::read)?.map(|row| Ok(row?)).collect()
            })
            .await
            .map_err(VaultError::Unavailable)?;
        let next = rows.last().filter(|_| rows.len() == limit).map(|row| row.user);
        let (mut rewrapped, mut failed) = (Vec::new(), 0);
        for row in rows {
            let context = SealContext::grant(row.user, row.version);
            match keys.rewrap(&row.wrapped, &context).await {
                Ok(new) => rewrapped.push((row, new)),
                Err(error @ (KeysError::Refused | KeysError::Unknown(_))) => {
                    tracing::error!(
                        alarm = "tampered", user = %row.user, version = %row.version, %error,
                        "a grant cannot be re-wrapped"
                    );
                    failed += 1;
                }
                Err(error) => return Err(error.into()),
            }
        }
        let done = store
            .write(move |connection| {
                // One that was replaced meanwhile is under the active key already.
                let mut update = connection.prepare_cached(
                    "UPDATE user_grant SET key_id = ?, wrapped = ? WHERE user = ? AND version = ? AND key_id = ?",
                )?;
                let mut done = 0;
                for (row, new) in rewrapped {
                    let (user, version) = (row.user.0 as i64, row.version.0 as i64);
                    done +=
                        update.execute(params![new.key.0, new.bytes, user, version, row.wrapped.key.0])?;
                }
                Ok(done)
            })
            .await
            .map_err(unavailable)?;
        Ok(Rewrapped { done, failed, next })
    }

    /// Destroys the keys that wrap nothing.
    async fn retire_unused(&self) -> Result<Vec<KeyId>, VaultError> {
        let Opened { store, keys, anchor, sealing, .. } = &*self.0;
        // Nobody holds a data key that is wrapped and not yet stored.
        let _alone = sealing.write().await;
        let mut used: BTreeSet<KeyId> = uses(store).await?.into_keys().collect();
        used.insert(anchor.wrapped_by());
        let mut retired = Vec::new();
        for key in keys.list().await? {
            if !key.active && !used.contains(&key.id) {
                keys.retire(&key.id).await?;
                retired.push(key.id);
            }
        }
        Ok(retired)
    }
}

/// A key's name as text.
mod key_name {
    use deputy_core::ports::KeyId;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub(super) fn serialize<S: Serializer>(key: &KeyId, serializer: S) -> Result<S::Ok, S::Error> {
        key.0.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<KeyId, D::Error> {
        String::deserialize(deserializer).map(KeyId)
    }
}

async fn uses(store: &Store) -> Result<BTreeMap<KeyId, u64>, VaultError> {
    store
        .shared()
        .read(|connection| {
            let key_use = |row: &rusqlite::Row<'_>| Ok((KeyId(row.get(0)?), row.get::<_, i64>(1)? as u64));
            connection
                .prepare_cached("SELECT key_id, count(*) FROM user_grant GROUP BY key_id")?
                .query_map((), key_use)?
                .map(|key_use| Ok(key_use?))
                .collect()
        })
        .await
        .map_err(VaultError::Unavailable)
}
