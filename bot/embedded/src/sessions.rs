//! Deputy's own sessions: a row a session, found by the hash of its token.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use deputy_core::ids::UserId;
use deputy_core::ports::{LAST_USED_RESOLUTION, Session, SessionId, Sessions, SessionsError};
use deputy_core::vault::{new_token, token_hash};
use rusqlite::{OptionalExtension as _, Row, params};
use secrecy::SecretString;

use crate::store::Store;

/// What every token begins with, so that secret scanners know it and nobody takes it for GitHub's.
const PREFIX: &str = "dps_";
const PURPOSE: &str = "session";
const COLUMNS: &str = "SELECT id, user, login, name, created_at, last_used, expires_at FROM session";

#[async_trait]
impl Sessions for Store {
    async fn create(
        &self,
        user: UserId,
        login: &str,
        name: &str,
        lifetime: Duration,
    ) -> Result<(Session, SecretString), SessionsError> {
        let token = new_token(PREFIX).map_err(unreachable_sessions)?;
        let hash = token_hash(PURPOSE, &token).context("no hash").map_err(SessionsError)?;
        let created_at = self.shared().clock.now();
        let until = |time: DateTime<Utc>| Some(time + chrono::TimeDelta::from_std(lifetime).ok()?);
        let expires_at = until(created_at).unwrap_or(DateTime::<Utc>::MAX_UTC);
        let mut session = Session {
            id: SessionId(0),
            user,
            login: login.to_owned(),
            name: name.to_owned(),
            created_at,
            last_used: created_at,
            expires_at,
        };
        let written = session.clone();
        let id = self
            .write(move |connection| {
                connection
                    .prepare_cached(
                        "INSERT INTO session (hash, user, login, name, created_at, last_used, expires_at)
                         VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6)",
                    )?
                    .execute(params![
                        hash,
                        written.user.0 as i64,
                        written.login,
                        written.name,
                        written.created_at.timestamp_millis(),
                        written.expires_at.timestamp_millis(),
                    ])?;
                Ok(connection.last_insert_rowid())
            })
            .await
            .map_err(unreachable_sessions)?;
        session.id = SessionId(id as u64);
        Ok((session, token))
    }

    async fn verify(&self, token: &SecretString) -> Result<Option<Session>, SessionsError> {
        let Some(hash) = token_hash(PURPOSE, token) else { return Ok(None) };
        let now = self.shared().clock.now();
        let Some(mut session) = self.session_by_hash(hash).await? else { return Ok(None) };
        if session.expires_at <= now {
            return Ok(None);
        }
        if session.last_used + LAST_USED_RESOLUTION <= now {
            session.last_used = now;
            let (id, at) = (session.id.0 as i64, now.timestamp_millis());
            let noted = self
                .write(move |connection| {
                    connection
                        .prepare_cached("UPDATE session SET last_used = max(last_used, ?) WHERE id = ?")?
                        .execute([at, id])
                })
                .await;
            match noted {
                Ok(1) => {}
                // Revoked while it was being verified.
                Ok(_) => return Ok(None),
                Err(error) => return Err(unreachable_sessions(error)),
            }
        }
        Ok(Some(session))
    }

    async fn list(&self, user: UserId) -> Result<Vec<Session>, SessionsError> {
        let now = self.shared().now();
        self.shared()
            .read(move |connection| {
                connection
                    .prepare_cached(&format!("{COLUMNS} WHERE user = ? AND expires_at > ? ORDER BY id DESC"))?
                    .query_map([user.0 as i64, now], session)?
                    .map(|session| Ok(session?))
                    .collect()
            })
            .await
            .map_err(SessionsError)
    }

    async fn revoke(&self, user: UserId, session: SessionId) -> Result<bool, SessionsError> {
        self.write(move |connection| {
            let deleted = connection
                .prepare_cached("DELETE FROM session WHERE id = ? AND user = ?")?
                .execute([session.0 as i64, user.0 as i64])?;
            Ok(deleted == 1)
        })
        .await
        .map_err(unreachable_sessions)
    }

    async fn revoke_all(&self, user: UserId) -> Result<usize, SessionsError> {
        let shared = Arc::clone(self.shared());
        self.write(move |connection| {
            let live = connection
                .prepare_cached("SELECT count(*) FROM session WHERE user = ? AND expires_at > ?")?
                .query_row([user.0 as i64, shared.now()], |row| row.get::<_, i64>(0))?;
            connection.prepare_cached("DELETE FROM session WHERE user = ?")?.execute([user.0 as i64])?;
            Ok(live as usize)
        })
        .await
        .map_err(unreachable_sessions)
    }
}

impl Store {
    async fn session_by_hash(&self, hash: [u8; 32]) -> Result<Option<Session>, SessionsError> {
        self.shared()
            .read(move |connection| {
                let found = connection
                    .prepare_cached(&format!("{COLUMNS} WHERE hash = ?"))?
                    .query_row([hash], session)
                    .optional()?;
                Ok(found)
            })
            .await
            .map_err(SessionsError)
    }
}

fn session(row: &Row<'_>) -> rusqlite::Result<Session> {
    let time = |at: usize| {
        let millis: i64 = row.get(at)?;
        let no_time = || rusqlite::Error::IntegralValueOutOfRange(at, millis);
        DateTime::<Utc>::from_timestamp_millis(millis).ok_or_else(no_time)
    };
    Ok(Session {
        id: SessionId(row.get::<_, i64>(0)? as u64),
        user: UserId(row.get::<_, i64>(1)? as u64),
        login: row.get(2)?,
        name: row.get(3)?,
        created_at: time(4)?,
        last_used: time(5)?,
        expires_at: time(6)?,
    })
}

fn unreachable_sessions(error: impl Into<anyhow::Error>) -> SessionsError {
    SessionsError(error.into())
}
