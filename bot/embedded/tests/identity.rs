//! The store keeps the contracts of the ports that identity needs.

#![allow(clippy::unwrap_used, reason = "clippy knows tests, but not what helps them")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use deputy_core::contract::{self, ManualClock};
use deputy_embedded::{Options, Store};
use tempfile::TempDir;

/// Folders for any number of stores, which go together.
struct Folders(TempDir, AtomicU32);

impl Folders {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap(), AtomicU32::new(0))
    }

    fn store(&self, clock: Arc<ManualClock>) -> Store {
        let folder = self.0.path().join(self.1.fetch_add(1, Ordering::Relaxed).to_string());
        Store::open(Options::new(folder), clock, Arc::new(|_: &_| Vec::new())).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nonces_keep_their_contract() {
    let folders = Folders::new();
    contract::nonces(async |clock| folders.store(clock)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_keep_their_contract() {
    let folders = Folders::new();
    contract::sessions(async |clock| folders.store(clock)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_keeps_its_contract() {
    let folders = Folders::new();
    contract::waiting(async |clock| folders.store(clock)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_keep_their_contract() {
    let folders = Folders::new();
    contract::jobs(async |clock| folders.store(clock)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn locks_keep_their_contract() {
    let folders = Folders::new();
    contract::locks(async |clock| folders.store(clock)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waits_keep_their_contract() {
    let folders = Folders::new();
    contract::waits(async |clock| folders.store(clock)).await;
}
