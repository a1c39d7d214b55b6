//! Opening the database: its settings, and its schema brought up to date.
//!
//! Migrations only expand; what is no longer used goes in a later release than the one that stopped using it.
//! Each is one file in `migrations/`, with sample data in the test below.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use rusqlite_migration::{M, Migrations, SchemaVersion};

/// In order; never edited once released.
const MIGRATIONS: &[M<'static>] = &[M::up(include_str!("migrations/1-inbox.sql"))];

/// Why the database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// A newer release wrote it.
    #[error(
        "the database is of a newer release of Deputy: its schema is number {found}, this release knows {known}. \
         Start the newer release again, or restore a backup from before the upgrade"
    )]
    Newer {
        /// Its schema.
        found: usize,
        /// Ours.
        known: usize,
    },
    /// A migration did not go through. The database is as it was before it.
    #[error("the database could not be brought to this release's schema")]
    Migration(#[source] rusqlite_migration::Error),
    /// SQLite cannot open or read it.
    #[error("the database cannot be opened")]
    Sqlite(#[from] rusqlite::Error),
}

/// The one connection that writes.
pub(crate) fn open_writer(path: &Path) -> Result<Connection, SchemaError> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    refuse_newer(&connection)?;
    set_up_writer(&connection)?;
    migrate(connection)
}

/// A connection for reading. Any number of them, none of which hinders the writer.
pub(crate) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection
        .execute_batch("PRAGMA query_only = 1; PRAGMA trusted_schema = 0; PRAGMA cache_size = -512;")?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

fn set_up_writer(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    // The first two take effect only in an empty database, and only before the journal mode is set.
    connection.execute_batch(
        "PRAGMA page_size = 4096;
         PRAGMA auto_vacuum = INCREMENTAL;
         PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA wal_autocheckpoint = 0;
         PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -4096;
         PRAGMA trusted_schema = 0;
         PRAGMA foreign_keys = 0;",
    )?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

fn refuse_newer(connection: &Connection) -> Result<(), SchemaError> {
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let (found, known) = (found as usize, MIGRATIONS.len());
    if found > known { Err(SchemaError::Newer { found, known }) } else { Ok(()) }
}

fn migrate(mut connection: Connection) -> Result<Connection, SchemaError> {
    let migrations = Migrations::from_slice(MIGRATIONS);
    let before = migrations.current_version(&connection).map_err(SchemaError::Migration)?;
    migrations.to_latest(&mut connection).map_err(SchemaError::Migration)?;
    if !matches!(before, SchemaVersion::Inside(version) if version.get() == MIGRATIONS.len()) {
        tracing::info!(from = %before, to = MIGRATIONS.len(), "brought the database's schema up to date");
    }
    Ok(connection)
}
