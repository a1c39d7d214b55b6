//! One handler's loop: claim, run, settle.

use std::collections::{HashMap, VecDeque};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use deputy_core::delivery::Delivery;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::attempt::{NotDone, attempt, unreadable};
use crate::door::Door;
use crate::error::WriteError;
use crate::pace::Pace;
use crate::store::Store;
use crate::work::{ALONE, Claimed, Settlement, WorkLease, bitmap, take};
use crate::worker::Run;

/// How long a claim lasts without a word. The death of the process ends it at once, so this only matters for a
/// loop that hangs.
pub(crate) const LEASE: Duration = Duration::from_mins(5);
/// Where a handler has no timeout of its own.
const TIMEOUT: Duration = Duration::from_mins(10);
/// How long after the store refused something it is tried again.
const PAUSE: TimeDelta = TimeDelta::seconds(1);
/// A handler gets at once what it did in the last tenth of a second, up to this many.
const MAX_PACE: usize = 1_024;
/// From this many in a tenth of a second on, a handler's items need no tasks: each takes less than half a
/// millisecond.
const QUICK: usize = 200;

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    No,
    /// Claim nothing more, and end by then.
    By(DateTime<Utc>),
}

type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What a claim brought: the work, and the segment it is in.
type Loaded = (Claimed, anyhow::Result<Option<Arc<[Delivery]>>>);

/// The answer to a claim: work, and when the lane's next is due.
type Claims = Result<(Vec<Loaded>, Option<i64>), WriteError>;

/// The answer to settlements, and what they were.
type Settled = (Vec<Settlement>, Result<Vec<bool>, WriteError>);

/// An item that ended.
type Ended = (WorkLease, u16, Result<(), NotDone>);

/// One item that is about to run.
struct Item {
    lease: WorkLease,
    handler: Arc<str>,
    ordinal: u16,
    attempt: u32,
    delivery: Delivery,
}

/// A claim of which not everything has ended.
struct Open {
    until: DateTime<Utc>,
    /// The items that have not ended.
    left: Vec<u8>,
}

pub(crate) struct LaneLoop {
    store: Store,
    run: Arc<dyn Run>,
    lane: i64,
    concurrency: usize,
    timeouts: Arc<HashMap<String, Duration>>,
    stop: watch::Receiver<Stop>,
    door: Arc<Door>,

    /// Whether the queue may hold work that is due.
    may_have_work: bool,
    /// When it will, if nothing new comes.
    next_due: Option<DateTime<Utc>>,
    pace: Pace,

    claiming: Option<Later<Claims>>,
    waiting: VecDeque<Item>,
    running: JoinSet<Ended>,
    open: HashMap<WorkLease, Open>,
    ended: HashMap<WorkLease, Settlement>,
    settling: Option<Later<Settled>>,
    /// The store refused something; nothing is asked of it until then.
    paused_until: Option<DateTime<Utc>>,
    cut_short: usize,
}

impl LaneLoop {
    pub(crate) fn new(
        store: Store,
        run: Arc<dyn Run>,
        lane: i64,
        concurrency: usize,
        timeouts: Arc<HashMap<String, Duration>>,
        stop: watch::Receiver<Stop>,
    ) -> Self {
        let door = store.shared().door(lane);
        Self {
            store,
            run,
            lane,
            concurrency,
            timeouts,
            stop,
            door,
            may_have_work: true,
            next_due: None,
            pace: Pace::new(),
            claiming: None,
            waiting: VecDeque::new(),
            running: JoinSet::new(),
            open: HashMap::new(),
            ended: HashMap::new(),
            settling: None,
            paused_until: None,
            cut_short: 0,
        }
    }

    /// Runs until it is told to stop; returns how many items were cut short.
    pub(crate) async fn run(mut self) -> usize {
        let mut stopping = None;
        let mut promised = false;
        loop {
            let now = self.store.shared().clock.now();
            if let Some(deadline) = stopping {
                promised = self.give_back_waiting();
                if now >= deadline && !self.running.is_empty() {
                    self.cut_short += self.running.len();
                    self.running.shutdown().await;
                    self.give_back_open();
                }
            }
            self.advance(now, stopping.is_some()).await;
            let idle = self.running.is_empty() && self.claiming.is_none() && self.settling.is_none();
            if stopping.is_some() && idle && !promised && self.waiting.is_empty() && self.ended.is_empty() {
                return self.cut_short;
            }
            let wake_at = [self.wake_at(), stopping].into_iter().flatten().min();
            tokio::select! {
                Some(ended) = self.running.join_next() => {
                    self.item_ended(ended);
                    // Whatever else has ended meanwhile goes into the same settlement.
                    while let Some(ended) = self.running.try_join_next() {
                        self.item_ended(ended);
                    }
                }
                claimed = pending_or(&mut self.claiming) => self.claimed(claimed),
                settled = pending_or(&mut self.settling) => {
                    if self.settled(settled).is_break() {
                        return self.cut_short;
                    }
                }
                () = self.door.news.notified() => self.news(),
                () = sleep(&self.store, wake_at) => {}
                changed = self.stop.changed(), if stopping.is_none() => {
                    stopping = match (changed, *self.stop.borrow_and_update()) {
                        (Ok(()), Stop::No) => None,
                        (Ok(()), Stop::By(deadline)) => Some(deadline),
                        // Whoever held us is gone without a word: end at once.
                        (Err(_), _) => Some(now),
                    };
                }
            }
        }
    }

    /// Starts everything that can start now.
    async fn advance(&mut self, now: DateTime<Utc>, stopping: bool) {
        let mut started = 0;
        while self.running.len() < self.concurrency
            && let Some(item) = self.waiting.pop_front()
        {
            self.start(item).await;
            started += 1;
            if started % 64 == 0 {
                // Items that end at once must not keep this thread from everybody else's.
                tokio::task::yield_now().await;
            }
        }
        if self.paused_until.is_some_and(|until| until > now) {
            return;
        }
        self.paused_until = None;
        self.extend_leases(now);
        if self.settling.is_none() && !self.ended.is_empty() {
            let settlements: Vec<Settlement> = self.ended.drain().map(|(_, settlement)| settlement).collect();
            // In line before any claim: else one could meet these rows with their leases ended.
            let settled = self.store.settle(settlements.clone());
            self.settling = Some(Box::pin(async move { (settlements, settled.await) }));
        }
        if stopping {
            return;
        }
        // Forgotten once it has come: until there is a place for it, it would wake this loop again and again.
        self.may_have_work |= self.next_due.take_if(|due| *due <= now).is_some();
        let pace = self.pace.now().clamp(self.concurrency, MAX_PACE);
        let free = self.concurrency - self.running.len();
        let ready = self.claiming.is_none() && self.waiting.is_empty() && self.ended.is_empty();
        if self.may_have_work && ready && free > 0 {
            // What must run alone comes one at a time.
            self.claim(if self.lane == ALONE { 1 } else { free.max(pace - self.concurrency) });
        }
        // While older work waits, new work queues up behind it.
        let behind = self.may_have_work || self.claiming.is_some();
        let at_hand = self.waiting.len() + self.running.len();
        self.door.make_room(if behind { 0 } else { pace.saturating_sub(at_hand) });
    }

    /// Runs an item: in a task of its own, or where handlers prove to be quick, at once if it ends at once.
    async fn start(&mut self, item: Item) {
        let timeout = self.timeouts.get(&*item.handler).copied().unwrap_or(TIMEOUT);
        let (store, run) = (self.store.clone(), Arc::clone(&self.run));
        let mut attempt = Box::pin(async move {
            let outcome =
                attempt(&*store.shared().clock, &*run, &item.handler, item.delivery, item.attempt, timeout)
                    .await;
            (item.lease, item.ordinal, outcome)
        });
        if self.pace.lately() > QUICK {
            let polled = poll_fn(|context| Poll::Ready(attempt.as_mut().poll(context))).await;
            if let Poll::Ready((lease, ordinal, outcome)) = polled {
                self.ended(lease, ordinal, outcome);
                return;
            }
        }
        self.running.spawn(attempt);
    }

    /// The door was opened: something was handed over, or something is in the queue.
    fn news(&mut self) {
        let (handed, queued) = self.door.take();
        self.may_have_work |= queued;
        for (claimed, segment) in handed {
            self.open(claimed, &Ok(Some(segment)));
        }
    }

    fn claim(&mut self, items: usize) {
        self.may_have_work = false;
        self.next_due = None;
        let (store, lane) = (self.store.clone(), self.lane);
        self.claiming = Some(Box::pin(async move {
            let claim = store.claim_lane(lane, items, LEASE).await?;
            let mut loaded = Vec::with_capacity(claim.claimed.len());
            for claimed in claim.claimed {
                let segment = store.segment_of(&claimed).await;
                loaded.push((claimed, segment));
            }
            Ok((loaded, claim.next_due))
        }));
    }

    fn claimed(&mut self, claim: Claims) {
        let (loaded, next_due) = match claim {
            Ok(claim) => claim,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "could not claim work");
                self.may_have_work = true;
                self.pause();
                return;
            }
        };
        self.next_due = next_due.and_then(DateTime::from_timestamp_millis);
        for (claimed, segment) in loaded {
            self.open(claimed, &segment);
        }
    }

    /// Takes up claimed work.
    fn open(&mut self, claimed: Claimed, segment: &anyhow::Result<Option<Arc<[Delivery]>>>) {
        let until = DateTime::from_timestamp_millis(claimed.until).unwrap_or(DateTime::<Utc>::MAX_UTC);
        self.open.insert(claimed.lease, Open { until, left: bitmap(&claimed.items) });
        for ordinal in claimed.items {
            let delivery = match segment {
                Ok(Some(segment)) => segment.get(usize::from(ordinal)).cloned(),
                _ => None,
            };
            let Some(delivery) = delivery else {
                self.ended(claimed.lease, ordinal, Err(unreadable(segment.as_ref().err()).into()));
                continue;
            };
            self.waiting.push_back(Item {
                lease: claimed.lease,
                handler: Arc::clone(&claimed.handler),
                ordinal,
                attempt: claimed.attempt,
                delivery,
            });
        }
    }

    fn item_ended(&mut self, ended: Result<Ended, tokio::task::JoinError>) {
        match ended {
            Ok((lease, ordinal, outcome)) => self.ended(lease, ordinal, outcome),
            // Panics are caught inside, and nobody aborts single items.
            Err(error) => tracing::error!(%error, "a handler's task was lost"),
        }
    }

    fn ended(&mut self, lease: WorkLease, ordinal: u16, outcome: Result<(), NotDone>) {
        self.pace.count();
        if let Some(open) = self.open.get_mut(&lease) {
            take(&mut open.left, ordinal);
            if open.left.iter().all(|byte| *byte == 0) {
                self.open.remove(&lease);
            }
        }
        let settlement = self.settlement(lease);
        match outcome {
            Ok(()) => settlement.done.push(ordinal),
            Err(NotDone::Failed(failure)) => settlement.failed.push((ordinal, failure)),
            Err(NotDone::Busy(until)) => settlement.postponed.push((ordinal, until.timestamp_millis())),
        }
    }

    fn settlement(&mut self, lease: WorkLease) -> &mut Settlement {
        self.ended.entry(lease).or_insert_with(|| Settlement::of(lease))
    }

    fn settled(&mut self, (settlements, settled): Settled) -> std::ops::ControlFlow<()> {
        match settled {
            Ok(kept) => {
                let lost = kept.iter().filter(|kept| !**kept).count();
                if lost > 0 {
                    tracing::warn!(lost, "leases had ended before their work did; it will run again");
                }
                // What failed waits for its next try, and what others are at for their end.
                self.may_have_work |= settlements
                    .iter()
                    .any(|settlement| !settlement.failed.is_empty() || !settlement.postponed.is_empty());
            }
            Err(WriteError::Closed) => return std::ops::ControlFlow::Break(()),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "could not record what was done");
                for settlement in settlements {
                    let kept = self.settlement(settlement.lease);
                    kept.done.extend(settlement.done);
                    kept.failed.extend(settlement.failed);
                    kept.postponed.extend(settlement.postponed);
                    kept.released.extend(settlement.released);
                }
                self.pause();
            }
        }
        std::ops::ControlFlow::Continue(())
    }

    fn pause(&mut self) {
        self.paused_until = Some(self.store.shared().clock.now() + PAUSE);
    }

    /// Claims that are past half of their time get another whole one.
    fn extend_leases(&mut self, now: DateTime<Utc>) {
        let half_over = now + LEASE / 2;
        if self.open.values().all(|open| open.until > half_over) {
            return;
        }
        for open in self.open.values_mut() {
            open.until = now + LEASE;
        }
        // In line before any claim, as above: after the machine slept, every lease has ended.
        let extended = self.store.extend(self.open.keys().copied().collect(), LEASE);
        tokio::spawn(async move {
            if let Err(error) = extended.await {
                tracing::warn!(error = &error as &dyn std::error::Error, "could not extend leases");
            }
        });
    }

    fn wake_at(&self) -> Option<DateTime<Utc>> {
        let half_over = self.open.values().map(|open| open.until - LEASE / 2).min();
        [self.paused_until, self.next_due, half_over].into_iter().flatten().min()
    }

    /// Whether more may still be handed over.
    fn give_back_waiting(&mut self) -> bool {
        let (handed, promised) = self.door.shut();
        for (claimed, segment) in handed {
            self.open(claimed, &Ok(Some(segment)));
        }
        while let Some(item) = self.waiting.pop_front() {
            if let Some(open) = self.open.get_mut(&item.lease) {
                take(&mut open.left, item.ordinal);
            }
            self.settlement(item.lease).released.push(item.ordinal);
        }
        promised
    }

    fn give_back_open(&mut self) {
        for (lease, open) in std::mem::take(&mut self.open) {
            self.settlement(lease).released.extend(crate::work::ordinals(&open.left));
        }
    }
}

impl Drop for LaneLoop {
    /// However the loop ends, nothing more may be leased to it.
    fn drop(&mut self) {
        self.door.shut();
    }
}

async fn sleep(store: &Store, until: Option<DateTime<Utc>>) {
    match until {
        Some(until) => store.shared().clock.sleep_until(until).await,
        None => std::future::pending().await,
    }
}

/// Waits for what is on its way, and forgets it then; for ever where nothing is.
async fn pending_or<T>(later: &mut Option<Later<T>>) -> T {
    match later {
        Some(pending) => {
            let result = pending.await;
            *later = None;
            result
        }
        None => std::future::pending().await,
    }
}
