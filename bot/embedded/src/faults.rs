//! What the store does when the disk is full, fails, or a write is wrong.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use deputy_core::contract::{ManualClock, delivery, noise};
use deputy_core::ports::{Accepted, Archive as _, Clock as _, Inbox as _, InboxError};
use rusqlite::ffi;
use tempfile::TempDir;

use crate::{Options, Store, WriteError};

fn open() -> (Store, Arc<ManualClock>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let subscriptions = |_: &_| vec!["commands".to_owned()];
    let store =
        Store::open(Options::new(folder.path()), Arc::clone(&clock) as _, Arc::new(subscriptions)).unwrap();
    (store, clock, folder)
}

fn io_error() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_IOERR_FSYNC), None)
}

/// A delivery that takes room on the disk.
fn large(number: u64, clock: &ManualClock) -> deputy_core::delivery::Delivery {
    deputy_core::delivery::Delivery { body: noise(100_000, number as u32), ..delivery(number, clock.now()) }
}

#[tokio::test]
async fn a_full_disk_refuses_and_accepts_again_once_there_is_room() {
    let (store, clock, _folder) = open();
    store.accept(delivery(1, clock.now())).await.unwrap();
    let limit = |pages: i64| {
        store.write(move |connection| {
            connection.query_row(&format!("PRAGMA max_page_count = {pages}"), (), |row| row.get::<_, i64>(0))
        })
    };
    limit(40).await.unwrap();
    let mut accepted = Vec::new();
    let refused = loop {
        let number = 100 + accepted.len() as u64;
        match store.accept(large(number, &clock)).await {
            Ok(_) => accepted.push(number),
            Err(InboxError::Unavailable(error)) => break (number, error),
            Err(error) => panic!("{error}"),
        }
    };
    let source = refused.1.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ");
    assert!(source.contains("full"), "{source}");
    // What needs no more room still works, and nothing of the refused one is left.
    assert_eq!(store.accept(delivery(1, clock.now())).await.unwrap(), Accepted::Duplicate);
    assert_eq!(store.read(large(refused.0, &clock).id).await.unwrap(), None);
    limit(1_000_000).await.unwrap();
    assert_eq!(store.accept(large(refused.0, &clock)).await.unwrap(), Accepted::New);
    for number in accepted {
        assert_eq!(store.read(large(number, &clock).id).await.unwrap(), Some(large(number, &clock)));
    }
}

#[tokio::test]
async fn a_failed_disk_fails_the_whole_transaction_and_is_recovered_from() {
    let (store, clock, _folder) = open();
    store.accept(delivery(1, clock.now())).await.unwrap();
    let (failed, neighbour) =
        tokio::join!(store.write(|_| Err::<(), _>(io_error())), store.accept(delivery(2, clock.now())),);
    assert!(matches!(failed, Err(WriteError::Failed(_))), "{failed:?}");
    if neighbour.is_err() {
        // It shared the transaction, so nothing of it is there.
        assert_eq!(store.read(delivery(2, clock.now()).id).await.unwrap(), None);
    }
    assert_eq!(store.accept(delivery(1, clock.now())).await.unwrap(), Accepted::Duplicate);
    store.accept(delivery(2, clock.now())).await.unwrap();
    assert_eq!(store.accept(delivery(3, clock.now())).await.unwrap(), Accepted::New);
    for number in 1..=3 {
        let expected = delivery(number, clock.now());
        assert_eq!(store.read(expected.id).await.unwrap(), Some(expected));
    }
}

#[tokio::test]
async fn while_the_disk_is_gone_everything_is_refused() {
    let (store, clock, folder) = open();
    store.accept(delivery(1, clock.now())).await.unwrap();
    let (here, away) = (folder.path().join("deputy.db"), folder.path().join("away"));
    fs::rename(&here, &away).unwrap();
    store.write(|_| Err::<(), _>(io_error())).await.unwrap_err();
    for _ in 0..3 {
        assert!(matches!(store.accept(delivery(2, clock.now())).await, Err(InboxError::Unavailable(_))));
        assert!(store.ready().await.is_err());
    }
    fs::rename(&away, &here).unwrap();
    while store.ready().await.is_err() {
        tokio::task::yield_now().await;
    }
    assert_eq!(store.accept(delivery(1, clock.now())).await.unwrap(), Accepted::Duplicate);
    assert_eq!(store.accept(delivery(2, clock.now())).await.unwrap(), Accepted::New);
}

#[tokio::test]
async fn a_write_that_fails_or_panics_takes_back_its_own_and_nothing_else() {
    let (store, clock, _folder) = open();
    let insert = |name: &'static str| {
        move |connection: &rusqlite::Connection| {
            connection.execute("INSERT INTO handler (name) VALUES (?)", [name])
        }
    };
    let (good, bad, worse, accepted, fine) = tokio::join!(
        store.write(insert("good")),
        store.write(move |connection| {
            insert("bad")(connection)?;
            connection.execute("INSERT INTO nowhere VALUES (1)", ())
        }),
        store.write(move |connection| -> rusqlite::Result<()> {
            insert("worse")(connection)?;
            panic!("on purpose");
        }),
        store.accept(delivery(1, clock.now())),
        store.write(insert("fine")),
    );
    assert!(good.is_ok() && fine.is_ok() && accepted.is_ok());
    assert!(matches!(bad, Err(WriteError::Failed(_))), "{bad:?}");
    assert!(matches!(worse, Err(WriteError::Panicked)), "{worse:?}");
    let names: Vec<String> = store
        .write(|connection| {
            connection
                .prepare("SELECT name FROM handler ORDER BY name")?
                .query_map((), |row| row.get(0))?
                .collect::<Result<_, _>>()
        })
        .await
        .unwrap();
    assert_eq!(names, ["commands", "fine", "good"]);
}

#[tokio::test]
async fn more_than_may_wait_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let options = Options { waiting: 5, ..Options::new(folder.path()) };
    let store = Store::open(options, Arc::clone(&clock) as _, Arc::new(|_: &_| Vec::new())).unwrap();
    let (blocked, block) = std::sync::mpsc::channel::<()>();
    let blocker = tokio::spawn({
        let store = store.clone();
        let (entered, has_entered) = tokio::sync::oneshot::channel();
        let blocking = store.clone();
        let blocker = tokio::spawn(async move {
            blocking
                .write(move |_| {
                    let _ = entered.send(());
                    // Ends when the test lets go, or fails.
                    let _ = block.recv_timeout(Duration::from_mins(1));
                    Ok(())
                })
                .await
        });
        has_entered.await.unwrap();
        async move {
            drop(store);
            blocker.await.unwrap()
        }
    });
    let mut sends = tokio::task::JoinSet::new();
    for number in 0..20 {
        let (store, delivery) = (store.clone(), delivery(number, clock.now()));
        sends.spawn(async move { store.accept(delivery).await });
    }
    let mut full = 0;
    while full < 15 {
        let sent = sends.join_next().await.unwrap().unwrap();
        assert!(matches!(sent, Err(InboxError::Full)), "{sent:?}");
        full += 1;
    }
    drop(blocked);
    blocker.await.unwrap().unwrap();
    while let Some(sent) = sends.join_next().await {
        assert_eq!(sent.unwrap().unwrap(), Accepted::New);
    }
}

#[tokio::test]
async fn after_closing_nothing_is_accepted() {
    let (store, clock, _folder) = open();
    store.close().await;
    assert!(matches!(store.accept(delivery(1, clock.now())).await, Err(InboxError::Unavailable(_))));
    assert!(store.read(delivery(1, clock.now()).id).await.is_err());
}
