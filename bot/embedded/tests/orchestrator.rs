//! The workflows' runner on this machine keeps the contract of its port.

#![allow(clippy::unwrap_used, reason = "clippy knows tests, but not what helps them")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use deputy_core::contract::{self, ManualClock};
use deputy_embedded::LocalOrchestrator;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_orchestrator_keeps_its_contract() {
    let (folder, number) = (tempfile::tempdir().unwrap(), AtomicU32::new(0));
    let make = async |clock: Arc<ManualClock>, tasks| {
        let path = folder.path().join(number.fetch_add(1, Ordering::Relaxed).to_string());
        LocalOrchestrator::open(path, clock, tasks, Arc::new(|_| {})).await.unwrap()
    };
    contract::orchestrator(make).await;
}
