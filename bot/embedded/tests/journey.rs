//! Accepted deliveries reach their handlers, once each, whatever happens in between.

#![allow(clippy::unwrap_used, reason = "clippy knows tests, but not what helps them")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use deputy_core::contract::{ManualClock, delivery};
use deputy_core::delivery::Delivery;
use deputy_core::ids::DeliveryId;
use deputy_core::ports::{Accepted, Archive as _, Clock as _, Inbox as _};
use deputy_embedded::{Lane, Options, Run, Store, Workers};
use tokio::sync::Notify;

#[derive(Default)]
struct Recorder {
    runs: Mutex<BTreeMap<DeliveryId, u32>>,
    changed: Notify,
}

#[async_trait]
impl Run for Recorder {
    async fn run(&self, _handler: &str, delivery: Delivery, _attempt: u32) -> anyhow::Result<()> {
        *self.runs.lock().unwrap().entry(delivery.id).or_default() += 1;
        self.changed.notify_one();
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_accepted_is_archived_and_handled_once() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let store = Store::open(
        Options::new(folder.path()),
        Arc::clone(&clock) as _,
        Arc::new(|_: &_| vec!["recorder".to_owned()]),
    )
    .unwrap();
    let recorder = Arc::new(Recorder::default());
    let workers =
        Workers::start(&store, Arc::clone(&recorder) as _, vec![Lane::new("recorder")]).await.unwrap();
    let mut accepting = tokio::task::JoinSet::new();
    for number in 0..500 {
        let (store, delivery) = (store.clone(), delivery(number, clock.now()));
        accepting.spawn(async move { store.accept(delivery).await.unwrap() });
    }
    while let Some(accepted) = accepting.join_next().await {
        assert_eq!(accepted.unwrap(), Accepted::New);
    }
    assert_eq!(store.accept(delivery(3, clock.now())).await.unwrap(), Accepted::Duplicate);
    while recorder.runs.lock().unwrap().len() < 500 {
        recorder.changed.notified().await;
    }
    assert_eq!(workers.drain(Duration::from_secs(5)).await, 0);
    assert!(recorder.runs.lock().unwrap().values().all(|runs| *runs == 1));
    let counts = store.counts().await.unwrap();
    assert_eq!(counts.iter().map(|count| count.pending + count.in_flight + count.delayed).sum::<u64>(), 0);
    for number in 0..500 {
        let expected = delivery(number, clock.now());
        assert_eq!(store.read(expected.id).await.unwrap(), Some(expected));
    }
}
