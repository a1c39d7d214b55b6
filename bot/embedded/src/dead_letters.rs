//! Dead letters in their table: one row each, moved from and to the queue in one transaction.

use std::sync::Arc;

use anyhow::Context as _;
use async_trait::async_trait;
use chrono::DateTime;
use deputy_core::ids::DeliveryId;
use deputy_core::ports::{
    Cursor, DeadLetter, DeadLetterId, DeadLetterQuery, DeadLetters, DeadLettersError, FailedWork, Page,
};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::accept::handler_id;
use crate::archive::{Hint, locate};
use crate::attempt::kept;
use crate::lease::{Item, errors_json};
use crate::store::Store;

/// What a page may hold; the port says so.
const MAX_PAGE: usize = 1_000;
const COLUMNS: &str = "SELECT dead_letter.id, name, delivery, event, repository, attempts, failed_at, errors
                       FROM dead_letter JOIN handler ON handler.id = handler";

#[async_trait]
impl DeadLetters for Store {
    async fn list(&self, query: &DeadLetterQuery) -> Result<Page<DeadLetter>, DeadLettersError> {
        let below = match &query.after {
            Some(Cursor(text)) => text.parse().map_err(|_| DeadLettersError::BadCursor)?,
            None => i64::MAX,
        };
        let limit = match query.limit {
            0 => 100,
            limit => limit.min(MAX_PAGE),
        };
        let handler = query.handler.clone();
        let mut items = self
            .shared()
            .read(move |connection| list(connection, handler.as_deref(), below, limit + 1))
            .await
            .map_err(DeadLettersError::Unavailable)?;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|last| Cursor(last.id.0.to_string()));
        Ok(Page { items, next })
    }

    async fn show(&self, id: DeadLetterId) -> Result<Option<DeadLetter>, DeadLettersError> {
        self.shared()
            .read(move |connection| {
                let found = connection
                    .prepare_cached(&format!("{COLUMNS} WHERE dead_letter.id = ?"))?
                    .query_row([id.0 as i64], |row| Ok(letter(row)))
                    .optional()?;
                found.transpose()
            })
            .await
            .map_err(DeadLettersError::Unavailable)
    }

    async fn redrive(&self, id: DeadLetterId) -> Result<bool, DeadLettersError> {
        let shared = Arc::clone(self.shared());
        let redriven = self
            .write(move |connection| {
                let found = connection
                    .prepare_cached("SELECT handler, segment, ordinal FROM dead_letter WHERE id = ?")?
                    .query_row([id.0 as i64], |row| {
                        let item = Item {
                            handler: row.get(0)?,
                            segment: row.get(1)?,
                            ordinal: row.get(2)?,
                            attempts: 0,
                            interrupted: 0,
                        };
                        Ok(item)
                    })
                    .optional()?;
                let Some(item) = found else { return Ok(Redriven::Unknown) };
                let kept: bool = connection
                    .prepare_cached("SELECT EXISTS (SELECT 1 FROM payload WHERE segment = ?)")?
                    .query_row([item.segment], |row| row.get(0))?;
                if !kept {
                    return Ok(Redriven::Expired);
                }
                connection.prepare_cached("DELETE FROM dead_letter WHERE id = ?")?.execute([id.0 as i64])?;
                item.queue(connection, item.handler, shared.now())?;
                shared.wake(item.handler);
                Ok(Redriven::Queued)
            })
            .await
            .map_err(|error| DeadLettersError::Unavailable(error.into()))?;
        match redriven {
            Redriven::Queued => Ok(true),
            Redriven::Unknown => Ok(false),
            Redriven::Expired => Err(DeadLettersError::Expired),
        }
    }

    async fn bury(&self, failed: FailedWork) -> Result<(), DeadLettersError> {
        let failed = FailedWork { errors: kept(failed.errors.into_iter()), ..failed };
        let shared = Arc::clone(self.shared());
        let (hint, id) = (Hint::of(&shared, failed.delivery), failed.delivery);
        let place = shared
            .read(move |connection| locate(connection, &hint, id))
            .await
            .map_err(DeadLettersError::Unavailable)?;
        self.write(move |connection| bury(connection, &failed, place, shared.now()))
            .await
            .map_err(|error| DeadLettersError::Unavailable(error.into()))
    }

    async fn discard(&self, id: DeadLetterId) -> Result<bool, DeadLettersError> {
        self.write(move |connection| {
            let deleted =
                connection.prepare_cached("DELETE FROM dead_letter WHERE id = ?")?.execute([id.0 as i64])?;
            Ok(deleted == 1)
        })
        .await
        .map_err(|error| DeadLettersError::Unavailable(error.into()))
    }
}

/// The letter that is there already is told anew; of what the archive has no more, there is a letter without a payload.
fn bury(
    connection: &Connection,
    failed: &FailedWork,
    place: Option<(i64, u16)>,
    now: i64,
) -> rusqlite::Result<()> {
    let handler = handler_id(connection, &failed.handler)?;
    let delivery = failed.delivery.as_bytes();
    let errors = errors_json(&failed.errors);
    let told = connection
        .prepare_cached(
            "UPDATE dead_letter SET attempts = ?, failed_at = ?, errors = ? WHERE handler = ? AND delivery = ?",
        )?
        .execute(params![failed.attempts, now, errors, handler, delivery])?;
    if told > 0 {
        return Ok(());
    }
    if let Some((segment, ordinal)) = place {
        let item = Item { handler, segment, ordinal, attempts: failed.attempts, interrupted: 0 };
        return item.bury(connection, now, &failed.errors);
    }
    connection
        .prepare_cached(
            "INSERT INTO dead_letter (handler, segment, ordinal, delivery, event, attempts, failed_at, errors)
             VALUES (?, 0, 0, ?, 'unknown', ?, ?, ?)",
        )?
        .execute(params![handler, delivery, failed.attempts, now, errors])?;
    Ok(())
}

enum Redriven {
    Queued,
    Unknown,
    Expired,
}

fn list(
    connection: &Connection,
    handler: Option<&str>,
    below: i64,
    limit: usize,
) -> anyhow::Result<Vec<DeadLetter>> {
    let narrowed = match handler {
        Some(_) => "AND handler = (SELECT id FROM handler WHERE name = ?2)",
        None => "AND ?2 IS NULL",
    };
    let mut select = connection.prepare_cached(&format!(
        "{COLUMNS} WHERE dead_letter.id < ?1 {narrowed} ORDER BY dead_letter.id DESC LIMIT ?3"
    ))?;
    let mut rows = select.query(params![below, handler, limit as i64])?;
    let mut letters = Vec::new();
    while let Some(row) = rows.next()? {
        letters.push(letter(row)?);
    }
    Ok(letters)
}

fn letter(row: &Row<'_>) -> anyhow::Result<DeadLetter> {
    let id: i64 = row.get(0)?;
    let read = || -> anyhow::Result<DeadLetter> {
        let failed_at = row.get(6)?;
        Ok(DeadLetter {
            id: DeadLetterId(id as u64),
            handler: row.get(1)?,
            delivery: DeliveryId::from_bytes(row.get(2)?),
            event: row.get_ref(3)?.as_str()?.parse()?,
            repository: row.get(4)?,
            attempts: row.get(5)?,
            failed_at: DateTime::from_timestamp_millis(failed_at).context("no time")?,
            errors: serde_json::from_str::<Vec<String>>(row.get_ref(7)?.as_str()?)?,
        })
    };
    read().with_context(|| format!("dead letter {id} cannot be read"))
}
