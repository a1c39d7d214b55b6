//! What every [`Once`] keeps.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::{ManualClock, delivery_id};
use crate::ports::{Begin, Clock, Lease, Once, OnceKey};

const LEASE: Duration = Duration::from_mins(1);

/// Runs all facts, each on an adapter of its own.
pub async fn once<S, F>(make: F)
where
    S: Once + 'static,
    F: AsyncFn(Arc<ManualClock>) -> S,
{
    let fresh = async || {
        let clock = Arc::new(ManualClock::default());
        (Arc::new(make(Arc::clone(&clock)).await), clock)
    };
    let (store, clock) = fresh().await;
    what_was_finished_is_done(&*store, &clock).await;
    let (store, _) = fresh().await;
    of_simultaneous_callers_one_runs(store).await;
    let (store, clock) = fresh().await;
    a_lease_that_ended_goes_to_the_next(&*store, &clock).await;
    let (store, clock) = fresh().await;
    a_run_that_nobody_took_over_may_finish_late(&*store, &clock).await;
    let (store, clock) = fresh().await;
    what_was_released_runs_at_once(&*store, &clock).await;
    let (store, _) = fresh().await;
    keys_do_not_touch_each_other(&*store).await;
}

fn key(handler: &str, number: u64) -> OnceKey {
    OnceKey { handler: handler.to_owned(), delivery: delivery_id(number) }
}

async fn begin(store: &impl Once, key: &OnceKey) -> Begin {
    store.begin(key, LEASE).await.expect("the record can be reached")
}

async fn run(store: &impl Once, key: &OnceKey) -> Lease {
    match begin(store, key).await {
        Begin::Run(lease) => lease,
        other => panic!("{key} should run, but is {other:?}"),
    }
}

async fn finish(store: &impl Once, key: &OnceKey, lease: &Lease) -> bool {
    store.finish(key, lease).await.expect("the record can be reached")
}

async fn release(store: &impl Once, key: &OnceKey, lease: &Lease) {
    store.release(key, lease).await.expect("the record can be reached");
}

async fn what_was_finished_is_done(store: &impl Once, clock: &ManualClock) {
    let key = key("commands/0", 1);
    let lease = run(store, &key).await;
    assert_eq!(lease.attempt, 1);
    let until = match begin(store, &key).await {
        Begin::InProgress { until } => until,
        other => panic!("it is in progress, not {other:?}"),
    };
    assert_eq!(until.timestamp_millis(), (clock.now() + LEASE).timestamp_millis());
    assert!(finish(store, &key, &lease).await);
    assert_eq!(begin(store, &key).await, Begin::Done);
    assert!(!finish(store, &key, &lease).await, "it was finished before");
    release(store, &key, &lease).await;
    assert_eq!(begin(store, &key).await, Begin::Done, "what is done cannot be given back");
    clock.advance(Duration::from_hours(72));
    assert_eq!(begin(store, &key).await, Begin::Done, "it stays done for the dedup window");
}

async fn of_simultaneous_callers_one_runs<S: Once + 'static>(store: Arc<S>) {
    for number in 0..20 {
        let mut callers = JoinSet::new();
        for _ in 0..10 {
            let store = Arc::clone(&store);
            callers.spawn(async move { begin(&*store, &key("commands", number)).await });
        }
        let begun = callers.join_all().await;
        let running: Vec<_> = begun.iter().filter(|begun| matches!(begun, Begin::Run(_))).collect();
        assert_eq!(running.len(), 1, "{begun:?}");
        assert!(begun.iter().all(|begun| *begun != Begin::Done), "{begun:?}");
    }
}

async fn a_lease_that_ended_goes_to_the_next(store: &impl Once, clock: &ManualClock) {
    let key = key("commands", 1);
    let first = run(store, &key).await;
    clock.advance(Duration::from_millis(59_999));
    assert!(matches!(begin(store, &key).await, Begin::InProgress { .. }));
    clock.advance(Duration::from_millis(1));
    let second = run(store, &key).await;
    assert_eq!(second.attempt, 2, "the second run must know that there was a first");
    assert_ne!(first.token, second.token);
    release(store, &key, &first).await;
    assert!(matches!(begin(store, &key).await, Begin::InProgress { .. }), "the first cannot give it back");
    assert!(!finish(store, &key, &first).await, "the first has lost it");
    assert!(finish(store, &key, &second).await);
    assert_eq!(begin(store, &key).await, Begin::Done);
}

async fn a_run_that_nobody_took_over_may_finish_late(store: &impl Once, clock: &ManualClock) {
    let key = key("commands", 1);
    let lease = run(store, &key).await;
    clock.advance(LEASE * 10);
    assert!(finish(store, &key, &lease).await);
    assert_eq!(begin(store, &key).await, Begin::Done);
}

async fn what_was_released_runs_at_once(store: &impl Once, clock: &ManualClock) {
    let key = key("commands", 1);
    for attempt in 1..=5 {
        let lease = run(store, &key).await;
        assert_eq!(lease.attempt, attempt);
        clock.advance(Duration::from_millis(1));
        release(store, &key, &lease).await;
        assert!(!finish(store, &key, &lease).await, "it was given back");
    }
}

async fn keys_do_not_touch_each_other(store: &impl Once) {
    let keys = [key("a", 1), key("a", 2), key("b", 1), key("a/1", 1), key("a:1", 1), key("", 1), key("ä", 1)];
    let mut leases = Vec::new();
    for key in &keys {
        leases.push(run(store, key).await);
    }
    assert!(!finish(store, &keys[0], &leases[1]).await, "a lease is of its key only");
    for (key, lease) in keys.iter().zip(&leases) {
        assert!(matches!(begin(store, key).await, Begin::InProgress { .. }));
        assert!(finish(store, key, lease).await);
    }
}
