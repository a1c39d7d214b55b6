//! What can go wrong with the store as a whole.

use std::io;
use std::sync::Arc;

use crate::folder::FolderError;
use crate::schema::SchemaError;

/// Why the store could not be opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The options contradict each other.
    #[error("{0}")]
    Options(String),
    /// The data folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The database cannot be used.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// zstd or the operating system refused what is needed to write.
    #[error("the writer could not be started")]
    Writer(#[from] io::Error),
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Schema(SchemaError::Sqlite(error))
    }
}

/// Something was not written; nothing of it was.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WriteError {
    /// As much waits to be written as may.
    #[error("too much is waiting to be written")]
    Full,
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// The disk failed, and the store has not got itself together again yet.
    #[error("the store does not write since the disk failed; it keeps trying to recover")]
    Broken,
    /// SQLite refused, or the disk did. All that shared the transaction may have failed with it.
    #[error("the database could not be written")]
    Failed(#[source] Arc<rusqlite::Error>),
    /// Compressing failed.
    #[error("the payloads could not be compressed")]
    Compression(#[source] Arc<io::Error>),
    /// A bug of ours.
    #[error("the write panicked")]
    Panicked,
}

impl From<rusqlite::Error> for WriteError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(Arc::new(error))
    }
}
