//! What is on the disk, and for how long.

#![allow(clippy::unwrap_used, reason = "clippy knows tests, but not what helps them")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use deputy_core::contract::{ManualClock, delivery, noise};
use deputy_core::delivery::Delivery;
use deputy_core::ports::{
    Accepted, Archive as _, Begin, Clock as _, DeadLetterQuery, DeadLetters, Inbox as _, Once as _, OnceKey,
};
use deputy_embedded::{OpenError, Options, Store, Swept};

const DAY: Duration = Duration::from_hours(24);

fn open(folder: &Path, clock: &Arc<ManualClock>) -> Store {
    let subscriptions = |_: &_| vec!["commands".to_owned()];
    Store::open(Options::new(folder), Arc::clone(clock) as _, Arc::new(subscriptions)).unwrap()
}

async fn accept_together(store: &Store, clock: &ManualClock, numbers: std::ops::Range<u64>) {
    let mut sends = tokio::task::JoinSet::new();
    for number in numbers {
        let (store, delivery) = (store.clone(), delivery(number, clock.now()));
        sends.spawn(async move { assert_eq!(store.accept(delivery).await.unwrap(), Accepted::New) });
    }
    sends.join_all().await;
}

fn query(folder: &Path, sql: &str) -> i64 {
    let connection = rusqlite::Connection::open(folder.join("deputy.db")).unwrap();
    connection.query_row(sql, (), |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn many_deliveries_share_a_commit() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let store = open(folder.path(), &clock);
    accept_together(&store, &clock, 0..1_000).await;
    // A commit writes at least one segment, so there were no more commits, and no more fsyncs, than segments.
    let commits = query(folder.path(), "SELECT count(*) FROM segment");
    assert!(commits < 200, "{commits} commits for 1,000 deliveries");
    assert_eq!(query(folder.path(), "SELECT sum(count) FROM segment"), 1_000);
    assert_eq!(query(folder.path(), "SELECT count(*) FROM work"), commits, "one row a handler and commit");
}

#[tokio::test]
async fn what_was_accepted_is_known_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let store = open(folder.path(), &clock);
    accept_together(&store, &clock, 0..500).await;
    // Not closed: dropped, as when the process ends in a hurry.
    drop(store);
    clock.advance(DAY);
    let store = open(folder.path(), &clock);
    for number in 0..500 {
        assert_eq!(store.accept(delivery(number, clock.now())).await.unwrap(), Accepted::Duplicate);
    }
    accept_together(&store, &clock, 500..600).await;
    for number in [0, 250, 499, 555] {
        let read = store.read(delivery(number, clock.now()).id).await.unwrap().unwrap();
        assert_eq!(read.body, delivery(number, clock.now()).body);
    }
}

#[tokio::test]
async fn one_process_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let store = open(folder.path(), &clock);
    let second =
        Store::open(Options::new(folder.path()), Arc::clone(&clock) as _, Arc::new(|_: &_| Vec::new()));
    let error = second.err().unwrap();
    assert!(matches!(error, OpenError::Folder(_)), "{error}");
    assert!(error.to_string().contains("another process"), "{error}");
    drop(store);
    open(folder.path(), &clock);
}

#[tokio::test]
async fn the_archive_forgets_and_the_file_shrinks() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let store = open(folder.path(), &clock);
    for number in 0..20_u32 {
        let large = Delivery { body: noise(250_000, number), ..delivery(number.into(), clock.now()) };
        store.accept(large).await.unwrap();
    }
    for claimed in store.claim("commands", 100, Duration::from_mins(1)).await.unwrap() {
        store.complete(&claimed).await.unwrap();
    }
    assert_eq!(store.sweep().await.unwrap(), Swept::default(), "nothing is old yet");
    clock.advance(80 * DAY);
    accept_together(&store, &clock, 100..110).await;
    clock.advance(11 * DAY);
    let swept = store.sweep().await.unwrap();
    assert_eq!((swept.segments, swept.unhandled), (20, 0));
    assert!(swept.pages > 900, "{swept:?}");
    assert_eq!(store.sweep().await.unwrap(), Swept::default(), "all of it at once");
    store.close().await;
    let size = std::fs::metadata(folder.path().join("deputy.db")).unwrap().len();
    assert!(size < 2_000_000, "{size} bytes");
    assert_eq!(query(folder.path(), "SELECT sum(count) FROM segment"), 10);
}

#[tokio::test]
async fn what_expires_unhandled_leaves_a_trace() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let store = open(folder.path(), &clock);
    accept_together(&store, &clock, 0..3).await;
    clock.advance(91 * DAY);
    assert_eq!(store.sweep().await.unwrap().unhandled, 3);
    let letters = DeadLetters::list(&store, &DeadLetterQuery::default()).await.unwrap().items;
    assert_eq!(letters.len(), 3);
    assert_eq!(letters[0].errors, ["it expired before it was handled"]);
    assert!(store.claim("commands", 10, Duration::from_mins(1)).await.unwrap().is_empty());
}

#[tokio::test]
async fn records_of_what_was_done_outlive_the_dedup_window_and_then_go() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let store = open(folder.path(), &clock);
    let key = OnceKey { handler: "commands/0".to_owned(), delivery: delivery(1, clock.now()).id };
    let Begin::Run(lease) = store.begin(&key, DAY).await.unwrap() else { panic!("nobody ran it before") };
    assert!(store.finish(&key, &lease).await.unwrap());
    clock.advance(89 * DAY);
    assert_eq!(store.sweep().await.unwrap().records, 0);
    assert_eq!(store.begin(&key, DAY).await.unwrap(), Begin::Done);
    clock.advance(2 * DAY);
    assert_eq!(store.sweep().await.unwrap().records, 1);
}

#[tokio::test]
async fn an_old_delivery_is_found_without_the_set_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let store = open(folder.path(), &clock);
    accept_together(&store, &clock, 0..300).await;
    let accepted_at = clock.now();
    clock.advance(10 * DAY);
    store.sweep().await.unwrap();
    accept_together(&store, &clock, 300..310).await;
    drop(store);
    let store = open(folder.path(), &clock);
    for number in [0, 123, 299] {
        let expected = delivery(number, accepted_at);
        assert_eq!(store.read(expected.id).await.unwrap(), Some(expected));
    }
    assert_eq!(store.read(delivery(999, accepted_at).id).await.unwrap(), None);
}
