//! Handing tasks out: a bounded number at once, machine by machine in turn, so that none starves the others.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use deputy_asl::TaskRequest;

use crate::store::ExecutionId;

/// A task that may be handed out.
#[derive(Debug)]
pub(crate) struct Due {
    pub(crate) id: ExecutionId,
    pub(crate) machine: u64,
    pub(crate) request: Arc<TaskRequest>,
}

/// Tasks in waiting.
///
/// Each machine has a line of its own, and whoever is handed out next comes from the line that has waited longest for its
/// turn. A machine with a limit of its own is passed over while it has that many under way.
#[derive(Debug)]
pub(crate) struct Lines {
    limit: usize,
    machine_limits: HashMap<u64, usize>,
    waiting: HashMap<u64, VecDeque<Due>>,
    /// Machines with somebody waiting, in the order of their turns.
    turns: VecDeque<u64>,
    running: usize,
    running_of: HashMap<u64, usize>,
}

impl Lines {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            machine_limits: HashMap::new(),
            waiting: HashMap::new(),
            turns: VecDeque::new(),
            running: 0,
            running_of: HashMap::new(),
        }
    }

    /// No more than `limit` tasks of that machine at once.
    pub(crate) fn limit_machine(&mut self, machine: u64, limit: usize) {
        self.machine_limits.insert(machine, limit);
    }

    /// How many are out.
    pub(crate) fn running(&self) -> usize {
        self.running
    }

    /// Whether anybody waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    pub(crate) fn push(&mut self, due: Due) {
        let line = self.waiting.entry(due.machine).or_default();
        if line.is_empty() {
            self.turns.push_back(due.machine);
        }
        line.push_back(due);
    }

    /// Who is next, if there is room.
    pub(crate) fn pop(&mut self) -> Option<Due> {
        if self.running >= self.limit {
            return None;
        }
        for _ in 0..self.turns.len() {
            let machine = self.turns.pop_front()?;
            let full = self
                .machine_limits
                .get(&machine)
                .is_some_and(|limit| self.running_of.get(&machine).is_some_and(|running| running >= limit));
            if full {
                self.turns.push_back(machine);
                continue;
            }
            let Some(line) = self.waiting.get_mut(&machine) else { continue };
            let due = line.pop_front();
            if line.is_empty() {
                self.waiting.remove(&machine);
            } else {
                self.turns.push_back(machine);
            }
            if due.is_some() {
                self.running += 1;
                *self.running_of.entry(machine).or_default() += 1;
                return due;
            }
        }
        None
    }

    /// One of that machine's is over.
    pub(crate) fn release(&mut self, machine: u64) {
        self.running = self.running.saturating_sub(1);
        if let Some(running) = self.running_of.get_mut(&machine) {
            *running -= 1;
            if *running == 0 {
                self.running_of.remove(&machine);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use deputy_asl::{Integration, Payload, TaskId};

    use super::*;

    fn due(machine: u64, id: ExecutionId) -> Due {
        let request = TaskRequest {
            task: TaskId(1),
            state: "S".into(),
            path: "S".into(),
            resource: "r".into(),
            integration: Integration::LambdaFunction,
            parameters: Payload::empty_object(),
            timeout_seconds: None,
            heartbeat_seconds: None,
            attempt: 0,
            credentials: None,
            token: None,
        };
        Due { id, machine, request: Arc::new(request) }
    }

    #[test]
    fn machines_take_turns() {
        let mut lines = Lines::new(100);
        for id in 0..3 {
            lines.push(due(1, id));
        }
        lines.push(due(2, 10));
        let order: Vec<ExecutionId> = std::iter::from_fn(|| lines.pop()).map(|due| due.id).collect();
        assert_eq!(order, [0, 10, 1, 2]);
    }

    #[test]
    fn limits_hold_and_a_full_machine_lets_others_pass() {
        let mut lines = Lines::new(3);
        lines.limit_machine(1, 1);
        for id in 0..2 {
            lines.push(due(1, id));
            lines.push(due(2, 10 + id));
            lines.push(due(2, 20 + id));
        }
        let order: Vec<ExecutionId> = std::iter::from_fn(|| lines.pop()).map(|due| due.id).collect();
        assert_eq!(order, [0, 10, 20]);
        lines.release(2);
        assert_eq!(lines.pop().map(|due| due.id), Some(11));
        lines.release(1);
        assert_eq!(lines.pop().map(|due| due.id), Some(1));
    }
}
