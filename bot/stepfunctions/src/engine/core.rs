//! The engine's thread: takes messages, moves executions, gathers batches, and lets effects out when they are durable.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use deputy_asl::{EventKind, Payload, TaskId, Timestamp};
use rusqlite::Connection;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::activities::Activities;
use super::batch::{After, Gathering};
use super::dispatch::Lines;
use super::instance::Instance;
use super::map_runs::MapRuns;
use super::shelf::Shelf;
use super::timers::Timers;
use super::workers::Workers;
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::config::Config;
use crate::store::writer::{Batch, Committed, Write, Writer};
use crate::store::{ExecutionId, segment};
use crate::tasks::TaskResult;

/// How long something that nobody waits for may stay in memory only.
const LAZY: Duration = Duration::from_millis(200);
/// How long a task runs before the history says that it started, should it not be over by then.
const STARTED_AFTER: Duration = Duration::from_millis(25);
/// How many messages are taken before timers and the writer get a look.
const ROUND: usize = 4_096;
/// After how many segments, or events in segments, the engine looks which are still needed.
const TRIM_EVERY: u64 = 256;
const TRIM_EVERY_RUNS: u64 = 8_192;
/// How many segments an execution's events may stay in before they move into its own log.
const MAX_SEGMENTS: u64 = 4_096;

/// What the engine's thread is told.
pub(crate) enum Message {
    /// Do something on the thread.
    Call(Box<dyn FnOnce(&mut Core) + Send>),
    /// A service has taken a task's request and answered this.
    Submitted { id: ExecutionId, task: TaskId, answer: Payload },
    /// A task is over.
    Report { id: ExecutionId, machine: u64, task: TaskId, result: Answered },
    /// A task takes its time, and this gives it up.
    UnderWay { id: ExecutionId, task: TaskId, handle: AbortHandle },
    /// The writer is done with a batch.
    Committed(Committed),
    /// Time may have passed.
    Tick,
    /// Write what there is, and end.
    Close,
}

/// How a task that was handed out ended.
#[derive(Debug)]
pub(crate) enum Answered {
    /// With this.
    With(TaskResult),
    /// Somebody else will report on it.
    Elsewhere,
}

/// Everything that the engine's thread owns.
pub(crate) struct Core {
    pub(crate) config: Arc<Config>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) catalog: Catalog,
    pub(crate) reader: Connection,
    pub(crate) hot: HashMap<ExecutionId, Box<Instance>>,
    /// Executions in memory, by the key of their ARN.
    pub(crate) names: HashMap<[u8; 16], ExecutionId>,
    /// Open tasks of executions in memory, by the hash of their token.
    pub(crate) tokens: HashMap<[u8; 32], (ExecutionId, TaskId)>,
    pub(crate) timers: Timers,
    pub(crate) activities: Activities,
    pub(crate) map_runs: MapRuns,
    pub(crate) gathering: Gathering,
    pub(crate) shelf: Shelf,
    pub(crate) lines: Lines,
    /// Events that executions cause in one another.
    pub(crate) ready: VecDeque<(ExecutionId, EventKind)>,
    /// Tasks that were handed out, in order, for the sake of [`STARTED_AFTER`].
    pub(crate) handed_out: VecDeque<(Instant, ExecutionId, TaskId)>,
    /// Tasks that were handed out and, of those that take their time, how to give them up.
    pub(crate) under_way: HashMap<(ExecutionId, TaskId), Option<AbortHandle>>,
    pub(crate) workers: Workers,
    /// Executions in the order of their last use; entries may be out of date.
    pub(crate) resting: VecDeque<(ExecutionId, u64)>,
    /// Who waits for the end of which execution.
    pub(crate) watchers: HashMap<ExecutionId, Vec<super::Watcher>>,
    pub(crate) next_id: ExecutionId,
    pub(crate) next_segment: u64,
    pub(crate) uses: u64,
    pub(crate) runtime: Handle,
    pub(crate) messages: Sender<Message>,
    pub(crate) self_handle: super::WeakEngine,
    writer: Writer,
    in_flight: Option<Vec<After>>,
    gathered_since: Option<Instant>,
    latest: Timestamp,
    trimmed_at: u64,
    /// How many executions' events went into segments since then.
    runs: u64,
    /// The oldest execution that retention has not looked at.
    pub(crate) retention_cursor: ExecutionId,
    pub(crate) retention_due: Timestamp,
    closing: bool,
}

/// What a [`Core`] is made of.
pub(crate) struct Parts {
    pub(crate) config: Arc<Config>,
    pub(crate) catalog: Catalog,
    pub(crate) reader: Connection,
    pub(crate) runtime: Handle,
    pub(crate) messages: Sender<Message>,
    pub(crate) self_handle: super::WeakEngine,
    pub(crate) writer: Writer,
}

impl Core {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { config, catalog, reader, runtime, messages, self_handle, writer } = parts;
        let clock = Arc::clone(&config.clock);
        let lines = Lines::new(config.tasks_at_once);
        Self {
            latest: clock.now(),
            config,
            clock,
            catalog,
            reader,
            hot: HashMap::new(),
            names: HashMap::new(),
            tokens: HashMap::new(),
            timers: Timers::default(),
            activities: Activities::default(),
            map_runs: MapRuns::default(),
            gathering: Gathering::default(),
            shelf: Shelf::default(),
            lines,
            ready: VecDeque::new(),
            handed_out: VecDeque::new(),
            under_way: HashMap::new(),
            workers: Workers::new(runtime.clone(), messages.clone()),
            resting: VecDeque::new(),
            watchers: HashMap::new(),
            next_id: 1,
            next_segment: 1,
            uses: 0,
            runtime,
            messages,
            self_handle,
            writer,
            in_flight: None,
            gathered_since: None,
            trimmed_at: 0,
            runs: 0,
            retention_cursor: 0,
            retention_due: Timestamp(0),
            closing: false,
        }
    }

    /// The present, which never lies before an earlier one: a clock that is set back must not turn logs around.
    pub(crate) fn now(&mut self) -> Timestamp {
        self.latest = self.latest.max(self.clock.now());
        self.latest
    }

    /// Runs until told to close, or until the disk fails.
    pub(crate) fn run(mut self, incoming: &Receiver<Message>) -> Result<(), rusqlite::Error> {
        loop {
            let message = match self.patience() {
                Some(Duration::ZERO) => incoming.try_recv().ok(),
                Some(patience) => match incoming.recv_timeout(patience) {
                    Err(RecvTimeoutError::Disconnected) => return Ok(()),
                    message => message.ok(),
                },
                None => match incoming.recv() {
                    Ok(message) => Some(message),
                    Err(_) => return Ok(()),
                },
            };
            let mut next = message;
            for _ in 0..ROUND {
                let Some(message) = next else { break };
                self.accept(message)?;
                self.settle();
                next = incoming.try_recv().ok();
            }
            if let Some(message) = next {
                self.accept(message)?;
            }
            self.fire_timers();
            self.settle();
            self.note_started();
            self.retain();
            self.rest();
            if self.in_flight.is_none() {
                let shelf = self.shelf.patience() == Some(Duration::ZERO);
                if self.gathering.urgent
                    || shelf
                    || self.is_overdue()
                    || self.closing && !self.gathering.is_empty()
                {
                    self.seal();
                } else if self.closing {
                    return Ok(());
                }
            }
        }
    }

    fn accept(&mut self, message: Message) -> Result<(), rusqlite::Error> {
        match message {
            Message::Call(call) => call(self),
            Message::Submitted { id, task, answer } => {
                self.deliver(id, EventKind::TaskSubmitted { task, output: answer });
            }
            Message::Report { id, machine, task, result } => {
                if self.under_way.remove(&(id, task)).is_some() {
                    self.lines.release(machine);
                }
                if let Answered::With(result) = result {
                    self.report(id, task, result);
                }
            }
            Message::UnderWay { id, task, handle } => match self.under_way.get_mut(&(id, task)) {
                Some(known) => *known = Some(handle),
                // Given up before that was known.
                None => handle.abort(),
            },
            Message::Committed(committed) => {
                committed?;
                let after = self.in_flight.take().unwrap_or_default();
                for after in after {
                    self.after(after);
                }
            }
            Message::Tick => {}
            Message::Close => {
                self.closing = true;
                self.rest_all();
            }
        }
        Ok(())
    }

    /// Lets everything happen that can happen at once.
    fn settle(&mut self) {
        loop {
            if let Some((id, kind)) = self.ready.pop_front() {
                self.deliver(id, kind);
            } else if let Some(number) = self.map_runs.moved.pop_front() {
                self.run_children(number);
            } else {
                break;
            }
        }
        self.hand_out();
    }

    /// How long to wait for a message.
    fn patience(&mut self) -> Option<Duration> {
        if !self.ready.is_empty() || self.closing && self.in_flight.is_none() {
            return Some(Duration::ZERO);
        }
        if self.in_flight.is_none() && self.gathering.urgent {
            return Some(Duration::ZERO);
        }
        let idle = self.lines.running() == 0 && self.lines.is_empty() && self.in_flight.is_none();
        let next = self.timers.next();
        if idle && let Some(next) = next {
            self.clock.idle_until(next);
        }
        let timer = next.and_then(|next| self.clock.sleep_until(next));
        let lazy = if self.in_flight.is_none() && !self.gathering.is_empty() { Some(LAZY) } else { None };
        let started = if self.handed_out.is_empty() { None } else { Some(STARTED_AFTER) };
        let shelf = if self.in_flight.is_none() { self.shelf.patience() } else { None };
        [timer, lazy, shelf, started].into_iter().flatten().min()
    }

    fn is_overdue(&mut self) -> bool {
        if self.gathering.is_empty() {
            self.gathered_since = None;
            return false;
        }
        self.gathered_since.get_or_insert_with(Instant::now).elapsed() >= LAZY
    }

    /// Whether a batch is with the writer.
    pub(crate) fn is_writing(&self) -> bool {
        self.in_flight.is_some()
    }

    fn fire_timers(&mut self) {
        let now = self.now();
        while let Some(id) = self.timers.pop(now) {
            self.fire(id, now);
            while let Some((id, kind)) = self.ready.pop_front() {
                self.deliver(id, kind);
            }
        }
    }

    fn fire(&mut self, id: ExecutionId, now: Timestamp) {
        let Some(instance) = self.load(id) else { return };
        instance.armed = None;
        let due: Vec<_> =
            instance.timers.iter().filter(|(_, at)| **at <= now).map(|(timer, at)| (*at, *timer)).collect();
        let mut due = due;
        due.sort_unstable();
        for (_, timer) in due {
            // One timer's firing may cancel the next.
            if self.hot.get(&id).is_some_and(|instance| instance.timers.contains_key(&timer)) {
                self.deliver(id, EventKind::TimerFired { timer });
            }
        }
        self.arm(id);
    }

    /// Puts an execution's earliest timer into the queue, if it is not there.
    pub(crate) fn arm(&mut self, id: ExecutionId) {
        if let Some(instance) = self.hot.get_mut(&id)
            && let Some(at) = instance.next_timer()
            && instance.armed.is_none_or(|armed| at < armed)
        {
            instance.armed = Some(at);
            self.timers.push(at, id);
        }
    }

    /// Closes the batch that was gathered and hands it to the writer.
    fn seal(&mut self) {
        if self.shelf.patience() == Some(Duration::ZERO) {
            self.shelve();
        }
        self.trim();
        let Gathering { writes, touched, after, .. } = std::mem::take(&mut self.gathering);
        self.gathered_since = None;
        let mut body = Vec::new();
        for id in touched {
            let Some(instance) = self.hot.get_mut(&id) else { continue };
            instance.listed = false;
            let (bytes, events) = instance.in_segments;
            if bytes == instance.unflushed.len() {
                continue;
            }
            let first = instance.unflushed_from + events;
            let origin = (first == 0).then(|| instance.origin_bytes());
            segment::write_run(&mut body, id, first, origin.as_deref(), &instance.unflushed[bytes..]);
            instance.in_segments = (instance.unflushed.len(), instance.events - instance.unflushed_from);
            instance.oldest_segment.get_or_insert(self.next_segment);
            self.runs += 1;
        }
        let segment = (!body.is_empty()).then(|| {
            let number = self.next_segment;
            self.next_segment += 1;
            (number, body)
        });
        self.in_flight = Some(after);
        self.writer.send(Batch { writes, segment });
    }

    /// Drops segments that nobody needs, and sees to it that they become so.
    fn trim(&mut self) {
        if self.next_segment < self.trimmed_at + TRIM_EVERY && self.runs < TRIM_EVERY_RUNS {
            return;
        }
        self.trimmed_at = self.next_segment;
        self.runs = 0;
        let horizon = self.next_segment.saturating_sub(MAX_SEGMENTS);
        let old: Vec<ExecutionId> = self
            .hot
            .values()
            .filter(|instance| instance.oldest_segment.is_some_and(|oldest| oldest < horizon))
            .map(|instance| instance.id)
            .collect();
        for id in old {
            self.flush(id);
        }
        let below = self.hot.values().filter_map(|instance| instance.oldest_segment).min();
        self.gathering.writes.push(Write::Trim { below: below.unwrap_or(self.next_segment) });
    }

    /// Segments before this one are of an earlier process.
    pub(crate) fn trimmed_from(&mut self, segment: u64) {
        self.trimmed_at = segment;
    }

    fn after(&mut self, after: After) {
        match after {
            After::Dispatch { id, machine, request } => self.dispatch(id, machine, request),
            After::Call(call) => call(self),
            After::Settled(id) => self.has_settled(id),
            After::Retire(id) => self.has_left(id),
            After::Evict { id, events } => self.evict(id, events),
        }
    }

    /// Tasks that have been out for a while are known to have started.
    fn note_started(&mut self) {
        while let Some((since, id, task)) = self.handed_out.front().copied() {
            if since.elapsed() < STARTED_AFTER {
                return;
            }
            self.handed_out.pop_front();
            let waits = self.hot.get(&id).and_then(|instance| instance.tasks.get(&task));
            if waits.is_some_and(|open| !open.started) {
                self.deliver(id, EventKind::TaskStarted { task, worker: None });
            }
        }
    }
}
