//! One queue of timers for all executions: which execution to look at next, and when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use deputy_asl::Timestamp;

use crate::store::ExecutionId;

/// When to look at which execution.
///
/// An execution stands in the queue with its earliest timer only, so that a timeout that is set and cancelled with every task
/// costs nothing. An entry may be out of date; whoever is called looks for himself.
#[derive(Debug, Default)]
pub(crate) struct Timers(BinaryHeap<Reverse<(Timestamp, ExecutionId)>>);

impl Timers {
    pub(crate) fn push(&mut self, at: Timestamp, id: ExecutionId) {
        self.0.push(Reverse((at, id)));
    }

    /// When somebody is to be looked at.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.0.peek().map(|Reverse((at, _))| *at)
    }

    /// Who is due.
    pub(crate) fn pop(&mut self, now: Timestamp) -> Option<ExecutionId> {
        if self.next()? > now {
            return None;
        }
        self.0.pop().map(|Reverse((_, id))| id)
    }
}
