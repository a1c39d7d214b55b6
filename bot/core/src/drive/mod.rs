//! Driving jobs: from the record to the execution, from the history to the record, and from the record to GitHub.
//!
//! A *pass* over a job compares what is recorded with what is, does what is missing, and says when to look again. Each
//! thing it does is idempotent by the job's name, and recorded after it was done. So a process may die between any two of
//! them: the next pass, in whatever process, finds what was done and goes on.
//!
//! | died after | the next pass |
//! |---|---|
//! | the job was recorded | starts its execution |
//! | the execution was started | starts it again, and gets the same one |
//! | the check run was made | makes it again, and gets the same one: it is found by the job's name |
//! | the reply was posted | finds it by its marker |
//! | the check run or the reply was changed | changes it to the same again |
//! | the execution ended | reads its history, and records the end |
//! | the end was recorded | gives back locks, lets the next of the group go on, tells GitHub |

mod orders;
mod pass;
mod report;
mod view;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;

pub use self::orders::OrderError;
pub use self::view::{MOST_STEPS, reply_text, summary, title};
use crate::job::JobId;
use crate::ports::{JobsError, LocksError, Orchestrator, OrchestratorError, WaitsError};
use crate::task::{TaskError, Tasks};

/// How often GitHub is told of one job at most; its last state is told always.
pub const REPORT_EVERY: Duration = Duration::from_secs(5);
/// How often a job that waits for something is looked at without a nudge.
const LOOK_AGAIN: Duration = Duration::from_mins(1);
/// How soon after something went wrong, at first; it doubles from there.
const TRY_AGAIN: Duration = Duration::from_secs(2);
/// At the latest.
const TRY_AGAIN_AT_LATEST: Duration = Duration::from_mins(5);
/// How often steps that wait look for themselves.
const LOOKS_EVERY: Duration = Duration::from_mins(1);
/// How many jobs are looked at in one go when a process starts.
const BATCH: usize = 200;

/// Says that something may have happened to a job. Cheap, and never lost while its driver runs.
#[derive(Clone)]
pub struct Nudges(mpsc::UnboundedSender<JobId>);

impl Nudges {
    /// Nudges, and where they arrive: for [`Driver::keep_driving`].
    pub fn new() -> (Self, mpsc::UnboundedReceiver<JobId>) {
        let (send, receive) = mpsc::unbounded_channel();
        (Self(send), receive)
    }

    /// Look at this job.
    pub fn nudge(&self, job: JobId) {
        // Without a driver there is nobody to look; the next process does.
        let _ = self.0.send(job);
    }
}

/// What drives the jobs of one process.
pub struct Driver {
    tasks: Tasks,
    orchestrator: Arc<dyn Orchestrator>,
    nudges: Nudges,
    /// How many passes are under way, and a word when one has ended.
    busy: Mutex<usize>,
    idle: Notify,
}

/// Why a pass did not go through. It is made again.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each is the error of the port of its name")]
pub enum DriveError {
    #[error(transparent)]
    Jobs(#[from] JobsError),
    #[error(transparent)]
    Locks(#[from] LocksError),
    #[error(transparent)]
    Waits(#[from] WaitsError),
    #[error(transparent)]
    Orchestrator(#[from] OrchestratorError),
    #[error("a step that waits could not look")]
    Look(#[source] TaskError),
}

/// What is known of a job between its passes.
#[derive(Default)]
struct Watched {
    /// A pass is under way.
    under_way: bool,
    /// It was nudged meanwhile.
    again: bool,
    /// How many passes in a row went wrong.
    failures: u32,
    /// Which of the timers counts.
    timer: u64,
}

enum Heard {
    /// A pass has ended, and says when to look again.
    Passed(JobId, Result<Option<DateTime<Utc>>, DriveError>),
    /// A timer has run out.
    Due(JobId, u64),
}

impl Driver {
    /// Drives jobs whose steps are `tasks`, on `orchestrator`. `nudges` reach [`keep_driving`](Self::keep_driving).
    pub fn new(tasks: Tasks, orchestrator: Arc<dyn Orchestrator>, nudges: Nudges) -> Self {
        Self { tasks, orchestrator, nudges, busy: Mutex::default(), idle: Notify::new() }
    }

    /// The orchestrator beneath.
    pub fn orchestrator(&self) -> &Arc<dyn Orchestrator> {
        &self.orchestrator
    }

    /// The vocabulary of steps.
    pub fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// Look at this job.
    pub fn nudge(&self, job: JobId) {
        self.nudges.nudge(job);
    }

    /// Takes up every job that is not settled, and then drives whatever is nudged or due. Ends with its nudges.
    pub async fn keep_driving(self: Arc<Self>, mut nudged: mpsc::UnboundedReceiver<JobId>) {
        self.take_up().await;
        let (tell, mut heard) = mpsc::unbounded_channel();
        let mut watched: HashMap<JobId, Watched> = HashMap::new();
        let mut running = JoinSet::new();
        let mut timers = 0;
        loop {
            let job = tokio::select! {
                nudge = nudged.recv() => match nudge {
                    Some(job) => job,
                    None => return,
                },
                Some(word) = heard.recv() => match word {
                    Heard::Due(job, timer) if watched.get(&job).is_some_and(|watched| watched.timer == timer) => job,
                    Heard::Due(..) => continue,
                    Heard::Passed(job, outcome) => {
                        self.passed();
                        let Some(state) = watched.get_mut(&job) else { continue };
                        state.under_way = false;
                        let next = self.after(job, state, outcome);
                        if state.again {
                            job
                        } else if let Some(at) = next {
                            timers += 1;
                            state.timer = timers;
                            running.spawn(self.wake_at(at, tell.clone(), Heard::Due(job, timers)));
                            continue;
                        } else {
                            watched.remove(&job);
                            continue;
                        }
                    }
                },
                Some(_) = running.join_next() => continue,
            };
            let state = watched.entry(job).or_default();
            if state.under_way {
                state.again = true;
                continue;
            }
            (state.under_way, state.again, state.timer) = (true, false, 0);
            self.passes();
            let (driver, tell) = (Arc::clone(&self), tell.clone());
            running.spawn(async move {
                let outcome = driver.pass(job).await;
                let _ = tell.send(Heard::Passed(job, outcome));
            });
        }
    }

    /// Lets steps that wait look whether what they wait for has come, every minute; events get lost.
    pub async fn keep_looking(&self) {
        let services = self.tasks.services();
        loop {
            match services.waits.due(LOOKS_EVERY * 5, BATCH).await {
                Ok(waits) => {
                    for wait in waits {
                        if let Err(error) = self.tasks.look(&*self.orchestrator, &wait, None).await {
                            tracing::warn!(job = %wait.job, step = wait.step, %error, "a step that waits could not look");
                        }
                    }
                }
                Err(error) => tracing::warn!(
                    error = format!("{:#}", anyhow::Error::from(error)),
                    "waits were not looked at"
                ),
            }
            services.clock.sleep_until(services.clock.now() + LOOKS_EVERY).await;
        }
    }

    /// Waits until no pass is under way. What waits for a time does not count.
    pub async fn rest(&self) {
        loop {
            let idle = self.idle.notified();
            if *self.busy.lock().unwrap_or_else(PoisonError::into_inner) == 0 {
                return;
            }
            idle.await;
        }
    }

    async fn take_up(&self) {
        let services = self.tasks.services();
        let mut after = None;
        loop {
            match services.jobs.unsettled(after, BATCH).await {
                Ok(jobs) => {
                    let Some(last) = jobs.last() else { return };
                    after = Some(last.id);
                    for job in &jobs {
                        self.nudge(job.id);
                    }
                }
                Err(error) => {
                    tracing::error!(
                        error = format!("{:#}", anyhow::Error::from(error)),
                        "unfinished jobs cannot be read yet"
                    );
                    services.clock.sleep_until(services.clock.now() + TRY_AGAIN).await;
                }
            }
        }
    }

    /// When to look at a job again after a pass; `None` where nothing is left to be done.
    fn after(
        &self,
        job: JobId,
        state: &mut Watched,
        outcome: Result<Option<DateTime<Utc>>, DriveError>,
    ) -> Option<DateTime<Utc>> {
        match outcome {
            Ok(next) => {
                state.failures = 0;
                next
            }
            Err(error) => {
                let wait = TRY_AGAIN.saturating_mul(1 << state.failures.min(10)).min(TRY_AGAIN_AT_LATEST);
                state.failures += 1;
                tracing::warn!(%job, error = format!("{:#}", anyhow::Error::from(error)), "a job cannot go on yet");
                Some(self.tasks.services().clock.now() + wait)
            }
        }
    }

    fn wake_at(
        self: &Arc<Self>,
        at: DateTime<Utc>,
        tell: mpsc::UnboundedSender<Heard>,
        word: Heard,
    ) -> impl Future<Output = ()> + Send + use<> {
        let clock = Arc::clone(&self.tasks.services().clock);
        async move {
            clock.sleep_until(at).await;
            let _ = tell.send(word);
        }
    }

    fn passes(&self) {
        *self.busy.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    }

    fn passed(&self) {
        *self.busy.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.idle.notify_waiters();
    }
}
