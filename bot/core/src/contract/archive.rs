//! What every [`Archive`] keeps of what its [`Inbox`] accepted.

use std::sync::Arc;
use std::time::Duration;

use super::{ManualClock, delivery, delivery_id};
use crate::delivery::Delivery;
use crate::ports::{Accepted, Archive, ArchiveError, ArchiveQuery, ArchivedEntry, Clock, Cursor, Inbox};

/// Runs all facts, each on an adapter of its own.
pub async fn archive<S, F>(make: F)
where
    S: Inbox + Archive,
    F: AsyncFn(Arc<ManualClock>) -> S,
{
    let fresh = async || {
        let clock = Arc::new(ManualClock::default());
        (make(Arc::clone(&clock)).await, clock)
    };
    let (store, _) = fresh().await;
    what_never_came_is_not_there(&store).await;
    let (store, clock) = fresh().await;
    entries_say_what_a_listing_needs(&store, &clock).await;
    let (store, clock) = fresh().await;
    pages_are_whole_and_newest_first(&store, &clock).await;
    let (store, clock) = fresh().await;
    what_arrives_between_pages_does_not_shift_them(&store, &clock).await;
    let (store, clock) = fresh().await;
    conditions_hold_together(&store, &clock).await;
    let (store, clock) = fresh().await;
    limits_are_kept(&store, &clock).await;
    let (store, clock) = fresh().await;
    after_90_days_it_is_gone(&store, &clock).await;
}

async fn accept(store: &impl Inbox, delivery: Delivery) {
    let accepted = store.accept(delivery).await.expect("a store that works accepts");
    assert_eq!(accepted, Accepted::New);
}

/// All pages, following the cursors.
async fn pages(store: &impl Archive, query: &ArchiveQuery) -> Vec<Vec<ArchivedEntry>> {
    let mut query = query.clone();
    let mut pages = Vec::new();
    loop {
        let page = store.list(&query).await.expect("the archive can be listed");
        pages.push(page.items);
        match page.next {
            Some(next) => query.after = Some(next),
            None => return pages,
        }
        assert!(pages.len() < 10_000, "the listing does not end");
    }
}

async fn listed(store: &impl Archive, query: &ArchiveQuery) -> Vec<ArchivedEntry> {
    pages(store, query).await.concat()
}

async fn what_never_came_is_not_there(store: &impl Archive) {
    assert_eq!(store.read(delivery_id(1)).await.expect("the archive can be read"), None);
    assert!(listed(store, &ArchiveQuery::default()).await.is_empty());
}

async fn entries_say_what_a_listing_needs(store: &(impl Inbox + Archive), clock: &ManualClock) {
    let delivery = delivery(1, clock.now());
    accept(store, delivery.clone()).await;
    let entry = ArchivedEntry {
        id: delivery.id,
        event: delivery.event.clone(),
        received_at: delivery.received_at,
        about: delivery.about.clone(),
        size: delivery.body.len() as u64,
    };
    assert_eq!(listed(store, &ArchiveQuery::default()).await, [entry]);
}

async fn pages_are_whole_and_newest_first(store: &(impl Inbox + Archive), clock: &ManualClock) {
    for number in 0..25 {
        accept(store, delivery(number, clock.now())).await;
        clock.advance(Duration::from_millis(5));
    }
    let newest_first: Vec<_> = (0..25).rev().map(delivery_id).collect();
    for limit in [1, 2, 5, 7, 24, 25, 26, 0] {
        let pages = pages(store, &ArchiveQuery { limit, ..ArchiveQuery::default() }).await;
        let size = if limit == 0 { 100 } else { limit };
        let lengths: Vec<_> = pages.iter().map(Vec::len).collect();
        assert_eq!(lengths.len(), 25_usize.div_ceil(size), "no page is empty: {lengths:?}");
        assert!(lengths.iter().rev().skip(1).all(|length| *length == size), "pages are full: {lengths:?}");
        let ids: Vec<_> = pages.concat().iter().map(|entry| entry.id).collect();
        assert_eq!(ids, newest_first, "limit {limit}");
    }
}

async fn what_arrives_between_pages_does_not_shift_them(store: &(impl Inbox + Archive), clock: &ManualClock) {
    for number in 0..6 {
        accept(store, delivery(number, clock.now())).await;
        clock.advance(Duration::from_millis(5));
    }
    let mut query = ArchiveQuery { limit: 2, ..ArchiveQuery::default() };
    let mut ids = Vec::new();
    for new in 100.. {
        let page = store.list(&query).await.expect("the archive can be listed");
        ids.extend(page.items.iter().map(|entry| entry.id));
        accept(store, delivery(new, clock.now())).await;
        clock.advance(Duration::from_millis(5));
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    assert_eq!(ids, (0..6).rev().map(delivery_id).collect::<Vec<_>>());
}

async fn conditions_hold_together(store: &(impl Inbox + Archive), clock: &ManualClock) {
    let begin = clock.now();
    for number in 0..40 {
        let mut delivery = delivery(number, clock.now());
        if number % 2 == 0 {
            delivery.event = "push".parse().expect("it is a name");
        }
        if number % 10 == 9 {
            delivery.about.repository = None;
        }
        accept(store, delivery).await;
        clock.advance(Duration::from_millis(10));
    }
    let at = |number: u32| Some(begin + Duration::from_millis(10) * number);
    let any = ArchiveQuery::default;
    let event = |name: &str| Some(name.parse().expect("it is a name"));
    let repository = Some("octo/REPOSITORY-3".to_owned());
    let facts: [(&str, ArchiveQuery, Vec<u64>); 7] = [
        (
            "from includes, until does not",
            ArchiveQuery { from: at(10), until: at(13), ..any() },
            vec![12, 11, 10],
        ),
        ("from alone", ArchiveQuery { from: at(37), ..any() }, vec![39, 38, 37]),
        ("until alone", ArchiveQuery { until: at(2), ..any() }, vec![1, 0]),
        ("an empty time", ArchiveQuery { from: at(13), until: at(13), ..any() }, vec![]),
        (
            "an event in some time",
            ArchiveQuery { event: event("push"), from: at(30), until: at(35), ..any() },
            vec![34, 32, 30],
        ),
        (
            "a repository in any case",
            ArchiveQuery { repository: repository.clone(), ..any() },
            vec![38, 31, 24, 17, 10, 3],
        ),
        (
            "all at once",
            ArchiveQuery { repository, event: event("push"), from: at(5), until: at(30), ..any() },
            vec![24, 10],
        ),
    ];
    for (fact, query, expected) in facts {
        for limit in [0, 1] {
            let query = ArchiveQuery { limit, ..query.clone() };
            let ids: Vec<_> = listed(store, &query).await.iter().map(|entry| entry.id).collect();
            assert_eq!(ids, expected.iter().copied().map(delivery_id).collect::<Vec<_>>(), "{fact}");
        }
    }
    let nothing = ArchiveQuery { event: event("fork"), ..any() };
    assert!(listed(store, &nothing).await.is_empty());
}

async fn limits_are_kept(store: &(impl Inbox + Archive), clock: &ManualClock) {
    for number in 0..1_050 {
        accept(store, delivery(number, clock.now())).await;
    }
    let lengths = async |limit| {
        let query = ArchiveQuery { limit, ..ArchiveQuery::default() };
        pages(store, &query).await.iter().map(Vec::len).collect::<Vec<_>>()
    };
    assert_eq!(lengths(usize::MAX).await, [1_000, 50]);
    assert_eq!(lengths(0).await.len(), 11);
    for text in ["", "x", "1.2", "-", "9999999999999999999999999999", "1.2.3.4"] {
        let query = ArchiveQuery { after: Some(Cursor(text.to_owned())), ..ArchiveQuery::default() };
        assert!(matches!(store.list(&query).await, Err(ArchiveError::BadCursor)), "{text:?} is no cursor");
    }
}

async fn after_90_days_it_is_gone(store: &(impl Inbox + Archive), clock: &ManualClock) {
    let old = delivery(1, clock.now());
    accept(store, old.clone()).await;
    clock.advance(Duration::from_hours(89 * 24));
    let young = delivery(2, clock.now());
    accept(store, young.clone()).await;
    assert_eq!(store.read(old.id).await.expect("the archive can be read"), Some(old.clone()));
    clock.advance(Duration::from_hours(2 * 24));
    assert_eq!(store.read(old.id).await.expect("the archive can be read"), None);
    let ids: Vec<_> = listed(store, &ArchiveQuery::default()).await.iter().map(|entry| entry.id).collect();
    assert_eq!(ids, [young.id]);
    assert_eq!(store.read(young.id).await.expect("the archive can be read"), Some(young));
}
