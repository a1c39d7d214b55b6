//! What every [`Inbox`] keeps, seen through its [`Archive`].

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinSet;

use super::{ManualClock, delivery, noise};
use crate::delivery::{About, Delivery, Headers};
use crate::ports::{Accepted, Archive, ArchiveQuery, Clock, Inbox};

/// Runs all facts, each on an adapter of its own.
pub async fn inbox<S, F>(make: F)
where
    S: Inbox + Archive + 'static,
    F: AsyncFn(Arc<ManualClock>) -> S,
{
    let fresh = async || {
        let clock = Arc::new(ManualClock::default());
        (Arc::new(make(Arc::clone(&clock)).await), clock)
    };
    let (store, clock) = fresh().await;
    a_delivery_is_new_once(&*store, &clock).await;
    let (store, clock) = fresh().await;
    of_simultaneous_sends_one_is_new(store, &clock).await;
    let (store, clock) = fresh().await;
    many_at_once_are_all_kept(store, &clock).await;
    let (store, clock) = fresh().await;
    whatever_fits_github_comes_back_byte_for_byte(&*store, &clock).await;
    let (store, clock) = fresh().await;
    a_day_later_a_redelivery_is_still_a_duplicate(&*store, &clock).await;
    let (store, clock) = fresh().await;
    cancelling_neither_loses_nor_doubles(&*store, &clock).await;
    let (store, _) = fresh().await;
    store.ready().await.expect("a store that works is ready");
}

async fn accept(store: &impl Inbox, delivery: Delivery) -> Accepted {
    store.accept(delivery).await.expect("a store that works accepts")
}

async fn read(store: &impl Archive, expected: &Delivery) {
    let read = store.read(expected.id).await.expect("the archive can be read");
    assert_eq!(read.as_ref(), Some(expected), "what was accepted can be read");
}

async fn a_delivery_is_new_once(store: &(impl Inbox + Archive), clock: &ManualClock) {
    let first = delivery(1, clock.now());
    assert_eq!(accept(store, first.clone()).await, Accepted::New);
    clock.advance(Duration::from_mins(1));
    assert_eq!(accept(store, delivery(1, clock.now())).await, Accepted::Duplicate);
    assert_eq!(accept(store, delivery(2, clock.now())).await, Accepted::New);
    // A duplicate is known by its GUID alone, and changes nothing.
    let forged = Delivery { body: Bytes::from_static(b"{}"), ..first.clone() };
    assert_eq!(accept(store, forged).await, Accepted::Duplicate);
    read(store, &first).await;
    let same_body = Delivery { body: first.body.clone(), ..delivery(3, clock.now()) };
    assert_eq!(accept(store, same_body).await, Accepted::New);
}

async fn of_simultaneous_sends_one_is_new<S: Inbox + Archive + 'static>(store: Arc<S>, clock: &ManualClock) {
    for number in 0..20 {
        let mut sends = JoinSet::new();
        for _ in 0..10 {
            let (store, delivery) = (Arc::clone(&store), delivery(number, clock.now()));
            sends.spawn(async move { accept(&*store, delivery).await });
        }
        let accepted = sends.join_all().await;
        let new = accepted.iter().filter(|accepted| **accepted == Accepted::New).count();
        assert_eq!((new, accepted.len() - new), (1, 9), "one is new, nine are duplicates");
        // Each of the ten, the duplicates too, was answered when the delivery was safe.
        read(&*store, &delivery(number, clock.now())).await;
    }
}

async fn many_at_once_are_all_kept<S: Inbox + Archive + 'static>(store: Arc<S>, clock: &ManualClock) {
    let mut sends = JoinSet::new();
    for number in 0..1_000 {
        let (store, delivery) = (Arc::clone(&store), delivery(number, clock.now()));
        sends.spawn(async move { accept(&*store, delivery).await });
    }
    assert!(sends.join_all().await.iter().all(|accepted| *accepted == Accepted::New));
    for number in 0..1_000 {
        read(&*store, &delivery(number, clock.now())).await;
    }
    for number in 0..1_000 {
        assert_eq!(accept(&*store, delivery(number, clock.now())).await, Accepted::Duplicate);
    }
}

async fn whatever_fits_github_comes_back_byte_for_byte(store: &(impl Inbox + Archive), clock: &ManualClock) {
    let bare = |number| Delivery {
        headers: Headers::default(),
        about: About::default(),
        event: "e".parse().expect("it is a name"),
        ..delivery(number, clock.now())
    };
    let deliveries = [
        Delivery { body: Bytes::new(), ..bare(1) },
        Delivery { body: noise(3 << 20, 1), ..bare(2) },
        Delivery { body: vec![b' '; 25 << 20].into(), ..bare(3) },
        Delivery { event: "x".repeat(64).parse().expect("it is a name"), ..delivery(4, clock.now()) },
        Delivery {
            about: About { repository: Some("Ünïcode/näme".into()), ..About::default() },
            ..delivery(5, clock.now())
        },
    ];
    for delivery in &deliveries {
        assert_eq!(accept(store, delivery.clone()).await, Accepted::New);
    }
    for delivery in &deliveries {
        read(store, delivery).await;
    }
}

async fn a_day_later_a_redelivery_is_still_a_duplicate(store: &impl Inbox, clock: &ManualClock) {
    for number in 0..100 {
        accept(store, delivery(number, clock.now())).await;
    }
    clock.advance(Duration::from_hours(24));
    for number in 0..100 {
        assert_eq!(accept(store, delivery(number, clock.now())).await, Accepted::Duplicate);
    }
}

async fn cancelling_neither_loses_nor_doubles(store: &(impl Inbox + Archive), clock: &ManualClock) {
    for number in 0..50 {
        let first = delivery(number, clock.now());
        let polled = pin!(store.accept(first.clone())).poll(&mut Context::from_waker(Waker::noop()));
        if let Poll::Ready(accepted) = polled {
            assert_eq!(accepted.expect("a store that works accepts"), Accepted::New);
        }
        accept(store, first.clone()).await;
        assert_eq!(accept(store, first.clone()).await, Accepted::Duplicate);
        read(store, &first).await;
    }
    let listed = store.list(&ArchiveQuery::default()).await.expect("the archive can be listed");
    assert_eq!(listed.items.len(), 50, "each is kept once");
}
