//! Sweeps against a GitHub that lists, forgets and fails, and an inbox that receives what is delivered again.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::{Asked, Redelivery, RedeliveryError, Swept};
use crate::contract::{ManualClock, delivery_id};
use crate::ids::DeliveryId;
use crate::ports::{
    AttemptsCursor, Clock as _, DeliveryAttempt, DeliveryAttempts, GitHubError, HookDeliveries, Known,
    Redeliveries, RedeliveriesError, Stage,
};

/// GitHub and our server, which is away at first.
struct World {
    clock: Arc<ManualClock>,
    /// Oldest first.
    attempts: Mutex<Vec<DeliveryAttempt>>,
    known: Mutex<BTreeSet<DeliveryId>>,
    watermark: Mutex<Option<DateTime<Utc>>>,
    is_listening: AtomicBool,
    /// After so many redeliveries GitHub cannot be reached.
    redeliveries_left: AtomicUsize,
    redelivered: Mutex<Vec<DeliveryId>>,
    cannot_write: AtomicBool,
}

impl World {
    /// A world and its redelivery, after a first sweep that found nothing.
    async fn new() -> (Arc<Self>, Redelivery) {
        let clock = Arc::new(ManualClock::default());
        let world = Arc::new(Self {
            clock: Arc::clone(&clock),
            attempts: Mutex::default(),
            known: Mutex::default(),
            watermark: Mutex::default(),
            is_listening: false.into(),
            redeliveries_left: usize::MAX.into(),
            redelivered: Mutex::default(),
            cannot_write: false.into(),
        });
        let redelivery = Redelivery::new(Arc::clone(&world) as _, Arc::clone(&world) as _, clock);
        assert_eq!(redelivery.sweep().await.unwrap(), Swept::default());
        world.wait(60);
        (world, redelivery)
    }

    fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    fn attempt(&self, delivery: DeliveryId, is_redelivery: bool) {
        let arrives = self.is_listening.load(Ordering::Relaxed);
        if arrives {
            self.known.lock().unwrap().insert(delivery);
        }
        let mut attempts = self.attempts.lock().unwrap();
        let attempt = DeliveryAttempt {
            id: attempts.len() as u64 + 1,
            delivery,
            delivered_at: self.clock.now(),
            is_redelivery,
            status_code: if arrives { 202 } else { 0 },
            status: String::new(),
            event: "push".parse().unwrap(),
            action: None,
            installation: None,
        };
        attempts.push(attempt);
    }

    fn happen(&self, events: std::ops::Range<u64>) {
        for event in events {
            self.attempt(delivery_id(event), false);
        }
    }

    fn redelivered(&self) -> usize {
        self.redelivered.lock().unwrap().len()
    }
}

#[async_trait]
impl HookDeliveries for World {
    async fn attempts(&self, cursor: Option<AttemptsCursor>) -> Result<DeliveryAttempts, GitHubError> {
        let attempts = self.attempts.lock().unwrap();
        let end = cursor.map_or(attempts.len(), |AttemptsCursor(end)| end.parse().unwrap());
        let begin = end.saturating_sub(100);
        let page = attempts[begin..end].iter().rev().cloned().collect();
        Ok(DeliveryAttempts { attempts: page, next: (begin > 0).then(|| AttemptsCursor(begin.to_string())) })
    }

    async fn redeliver(&self, attempt: u64) -> Result<(), GitHubError> {
        let delivery = self.attempts.lock().unwrap()[usize::try_from(attempt).unwrap() - 1].delivery;
        if self.redeliveries_left.load(Ordering::Relaxed) == 0 {
            return Err(GitHubError::Unavailable(anyhow::anyhow!("down")));
        }
        self.redeliveries_left.fetch_sub(1, Ordering::Relaxed);
        self.redelivered.lock().unwrap().push(delivery);
        self.attempt(delivery, true);
        Ok(())
    }
}

#[async_trait]
impl Redeliveries for World {
    async fn known(&self, ids: &[DeliveryId]) -> Result<Vec<Option<Known>>, RedeliveriesError> {
        let known = self.known.lock().unwrap();
        let received_at = self.clock.now();
        let look = |id| known.contains(id).then_some(Known { received_at, stage: Stage::Handled });
        Ok(ids.iter().map(look).collect())
    }

    async fn watermark(&self) -> Result<Option<DateTime<Utc>>, RedeliveriesError> {
        Ok(*self.watermark.lock().unwrap())
    }

    async fn set_watermark(&self, at: DateTime<Utc>) -> Result<(), RedeliveriesError> {
        if self.cannot_write.load(Ordering::Relaxed) {
            return Err(RedeliveriesError(anyhow::anyhow!("the process died")));
        }
        *self.watermark.lock().unwrap() = Some(at);
        Ok(())
    }
}

#[tokio::test]
async fn what_failed_while_nobody_listened_arrives_and_is_asked_for_once() {
    let (world, redelivery) = World::new().await;
    world.happen(0..250);
    world.wait(60);
    world.is_listening.store(true, Ordering::Relaxed);
    let swept = redelivery.sweep().await.unwrap();
    assert_eq!((swept.listed, swept.redelivered, swept.waiting), (250, 250, 0));
    assert_eq!(world.redelivered.lock().unwrap()[0], delivery_id(249), "the newest first");
    for _ in 0..3 {
        world.wait(600);
        world.happen(1000..1001);
        redelivery.sweep().await.unwrap();
    }
    assert_eq!((world.redelivered(), world.known.lock().unwrap().len()), (250, 251));
}

#[tokio::test]
async fn the_list_is_read_no_further_than_needed() {
    let (world, redelivery) = World::new().await;
    world.is_listening.store(true, Ordering::Relaxed);
    world.happen(0..300);
    assert_eq!(redelivery.sweep().await.unwrap().listed, 300);
    world.wait(600);
    world.happen(300..310);
    redelivery.sweep().await.unwrap();
    world.wait(600);
    world.happen(310..311);
    assert_eq!(redelivery.sweep().await.unwrap().listed, 11, "five minutes before the newest, and no more");
}

#[tokio::test]
async fn a_sweep_that_dies_is_done_again_and_nothing_is_left_out() {
    let (world, redelivery) = World::new().await;
    world.happen(0..20);
    world.wait(60);
    world.is_listening.store(true, Ordering::Relaxed);
    // It dies between two redeliveries,
    world.redeliveries_left.store(5, Ordering::Relaxed);
    assert!(matches!(redelivery.sweep().await, Err(RedeliveryError::GitHub(_))));
    // and after the last of them, before the watermark is stored.
    world.redeliveries_left.store(usize::MAX, Ordering::Relaxed);
    world.cannot_write.store(true, Ordering::Relaxed);
    world.happen(20..21);
    world.wait(600);
    world.happen(21..22);
    assert!(matches!(redelivery.sweep().await, Err(RedeliveryError::Inbox(_))));
    world.cannot_write.store(false, Ordering::Relaxed);
    assert_eq!(redelivery.sweep().await.unwrap().redelivered, 0);
    assert_eq!((world.redelivered(), world.known.lock().unwrap().len()), (20, 22));
}

#[tokio::test]
async fn a_delivery_that_never_arrives_is_given_up_once_and_holds_up_no_other() {
    let (world, redelivery) = World::new().await;
    world.happen(0..1);
    let mut given_up = 0;
    for _ in 0..12 {
        given_up += redelivery.sweep().await.unwrap().given_up;
        world.wait(600);
    }
    assert_eq!((world.redelivered(), given_up), (3, 1));
    world.is_listening.store(true, Ordering::Relaxed);
    let asked = redelivery.redeliver(delivery_id(0)).await.unwrap();
    assert!(matches!(asked, Asked::Redelivered(_)), "a person may still ask: {asked:?}");
    assert!(matches!(redelivery.redeliver(delivery_id(0)).await.unwrap(), Asked::AlreadyKnown(_)));
    assert_eq!(redelivery.redeliver(delivery_id(7)).await.unwrap(), Asked::Unknown);
}

#[tokio::test]
async fn what_came_before_the_first_start_does_not_run_here() {
    let clock = Arc::new(ManualClock::default());
    let (world, _) = World::new().await;
    world.happen(0..10);
    *world.watermark.lock().unwrap() = None;
    clock.advance(Duration::from_hours(1));
    let redelivery = Redelivery::new(Arc::clone(&world) as _, Arc::clone(&world) as _, clock);
    assert_eq!(redelivery.sweep().await.unwrap(), Swept::default());
    assert_eq!(world.redelivered(), 0);
}

#[tokio::test]
async fn people_see_both_sides_newest_first() {
    let (world, redelivery) = World::new().await;
    let since = world.clock.now();
    world.happen(0..1);
    world.wait(60);
    world.is_listening.store(true, Ordering::Relaxed);
    world.happen(1..150);
    let all = redelivery.overview(since, None).await.unwrap();
    let last = all.deliveries.last().unwrap();
    assert_eq!((last.newest.delivery, last.known.is_some()), (delivery_id(0), false));
    assert!(all.deliveries[0].known.is_some());
    assert_eq!((all.deliveries.len(), all.is_whole), (150, true));
    let some = redelivery.overview(since, Some(7)).await.unwrap();
    assert_eq!((some.deliveries.len(), some.is_whole), (100, false), "a page, and no more");
    let later = redelivery.overview(since + TimeDelta::seconds(1), None).await.unwrap();
    assert_eq!((later.deliveries.len(), later.is_whole), (149, true));
}
