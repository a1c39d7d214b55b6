//! What happens to single deliveries of a queue: tried again, buried, or found in work when the process had died.

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::segment::{Entries, id_at};
use crate::store::Shared;
use crate::work::{ALONE, Failure, bitmap, ordinals};

/// Who was in work this often when the process died runs alone from then on.
const INTERRUPTED_TOO_OFTEN: u32 = 2;

/// One delivery for one handler.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Item {
    pub(crate) handler: i64,
    pub(crate) segment: i64,
    pub(crate) ordinal: u16,
    /// Attempts that ended.
    pub(crate) attempts: u32,
    /// Those among them that ended with the process.
    pub(crate) interrupted: u32,
}

impl Item {
    /// Queues the next attempt, or makes it a dead letter.
    pub(crate) fn try_again_or_bury(
        self,
        connection: &Connection,
        shared: &Shared,
        lane: i64,
        now: i64,
        failure: &Failure,
    ) -> rusqlite::Result<()> {
        match shared.dice.wait(&shared.options.retry, self.attempts) {
            Some(wait) if !failure.permanent => self.queue(connection, lane, now.saturating_add(wait)),
            _ => self.bury(connection, now, &failure.errors),
        }
    }

    /// Queues the next attempt.
    pub(crate) fn queue(self, connection: &Connection, lane: i64, due_at: i64) -> rusqlite::Result<()> {
        let todo = bitmap(&[self.ordinal]);
        connection
            .prepare_cached(
                "INSERT INTO work (lane, due_at, handler, attempts, interrupted, segment, todo)
                 VALUES (?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                lane,
                due_at,
                self.handler,
                self.attempts,
                self.interrupted,
                self.segment,
                todo
            ])?;
        Ok(())
    }

    /// Makes it a dead letter.
    pub(crate) fn bury(self, connection: &Connection, now: i64, errors: &[String]) -> rusqlite::Result<()> {
        let named = connection
            .prepare_cached("SELECT ids, directory FROM segment WHERE id = ?")?
            .query_row([self.segment], |row| {
                let id = id_at(row.get_ref(0)?.as_blob()?, self.ordinal.into());
                let entry = Entries::new(row.get_ref(1)?.as_blob()?)
                    .ok()
                    .and_then(|mut entries| entries.nth(self.ordinal.into())?.ok());
                Ok(id.zip(entry))
            })
            .optional()?
            .flatten();
        // A damaged directory must not keep the letter from being written: then it has no names.
        let (delivery, event, repository) = match &named {
            Some((id, entry)) => {
                (&id.as_bytes()[..], entry.event.as_str(), entry.about.repository.as_deref())
            }
            None => (&[0; 16][..], "unknown", None),
        };
        let errors = errors_json(errors);
        connection
            .prepare_cached(
                "INSERT INTO dead_letter
                     (handler, segment, ordinal, delivery, event, repository, attempts, failed_at, errors)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                self.handler,
                self.segment,
                self.ordinal,
                delivery,
                event,
                repository,
                self.attempts,
                now,
                errors
            ])?;
        Ok(())
    }
}

/// A dead letter's errors, as they are kept.
pub(crate) fn errors_json(errors: &[String]) -> String {
    serde_json::Value::from(errors.to_vec()).to_string()
}

/// Ends every lease: their process is gone, or it would hold the folder's lock.
pub(crate) fn end_all(connection: &Connection, shared: &Shared) -> rusqlite::Result<()> {
    let transaction = connection.unchecked_transaction()?;
    let leased: Vec<i64> = transaction
        .prepare("SELECT id FROM work WHERE lease IS NOT NULL")?
        .query_map((), |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let now = shared.now();
    for row in &leased {
        interrupt(&transaction, shared, *row, now)?;
    }
    // Whoever ran something once is gone with its process, too. Without this, a command that was being answered
    // would wait for its lease to end although nobody holds it.
    transaction.execute("UPDATE once SET lease = NULL WHERE lease IS NOT NULL", ())?;
    bring_forward(&transaction, shared)?;
    transaction.commit()?;
    if !leased.is_empty() {
        tracing::info!(rows = leased.len(), "took back the work that the last process had not finished");
    }
    Ok(())
}

/// Makes due what is due later than anything is ever made to wait: it was queued before somebody set the clock back, and
/// would wait until the clock is there again.
pub(crate) fn bring_forward(connection: &Connection, shared: &Shared) -> rusqlite::Result<()> {
    let waits = shared.options.retry.waits.iter().copied();
    let longest = waits.fold(deputy_core::dispatch::LEASE, std::time::Duration::max);
    let now = shared.now();
    let mut lanes: Vec<i64> = connection
        .prepare_cached("UPDATE work SET due_at = ? WHERE lease IS NULL AND due_at > ? RETURNING lane")?
        .query_map([now, now.saturating_add(longest.as_millis() as i64)], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    if !lanes.is_empty() {
        tracing::warn!(rows = lanes.len(), "the clock was set back; what waited for it is due now");
    }
    lanes.sort_unstable();
    lanes.dedup();
    for lane in lanes {
        shared.wake(lane);
    }
    Ok(())
}

/// Splits a row that was in work into its deliveries, each with an attempt more.
pub(crate) fn interrupt(
    connection: &Connection,
    shared: &Shared,
    row: i64,
    now: i64,
) -> rusqlite::Result<()> {
    let (handler, segment, attempts, interrupted, todo): (i64, i64, u32, u32, Vec<u8>) = connection
        .prepare_cached(
            "DELETE FROM work WHERE id = ? RETURNING handler, segment, attempts, interrupted, todo",
        )?
        .query_row([row], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))?;
    let interrupted = interrupted + 1;
    let lane = if interrupted < INTERRUPTED_TOO_OFTEN { handler } else { ALONE };
    for ordinal in ordinals(&todo) {
        let item = Item { handler, segment, ordinal, attempts: attempts + 1, interrupted };
        if interrupted == 1 && item.attempts < shared.options.retry.tries() {
            // Once is mostly somebody else's fault, and a person waits for the answer.
            item.queue(connection, lane, now)?;
        } else {
            let failure = Failure {
                errors: vec![format!(
                    "the process ended, or the lease did, while this was in work ({interrupted} times)"
                )],
                permanent: false,
            };
            item.try_again_or_bury(connection, shared, lane, now, &failure)?;
        }
    }
    shared.wake(lane);
    Ok(())
}
