//! The store keeps the contracts of its ports.

#![allow(clippy::unwrap_used, reason = "clippy knows tests, but not what helps them")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use deputy_core::contract::{self, Buried, ManualClock};
use deputy_core::delivery::Delivery;
use deputy_core::ids::DeliveryId;
use deputy_core::ports::{
    Accepted, Archive, ArchiveError, ArchiveQuery, ArchivedEntry, Begin, DeadLetter, DeadLetterId,
    DeadLetterQuery, DeadLetters, DeadLettersError, FailedWork, Inbox, InboxError, Known, Lease, Once,
    OnceError, OnceKey, Page, Redeliveries, RedeliveriesError,
};
use deputy_embedded::{Failure, Options, Store};
use tempfile::TempDir;

/// A store in a folder that goes with it.
struct Temporary {
    store: Store,
    _folder: TempDir,
}

async fn temporary(clock: Arc<ManualClock>) -> Temporary {
    let folder = tempfile::tempdir().unwrap();
    let subscriptions = |_: &_| vec!["commands".to_owned(), "third".to_owned(), "other".to_owned()];
    let store = Store::open(Options::new(folder.path()), clock, Arc::new(subscriptions)).unwrap();
    Temporary { store, _folder: folder }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_inbox_keeps_its_contract() {
    contract::inbox(temporary).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_archive_keeps_its_contract() {
    contract::archive(temporary).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn once_keeps_its_contract() {
    contract::once(temporary).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_keep_their_contract() {
    contract::dead_letters(temporary).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redeliveries_keep_their_contract() {
    contract::redeliveries(temporary).await;
}

#[async_trait]
impl Redeliveries for Temporary {
    async fn known(&self, ids: &[DeliveryId]) -> Result<Vec<Option<Known>>, RedeliveriesError> {
        self.store.known(ids).await
    }

    async fn watermark(&self) -> Result<Option<DateTime<Utc>>, RedeliveriesError> {
        self.store.watermark().await
    }

    async fn set_watermark(&self, at: DateTime<Utc>) -> Result<(), RedeliveriesError> {
        self.store.set_watermark(at).await
    }
}

#[async_trait]
impl Inbox for Temporary {
    async fn accept(&self, delivery: Delivery) -> Result<Accepted, InboxError> {
        self.store.accept(delivery).await
    }

    async fn ready(&self) -> Result<(), InboxError> {
        self.store.ready().await
    }
}

#[async_trait]
impl Archive for Temporary {
    async fn read(&self, id: DeliveryId) -> Result<Option<Delivery>, ArchiveError> {
        self.store.read(id).await
    }

    async fn list(&self, query: &ArchiveQuery) -> Result<Page<ArchivedEntry>, ArchiveError> {
        Archive::list(&self.store, query).await
    }
}

#[async_trait]
impl Once for Temporary {
    async fn begin(&self, key: &OnceKey, lease: Duration) -> Result<Begin, OnceError> {
        self.store.begin(key, lease).await
    }

    async fn finish(&self, key: &OnceKey, lease: &Lease) -> Result<bool, OnceError> {
        self.store.finish(key, lease).await
    }

    async fn release(&self, key: &OnceKey, lease: &Lease) -> Result<(), OnceError> {
        Once::release(&self.store, key, lease).await
    }
}

#[async_trait]
impl DeadLetters for Temporary {
    async fn list(&self, query: &DeadLetterQuery) -> Result<Page<DeadLetter>, DeadLettersError> {
        DeadLetters::list(&self.store, query).await
    }

    async fn show(&self, id: DeadLetterId) -> Result<Option<DeadLetter>, DeadLettersError> {
        self.store.show(id).await
    }

    async fn redrive(&self, id: DeadLetterId) -> Result<bool, DeadLettersError> {
        self.store.redrive(id).await
    }

    async fn bury(&self, failed: FailedWork) -> Result<(), DeadLettersError> {
        self.store.bury(failed).await
    }

    async fn discard(&self, id: DeadLetterId) -> Result<bool, DeadLettersError> {
        self.store.discard(id).await
    }
}

impl Temporary {
    /// Accepts a delivery that all handlers complete, but for one that fails.
    async fn hand_out(&self, delivery: Delivery, failing: Option<(&str, &[&str])>) {
        self.store.accept(delivery).await.unwrap();
        for name in ["commands", "third", "other"] {
            for claimed in self.store.claim(name, 10, Duration::from_mins(1)).await.unwrap() {
                match failing {
                    Some((handler, errors)) if handler == name => {
                        let errors = errors.iter().map(|&error| error.to_owned()).collect();
                        self.store.fail(&claimed, Failure { errors, permanent: true }).await.unwrap();
                    }
                    _ => assert!(self.store.complete(&claimed).await.unwrap()),
                }
            }
        }
    }
}

#[async_trait]
impl Buried for Temporary {
    async fn fail(&self, handler: &str, delivery: Delivery, errors: &[&str]) {
        self.hand_out(delivery, Some((handler, errors))).await;
    }

    async fn accepted(&self, delivery: Delivery) {
        self.hand_out(delivery, None).await;
    }

    async fn take_queued(&self, handler: &str) -> Vec<(DeliveryId, u32)> {
        let mut queued = Vec::new();
        for claimed in self.store.claim(handler, 100, Duration::from_mins(1)).await.unwrap() {
            let deliveries = self.store.deliveries(&claimed).await.unwrap();
            queued.extend(deliveries.iter().map(|delivery| (delivery.id, claimed.attempt)));
            self.store.complete(&claimed).await.unwrap();
        }
        queued
    }
}
