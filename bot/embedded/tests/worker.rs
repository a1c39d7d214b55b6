//! Handlers run beside each other, within their limits, until they succeed or are given up.

#![allow(clippy::unwrap_used, reason = "clippy knows tests, but not what helps them")]

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use deputy_core::contract::{ManualClock, delivery, delivery_id};
use deputy_core::delivery::Delivery;
use deputy_core::ids::DeliveryId;
use deputy_core::ports::{Busy, Clock, DeadLetter, DeadLetterQuery, DeadLetters, Inbox as _, Permanent};
use deputy_embedded::{Lane, Options, Run, Store, Workers};
use tempfile::TempDir;
use tokio::sync::{Notify, Semaphore};

/// What handlers do here, by name; and what they did.
struct Stage {
    runs: Mutex<BTreeMap<(String, DeliveryId), Vec<u32>>>,
    finished: Mutex<BTreeSet<(String, DeliveryId)>>,
    changed: Notify,
    /// Handler `gated` waits here.
    gate: Semaphore,
    running: AtomicUsize,
    most_running: AtomicUsize,
}

impl Stage {
    fn new() -> Self {
        Self {
            runs: Mutex::default(),
            finished: Mutex::default(),
            changed: Notify::new(),
            gate: Semaphore::new(0),
            running: AtomicUsize::new(0),
            most_running: AtomicUsize::new(0),
        }
    }

    /// Waits until something holds.
    async fn until(&self, holds: impl Fn(&Self) -> bool) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if holds(self) {
                return;
            }
            changed.await;
        }
    }
}

#[async_trait]
impl Run for Stage {
    async fn run(&self, handler: &str, delivery: Delivery, attempt: u32) -> anyhow::Result<()> {
        let key = (handler.to_owned(), delivery.id);
        self.runs.lock().unwrap().entry(key.clone()).or_default().push(attempt);
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_running.fetch_max(running, Ordering::SeqCst);
        self.changed.notify_waiters();
        let outcome = match handler {
            "gated" => {
                self.gate.acquire().await?.forget();
                Ok(())
            }
            "stuck" => std::future::pending().await,
            "failing" => Err(anyhow::anyhow!("the cause").context("it failed")),
            "hopeless" => Err(anyhow::anyhow!("the cause").context(Permanent)),
            // Until ten minutes after it came, somebody else has it.
            "busy" => match self.runs.lock().unwrap()[&key].len() {
                1 | 2 => Err(Busy(delivery.received_at + Duration::from_mins(10)).into()),
                _ => Ok(()),
            },
            "panicking" => panic!("out of {}", "range"),
            _ => Ok(()),
        };
        self.running.fetch_sub(1, Ordering::SeqCst);
        if outcome.is_ok() {
            self.finished.lock().unwrap().insert(key);
        }
        self.changed.notify_waiters();
        outcome
    }
}

struct Theatre {
    store: Store,
    clock: Arc<ManualClock>,
    stage: Arc<Stage>,
    _folder: TempDir,
}

impl Theatre {
    fn open(handlers: &'static [&'static str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::default());
        let subscriptions = move |_: &_| handlers.iter().map(|&name| name.to_owned()).collect();
        let store =
            Store::open(Options::new(folder.path()), Arc::clone(&clock) as _, Arc::new(subscriptions))
                .unwrap();
        let stage = Arc::new(Stage::new());
        Self { store, clock, stage, _folder: folder }
    }

    async fn start(&self, lanes: Vec<Lane>) -> Workers {
        Workers::start(&self.store, Arc::clone(&self.stage) as _, lanes).await.unwrap()
    }

    async fn accept(&self, numbers: std::ops::Range<u64>) {
        let mut sends = tokio::task::JoinSet::new();
        for number in numbers {
            let (store, delivery) = (self.store.clone(), delivery(number, self.clock.now()));
            sends.spawn(async move { store.accept(delivery).await.unwrap() });
        }
        sends.join_all().await;
    }

    async fn until(&self, holds: impl Fn(&Stage) -> bool) {
        self.stage.until(holds).await;
    }

    async fn dead(&self) -> Vec<DeadLetter> {
        DeadLetters::list(&self.store, &DeadLetterQuery::default()).await.unwrap().items
    }

    /// Lets time pass until there are this many dead letters; only while all that is left to do waits for it,
    /// or leases would end that no real clock would have ended.
    async fn until_dead(&self, count: usize) -> Vec<DeadLetter> {
        loop {
            let letters = self.dead().await;
            if letters.len() >= count {
                return letters;
            }
            let counts = self.store.counts().await.unwrap();
            if counts.iter().all(|count| count.pending + count.in_flight == 0) {
                self.clock.advance(Duration::from_secs(1));
            }
        }
    }

    async fn unfinished(&self) -> u64 {
        let counts = self.store.counts().await.unwrap();
        counts.iter().map(|count| count.pending + count.in_flight + count.delayed).sum()
    }
}

impl Stage {
    fn finished_by(&self, handler: &str) -> usize {
        self.finished.lock().unwrap().iter().filter(|(name, _)| name == handler).count()
    }

    fn attempts(&self, handler: &str, number: u64) -> Vec<u32> {
        let key = (handler.to_owned(), delivery_id(number));
        self.runs.lock().unwrap().get(&key).cloned().unwrap_or_default()
    }
}

fn lane(handler: &str, concurrency: usize) -> Lane {
    Lane { concurrency, ..Lane::new(handler) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stuck_handler_and_a_failing_one_delay_nobody_else() {
    let theatre = Theatre::open(&["stuck", "failing", "quick"]);
    let workers = theatre.start(vec![lane("stuck", 4), lane("failing", 4), lane("quick", 4)]).await;
    theatre.accept(0..200).await;
    theatre.until(|stage| stage.finished_by("quick") == 200).await;
    assert_eq!(theatre.stage.finished_by("stuck"), 0);
    workers.drain(Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_stays_within_its_limit_and_uses_it() {
    let theatre = Theatre::open(&["gated"]);
    let workers = theatre.start(vec![lane("gated", 3)]).await;
    theatre.accept(0..20).await;
    theatre.until(|stage| stage.running.load(Ordering::SeqCst) == 3).await;
    // Two stay stuck for now; the others go through the third place, one after the other.
    theatre.stage.gate.add_permits(18);
    theatre.until(|stage| stage.finished_by("gated") == 18).await;
    theatre.stage.gate.add_permits(2);
    theatre.until(|stage| stage.finished_by("gated") == 20).await;
    assert_eq!(theatre.stage.most_running.load(Ordering::SeqCst), 3);
    assert_eq!(workers.drain(Duration::from_secs(1)).await, 0);
    assert_eq!(theatre.unfinished().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_handler_is_tried_five_times_and_its_error_is_kept() {
    let theatre = Theatre::open(&["failing"]);
    let workers = theatre.start(vec![lane("failing", 2)]).await;
    theatre.accept(0..3).await;
    let letters = theatre.until_dead(3).await;
    for (number, letter) in (0..3).zip(letters.iter().rev()) {
        assert_eq!(letter.errors, ["it failed", "the cause"]);
        assert_eq!((letter.attempts, letter.handler.as_str()), (5, "failing"));
        assert_eq!(theatre.stage.attempts("failing", number), [1, 2, 3, 4, 5]);
    }
    assert_eq!(theatre.unfinished().await, 0);
    workers.drain(Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_trying_again_cannot_mend_is_not_tried_again() {
    let theatre = Theatre::open(&["hopeless"]);
    let workers = theatre.start(vec![lane("hopeless", 2)]).await;
    theatre.accept(0..1).await;
    let letters = theatre.until_dead(1).await;
    assert_eq!(letters[0].errors, ["trying again cannot help", "the cause"]);
    assert_eq!(theatre.stage.attempts("hopeless", 0), [1]);
    workers.drain(Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_is_a_failure_and_ends_nothing_else() {
    let theatre = Theatre::open(&["panicking", "quick"]);
    let workers = theatre.start(vec![lane("panicking", 1), lane("quick", 1)]).await;
    theatre.accept(0..2).await;
    let letters = theatre.until_dead(2).await;
    assert_eq!(letters[0].errors, ["the handler panicked: out of range"]);
    theatre.until(|stage| stage.finished_by("quick") == 2).await;
    workers.drain(Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_run_is_at_comes_back_when_that_ends_and_counts_no_attempt() {
    let theatre = Theatre::open(&["busy"]);
    let workers = theatre.start(vec![lane("busy", 1)]).await;
    theatre.accept(0..1).await;
    let is_put_off = async || theatre.store.counts().await.unwrap().iter().any(|count| count.delayed == 1);
    while !is_put_off().await {}
    theatre.clock.advance(Duration::from_mins(9));
    assert!(is_put_off().await);
    assert_eq!(theatre.stage.attempts("busy", 0), [1]);
    theatre.clock.advance(Duration::from_mins(1));
    theatre.until(|stage| stage.finished_by("busy") == 1).await;
    assert_eq!(theatre.stage.attempts("busy", 0), [1, 1, 1]);
    assert!(theatre.dead().await.is_empty());
    workers.drain(Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_too_long_is_cut_off() {
    let theatre = Theatre::open(&["stuck"]);
    let limited = Lane { timeout: Duration::from_secs(30), ..lane("stuck", 1) };
    let workers = theatre.start(vec![limited]).await;
    theatre.accept(0..1).await;
    for attempt in 1..=5 {
        while theatre.stage.attempts("stuck", 0).len() < attempt {
            let counts = theatre.store.counts().await.unwrap();
            if counts.iter().all(|count| count.pending + count.in_flight == 0) {
                theatre.clock.advance(Duration::from_secs(1));
            }
        }
        theatre.clock.advance(Duration::from_secs(30));
    }
    let letters = theatre.until_dead(1).await;
    assert_eq!(letters[0].errors, ["the handler took longer than 30 s"]);
    workers.drain(Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_run_keeps_its_lease() {
    let theatre = Theatre::open(&["gated"]);
    let patient = Lane { timeout: Duration::from_hours(5), ..lane("gated", 1) };
    let workers = theatre.start(vec![patient]).await;
    theatre.accept(0..1).await;
    theatre.until(|stage| stage.running.load(Ordering::SeqCst) == 1).await;
    for _ in 0..120 {
        theatre.clock.advance(Duration::from_mins(1));
        // What is leased is in flight, and is seen by nobody else.
        assert_eq!(theatre.store.counts().await.unwrap()[0].in_flight, 1);
        theatre.store.ready().await.unwrap();
    }
    theatre.stage.gate.add_permits(1);
    theatre.until(|stage| stage.finished_by("gated") == 1).await;
    assert_eq!(workers.drain(Duration::from_secs(1)).await, 0);
    assert_eq!(theatre.stage.attempts("gated", 0), [1]);
    assert_eq!(theatre.unfinished().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn draining_finishes_what_runs_and_gives_back_the_rest() {
    let theatre = Theatre::open(&["gated"]);
    let workers = theatre.start(vec![lane("gated", 4)]).await;
    theatre.accept(0..50).await;
    theatre.until(|stage| stage.running.load(Ordering::SeqCst) == 4).await;
    let drained = tokio::spawn(workers.drain(Duration::from_mins(1)));
    theatre.stage.gate.add_permits(50);
    assert_eq!(drained.await.unwrap(), 0);
    let finished = theatre.stage.finished_by("gated");
    assert!(finished >= 4, "what ran was finished: {finished}");
    assert_eq!(theatre.unfinished().await, 50 - finished as u64);
    let workers = theatre.start(vec![lane("gated", 4)]).await;
    theatre.until(|stage| stage.finished_by("gated") == 50).await;
    assert_eq!(workers.drain(Duration::from_mins(1)).await, 0);
    for number in 0..50 {
        assert_eq!(theatre.stage.attempts("gated", number), [1], "given back is no attempt");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn draining_ends_at_its_deadline() {
    let theatre = Theatre::open(&["stuck"]);
    let workers = theatre.start(vec![lane("stuck", 4)]).await;
    theatre.accept(0..10).await;
    theatre.until(|stage| stage.running.load(Ordering::SeqCst) == 4).await;
    assert_eq!(workers.drain(Duration::ZERO).await, 4);
    let counts = theatre.store.counts().await.unwrap();
    assert_eq!((counts[0].pending, counts[0].in_flight), (10, 0), "all of it waits for the next process");
}

/// Counts how often somebody looks at it.
struct WatchedClock(ManualClock, AtomicUsize);

impl Clock for WatchedClock {
    fn now(&self) -> DateTime<Utc> {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.now()
    }

    fn sleep_until(&self, deadline: DateTime<Utc>) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.0.sleep_until(deadline)
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_lane_whose_places_are_all_taken_waits_quietly_although_more_is_due() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(WatchedClock(ManualClock::default(), AtomicUsize::new(0)));
    let subscriptions = |_: &_| vec!["gated".to_owned()];
    let store =
        Store::open(Options::new(folder.path()), Arc::clone(&clock) as _, Arc::new(subscriptions)).unwrap();
    for number in 0..6 {
        store.accept(delivery(number, clock.now())).await.unwrap();
    }
    let stage = Arc::new(Stage::new());
    let lane = Lane { concurrency: 1, ..Lane::new("gated") };
    let workers = Workers::start(&store, Arc::clone(&stage) as _, vec![lane]).await.unwrap();
    stage.until(|stage| stage.running.load(Ordering::SeqCst) == 1).await;
    let before = clock.1.load(Ordering::SeqCst);
    for _ in 0..500 {
        tokio::task::yield_now().await;
    }
    let looks = clock.1.load(Ordering::SeqCst) - before;
    assert!(looks < 50, "it looked at the clock {looks} times while it had nothing to do");
    stage.gate.add_permits(6);
    stage.until(|stage| stage.finished.lock().unwrap().len() == 6).await;
    assert_eq!(workers.drain(Duration::from_secs(5)).await, 0);
}
