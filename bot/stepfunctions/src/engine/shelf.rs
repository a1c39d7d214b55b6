//! Executions move into the store's tables when they are over, many at a time; until then segments are all there is of them.
//!
//! Nothing is late by that: an end is durable, and told, with the segment that holds its last event. Whoever reads tables has
//! what concerns them [brought in](Core::bring_in) first.

use std::time::{Duration, Instant};

use super::batch::After;
use super::core::Core;
use super::instance::Instance;
use crate::store::writer::{EndRow, Write};
use crate::store::{ExecutionId, segment};

/// How long an execution that is over may wait for company.
const WAIT: Duration = Duration::from_millis(100);
/// How many need no more company.
const ENOUGH: usize = 512;
/// How large a block may become, in bytes, before the next is begun: who reads one log unpacks its whole block.
const BLOCK_BYTES: usize = 64 * 1024;

/// Who waits.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    over: Vec<ExecutionId>,
    since: Option<Instant>,
    pub(crate) next_block: u64,
}

impl Shelf {
    /// An execution is over.
    pub(crate) fn push(&mut self, id: ExecutionId) {
        self.over.push(id);
        self.since.get_or_insert_with(Instant::now);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.over.is_empty()
    }

    /// How long until those who wait have waited long enough. `None` if nobody waits.
    pub(crate) fn patience(&self) -> Option<Duration> {
        let since = self.since?;
        Some(if self.over.len() >= ENOUGH { Duration::ZERO } else { WAIT.saturating_sub(since.elapsed()) })
    }
}

/// A block that is being filled.
#[derive(Default)]
struct Block {
    body: Vec<u8>,
    executions: u64,
}

impl Core {
    /// Writes what is over into the batch that is being gathered.
    pub(crate) fn shelve(&mut self) {
        self.shelf.since = None;
        let mut over = std::mem::take(&mut self.shelf.over);
        // Rows in the order of their keys touch each page once.
        over.sort_unstable();
        over.dedup();
        let mut block = Block::default();
        for id in over {
            let Some(mut instance) = self.hot.remove(&id) else { continue };
            self.shelve_one(&mut instance, &mut block);
            self.hot.insert(id, instance);
            self.gathering.after.push(After::Retire(id));
            if block.body.len() >= BLOCK_BYTES {
                self.close_block(&mut block);
            }
        }
        self.close_block(&mut block);
    }

    fn shelve_one(&mut self, instance: &mut Instance, block: &mut Block) {
        // Redriven in the meantime, it is not over.
        let Some(ended) = instance.ended.take() else { return };
        instance.leaving = true;
        let id = instance.id;
        let whole = instance.unflushed_from == 0 && !instance.unflushed.is_empty();
        let number = whole.then_some(self.shelf.next_block);
        if whole {
            let log = instance.take_unflushed();
            segment::write_run(&mut block.body, id, 0, Some(&instance.origin_bytes()), &log);
            block.executions += 1;
        } else {
            self.move_log(instance);
        }
        self.write_tokens(instance);
        if std::mem::take(&mut instance.has_snapshot) {
            self.gathering.writes.push(Write::DropSnapshot { id });
        }
        let end = Box::new(EndRow {
            status: ended.status.code(),
            stopped: ended.stopped.0,
            outcome: ended.outcome_json(),
            block: number,
        });
        self.gathering.writes.push(match instance.row.take() {
            Some(row) => Write::Execution(row, Some(end)),
            None => Write::End { id, end },
        });
        // Retention has passed the place where its row now appears.
        self.retention_cursor = self.retention_cursor.min(id - 1);
    }

    fn close_block(&mut self, block: &mut Block) {
        let Block { body, executions } = std::mem::take(block);
        if executions > 0 {
            self.gathering.writes.push(Write::Block { id: self.shelf.next_block, executions, body });
            self.shelf.next_block += 1;
        }
    }

    /// The row of an execution that still runs.
    pub(crate) fn write_row(&mut self, instance: &mut Instance) {
        if let Some(row) = instance.row.take() {
            self.retention_cursor = self.retention_cursor.min(row.id - 1);
            self.gathering.writes.push(Write::Execution(row, None));
        }
    }

    /// Sees to it that the tables have all of one execution, or of all. `false` if they have it already; otherwise they will
    /// after the batch that is being gathered.
    pub(crate) fn bring_in(&mut self, only: Option<ExecutionId>) -> bool {
        let missing = |it: &Instance| it.row.is_some() || it.ended.is_some() || it.leaving;
        let wanted: Vec<ExecutionId> = match only {
            Some(id) => self.hot.get(&id).filter(|it| missing(it)).map(|it| it.id).into_iter().collect(),
            None => self.hot.values().filter(|it| missing(it)).map(|it| it.id).collect(),
        };
        // The writer may be at work on what left memory's lists with the last batch.
        if wanted.is_empty() && (only.is_some() || !self.is_writing()) {
            return false;
        }
        if !self.shelf.is_empty() {
            self.shelve();
        }
        for id in wanted {
            let Some(mut instance) = self.hot.remove(&id) else { continue };
            if !instance.origin.is_express() {
                self.write_row(&mut instance);
            }
            self.hot.insert(id, instance);
        }
        true
    }
}
