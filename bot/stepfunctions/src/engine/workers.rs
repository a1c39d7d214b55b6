//! Workers that take tasks up: as few wake-ups as there are threads, however many tasks leave at once.
//!
//! A task of this process is often over at its first poll. A spawn for each would cost more than the task, so that tasks which
//! leave together wait on one tray, and workers take one after the other. Whatever is not over at its first poll goes on by
//! itself, and nobody waits behind it.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use tokio::runtime::Handle;

use super::core::{Answered, Message};
use super::{WeakEngine, native};
use crate::tasks::{TaskCall, TaskError, TaskFuture, TaskService};

/// How many tasks a worker takes before others on its thread get a turn.
const BEFORE_A_PAUSE: usize = 64;

/// Who does a task.
pub(crate) enum Doer {
    Service(Arc<dyn TaskService>),
    /// The engine itself.
    Native(WeakEngine),
}

/// A task that leaves.
pub(crate) struct Job {
    pub(crate) doer: Doer,
    pub(crate) call: TaskCall,
    pub(crate) machine: u64,
}

/// A task under way, by itself: its future, and where its result goes.
type Running = std::pin::Pin<Box<dyn Future<Output = Answered> + Send>>;

/// The workers and their tray.
#[derive(Clone)]
pub(crate) struct Workers {
    tray: Arc<Mutex<Tray>>,
    messages: Sender<Message>,
    runtime: Handle,
    most: usize,
}

#[derive(Default)]
struct Tray {
    jobs: VecDeque<Job>,
    workers: usize,
}

impl Workers {
    pub(crate) fn new(runtime: Handle, messages: Sender<Message>) -> Self {
        let most = runtime.metrics().num_workers().max(1);
        Self { tray: Arc::default(), messages, runtime, most }
    }

    /// Sends tasks out.
    pub(crate) fn take(&self, jobs: Vec<Job>) {
        let mut tray = self.tray();
        let count = jobs.len();
        tray.jobs.extend(jobs);
        let more = count.min(self.most - tray.workers);
        tray.workers += more;
        drop(tray);
        for _ in 0..more {
            self.runtime.spawn(self.clone().work());
        }
    }

    fn tray(&self) -> MutexGuard<'_, Tray> {
        self.tray.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next task; `None` ends the worker.
    fn next(&self) -> Option<Job> {
        let mut tray = self.tray();
        let job = tray.jobs.pop_front();
        if job.is_none() {
            tray.workers -= 1;
        }
        job
    }

    async fn work(self) {
        let mut taken = 0;
        while let Some(Job { doer, call, machine }) = self.next() {
            let (id, task) = (call.id, call.request.task);
            let mut running = run(doer, call);
            let first = poll_fn(|context| Poll::Ready(running.as_mut().poll(context))).await;
            let message = match first {
                Poll::Ready(result) => Message::Report { id, machine, task, result },
                Poll::Pending => {
                    let messages = self.messages.clone();
                    let rest = self.runtime.spawn(async move {
                        let result = running.await;
                        // The engine has stopped when nobody listens.
                        let _ = messages.send(Message::Report { id, machine, task, result });
                    });
                    Message::UnderWay { id, task, handle: rest.abort_handle() }
                }
            };
            let _ = self.messages.send(message);
            taken += 1;
            if taken % BEFORE_A_PAUSE == 0 {
                tokio::task::yield_now().await;
            }
        }
    }
}

/// Does a task, whose code may panic at any point.
fn run(doer: Doer, call: TaskCall) -> Running {
    let begin = move || -> Running {
        match doer {
            Doer::Service(service) => {
                let future: TaskFuture = service.call(call);
                Box::pin(async move { Answered::With(future.await) })
            }
            Doer::Native(engine) => Box::pin(native::run(engine, call)),
        }
    };
    let panicked = || {
        let error = TaskError::new("States.TaskFailed", "The task's code panicked.");
        Answered::With(Err(error))
    };
    let mut begin = Some(begin);
    let mut running: Option<Running> = None;
    Box::pin(poll_fn(move |context| {
        let polled = catch_unwind(AssertUnwindSafe(|| {
            if let Some(begin) = begin.take() {
                running = Some(begin());
            }
            running.as_mut().map_or(Poll::Pending, |running| running.as_mut().poll(context))
        }));
        polled.unwrap_or_else(|_| {
            // What panicked must not be polled again.
            running = None;
            Poll::Ready(panicked())
        })
    }))
}
