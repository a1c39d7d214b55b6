//! Whose turn it is in a concurrency group. Pure; stores ask it within the transaction that writes.

use serde::{Deserialize, Serialize};

use super::{Job, JobId};

/// What a new job does where others of its group are under way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// It waits until they are over: first come, first served.
    #[default]
    Queue,
    /// They are cancelled, those that wait as well, and it runs when the last of them is over.
    CancelInProgress,
    /// It is refused.
    Reject,
}

/// The answer to a new job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Admission {
    /// It is its turn.
    Now,
    /// It waits for these.
    After {
        /// Those before it, oldest first.
        ahead: Vec<JobId>,
        /// Those among them that must be cancelled for it.
        cancel: Vec<JobId>,
    },
    /// It is not taken.
    Refused {
        /// Those that are in its way, oldest first.
        by: Vec<JobId>,
    },
}

/// What becomes of `job`, which is new, where `group` are the jobs of its group in its repository that are not over,
/// oldest first.
pub fn admit(job: &Job, group: &[Job]) -> Admission {
    let others: Vec<JobId> = group.iter().map(|other| other.id).filter(|other| *other != job.id).collect();
    if job.request.group.is_none() || others.is_empty() {
        return Admission::Now;
    }
    match job.request.policy {
        Policy::Queue => Admission::After { ahead: others, cancel: Vec::new() },
        Policy::CancelInProgress => Admission::After { cancel: others.clone(), ahead: others },
        Policy::Reject => Admission::Refused { by: others },
    }
}
