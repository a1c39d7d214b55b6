//! Forgetting what has expired, in batches so small that deliveries never wait for them.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, params};

use crate::error::WriteError;
use crate::lease::{self, Item};
use crate::store::{Shared, Store};
use crate::work::ordinals;

/// Segments a transaction: a few megabytes of payload.
const SEGMENTS: i64 = 32;
/// Records of what was done a transaction.
const RECORDS: i64 = 512;
/// Pages a transaction that are given back to the file system.
const PAGES: i64 = 256;
/// Free pages that stay for what comes next: one part in so many of the file, and never fewer than [`PAGES`].
const KEPT_FREE: i64 = 16;
/// How often somebody looks.
const EVERY: Duration = Duration::from_mins(5);

/// What one sweep removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Segments that left the archive.
    pub segments: u64,
    /// Records of what was done.
    pub records: u64,
    /// Deliveries that expired before they were handled, now dead letters.
    pub unhandled: u64,
    /// Nonces and sessions.
    pub logins: u64,
    /// Pages given back to the file system.
    pub pages: u64,
}

impl Swept {
    fn add(&mut self, step: Self) {
        self.segments += step.segments;
        self.records += step.records;
        self.unhandled += step.unhandled;
        self.logins += step.logins;
        self.pages += step.pages;
    }
}

impl Store {
    /// Removes everything that has expired, a transaction at a time.
    pub async fn sweep(&self) -> Result<Swept, WriteError> {
        let shared = Arc::clone(self.shared());
        self.write(move |connection| lease::bring_forward(connection, &shared)).await?;
        let mut swept = Swept::default();
        loop {
            let shared = Arc::clone(self.shared());
            let step = self.write(move |connection| step(connection, &shared)).await?;
            if step == Swept::default() {
                break;
            }
            swept.add(step);
        }
        let shared = self.shared();
        let cutoff = shared.now() - shared.options.dedup_window.as_millis() as i64;
        shared.dedup.write().unwrap_or_else(std::sync::PoisonError::into_inner).expire(cutoff);
        Ok(swept)
    }

    /// Sweeps every few minutes, at first after as long: a machine that has just started may not know the time yet, and
    /// one that is months ahead would empty the archive. Never ends: drop it, or abort its task.
    pub async fn keep_sweeping(&self) {
        let clock = Arc::clone(&self.shared().clock);
        loop {
            clock.sleep_until(clock.now() + EVERY).await;
            match self.sweep().await {
                Ok(swept) if swept == Swept::default() => {}
                Ok(swept) => tracing::info!(?swept, "removed what had expired"),
                Err(WriteError::Closed) => return,
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "could not remove what has expired"
                    );
                }
            }
        }
    }
}

fn step(connection: &Connection, shared: &Shared) -> rusqlite::Result<Swept> {
    let now = shared.now();
    let mut swept = Swept::default();
    let cutoff = now - shared.options.archive_for.as_millis() as i64;
    let expired: Vec<(i64, i64)> = connection
        .prepare_cached("SELECT id, count FROM segment WHERE last_at < ? ORDER BY last_at LIMIT ?")?
        .query_map([cutoff, SEGMENTS], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    if !expired.is_empty() {
        swept.segments = expired.len() as u64;
        swept.unhandled = bury_unhandled(connection, now, &expired)?;
        for (segment, count) in expired {
            connection.prepare_cached("DELETE FROM payload WHERE segment = ?")?.execute([segment])?;
            connection.prepare_cached("DELETE FROM segment WHERE id = ?")?.execute([segment])?;
            // Else numbers would start again once everything has expired, and old work would name new deliveries.
            connection
                .prepare_cached("UPDATE setting SET value = max(value, ?) WHERE name = 'next_delivery'")?
                .execute([segment + count])?;
        }
    }
    swept.records = connection
        .prepare_cached(
            "DELETE FROM once WHERE key IN (SELECT key FROM once WHERE expires_at < ? ORDER BY expires_at LIMIT ?)",
        )?
        .execute([now, RECORDS])? as u64;
    for delete in [
        "DELETE FROM nonce WHERE hash IN (SELECT hash FROM nonce WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)",
        "DELETE FROM session WHERE id IN (SELECT id FROM session WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)",
    ] {
        swept.logins += connection.prepare_cached(delete)?.execute([now, RECORDS])? as u64;
    }
    if swept == Swept::default() {
        swept.pages = shrink(connection)?;
    }
    Ok(swept)
}

/// Work whose delivery expires, because its handler is gone or was stuck for 90 days, becomes dead letters: it
/// must not disappear without a trace.
fn bury_unhandled(connection: &Connection, now: i64, expired: &[(i64, i64)]) -> rusqlite::Result<u64> {
    let mut select = connection
        .prepare_cached("SELECT id, handler, segment, attempts, interrupted, todo FROM work ORDER BY id")?;
    let mut rows = select.query(())?;
    let mut unhandled = Vec::new();
    while let Some(row) = rows.next()? {
        let segment: i64 = row.get(2)?;
        if !expired.iter().any(|(expired, _)| *expired == segment) {
            continue;
        }
        let (handler, attempts, interrupted) = (row.get(1)?, row.get(3)?, row.get(4)?);
        let items = ordinals(row.get_ref(5)?.as_blob()?);
        let items =
            items.into_iter().map(|ordinal| Item { handler, segment, ordinal, attempts, interrupted });
        unhandled.push((row.get::<_, i64>(0)?, items.collect::<Vec<_>>()));
    }
    let mut count = 0;
    for (row, items) in unhandled {
        for item in items {
            item.bury(connection, now, &["it expired before it was handled".to_owned()])?;
            count += 1;
        }
        connection.prepare_cached("DELETE FROM work WHERE id = ?")?.execute(params![row])?;
    }
    Ok(count)
}

/// Gives back free pages, except for some that the next deliveries will need.
fn shrink(connection: &Connection) -> rusqlite::Result<u64> {
    let value =
        |pragma: &str| connection.query_row(&format!("PRAGMA {pragma}"), (), |row| row.get::<_, i64>(0));
    let (free, pages) = (value("freelist_count")?, value("page_count")?);
    let surplus = (free - (pages / KEPT_FREE).max(PAGES)).min(PAGES);
    if surplus <= 0 {
        return Ok(0);
    }
    connection.execute_batch(&format!("PRAGMA incremental_vacuum({surplus})"))?;
    Ok(surplus as u64)
}
