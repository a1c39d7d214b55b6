//! Work is claimed by one at a time, tried again when it failed, and buried in the end.

#![allow(clippy::unwrap_used, reason = "clippy knows tests, but not what helps them")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use deputy_core::contract::{ManualClock, delivery, delivery_id};
use deputy_core::ids::{DeliveryId, EventName};
use deputy_core::ports::{Accepted, Clock as _, DeadLetter, DeadLetterQuery, DeadLetters, Inbox as _};
use deputy_embedded::{Claimed, Counts, Failure, Options, Settlement, Store};
use tempfile::TempDir;

const LEASE: Duration = Duration::from_mins(5);

struct Home {
    folder: TempDir,
    clock: Arc<ManualClock>,
}

impl Home {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), clock: Arc::new(ManualClock::default()) }
    }

    fn open(&self) -> Store {
        open(self.folder.path(), &self.clock)
    }

    async fn accept(&self, store: &Store, numbers: std::ops::Range<u64>) {
        let mut sends = tokio::task::JoinSet::new();
        for number in numbers {
            let (store, delivery) = (store.clone(), delivery(number, self.clock.now()));
            sends.spawn(async move { assert_eq!(store.accept(delivery).await.unwrap(), Accepted::New) });
        }
        sends.join_all().await;
    }
}

fn open(folder: &Path, clock: &Arc<ManualClock>) -> Store {
    let subscriptions = |event: &EventName| match event.as_str() {
        "issue_comment" => vec!["commands".to_owned()],
        "push" => vec!["log".to_owned(), "commands".to_owned(), "log".to_owned()],
        _ => Vec::new(),
    };
    Store::open(Options::new(folder), Arc::clone(clock) as _, Arc::new(subscriptions)).unwrap()
}

async fn claim(store: &Store, handler: &str) -> Vec<Claimed> {
    store.claim(handler, 1_000, LEASE).await.unwrap()
}

async fn ids(store: &Store, claimed: &[Claimed]) -> Vec<DeliveryId> {
    let mut ids = Vec::new();
    for claimed in claimed {
        ids.extend(store.deliveries(claimed).await.unwrap().iter().map(|delivery| delivery.id));
    }
    ids.sort_unstable();
    ids
}

fn sorted(numbers: impl IntoIterator<Item = u64>) -> Vec<DeliveryId> {
    let mut ids: Vec<_> = numbers.into_iter().map(delivery_id).collect();
    ids.sort_unstable();
    ids
}

fn failure(text: &str) -> Failure {
    Failure { errors: vec![text.to_owned(), "the cause".to_owned()], permanent: false }
}

async fn letters(store: &Store) -> Vec<DeadLetter> {
    DeadLetters::list(store, &DeadLetterQuery::default()).await.unwrap().items
}

async fn counts(store: &Store, handler: &str) -> Counts {
    let counts = store.counts().await.unwrap();
    counts.into_iter().find(|counts| counts.handler == handler).unwrap_or_default()
}

#[tokio::test]
async fn what_is_claimed_is_nobody_elses_and_what_is_complete_is_gone() {
    let home = Home::new();
    let store = home.open();
    home.accept(&store, 0..20).await;
    let claimed = claim(&store, "commands").await;
    assert_eq!(ids(&store, &claimed).await, sorted(0..20));
    assert!(claimed.iter().all(|claimed| claimed.attempt == 1 && &*claimed.handler == "commands"));
    assert!(claim(&store, "commands").await.is_empty());
    assert!(claim(&store, "log").await.is_empty());
    assert_eq!(counts(&store, "commands").await.in_flight, 20);
    for claimed in &claimed {
        assert!(store.complete(claimed).await.unwrap());
        assert!(!store.complete(claimed).await.unwrap(), "it is settled");
    }
    home.clock.advance(LEASE * 100);
    assert!(claim(&store, "commands").await.is_empty());
    let counts = counts(&store, "commands").await;
    assert_eq!((counts.pending, counts.in_flight, counts.delayed, counts.dead), (0, 0, 0, 0));
}

#[tokio::test]
async fn each_subscriber_gets_the_event_once_and_nobody_else_does() {
    let home = Home::new();
    let store = home.open();
    for (number, event) in ["push", "issue_comment", "fork"].into_iter().enumerate() {
        let mut delivery = delivery(number as u64, home.clock.now());
        delivery.event = event.parse().unwrap();
        store.accept(delivery.clone()).await.unwrap();
        // A redelivery brings no work.
        store.accept(delivery).await.unwrap();
    }
    assert_eq!(ids(&store, &claim(&store, "commands").await).await, sorted([0, 1]));
    assert_eq!(ids(&store, &claim(&store, "log").await).await, sorted([0]));
}

#[tokio::test]
async fn a_failure_waits_its_turn_alone_and_is_buried_after_five_tries() {
    let home = Home::new();
    let store = home.open();
    home.accept(&store, 0..1).await;
    home.accept(&store, 1..2).await;
    let mut waits = Vec::new();
    for attempt in 1..=5 {
        let begun = home.clock.now();
        let mut claimed = claim(&store, "commands").await;
        while claimed.is_empty() {
            assert_eq!(counts(&store, "commands").await.delayed, 1);
            home.clock.advance(Duration::from_millis(500));
            claimed = claim(&store, "commands").await;
        }
        waits.push((home.clock.now() - begun).num_seconds());
        for claimed in claimed {
            if ids(&store, std::slice::from_ref(&claimed)).await == sorted([0]) {
                assert_eq!(claimed.attempt, attempt);
                assert!(store.fail(&claimed, failure(&format!("failed {attempt}"))).await.unwrap());
            } else {
                assert_eq!(attempt, 1, "the other one was never held up");
                store.complete(&claimed).await.unwrap();
            }
        }
    }
    for (wait, longest) in waits.iter().zip([0, 10, 60, 300, 1_200]) {
        assert!(*wait <= longest, "{waits:?}");
    }
    let letters = letters(&store).await;
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].delivery, letters[0].attempts), (delivery_id(0), 5));
    assert_eq!(letters[0].errors, ["failed 5", "the cause"]);
    let counts = counts(&store, "commands").await;
    assert_eq!((counts.pending, counts.in_flight, counts.delayed, counts.dead), (0, 0, 0, 1));
}

#[tokio::test]
async fn what_cannot_succeed_is_buried_at_once() {
    let home = Home::new();
    let store = home.open();
    home.accept(&store, 0..1).await;
    let claimed = claim(&store, "commands").await;
    store.fail(&claimed[0], Failure { permanent: true, ..failure("no such event") }).await.unwrap();
    assert_eq!(letters(&store).await[0].attempts, 1);
}

#[tokio::test]
async fn items_of_one_claim_end_in_different_ways() {
    let home = Home::new();
    let store = home.open();
    home.accept(&store, 0..64).await;
    let mut ended = BTreeMap::new();
    for claimed in claim(&store, "commands").await {
        let mut settlement = Settlement::of(claimed.lease);
        for item in &claimed.items {
            match item % 4 {
                0 => settlement.done.push(*item),
                1 => settlement.failed.push((*item, failure("no"))),
                2 => settlement.released.push(*item),
                // Still running.
                _ => {}
            }
            *ended.entry(item % 4).or_insert(0) += 1;
        }
        assert_eq!(store.settle(vec![settlement.clone()]).await.unwrap(), [true]);
        let running = claimed.items.iter().any(|item| item % 4 == 3);
        // Said twice, it still holds once.
        assert_eq!(store.settle(vec![settlement]).await.unwrap(), [running]);
    }
    let of = |kind: u16| ended.get(&kind).copied().unwrap_or(0);
    let found = counts(&store, "commands").await;
    assert_eq!(found.delayed + found.pending, of(1) + of(2));
    assert!(found.pending >= of(2));
    assert_eq!(found.in_flight, of(3));
    home.clock.advance(Duration::from_secs(10));
    let attempts: BTreeMap<u32, u64> =
        claim(&store, "commands").await.iter().fold(BTreeMap::new(), |mut attempts, claimed| {
            *attempts.entry(claimed.attempt).or_default() += claimed.items.len() as u64;
            attempts
        });
    let expected: BTreeMap<u32, u64> = [(1, of(2)), (2, of(1))].into_iter().filter(|(_, n)| *n > 0).collect();
    assert_eq!(attempts, expected, "given back is no attempt, failed is one");
}

#[tokio::test]
async fn a_lease_that_ended_is_lost_and_its_work_comes_back_one_by_one() {
    let home = Home::new();
    let store = home.open();
    home.accept(&store, 0..10).await;
    let slow = claim(&store, "commands").await;
    home.clock.advance(Duration::from_millis(299_999));
    assert!(claim(&store, "commands").await.is_empty());
    home.clock.advance(Duration::from_millis(1));
    let next = claim(&store, "commands").await;
    assert_eq!(ids(&store, &next).await, sorted(0..10));
    assert!(next.iter().all(|claimed| claimed.attempt == 2 && claimed.items.len() == 1));
    for lost in &slow {
        assert!(!store.complete(lost).await.unwrap());
        assert!(!store.fail(lost, failure("late")).await.unwrap());
        assert_eq!(store.extend(vec![lost.lease], LEASE).await.unwrap(), [false]);
    }
    for claimed in &next {
        assert!(store.complete(claimed).await.unwrap());
    }
}

#[tokio::test]
async fn an_extended_lease_holds() {
    let home = Home::new();
    let store = home.open();
    home.accept(&store, 0..1).await;
    let claimed = claim(&store, "commands").await;
    for _ in 0..10 {
        home.clock.advance(LEASE / 2);
        assert_eq!(store.extend(vec![claimed[0].lease], LEASE).await.unwrap(), [true]);
        assert!(claim(&store, "commands").await.is_empty());
    }
    assert!(store.complete(&claimed[0]).await.unwrap());
}

#[tokio::test]
async fn a_claim_takes_about_as_much_as_it_asked_for() {
    let home = Home::new();
    let store = home.open();
    home.accept(&store, 0..300).await;
    let mut claimed = Vec::new();
    for _ in 0..300 {
        let part = store.claim("commands", 7, LEASE).await.unwrap();
        let items: usize = part.iter().map(|claimed| claimed.items.len()).sum();
        assert!(items <= 20, "{items} when 7 were asked for");
        claimed.extend(part);
    }
    assert_eq!(ids(&store, &claimed).await, sorted(0..300));
    for claimed in &claimed {
        assert!(store.complete(claimed).await.unwrap());
    }
    assert_eq!(counts(&store, "commands").await.in_flight, 0);
}

#[tokio::test]
async fn what_the_last_process_had_claimed_comes_back_at_once() {
    let home = Home::new();
    let store = home.open();
    home.accept(&store, 0..10).await;
    let before = claim(&store, "commands").await;
    store.close().await;
    drop(store);
    let store = home.open();
    let after = claim(&store, "commands").await;
    assert_eq!(ids(&store, &after).await, sorted(0..10));
    assert!(after.iter().all(|claimed| claimed.attempt == 2 && claimed.items.len() == 1));
    assert!(!store.complete(&before[0]).await.unwrap(), "the claim died with its process");
}

#[tokio::test]
async fn one_that_kills_the_process_is_buried_and_takes_no_neighbour_with_it() {
    const KILLER: u64 = 3;
    let home = Home::new();
    let store = home.open();
    home.accept(&store, 0..8).await;
    drop(store);
    let mut completed: BTreeMap<DeliveryId, u32> = BTreeMap::new();
    let mut lives = 0;
    'life: loop {
        lives += 1;
        assert!(lives < 20, "it kills the process for ever");
        let store = home.open();
        loop {
            let mut claimed = claim(&store, "commands").await;
            claimed.extend(store.claim_alone(LEASE).await.unwrap());
            if claimed.is_empty() {
                if counts(&store, "commands").await.delayed == 0 {
                    break 'life;
                }
                home.clock.advance(Duration::from_secs(30));
                continue;
            }
            // All that is claimed runs at once; if one of them kills the process, nothing of it is recorded.
            if ids(&store, &claimed).await.contains(&delivery_id(KILLER)) {
                continue 'life;
            }
            for claimed in claimed {
                for delivery in store.deliveries(&claimed).await.unwrap() {
                    completed.insert(delivery.id, claimed.attempt);
                }
                assert!(store.complete(&claimed).await.unwrap());
            }
        }
    }
    let store = home.open();
    let letters = letters(&store).await;
    assert_eq!(letters.iter().map(|letter| letter.delivery).collect::<Vec<_>>(), [delivery_id(KILLER)]);
    assert_eq!(letters[0].attempts, 5);
    assert!(letters[0].errors[0].contains("5 times"), "{:?}", letters[0].errors);
    assert_eq!(completed.keys().copied().collect::<Vec<_>>(), sorted((0..8).filter(|n| *n != KILLER)));
    assert!(completed.values().all(|attempt| *attempt <= 4), "{completed:?}");
}

#[tokio::test]
async fn a_number_is_never_given_twice() {
    let home = Home::new();
    let store = home.open();
    home.accept(&store, 0..5).await;
    for claimed in claim(&store, "commands").await {
        store.fail(&claimed, Failure { permanent: true, ..failure("no") }).await.unwrap();
    }
    home.clock.advance(Duration::from_hours(91 * 24));
    let swept = store.sweep().await.unwrap();
    assert!(swept.segments > 0);
    store.close().await;
    drop(store);
    // Everything has expired; what comes now must not be taken for what the old letters name.
    let store = home.open();
    home.accept(&store, 10..15).await;
    for letter in letters(&store).await {
        let error = store.redrive(letter.id).await.unwrap_err();
        assert!(error.to_string().contains("expired"), "{error}");
    }
    assert_eq!(ids(&store, &claim(&store, "commands").await).await, sorted(10..15));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_set_back_makes_no_work_wait_until_it_is_there_again() {
    let home = Home::new();
    let store = home.open();
    home.accept(&store, 0..2).await;
    home.clock.jump(TimeDelta::days(-1));
    assert!(claim(&store, "commands").await.is_empty(), "it was due tomorrow, as the clock says now");
    store.sweep().await.unwrap();
    let claimed = claim(&store, "commands").await;
    assert_eq!(ids(&store, &claimed).await, sorted(0..2));

    // A wait that began under this clock is kept.
    for claimed in &claimed {
        store.fail(claimed, failure("it failed")).await.unwrap();
    }
    let before = store.counts().await.unwrap();
    store.sweep().await.unwrap();
    assert_eq!(store.counts().await.unwrap(), before);

    // Set back while nobody ran, too.
    home.accept(&store, 2..3).await;
    store.close().await;
    drop(store);
    home.clock.jump(TimeDelta::days(-1));
    let store = home.open();
    assert_eq!(ids(&store, &claim(&store, "commands").await).await, sorted(0..3));
}
