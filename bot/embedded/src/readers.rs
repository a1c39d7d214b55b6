//! A few connections that read beside the writer, each on a blocking thread while it is used.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::schema;
use crate::store::Shared;

/// More would only wait for the same disk.
const AT_ONCE: usize = 4;

/// Connections that wait for their next use.
pub(crate) struct Readers {
    database: PathBuf,
    idle: Mutex<Vec<Connection>>,
    places: Semaphore,
}

impl Readers {
    pub(crate) fn new(database: PathBuf) -> Self {
        Self { database, idle: Mutex::default(), places: Semaphore::new(AT_ONCE) }
    }

    /// Closes what is idle, and lets nobody in any more.
    pub(crate) fn close(&self) {
        self.places.close();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Shared {
    /// Runs `work` with a connection that only reads.
    ///
    /// `work` should be short, or several: what it has open keeps the writer from starting its log afresh.
    pub(crate) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Connection) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let _place = self.readers.places.acquire().await.context("the store is closed")?;
        let shared = Arc::clone(self);
        let task = tokio::task::spawn_blocking(move || {
            let readers = &shared.readers;
            let idle = readers.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = match idle {
                Some(connection) => connection,
                None => schema::open_reader(&readers.database)?,
            };
            let result = work(&connection);
            // One that failed is not used again: it may be what failed.
            if result.is_ok() {
                readers.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            }
            result
        });
        task.await.context("reading panicked")?
    }
}
