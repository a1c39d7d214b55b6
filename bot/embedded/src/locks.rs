//! Environments' locks: a row for whoever holds one, and a row for each that waits for it.

use std::sync::Arc;

use anyhow::Context as _;
use async_trait::async_trait;
use chrono::DateTime;
use deputy_core::ids::RepositoryId;
use deputy_core::ports::{Acquired, AskLock, Holder, Lock, LockName, Locks, LocksError, ReleasedLock};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::de::DeserializeOwned;

use crate::store::Store;

const COLUMNS: &str = "repository, environment, holder, person, reason, since";

#[async_trait]
impl Locks for Store {
    async fn acquire(&self, ask: &AskLock) -> Result<Acquired, LocksError> {
        let ask = ask.clone();
        self.write(move |connection| acquire(connection, &ask)).await.map_err(unreachable_locks)
    }

    async fn release(&self, name: &LockName, holder: &Holder) -> Result<ReleasedLock, LocksError> {
        let (shared, name) = (Arc::clone(self.shared()), name.clone());
        let holder = json(holder).map_err(unreachable_locks)?;
        self.write(move |connection| release(connection, &name, &holder, shared.now()))
            .await
            .map_err(unreachable_locks)
    }

    async fn unlock(&self, name: &LockName) -> Result<ReleasedLock, LocksError> {
        let (shared, name) = (Arc::clone(self.shared()), name.clone());
        self.write(move |connection| {
            let holder: Option<String> = connection
                .prepare_cached(
                    "SELECT holder FROM lock WHERE repository = ? AND environment = ? AND held = 1",
                )?
                .query_row(params![name.repository.0 as i64, name.environment], |row| row.get(0))
                .optional()?;
            match holder {
                Some(holder) => release(connection, &name, &holder, shared.now()),
                None => Ok(ReleasedLock::NotHeld),
            }
        })
        .await
        .map_err(unreachable_locks)
    }

    async fn release_all(&self, holder: &Holder) -> Result<Vec<(LockName, ReleasedLock)>, LocksError> {
        let shared = Arc::clone(self.shared());
        let holder = json(holder).map_err(unreachable_locks)?;
        self.write(move |connection| {
            let names: Vec<LockName> = connection
                .prepare_cached("SELECT repository, environment FROM lock WHERE holder = ? ORDER BY id")?
                .query_map([&holder], |row| {
                    let repository = RepositoryId(row.get::<_, i64>(0)? as u64);
                    Ok(LockName { repository, environment: row.get(1)? })
                })?
                .collect::<Result<_, _>>()?;
            let mut released = Vec::with_capacity(names.len());
            for name in names {
                let outcome = release(connection, &name, &holder, shared.now())?;
                released.push((name, outcome));
            }
            Ok(released)
        })
        .await
        .map_err(unreachable_locks)
    }

    async fn get(&self, name: &LockName) -> Result<Option<Lock>, LocksError> {
        let name = name.clone();
        self.shared()
            .read(move |connection| held(connection, &name).context("a lock cannot be read"))
            .await
            .map_err(LocksError)
    }

    async fn list(&self, repository: RepositoryId) -> Result<Vec<Lock>, LocksError> {
        self.shared()
            .read(move |connection| {
                let names: Vec<String> = connection
                    .prepare_cached(
                        "SELECT environment FROM lock WHERE repository = ? AND held = 1 ORDER BY environment",
                    )?
                    .query_map([repository.0 as i64], |row| row.get(0))?
                    .collect::<Result<_, _>>()?;
                let locks = names.into_iter().map(|environment| {
                    held(connection, &LockName { repository, environment }).context("a lock cannot be read")
                });
                locks.filter_map(Result::transpose).collect()
            })
            .await
            .map_err(LocksError)
    }
}

fn acquire(connection: &Connection, ask: &AskLock) -> rusqlite::Result<Acquired> {
    let AskLock { name, holder, person, reason, at, waits } = ask;
    let current = held(connection, name)?;
    if let Some(lock) = current {
        if lock.holder == *holder {
            return Ok(Acquired::Yes(lock));
        }
        if *waits && !lock.waiting.contains(holder) {
            insert(connection, ask, false)?;
            return Ok(Acquired::Held(held(connection, name)?.unwrap_or(lock)));
        }
        return Ok(Acquired::Held(lock));
    }
    insert(connection, ask, true)?;
    Ok(Acquired::Yes(Lock {
        name: name.clone(),
        holder: holder.clone(),
        person: person.clone(),
        reason: reason.clone(),
        since: *at,
        waiting: Vec::new(),
    }))
}

fn insert(connection: &Connection, ask: &AskLock, is_held: bool) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO lock (repository, environment, holder, person, reason, since, held)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            ask.name.repository.0 as i64,
            ask.name.environment,
            json(&ask.holder)?,
            json(&ask.person)?,
            ask.reason,
            ask.at.timestamp_millis(),
            is_held,
        ])?;
    Ok(())
}

fn release(
    connection: &Connection,
    name: &LockName,
    holder: &str,
    now: i64,
) -> rusqlite::Result<ReleasedLock> {
    let (repository, environment) = (name.repository.0 as i64, &name.environment);
    let was_held: Option<bool> = connection
        .prepare_cached(
            "DELETE FROM lock WHERE repository = ? AND environment = ? AND holder = ? RETURNING held",
        )?
        .query_row(params![repository, environment, holder], |row| row.get(0))
        .optional()?;
    if was_held != Some(true) {
        return Ok(ReleasedLock::NotHeld);
    }
    let next = connection
        .prepare_cached(
            "UPDATE lock SET held = 1, since = ?3 WHERE id =
                (SELECT min(id) FROM lock WHERE repository = ?1 AND environment = ?2)",
        )?
        .execute(params![repository, environment, now])?;
    if next == 0 {
        return Ok(ReleasedLock::Free);
    }
    Ok(held(connection, name)?.map_or(ReleasedLock::Free, ReleasedLock::HandedTo))
}

fn held(connection: &Connection, name: &LockName) -> rusqlite::Result<Option<Lock>> {
    let key = params![name.repository.0 as i64, name.environment];
    let lock = connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM lock WHERE repository = ? AND environment = ? AND held = 1"
        ))?
        .query_row(key, lock)
        .optional()?;
    let Some(mut lock) = lock else { return Ok(None) };
    lock.waiting = connection
        .prepare_cached(
            "SELECT holder FROM lock WHERE repository = ? AND environment = ? AND held = 0 ORDER BY id",
        )?
        .query_map(key, |row| read_json(row, 0))?
        .collect::<Result<_, _>>()?;
    Ok(Some(lock))
}

fn lock(row: &Row<'_>) -> rusqlite::Result<Lock> {
    let since: i64 = row.get(5)?;
    Ok(Lock {
        name: LockName { repository: RepositoryId(row.get::<_, i64>(0)? as u64), environment: row.get(1)? },
        holder: read_json(row, 2)?,
        person: read_json(row, 3)?,
        reason: row.get(4)?,
        since: DateTime::from_timestamp_millis(since)
            .ok_or(rusqlite::Error::IntegralValueOutOfRange(5, since))?,
        waiting: Vec::new(),
    })
}

fn json(value: &impl serde::Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

fn read_json<T: DeserializeOwned>(row: &Row<'_>, at: usize) -> rusqlite::Result<T> {
    serde_json::from_str(row.get_ref(at)?.as_str()?).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(at, rusqlite::types::Type::Text, error.into())
    })
}

fn unreachable_locks(error: impl Into<anyhow::Error>) -> LocksError {
    LocksError(error.into())
}
