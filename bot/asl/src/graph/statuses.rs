//! How the states of an execution stand, read from its history.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{StateStatus, Statuses};
use crate::history::{Details, HistoryEvent};

/// The statuses that a history shows. A state that was entered more than once stands as it stood last.
pub fn statuses_of(history: &[HistoryEvent]) -> Statuses {
    statuses(history.iter().map(|event| Seen {
        id: event.id,
        previous: event.previous_id,
        kind: event.type_name(),
        state: match &event.details {
            Details::StateEntered { name, .. } | Details::StateExited { name, .. } => Some(name.to_string()),
            Details::EvaluationFailed { state, .. } => Some(state.to_string()),
            _ => None,
        },
    }))
}

/// As [`statuses_of`], of events as `GetExecutionHistory` answers them, in order. What is no event is passed over.
pub fn statuses_of_json(events: &[Value]) -> Statuses {
    statuses(events.iter().filter_map(|event| {
        let name = |details: &str, name: &str| event.get(details)?.get(name)?.as_str().map(ToOwned::to_owned);
        Some(Seen {
            id: event.get("id")?.as_u64()?,
            previous: event.get("previousEventId").and_then(Value::as_u64).unwrap_or(0),
            kind: event.get("type")?.as_str()?,
            state: name("stateEnteredEventDetails", "name")
                .or_else(|| name("stateExitedEventDetails", "name"))
                .or_else(|| name("evaluationFailedEventDetails", "state")),
        })
    }))
}

/// What statuses depend on.
struct Seen<'e> {
    id: u64,
    previous: u64,
    kind: &'e str,
    /// The state that the event itself names.
    state: Option<String>,
}

fn statuses<'e>(history: impl Iterator<Item = Seen<'e>>) -> Statuses {
    let mut statuses = Statuses::new();
    // Events that end a state do not name it, but hang on the chain of its entry.
    let mut states: BTreeMap<u64, String> = BTreeMap::new();
    let mut failed: Option<String> = None;
    for Seen { id, previous, kind, state: named } in history {
        let state = named.or_else(|| states.get(&previous).cloned());
        if let Some(state) = &state {
            states.insert(id, state.clone());
        }
        let status = match kind {
            _ if is_failure(kind) => {
                failed.clone_from(&state);
                StateStatus::Failed
            }
            _ if kind.ends_with("StateEntered") => StateStatus::Running,
            _ if kind.ends_with("StateExited") && failed.is_some() && failed == state => {
                failed = None;
                StateStatus::Caught
            }
            _ if kind.ends_with("StateExited") => StateStatus::Succeeded,
            _ if kind.ends_with("StateAborted") && failed != state => StateStatus::Aborted,
            // Whatever was running when the execution ended is over.
            "ExecutionTimedOut" | "ExecutionAborted" => {
                for status in statuses.values_mut().filter(|status| **status == StateStatus::Running) {
                    *status = StateStatus::Aborted;
                }
                continue;
            }
            "LambdaFunctionScheduled" | "ActivityScheduled" | "TaskScheduled" => {
                failed = None;
                StateStatus::Running
            }
            _ => continue,
        };
        if let Some(state) = state {
            statuses.insert(state, status);
        }
    }
    statuses
}

/// Whether an event says that the work of a state failed.
fn is_failure(kind: &str) -> bool {
    let of_a_task = ["LambdaFunction", "Activity", "Task"].iter().any(|prefix| {
        kind.strip_prefix(prefix).is_some_and(|rest| rest.ends_with("Failed") || rest.ends_with("TimedOut"))
    });
    // Fail states have nothing between their entry and their end.
    of_a_task || matches!(kind, "EvaluationFailed" | "ExecutionFailed" | "FailStateEntered")
}
