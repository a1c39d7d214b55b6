//! The store: one SQLite database in the data folder, written by one thread.
//!
//! # What is where
//!
//! Everything that happens to a Standard execution is an event. Events of all executions go, as they happen, into
//! **segments**, one per commit: appending is all that a step costs. When an execution grows or rests, its own events
//! move together into its **log**, and a **snapshot** is kept. When it ends, its log goes into a **block** with those of
//! others that ended about the same time, and only then its row is written: most executions are over before anybody could
//! want to read it. Segments that nobody needs any more are dropped. So a segment is what a write-ahead log is to a database, and after a crash the segments that are
//! left say what snapshots and logs do not yet.
//!
//! History is not stored. It follows from the definition and the log, because the interpreter is pure.

pub(crate) mod readers;
mod schema;
pub(crate) mod segment;
pub(crate) mod writer;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rusqlite::Connection;

pub(crate) use self::schema::open_writer;
use crate::error::EngineError;

/// The number of an execution: how many were started before it.
pub(crate) type ExecutionId = u64;

/// The data folder, held by this process alone.
#[derive(Debug)]
pub(crate) struct Folder {
    database: PathBuf,
    _lock: File,
}

impl Folder {
    /// Opens the folder, or makes it.
    pub(crate) fn open(path: &Path) -> Result<Self, EngineError> {
        let failed = |source| EngineError::Folder { path: path.to_owned(), source };
        fs::create_dir_all(path).map_err(failed)?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join("stepfunctions.lock"))
            .map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(EngineError::InUse(path.to_owned())),
            Err(fs::TryLockError::Error(source)) => return Err(failed(source)),
        }
        Ok(Self { database: path.join("stepfunctions.sqlite"), _lock: lock })
    }

    pub(crate) fn database(&self) -> &Path {
        &self.database
    }
}

/// A connection that only reads.
pub(crate) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    use rusqlite::OpenFlags;
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI,
    )?;
    connection.set_prepared_statement_cache_capacity(32);
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    Ok(connection)
}
