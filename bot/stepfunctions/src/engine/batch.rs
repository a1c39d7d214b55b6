//! What waits for the next commit, and what may happen only after it.

use std::sync::Arc;

use deputy_asl::TaskRequest;

use super::core::Core;
use crate::store::ExecutionId;
use crate::store::writer::Write;

/// What happens once a batch is durable.
pub(crate) enum After {
    /// The task leaves.
    Dispatch { id: ExecutionId, machine: u64, request: Arc<TaskRequest> },
    /// Somebody is answered, or something else is started.
    Call(Box<dyn FnOnce(&mut Core) + Send>),
    /// What was moved of an execution into tables is there.
    Settled(ExecutionId),
    /// The same, of a finished execution, which leaves memory.
    Retire(ExecutionId),
    /// A resting execution leaves memory, unless it has had events since.
    Evict { id: ExecutionId, events: u64 },
}

/// A batch while it is gathered.
#[derive(Default)]
pub(crate) struct Gathering {
    pub(crate) writes: Vec<Write>,
    /// Executions with events that are in no segment yet.
    pub(crate) touched: Vec<ExecutionId>,
    pub(crate) after: Vec<After>,
    /// Somebody waits for it. A batch without urgency waits for one with.
    pub(crate) urgent: bool,
}

impl Gathering {
    pub(crate) fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.touched.is_empty() && self.after.is_empty()
    }

    /// Does something once everything up to now is durable.
    pub(crate) fn then(&mut self, after: After) {
        self.after.push(after);
        self.urgent = true;
    }
}
