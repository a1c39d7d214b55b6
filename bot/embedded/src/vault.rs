//! People's grants: a sealed row a person, and the [`Anchor`] that the database cannot take back.
//!
//! One process owns the folder. Writes of one person follow each other; those of different persons share the
//! writer's transactions. Refresh leases are in the rows, as the port asks; opening the vault ends those of the last
//! process, which cannot be at it any more.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use deputy_core::ids::UserId;
use deputy_core::ports::{
    Expected, Grant, KeyId, Keys, KeysError, LeaseId, ListedGrant, Put, RefreshLease, Rewrapped, StoredGrant,
    Tampering, Vault, VaultError, Version, WrappedKey,
};
use deputy_core::vault::{SealContext, open_grant, seal_grant};
use rusqlite::{OptionalExtension as _, Row, params};
use tokio::sync::{Mutex, Notify, RwLock};

use crate::anchor::{self, Anchor, Found};
use crate::store::Store;

/// Persons whose writes may wait for each other although they need not: those with the same remainder.
const STRIPES: usize = 64;

/// The vault of one data folder. Clones share it.
#[derive(Clone)]
pub struct LocalVault(pub(crate) Arc<Opened>);

pub(crate) struct Opened {
    pub(crate) store: Store,
    pub(crate) keys: Arc<dyn Keys>,
    pub(crate) anchor: Anchor,
    stripes: Vec<Mutex<()>>,
    /// Held for reading from when a data key is wrapped until it is committed, so that whoever retires a
    /// wrapping key, and holds it for writing, sees all that use it.
    pub(crate) sealing: RwLock<()>,
    /// There is something to re-wrap.
    pub(crate) rotated: Notify,
}

/// A row, unopened.
pub(crate) struct Sealed {
    pub(crate) user: UserId,
    pub(crate) version: Version,
    pub(crate) wrapped: WrappedKey,
    grant: Vec<u8>,
}

impl Sealed {
    pub(crate) const COLUMNS: &str = "user, version, key_id, wrapped, sealed";

    pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            user: UserId(row.get::<_, i64>(0)? as u64),
            version: Version(row.get::<_, i64>(1)? as u64),
            wrapped: WrappedKey { key: KeyId(row.get(2)?), bytes: row.get(3)? },
            grant: row.get(4)?,
        })
    }

    async fn open(&self, keys: &dyn Keys) -> Result<Grant, VaultError> {
        let broken = || VaultError::Tampered { user: self.user, how: Tampering::Broken };
        let context = SealContext::grant(self.user, self.version);
        let key = match keys.unwrap(&self.wrapped, &context).await {
            Err(KeysError::Refused) => return Err(broken()),
            key => key?,
        };
        open_grant(&key, self.user, self.version, &self.grant).map_err(|_| broken())
    }
}

impl LocalVault {
    /// Opens the vault, and checks that the database has not been taken back.
    ///
    /// Where the anchor is missing or forged although there are grants, an alarm is logged and none of them is used:
    /// people log in again.
    pub async fn open(store: Store, keys: Arc<dyn Keys>) -> Result<Self, VaultError> {
        let path = store.shared().options.folder.join(anchor::FILE);
        let (anchor, found) = Anchor::open(path, &*keys).await.map_err(VaultError::Unavailable)?;
        let rows: Vec<Sealed> = store
            .shared()
            .read(|connection| {
                let sql = format!("SELECT {} FROM user_grant", Sealed::COLUMNS);
                connection.prepare(&sql)?.query_map((), Sealed::read)?.map(|row| Ok(row?)).collect()
            })
            .await
            .map_err(VaultError::Unavailable)?;
        let mut newest = Version(0);
        for row in &rows {
            // Only a grant that opens proves its version; anybody can write a number.
            if row.version > anchor.known(row.user) && row.open(&*keys).await.is_ok() {
                newest = newest.max(row.version);
                if found == Found::Whole {
                    anchor.raise(row.user, row.version);
                }
            }
        }
        if found == Found::Forged || (found == Found::Missing && !rows.is_empty()) {
            tracing::error!(
                alarm = "tampered",
                ?found,
                grants = rows.len(),
                "the anchor of the grants cannot be relied on: all grants are refused, and people must log in again"
            );
            anchor.raise_floor(Version(newest.0.saturating_add(1)));
        }
        // The folder is ours alone, so whoever held a refresh lease is gone.
        store
            .write(|connection| {
                connection.execute("UPDATE user_grant SET lease = NULL WHERE lease IS NOT NULL", ())
            })
            .await
            .map_err(unavailable)?;
        let vault = Self(Arc::new(Opened {
            store,
            keys,
            anchor,
            stripes: (0..STRIPES).map(|_| Mutex::default()).collect(),
            sealing: RwLock::default(),
            rotated: Notify::new(),
        }));
        vault.persist_anchor().await;
        Ok(vault)
    }

    /// The anchor in memory protects for as long as the process lives, so a disk that does not take the file costs
    /// no login. It is written with the next change.
    async fn persist_anchor(&self) {
        if let Err(error) = self.try_persist_anchor().await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the anchor of the grants could not be written"
            );
        }
    }

    pub(crate) async fn try_persist_anchor(&self) -> Result<(), VaultError> {
        let vault = self.clone();
        let persisted = tokio::task::spawn_blocking(move || vault.0.anchor.persist()).await;
        persisted.map_err(unavailable)?.map_err(unavailable)
    }

    fn stripe(&self, user: UserId) -> &Mutex<()> {
        &self.0.stripes[(user.0 % STRIPES as u64) as usize]
    }

    async fn put_now(&self, expected: Expected, grant: &Grant) -> Result<Put, VaultError> {
        let Opened { store, keys, anchor, .. } = &*self.0;
        let user = grant.user;
        let _turn = self.stripe(user).lock().await;
        let _sealing = self.0.sealing.read().await;
        let known = anchor.known(user);
        let version = Version(known.0.checked_add(1).context("no version is left").map_err(unavailable)?);
        let (key, wrapped) = keys.generate(&SealContext::grant(user, version)).await?;
        let sealed = seal_grant(&key, version, grant).map_err(|_| KeysError::NoRandomness)?;
        let shared = Arc::clone(store.shared());
        let stored = store
            .write(move |connection| {
                let (user, new, known) = (user.0 as i64, version.0 as i64, known.0 as i64);
                let now = shared.now();
                let changed = match expected {
                    Expected::Anything => connection
                        .prepare_cached(
                            "INSERT OR REPLACE INTO user_grant
                                 (user, version, key_id, wrapped, sealed, stored_at, lease, lease_until)
                             VALUES (?, ?, ?, ?, ?, ?, NULL, 0)",
                        )?
                        .execute(params![user, new, wrapped.key.0, wrapped.bytes, sealed, now])?,
                    // An earlier version that was put back is not what anybody has loaded.
                    Expected::Version(loaded) => connection
                        .prepare_cached(
                            "UPDATE user_grant SET version = ?2, key_id = ?3, wrapped = ?4, sealed = ?5,
                                                   stored_at = ?6, lease = NULL, lease_until = 0
                             WHERE user = ?1 AND version = ?7 AND version >= ?8",
                        )?
                        .execute(params![
                            user,
                            new,
                            wrapped.key.0,
                            wrapped.bytes,
                            sealed,
                            now,
                            loaded.0 as i64,
                            known
                        ])?,
                };
                Ok(changed == 1)
            })
            .await
            .map_err(unavailable)?;
        if !stored {
            return Ok(Put::Conflict);
        }
        anchor.raise(user, version);
        self.persist_anchor().await;
        Ok(Put::Stored(version))
    }

    async fn delete_now(&self, user: UserId, expected: Expected) -> Result<bool, VaultError> {
        let Opened { store, anchor, .. } = &*self.0;
        let _turn = self.stripe(user).lock().await;
        let deleted = store
            .write(move |connection| {
                let user = user.0 as i64;
                let deleted = match expected {
                    Expected::Anything => {
                        connection.prepare_cached("DELETE FROM user_grant WHERE user = ?")?.execute([user])?
                    }
                    Expected::Version(version) => connection
                        .prepare_cached("DELETE FROM user_grant WHERE user = ? AND version = ?")?
                        .execute([user, version.0 as i64])?,
                };
                Ok(deleted == 1)
            })
            .await
            .map_err(unavailable)?;
        if deleted {
            // Above what was deleted, so that it cannot come back.
            anchor.raise(user, Version(anchor.known(user).0.saturating_add(1)));
            self.persist_anchor().await;
        }
        Ok(deleted)
    }
}

#[async_trait]
impl Vault for LocalVault {
    async fn load(&self, user: UserId) -> Result<Option<StoredGrant>, VaultError> {
        let Opened { store, keys, anchor, .. } = &*self.0;
        // Before the row is read: a grant that is replaced in between is newer than this, and not rolled back.
        let known = anchor.known(user);
        let row = store
            .shared()
            .read(move |connection| {
                let sql = format!("SELECT {} FROM user_grant WHERE user = ?", Sealed::COLUMNS);
                let row = connection.prepare_cached(&sql)?.query_row([user.0 as i64], Sealed::read);
                Ok(row.optional()?)
            })
            .await
            .map_err(VaultError::Unavailable)?;
        let Some(row) = row else { return Ok(None) };
        let version = row.version;
        let opened = if version < known {
            let how = Tampering::RolledBack { found: version, known };
            Err(VaultError::Tampered { user, how })
        } else {
            row.open(&**keys).await
        };
        if let Err(VaultError::Tampered { how, .. }) = &opened {
            tracing::error!(alarm = "tampered", %user, %version, %how, "a grant in the database was tampered with");
        }
        Ok(Some(StoredGrant { grant: opened?, version }))
    }

    async fn put(&self, expected: Expected, grant: Grant) -> Result<Put, VaultError> {
        let vault = self.clone();
        // A task of its own: a caller that goes away must not leave the anchor behind the database.
        tokio::spawn(async move { vault.put_now(expected, &grant).await }).await.map_err(unavailable)?
    }

    async fn delete(&self, user: UserId, expected: Expected) -> Result<bool, VaultError> {
        let vault = self.clone();
        tokio::spawn(async move { vault.delete_now(user, expected).await }).await.map_err(unavailable)?
    }

    async fn lease_refresh(
        &self,
        user: UserId,
        version: Version,
        duration: Duration,
    ) -> Result<RefreshLease, VaultError> {
        let shared = Arc::clone(self.0.store.shared());
        self.0
            .store
            .write(move |connection| {
                let (user, now) = (user.0 as i64, shared.now());
                let lease = shared.lease_token();
                let until = now.saturating_add(duration.as_millis() as i64);
                let granted = connection
                    .prepare_cached(
                        "UPDATE user_grant SET lease = ?, lease_until = ?
                         WHERE user = ? AND version = ? AND (lease IS NULL OR lease_until <= ?)",
                    )?
                    .execute([lease, until, user, version.0 as i64, now])?;
                if granted == 1 {
                    return Ok(RefreshLease::Granted(LeaseId(lease as u64)));
                }
                let held: Option<i64> = connection
                    .prepare_cached("SELECT lease_until FROM user_grant WHERE user = ? AND version = ?")?
                    .query_row([user, version.0 as i64], |row| row.get(0))
                    .optional()?;
                Ok(match held {
                    Some(until) => RefreshLease::Held {
                        until: DateTime::from_timestamp_millis(until).unwrap_or(DateTime::<Utc>::MAX_UTC),
                    },
                    None => RefreshLease::Changed,
                })
            })
            .await
            .map_err(unavailable)
    }

    async fn release_refresh(&self, user: UserId, lease: LeaseId) -> Result<(), VaultError> {
        self.0
            .store
            .write(move |connection| {
                connection
                    .prepare_cached(
                        "UPDATE user_grant SET lease = NULL, lease_until = 0 WHERE user = ? AND lease = ?",
                    )?
                    .execute([user.0 as i64, lease.0 as i64])?;
                Ok(())
            })
            .await
            .map_err(unavailable)
    }

    async fn rewrap(&self, after: Option<UserId>, limit: usize) -> Result<Rewrapped, VaultError> {
        self.rewrap_batch(after, limit).await
    }

    async fn list(&self, after: Option<UserId>, limit: usize) -> Result<Vec<ListedGrant>, VaultError> {
        let after = after.map_or(-1, |user| user.0 as i64);
        self.0
            .store
            .shared()
            .read(move |connection| {
                let listed = |row: &Row<'_>| {
                    let stored_at: i64 = row.get(3)?;
                    Ok(ListedGrant {
                        user: UserId(row.get::<_, i64>(0)? as u64),
                        version: Version(row.get::<_, i64>(1)? as u64),
                        key: KeyId(row.get(2)?),
                        stored_at: DateTime::from_timestamp_millis(stored_at)
                            .ok_or(rusqlite::Error::IntegralValueOutOfRange(3, stored_at))?,
                    })
                };
                connection
                    .prepare_cached(
                        "SELECT user, version, key_id, stored_at FROM user_grant WHERE user > ? ORDER BY user LIMIT ?",
                    )?
                    .query_map([after, limit as i64], listed)?
                    .map(|grant| Ok(grant?))
                    .collect()
            })
            .await
            .map_err(VaultError::Unavailable)
    }
}

pub(crate) fn unavailable(error: impl Into<anyhow::Error>) -> VaultError {
    VaultError::Unavailable(error.into())
}
