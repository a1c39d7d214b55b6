//! Settling claimed work: done, failed or given back, in one transaction for many.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::error::WriteError;
use crate::lease::Item;
use crate::store::{Shared, Store};
use crate::work::{Claimed, Failure, Settlement, WorkLease, bitmap, take};

impl Store {
    /// Records what became of claimed work. `false` for what was not recorded because the lease was lost: somebody
    /// else has it now.
    ///
    /// What failed is tried again after a wait, or becomes a dead letter after its last try, in the same
    /// transaction. Items that are not named stay leased.
    ///
    /// Whatever is claimed after this returned, before its answer even, finds it settled.
    pub fn settle(
        &self,
        settlements: Vec<Settlement>,
    ) -> impl Future<Output = Result<Vec<bool>, WriteError>> + Send + use<> {
        let shared = Arc::clone(self.shared());
        self.write(move |connection| {
            settlements.iter().map(|settlement| settle(connection, &shared, settlement)).collect()
        })
    }

    /// Everything of one claim is done.
    pub async fn complete(&self, claimed: &Claimed) -> Result<bool, WriteError> {
        self.settle_one(Settlement { done: claimed.items.clone(), ..Settlement::of(claimed.lease) }).await
    }

    /// Everything of one claim failed, in the same way.
    pub async fn fail(&self, claimed: &Claimed, failure: Failure) -> Result<bool, WriteError> {
        let failed = claimed.items.iter().map(|item| (*item, failure.clone())).collect();
        self.settle_one(Settlement { failed, ..Settlement::of(claimed.lease) }).await
    }

    /// Gives a claim back as it was.
    pub async fn release(&self, claimed: &Claimed) -> Result<bool, WriteError> {
        self.settle_one(Settlement { released: claimed.items.clone(), ..Settlement::of(claimed.lease) }).await
    }

    async fn settle_one(&self, settlement: Settlement) -> Result<bool, WriteError> {
        Ok(self.settle(vec![settlement]).await?.first().copied().unwrap_or(false))
    }
}

/// A row, as far as settling needs it.
struct Row {
    lane: i64,
    handler: i64,
    attempts: u32,
    interrupted: u32,
    segment: i64,
    todo: Vec<u8>,
}

fn settle(connection: &Connection, shared: &Shared, settlement: &Settlement) -> rusqlite::Result<bool> {
    let WorkLease { row: id, token } = settlement.lease;
    let row = connection
        .prepare_cached(
            "SELECT lane, handler, attempts, interrupted, segment, todo FROM work WHERE id = ? AND lease = ?",
        )?
        .query_row([id, token], |row| {
            Ok(Row {
                lane: row.get(0)?,
                handler: row.get(1)?,
                attempts: row.get(2)?,
                interrupted: row.get(3)?,
                segment: row.get(4)?,
                todo: row.get(5)?,
            })
        })
        .optional()?;
    let Some(mut row) = row else { return Ok(false) };
    let now = shared.now();
    for ordinal in &settlement.done {
        take(&mut row.todo, *ordinal);
    }
    for (ordinal, failure) in &settlement.failed {
        // One that is not there was settled before; it must not fail now.
        if take(&mut row.todo, *ordinal) {
            let item = Item {
                handler: row.handler,
                segment: row.segment,
                ordinal: *ordinal,
                attempts: row.attempts + 1,
                interrupted: row.interrupted,
            };
            item.try_again_or_bury(connection, shared, row.lane, now, failure)?;
        }
    }
    for (ordinal, due_at) in &settlement.postponed {
        if take(&mut row.todo, *ordinal) {
            let item = Item {
                handler: row.handler,
                segment: row.segment,
                ordinal: *ordinal,
                attempts: row.attempts,
                interrupted: row.interrupted,
            };
            item.queue(connection, row.lane, *due_at)?;
        }
    }
    let mut released = settlement.released.clone();
    released.retain(|ordinal| take(&mut row.todo, *ordinal));
    if !released.is_empty() {
        connection
            .prepare_cached(
                "INSERT INTO work (lane, due_at, handler, attempts, interrupted, segment, todo)
                 VALUES (?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                row.lane,
                now,
                row.handler,
                row.attempts,
                row.interrupted,
                row.segment,
                bitmap(&released)
            ])?;
        shared.wake(row.lane);
    }
    if row.todo.iter().all(|byte| *byte == 0) {
        connection.prepare_cached("DELETE FROM work WHERE id = ?")?.execute([id])?;
    } else {
        connection.prepare_cached("UPDATE work SET todo = ? WHERE id = ?")?.execute(params![row.todo, id])?;
    }
    Ok(true)
}
