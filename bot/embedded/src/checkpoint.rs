//! Copying the log back into the database without making deliveries wait.
//!
//! A checkpoint writes every page of the log to its place in the database and syncs that, which takes long enough
//! to be felt. So a thread of its own does it beside the writer. What the writer adds meanwhile stays behind; the
//! log only starts afresh at a moment when all of it is copied. Therefore, once the thread is through, the writer
//! copies that short rest itself.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;

use crate::schema;

/// From this many pages on the log is copied back.
const LONG: u32 = 2_048;
/// A rest that the writer copies itself.
const SHORT: u32 = 512;
/// The writer waits for no thread any more: the disk would fill up with log.
const TOO_LONG: u32 = 32_768;

/// Has the log copied back, from beside the writer.
pub(crate) struct Checkpoints {
    /// Ends the thread when it is dropped.
    ask: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Pages of the log that the thread has copied; [`RUNNING`] while it does.
    copied: Arc<AtomicU32>,
}

const RUNNING: u32 = u32::MAX;

impl Checkpoints {
    pub(crate) fn start(database: PathBuf) -> io::Result<Self> {
        let (ask, asked) = sync_channel(1);
        let copied = Arc::new(AtomicU32::new(0));
        let tell = Arc::clone(&copied);
        let thread = thread::Builder::new().name("deputy-checkpoint".to_owned()).spawn(move || {
            while let Ok(()) = asked.recv() {
                // A connection for each: rare enough, and never one from before a disk failure.
                let pages = schema::open_checkpointer(&database).and_then(|connection| passive(&connection));
                let pages = pages.unwrap_or_else(|error| {
                    // The writer will meet the same error and knows what to do about it.
                    tracing::warn!(%error, "the log could not be copied back in the background");
                    0
                });
                tell.store(pages, Ordering::Release);
            }
        })?;
        Ok(Self { ask: Some(ask), thread: Some(thread), copied })
    }

    /// Called after every commit, with the log's length in pages.
    pub(crate) fn after_commit(&self, connection: &Connection, pages: u32) -> rusqlite::Result<()> {
        if pages < LONG {
            return Ok(());
        }
        let copied = self.copied.load(Ordering::Acquire);
        let rest = if copied == RUNNING { RUNNING } else { pages.saturating_sub(copied) };
        if rest <= SHORT || pages >= TOO_LONG {
            self.copied.compare_exchange(copied, 0, Ordering::AcqRel, Ordering::Acquire).ok();
            passive(connection)?;
        } else if copied != RUNNING {
            self.copied.store(RUNNING, Ordering::Release);
            if self.ask.as_ref().is_none_or(|ask| ask.try_send(()).is_err()) {
                self.copied.store(0, Ordering::Release);
            }
        }
        Ok(())
    }
}

impl Drop for Checkpoints {
    /// Waits for the thread: nobody may find the folder in use once the store is closed.
    fn drop(&mut self) {
        self.ask = None;
        if let Some(thread) = self.thread.take() {
            // Its panic was printed when it happened, and there is nothing else to do about it.
            let _ = thread.join();
        }
    }
}

/// Copies what it can without waiting for anybody; how many pages of the log are copied now.
fn passive(connection: &Connection) -> rusqlite::Result<u32> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |row| {
        // -1 where somebody else is at it.
        Ok(u32::try_from(row.get::<_, i64>(2)?).unwrap_or(0))
    })
}

/// Copies all of the log, waiting for readers, and empties it; an error where that cannot be.
pub(crate) fn empty_log(connection: &Connection) -> rusqlite::Result<()> {
    let busy: bool = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |row| row.get(0))?;
    if busy {
        return Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY),
            Some("somebody still reads from the log".to_owned()),
        ));
    }
    Ok(())
}
