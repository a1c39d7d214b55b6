//! Jobs, locks, waits and tokens' answers in memory, as far as tasks see them.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use deputy_core::contract;
use deputy_core::delivery::Delivery;
use deputy_core::ids::RepositoryId;
use deputy_core::job::{HistoryEvent, Job, JobError, JobId};
use deputy_core::ports::{
    Acquired, Answered, AskLock, Created, Described, ExecutionId, Holder, JobQuery, JobVersion, Jobs,
    JobsError, Lock, LockName, Locks, LocksError, Machine, Orchestrator, OrchestratorError, Page,
    ReleasedLock, Start, Stored, TaskToken, TokenAnswer, Wait, Waits, WaitsError,
};
use serde_json::Value;

/// One job and what belongs to it.
pub struct Memory(Mutex<State>);

struct State {
    job: Job,
    version: u64,
    locks: Vec<Lock>,
    waits: Vec<Wait>,
    answers: Vec<TokenAnswer>,
}

impl Memory {
    pub fn with(job: Job) -> Self {
        let (locks, waits, answers) = (Vec::new(), Vec::new(), Vec::new());
        Self(Mutex::new(State { job, version: 1, locks, waits, answers }))
    }

    /// The first answer that a token got and nobody has taken yet.
    pub fn take_answer(&self) -> Option<TokenAnswer> {
        let mut state = self.state();
        if state.answers.is_empty() { None } else { Some(state.answers.remove(0)) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

/// A delivery of this payload.
pub fn delivery(event: &str, payload: &Value, received_at: DateTime<Utc>) -> Delivery {
    let mut delivery = contract::delivery(1, received_at);
    delivery.event = event.parse().unwrap();
    delivery.body = Bytes::from(payload.to_string());
    delivery
}

#[async_trait]
impl Jobs for Memory {
    async fn create(&self, _: Job) -> Result<Created, JobsError> {
        unreachable!("tasks make no jobs")
    }

    async fn get(&self, id: JobId) -> Result<Option<Stored>, JobsError> {
        let state = self.state();
        let stored = Stored { job: state.job.clone(), version: JobVersion(state.version) };
        Ok((state.job.id == id).then_some(stored))
    }

    async fn update(&self, job: &Job, read: JobVersion) -> Result<Option<JobVersion>, JobsError> {
        let mut state = self.state();
        if state.version != read.0 {
            return Ok(None);
        }
        state.version += 1;
        state.job = job.clone();
        Ok(Some(JobVersion(state.version)))
    }

    async fn list(&self, _: &JobQuery) -> Result<Page<Job>, JobsError> {
        unreachable!("tasks list no jobs")
    }

    async fn unsettled(&self, _: Option<JobId>, _: usize) -> Result<Vec<Job>, JobsError> {
        unreachable!("tasks list no jobs")
    }

    async fn admit_next(&self, _: RepositoryId, _: &str) -> Result<Option<Job>, JobsError> {
        unreachable!("tasks admit no jobs")
    }
}

#[async_trait]
impl Locks for Memory {
    async fn acquire(&self, ask: &AskLock) -> Result<Acquired, LocksError> {
        let mut state = self.state();
        if let Some(lock) = state.locks.iter_mut().find(|lock| lock.name == ask.name) {
            if lock.holder == ask.holder {
                return Ok(Acquired::Yes(lock.clone()));
            }
            if ask.waits && !lock.waiting.contains(&ask.holder) {
                lock.waiting.push(ask.holder.clone());
            }
            return Ok(Acquired::Held(lock.clone()));
        }
        let lock = Lock {
            name: ask.name.clone(),
            holder: ask.holder.clone(),
            person: ask.person.clone(),
            reason: ask.reason.clone(),
            since: ask.at,
            waiting: Vec::new(),
        };
        state.locks.push(lock.clone());
        Ok(Acquired::Yes(lock))
    }

    async fn release(&self, name: &LockName, holder: &Holder) -> Result<ReleasedLock, LocksError> {
        let mut state = self.state();
        let Some(at) = state.locks.iter().position(|lock| lock.name == *name && lock.holder == *holder)
        else {
            return Ok(ReleasedLock::NotHeld);
        };
        if state.locks[at].waiting.is_empty() {
            state.locks.remove(at);
            return Ok(ReleasedLock::Free);
        }
        let next = state.locks[at].waiting.remove(0);
        state.locks[at].holder = next;
        Ok(ReleasedLock::HandedTo(state.locks[at].clone()))
    }

    async fn unlock(&self, _: &LockName) -> Result<ReleasedLock, LocksError> {
        unreachable!("people do")
    }

    async fn release_all(&self, _: &Holder) -> Result<Vec<(LockName, ReleasedLock)>, LocksError> {
        unreachable!("the end of a job does")
    }

    async fn get(&self, name: &LockName) -> Result<Option<Lock>, LocksError> {
        Ok(self.state().locks.iter().find(|lock| lock.name == *name).cloned())
    }

    async fn list(&self, _: RepositoryId) -> Result<Vec<Lock>, LocksError> {
        Ok(self.state().locks.clone())
    }
}

#[async_trait]
impl Waits for Memory {
    async fn keep(&self, wait: Wait) -> Result<(), WaitsError> {
        let mut state = self.state();
        state.waits.retain(|kept| kept.key != wait.key);
        state.waits.push(wait);
        Ok(())
    }

    async fn on(&self, topic: &str) -> Result<Vec<Wait>, WaitsError> {
        Ok(self.state().waits.iter().filter(|wait| wait.topic == topic).cloned().collect())
    }

    async fn of_job(&self, job: JobId) -> Result<Vec<Wait>, WaitsError> {
        Ok(self.state().waits.iter().filter(|wait| wait.job == job).cloned().collect())
    }

    async fn due(&self, _: Duration, _: usize) -> Result<Vec<Wait>, WaitsError> {
        unreachable!("the sweep does")
    }

    async fn forget(&self, key: &str) -> Result<(), WaitsError> {
        self.state().waits.retain(|wait| wait.key != key);
        Ok(())
    }

    async fn forget_job(&self, job: JobId) -> Result<(), WaitsError> {
        self.state().waits.retain(|wait| wait.job != job);
        Ok(())
    }
}

#[async_trait]
impl Orchestrator for Memory {
    async fn prepare(&self, _: &Machine<'_>) -> Result<(), OrchestratorError> {
        unreachable!("nothing is run here")
    }

    async fn start(&self, _: &Start<'_>) -> Result<ExecutionId, OrchestratorError> {
        unreachable!("nothing is run here")
    }

    async fn stop(&self, _: &ExecutionId, _: &JobError) -> Result<(), OrchestratorError> {
        unreachable!("nothing is run here")
    }

    async fn describe(&self, _: &ExecutionId) -> Result<Described, OrchestratorError> {
        unreachable!("nothing is run here")
    }

    async fn history(&self, _: &ExecutionId) -> Result<Vec<HistoryEvent>, OrchestratorError> {
        unreachable!("nothing is run here")
    }

    async fn redrive(&self, _: &ExecutionId) -> Result<(), OrchestratorError> {
        unreachable!("nothing is run here")
    }

    async fn answer(&self, token: &TaskToken, answer: &TokenAnswer) -> Result<Answered, OrchestratorError> {
        assert_eq!(token.0, "token");
        self.state().answers.push(answer.clone());
        Ok(Answered::Taken)
    }
}
