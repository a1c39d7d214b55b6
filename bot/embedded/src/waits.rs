//! Steps that wait: a row each, found by key, topic, job, and the time to look.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use chrono::DateTime;
use deputy_core::job::JobId;
use deputy_core::ports::{Wait, Waits, WaitsError};
use rusqlite::types::ToSql;
use rusqlite::{Connection, params};

use crate::store::Store;

#[async_trait]
impl Waits for Store {
    async fn keep(&self, wait: Wait) -> Result<(), WaitsError> {
        let body = serde_json::to_string(&wait).map_err(unreachable_waits)?;
        self.write(move |connection| {
            let look_at = wait.look_at.map(|at| at.timestamp_millis());
            connection
                .prepare_cached(
                    "INSERT INTO wait (key, job, topic, look_at, body) VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT (key) DO UPDATE SET job = ?2, topic = ?3, look_at = ?4, body = ?5",
                )?
                .execute(params![wait.key, wait.job.to_string(), wait.topic, look_at, body])?;
            Ok(())
        })
        .await
        .map_err(unreachable_waits)
    }

    async fn on(&self, topic: &str) -> Result<Vec<Wait>, WaitsError> {
        let topic = topic.to_owned();
        self.shared()
            .read(move |connection| {
                select(connection, "SELECT body, look_at FROM wait WHERE topic = ? ORDER BY id", &[&topic])
            })
            .await
            .map_err(WaitsError)
    }

    async fn of_job(&self, job: JobId) -> Result<Vec<Wait>, WaitsError> {
        let job = job.to_string();
        self.shared()
            .read(move |connection| {
                select(connection, "SELECT body, look_at FROM wait WHERE job = ? ORDER BY id", &[&job])
            })
            .await
            .map_err(WaitsError)
    }

    async fn due(&self, every: Duration, limit: usize) -> Result<Vec<Wait>, WaitsError> {
        let shared = Arc::clone(self.shared());
        let rows = self
            .write(move |connection| {
                let now = shared.now();
                let next = now.saturating_add(every.as_millis() as i64);
                connection
                    .prepare_cached(
                        "UPDATE wait SET look_at = ? WHERE id IN
                            (SELECT id FROM wait WHERE look_at <= ? ORDER BY look_at LIMIT ?)
                         RETURNING body, look_at",
                    )?
                    .query_map(params![next, now, limit as i64], |row| {
                        Ok((row.get::<_, String>(0)?, row.get::<_, Option<i64>>(1)?))
                    })?
                    .collect::<rusqlite::Result<Vec<_>>>()
            })
            .await
            .map_err(unreachable_waits)?;
        rows.iter()
            .map(|(body, look_at)| wait(body, *look_at))
            .collect::<anyhow::Result<_>>()
            .map_err(WaitsError)
    }

    async fn forget(&self, key: &str) -> Result<(), WaitsError> {
        self.delete("DELETE FROM wait WHERE key = ?", key.to_owned()).await
    }

    async fn forget_job(&self, job: JobId) -> Result<(), WaitsError> {
        self.delete("DELETE FROM wait WHERE job = ?", job.to_string()).await
    }
}

impl Store {
    async fn delete(&self, sql: &'static str, value: String) -> Result<(), WaitsError> {
        self.write(move |connection| connection.prepare_cached(sql)?.execute([value]).map(|_| ()))
            .await
            .map_err(unreachable_waits)
    }
}

fn select(connection: &Connection, sql: &str, values: &[&dyn ToSql]) -> anyhow::Result<Vec<Wait>> {
    let mut select = connection.prepare_cached(sql)?;
    let rows =
        select.query_map(values, |row| Ok((row.get::<_, String>(0)?, row.get::<_, Option<i64>>(1)?)))?;
    rows.map(|row| row.map_err(Into::into).and_then(|(body, look_at)| wait(&body, look_at))).collect()
}

fn wait(body: &str, look_at: Option<i64>) -> anyhow::Result<Wait> {
    let mut wait: Wait = serde_json::from_str(body).context("a wait cannot be read")?;
    // The column is what moves.
    wait.look_at = look_at.and_then(DateTime::from_timestamp_millis);
    Ok(wait)
}

fn unreachable_waits(error: impl Into<anyhow::Error>) -> WaitsError {
    WaitsError(error.into())
}
