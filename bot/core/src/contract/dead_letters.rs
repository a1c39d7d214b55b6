//! What every [`DeadLetters`] keeps.

use std::sync::Arc;

use async_trait::async_trait;

use super::{ManualClock, delivery, delivery_id};
use crate::delivery::Delivery;
use crate::ids::DeliveryId;
use crate::ports::{
    Clock, Cursor, DeadLetter, DeadLetterId, DeadLetterQuery, DeadLetters, DeadLettersError, FailedWork,
};

/// What the suite needs beside the port: something must fail before there is a dead letter.
#[async_trait]
pub trait Buried: DeadLetters {
    /// Makes `handler` fail on this new delivery for good, with these errors.
    async fn fail(&self, handler: &str, delivery: Delivery, errors: &[&str]);

    /// Accepts a new delivery, which no handler gets.
    async fn accepted(&self, delivery: Delivery);

    /// Takes what waits in the handler's queue: each delivery, and which attempt it is.
    async fn take_queued(&self, handler: &str) -> Vec<(DeliveryId, u32)>;
}

/// Runs all facts, each on an adapter of its own.
pub async fn dead_letters<S, F>(make: F)
where
    S: Buried,
    F: AsyncFn(Arc<ManualClock>) -> S,
{
    let fresh = async || {
        let clock = Arc::new(ManualClock::default());
        (make(Arc::clone(&clock)).await, clock)
    };
    let (store, clock) = fresh().await;
    a_letter_tells_what_failed(&store, &clock).await;
    let (store, clock) = fresh().await;
    pages_are_whole_and_newest_first(&store, &clock).await;
    let (store, clock) = fresh().await;
    what_is_redriven_starts_again(&store, &clock).await;
    let (store, clock) = fresh().await;
    what_is_discarded_is_gone(&store, &clock).await;
    let (store, clock) = fresh().await;
    what_failed_outside_the_queue_is_one_letter(&store, &clock).await;
}

async fn listed(store: &impl DeadLetters, query: &DeadLetterQuery) -> Vec<Vec<DeadLetter>> {
    let mut query = query.clone();
    let mut pages = Vec::new();
    loop {
        let page = store.list(&query).await.expect("the letters can be listed");
        pages.push(page.items);
        match page.next {
            Some(next) => query.after = Some(next),
            None => return pages,
        }
        assert!(pages.len() < 1_000, "the listing does not end");
    }
}

async fn only(store: &impl DeadLetters) -> DeadLetter {
    let letters = listed(store, &DeadLetterQuery::default()).await.concat();
    assert_eq!(letters.len(), 1, "{letters:?}");
    letters.into_iter().next().expect("there is one")
}

async fn a_letter_tells_what_failed(store: &impl Buried, clock: &ManualClock) {
    let failed = delivery(1, clock.now());
    let errors = ["could not reply", "connection refused\nby somebody", "\u{1e} \"quoted\""];
    store.fail("commands", failed.clone(), &errors).await;
    let letter = only(store).await;
    let expected = DeadLetter {
        id: letter.id,
        handler: "commands".to_owned(),
        delivery: failed.id,
        event: failed.event.clone(),
        repository: failed.about.repository.as_deref().map(str::to_owned),
        attempts: letter.attempts,
        failed_at: letter.failed_at,
        errors: errors.map(str::to_owned).to_vec(),
    };
    assert_eq!(letter, expected);
    assert!(letter.attempts >= 1);
    assert_eq!(letter.failed_at.timestamp_millis(), clock.now().timestamp_millis());
    assert_eq!(store.show(letter.id).await.expect("it can be shown"), Some(letter));
    assert_eq!(store.show(DeadLetterId(987_654)).await.expect("it can be asked for"), None);
    assert!(store.take_queued("commands").await.is_empty(), "it is a letter or queued, never both");
}

async fn pages_are_whole_and_newest_first(store: &impl Buried, clock: &ManualClock) {
    for number in 0..12 {
        let handler = if number % 3 == 0 { "third" } else { "other" };
        store.fail(handler, delivery(number, clock.now()), &["no"]).await;
        clock.advance(std::time::Duration::from_millis(5));
    }
    let facts: [(Option<&str>, Vec<u64>); 4] = [
        (None, (0..12).rev().collect()),
        (Some("third"), vec![9, 6, 3, 0]),
        (Some("other"), vec![11, 10, 8, 7, 5, 4, 2, 1]),
        (Some("nobody"), vec![]),
    ];
    for (handler, expected) in facts {
        for limit in [0, 1, 3, 4, 12, 5_000] {
            let query =
                DeadLetterQuery { handler: handler.map(str::to_owned), limit, ..DeadLetterQuery::default() };
            let pages = listed(store, &query).await;
            let size = if limit == 0 { 100 } else { limit };
            assert_eq!(pages.len(), expected.len().div_ceil(size).max(1), "no page is empty");
            let ids: Vec<_> = pages.concat().iter().map(|letter| letter.delivery).collect();
            assert_eq!(ids, expected.iter().copied().map(delivery_id).collect::<Vec<_>>());
        }
    }
    for text in ["", "x", "1.5", "99999999999999999999999"] {
        let query = DeadLetterQuery { after: Some(Cursor(text.to_owned())), ..DeadLetterQuery::default() };
        assert!(
            matches!(store.list(&query).await, Err(DeadLettersError::BadCursor)),
            "{text:?} is no cursor"
        );
    }
}

async fn what_is_redriven_starts_again(store: &impl Buried, clock: &ManualClock) {
    store.fail("commands", delivery(1, clock.now()), &["no"]).await;
    store.fail("other", delivery(2, clock.now()), &["no"]).await;
    let letter = listed(store, &DeadLetterQuery::default()).await.concat().pop().expect("there are two");
    assert_eq!(letter.delivery, delivery_id(1));
    assert!(store.redrive(letter.id).await.expect("it can be redriven"));
    assert_eq!(only(store).await.delivery, delivery_id(2));
    assert!(!store.redrive(letter.id).await.expect("it can be asked for"), "it is no letter any more");
    assert_eq!(store.take_queued("commands").await, [(delivery_id(1), 1)]);
    assert!(store.take_queued("other").await.is_empty());
}

async fn what_is_discarded_is_gone(store: &impl Buried, clock: &ManualClock) {
    store.fail("commands", delivery(1, clock.now()), &["no"]).await;
    let letter = only(store).await;
    assert!(store.discard(letter.id).await.expect("it can be discarded"));
    assert!(!store.discard(letter.id).await.expect("it can be asked for"));
    assert_eq!(store.show(letter.id).await.expect("it can be asked for"), None);
    assert!(!store.redrive(letter.id).await.expect("it can be asked for"));
    assert!(store.take_queued("commands").await.is_empty());
    // Its name is not given to another one.
    store.fail("commands", delivery(2, clock.now()), &["no"]).await;
    assert_ne!(only(store).await.id, letter.id);
}

async fn what_failed_outside_the_queue_is_one_letter(store: &impl Buried, clock: &ManualClock) {
    let kept = delivery(1, clock.now());
    store.accepted(kept.clone()).await;
    let failed = |delivery, attempts, error: &str| FailedWork {
        handler: "commands".to_owned(),
        delivery,
        attempts,
        errors: vec![error.to_owned()],
    };
    store.bury(failed(kept.id, 6, "no")).await.expect("it can be buried");
    let letter = only(store).await;
    assert_eq!((letter.handler.as_str(), letter.delivery, letter.attempts), ("commands", kept.id, 6));
    assert_eq!(
        (&letter.event, letter.repository.as_deref()),
        (&kept.event, kept.about.repository.as_deref())
    );
    store.bury(failed(kept.id, 7, "still no")).await.expect("it can be buried again");
    let again = only(store).await;
    assert_eq!((again.id, again.attempts, again.errors), (letter.id, 7, vec!["still no".to_owned()]));
    assert!(store.redrive(letter.id).await.expect("it can be redriven"));
    assert_eq!(store.take_queued("commands").await, [(kept.id, 1)]);
    // What the archive has no more is a letter all the same: nothing may fail without a trace.
    store.bury(failed(delivery_id(9), 6, "gone")).await.expect("it can be buried");
    let letter = only(store).await;
    assert_eq!((letter.delivery, letter.errors), (delivery_id(9), vec!["gone".to_owned()]));
    assert!(matches!(store.redrive(letter.id).await, Err(DeadLettersError::Expired)));
    assert!(store.discard(letter.id).await.expect("it can be discarded"));
}
