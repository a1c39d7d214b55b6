//! Opening the database: its settings, and its schema brought up to date.
//!
//! Migrations only expand; what is no longer used goes in a later release than the one that stopped using it.
//! Each is one file in `migrations/`, with sample data of the same name in `migrations/samples/`.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use rusqlite_migration::{M, Migrations, SchemaVersion};

/// In order; never edited once released.
const MIGRATIONS: &[M<'static>] = &[
    M::up(include_str!("migrations/1-inbox.sql")),
    M::up(include_str!("migrations/2-identity.sql")),
    M::up(include_str!("migrations/3-jobs.sql")),
];

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
    #[error(
        "deputy.db cannot be read or written; if it is damaged, put a backup of the whole data folder in its place"
    )]
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

/// A connection that only copies the log back.
pub(crate) fn open_checkpointer(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    // Else this one would not sync what it copied.
    connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;")?;
    Ok(connection)
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::SubsecRound as _;
    use deputy_core::contract::delivery;
    use deputy_core::ports::{
        Accepted, Archive as _, Clock as _, DeadLetterQuery, DeadLetters, Inbox as _, SystemClock,
    };

    use super::*;

    /// What a database may hold when it is still of this version, to migrate from. One file a migration.
    const SAMPLES: &[&str] = &[
        include_str!("migrations/samples/1-inbox.sql"),
        include_str!("migrations/samples/2-identity.sql"),
        include_str!("migrations/samples/3-jobs.sql"),
    ];

    fn database() -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deputy.db");
        std::fs::write(&path, "").unwrap();
        (folder, path)
    }

    /// Every table's rows, as text.
    fn content(connection: &Connection) -> Vec<String> {
        let mut tables = connection
            .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name")
            .unwrap();
        let tables: Vec<String> =
            tables.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let mut lines = Vec::new();
        for table in tables {
            let mut select = connection.prepare(&format!("SELECT * FROM {table} ORDER BY 1")).unwrap();
            let columns = select.column_count();
            let mut rows = select.query(()).unwrap();
            while let Some(row) = rows.next().unwrap() {
                let values: Vec<_> =
                    (0..columns).map(|at| format!("{:?}", row.get_ref(at).unwrap())).collect();
                lines.push(format!("{table}: {}", values.join(", ")));
            }
        }
        lines
    }

    #[test]
    fn migrations_keep_what_was_there() {
        assert_eq!(SAMPLES.len(), MIGRATIONS.len(), "every migration brings sample data");
        let (_folder, path) = database();
        let mut connection = Connection::open(&path).unwrap();
        set_up_writer(&connection).unwrap();
        let migrations = Migrations::from_slice(MIGRATIONS);
        let mut before: Vec<String> = Vec::new();
        for (at, sample) in SAMPLES.iter().enumerate() {
            migrations.to_version(&mut connection, at + 1).unwrap();
            let now = content(&connection);
            for row in &before {
                assert!(now.contains(row), "migration {} lost or changed: {row}", at + 1);
            }
            connection.execute_batch(sample).unwrap();
            before = content(&connection);
        }
        drop(connection);
        let connection = open_writer(&path).unwrap();
        assert_eq!(content(&connection), before);
        assert_eq!(before.len(), 17, "{before:#?}");
    }

    /// What somebody does who upgrades: the new release starts on the folder of the old one.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_folder_of_every_older_release_is_opened_and_used() {
        for version in 1..=MIGRATIONS.len() {
            let (folder, path) = database();
            let mut connection = Connection::open(&path).unwrap();
            set_up_writer(&connection).unwrap();
            for (at, sample) in SAMPLES[..version].iter().enumerate() {
                Migrations::from_slice(MIGRATIONS).to_version(&mut connection, at + 1).unwrap();
                connection.execute_batch(sample).unwrap();
            }
            drop(connection);

            let options = crate::Options::new(folder.path());
            let store = crate::Store::open(options, Arc::new(SystemClock), Arc::new(|_: &_| Vec::new()));
            let store = store.unwrap_or_else(|error| panic!("of version {version}: {error:?}"));
            let letters = DeadLetters::list(&store, &DeadLetterQuery::default()).await.unwrap().items;
            assert!(
                letters.iter().any(|letter| letter.errors == ["no"]),
                "of version {version}: {letters:?}"
            );
            let delivery = delivery(1, SystemClock.now().trunc_subsecs(3));
            assert_eq!(store.accept(delivery.clone()).await.unwrap(), Accepted::New);
            assert_eq!(store.read(delivery.id).await.unwrap(), Some(delivery));
            store.close().await;
        }
    }

    #[test]
    fn migrations_are_sound() {
        Migrations::from_slice(MIGRATIONS).validate().unwrap();
    }

    #[test]
    fn a_newer_database_is_refused_and_left_alone() {
        let (_folder, path) = database();
        drop(open_writer(&path).unwrap());
        let connection = Connection::open(&path).unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        drop(connection);
        let bytes = std::fs::read(&path).unwrap();
        let error = open_writer(&path).unwrap_err();
        assert!(matches!(error, SchemaError::Newer { found: 99, .. }), "{error}");
        assert!(error.to_string().contains("newer release"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }

    #[test]
    fn durability_is_what_it_should_be() {
        let (_folder, path) = database();
        let connection = open_writer(&path).unwrap();
        let value = |pragma: &str| -> String {
            connection.pragma_query_value(None, pragma, |row| Ok(format!("{:?}", row.get_ref(0)?))).unwrap()
        };
        assert_eq!(value("journal_mode"), format!("{:?}", rusqlite::types::ValueRef::Text(b"wal")));
        assert_eq!(value("synchronous"), "Integer(2)");
        assert_eq!(value("auto_vacuum"), "Integer(2)");
    }
}
