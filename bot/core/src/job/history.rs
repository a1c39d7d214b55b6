//! From an execution's history to a job's steps and its end. Pure, and the same for both homes.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::{JobError, Status, Step, StepStatus};

/// One event of an execution's history, as far as people care. Numbered as in Step Functions: from 1, without gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEvent {
    /// Its number.
    pub id: u64,
    /// The event that it follows; 0 for the first state's entry.
    pub previous_id: u64,
    /// When.
    pub at: DateTime<Utc>,
    /// What happened.
    pub what: What,
}

/// What happened in an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A state was entered.
    Entered {
        /// The state's name.
        state: String,
    },
    /// The state was left in order.
    Left {
        /// The state's name.
        state: String,
    },
    /// A state was ended by something outside of it.
    Aborted,
    /// A task was begun, or is to be.
    Scheduled,
    /// A task was taken over by whoever answers its token.
    Submitted,
    /// A task failed or timed out. What follows, a retry or the end, is another event.
    TaskFailed(JobError),
    /// The execution was taken up again.
    Redriven,
    /// The execution ended.
    Ended {
        /// A status that is over.
        status: Status,
        /// Why, unless it succeeded.
        error: Option<JobError>,
    },
    /// Something that steps do not show.
    Other,
}

/// What a history comes to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Folded {
    /// All steps, in the order in which they were entered.
    pub steps: Vec<Step>,
    /// The end, where it has come.
    pub end: Option<(Status, Option<JobError>)>,
    /// How often the execution was taken up again.
    pub redrives: u32,
}

/// Reads a history from its first event on.
pub fn fold(history: &[HistoryEvent]) -> Folded {
    let mut folded = Folded::default();
    // Which step an event belongs to: that of the event that it follows. So branches and iterations stay apart.
    let mut step_of: HashMap<u64, usize> = HashMap::new();
    for event in history {
        let followed = step_of.get(&event.previous_id).copied();
        let at = match &event.what {
            What::Entered { state } => {
                folded.steps.push(Step {
                    name: state.clone(),
                    entry: event.id,
                    status: StepStatus::Running,
                    entered_at: event.at,
                    left_at: None,
                    attempts: 0,
                    error: None,
                });
                Some(folded.steps.len() - 1)
            }
            // A Parallel or Map state is left after the last event of a branch: its own step is another one.
            What::Left { state } => followed
                .filter(|&at| folded.steps[at].name == *state && folded.steps[at].left_at.is_none())
                .or_else(|| open(&folded.steps, state)),
            _ => followed,
        };
        if let Some(at) = at {
            step_of.insert(event.id, at);
        }
        let step = at.map(|at| &mut folded.steps[at]);
        match (&event.what, step) {
            (What::Left { .. }, Some(step)) => {
                step.status = StepStatus::Succeeded;
                step.left_at = Some(event.at);
            }
            (What::Aborted, Some(step)) => {
                step.status = StepStatus::Aborted;
                step.left_at = Some(event.at);
            }
            (What::Scheduled, Some(step)) => {
                step.attempts += 1;
                step.status = StepStatus::Running;
                step.left_at = None;
            }
            (What::Submitted, Some(step)) => step.status = StepStatus::Waiting,
            (What::TaskFailed(error), Some(step)) => {
                step.error = Some(error.clone());
                step.status = StepStatus::Running;
            }
            (What::Redriven, _) => {
                folded.end = None;
                folded.redrives += 1;
                for step in &mut folded.steps {
                    if matches!(step.status, StepStatus::Failed | StepStatus::Aborted) {
                        step.status = StepStatus::Running;
                        step.left_at = None;
                    }
                }
            }
            (What::Ended { status, error }, _) => {
                close(&mut folded.steps, event.at, *status, followed);
                folded.end = Some((*status, error.clone()));
            }
            _ => {}
        }
    }
    folded
}

/// The last step of that name that was not left.
fn open(steps: &[Step], state: &str) -> Option<usize> {
    steps.iter().rposition(|step| step.name == state && step.left_at.is_none())
}

/// What is open when an execution ends failed with it, or was cut off.
fn close(steps: &mut [Step], at: DateTime<Utc>, status: Status, last: Option<usize>) {
    for (index, step) in steps.iter_mut().enumerate().filter(|(_, step)| step.left_at.is_none()) {
        let failed = status == Status::Failed && (Some(index) == last || step.error.is_some());
        step.status = if failed { StepStatus::Failed } else { StepStatus::Aborted };
        step.left_at = Some(at);
    }
}
