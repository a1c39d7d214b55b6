//! The tables, and how a database becomes of the present version.

use std::path::Path;

use rusqlite::Connection;

use crate::error::EngineError;

/// Each entry brings the database from the version of its index to the next. Entries are never changed, only added.
const MIGRATIONS: [&str; 2] = [
    "
CREATE TABLE catalog (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;

-- By SHA-256 of type and text: running executions keep the definition that they began with.
CREATE TABLE definition (hash BLOB PRIMARY KEY, express INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE execution (
    id INTEGER PRIMARY KEY,
    -- The first 16 bytes of the SHA-256 of the ARN. Names are often random, and a short key keeps the index small.
    name_key BLOB NOT NULL,
    machine INTEGER NOT NULL,
    map_run INTEGER,
    name TEXT NOT NULL,
    status INTEGER NOT NULL,
    started INTEGER NOT NULL,
    stopped INTEGER,
    -- When the next timer of a resting execution is due.
    wake INTEGER,
    -- Whether a resting execution has something under way that must be taken up again after a restart.
    resume INTEGER NOT NULL DEFAULT 0,
    -- JSON: what ListExecutions shows besides, and the outcome.
    about TEXT NOT NULL,
    outcome TEXT
);
CREATE UNIQUE INDEX execution_by_name ON execution (name_key);
CREATE INDEX execution_by_machine ON execution (machine, id);
CREATE INDEX execution_open ON execution (machine, id) WHERE status = 0;
CREATE INDEX execution_by_map_run ON execution (map_run, id) WHERE map_run IS NOT NULL;
CREATE INDEX execution_wake ON execution (wake, id) WHERE wake IS NOT NULL;
CREATE INDEX execution_resume ON execution (id) WHERE resume = 1;

CREATE TABLE log (id INTEGER PRIMARY KEY, execution INTEGER NOT NULL, first INTEGER NOT NULL, body BLOB NOT NULL);
CREATE UNIQUE INDEX log_by_execution ON log (execution, first);

CREATE TABLE snapshot (execution INTEGER PRIMARY KEY, events INTEGER NOT NULL, body BLOB NOT NULL);

CREATE TABLE segment (id INTEGER PRIMARY KEY, body BLOB NOT NULL);

-- Task tokens by SHA-256, of executions that rest or are over.
CREATE TABLE token (hash BLOB PRIMARY KEY, execution INTEGER NOT NULL, task INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX token_by_execution ON token (execution);
",
    "
-- Whole logs of executions that are over, many to a row: one entry in one table costs less than one for each, and logs of
-- the same machine compress well together. The row goes with the last of its executions.
CREATE TABLE block (id INTEGER PRIMARY KEY, executions INTEGER NOT NULL, body BLOB NOT NULL);

ALTER TABLE execution ADD COLUMN block INTEGER;
",
];

/// Opens the database for writing, makes it where there is none, and brings it to the present version.
pub(crate) fn open_writer(path: &Path) -> Result<Connection, EngineError> {
    let mut connection = Connection::open(path)?;
    connection.set_prepared_statement_cache_capacity(64);
    // FULL: a commit is answered only when the log is on the disk. The page cache bounds what a writer keeps in memory.
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -16000; PRAGMA wal_autocheckpoint = 8000; PRAGMA journal_size_limit = 67108864;",
    )?;
    let version: usize = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version > MIGRATIONS.len() {
        return Err(EngineError::Unreadable(format!(
            "schema {version}, and this version knows {}",
            MIGRATIONS.len()
        )));
    }
    for (index, migration) in MIGRATIONS.iter().enumerate().skip(version) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", index + 1)?;
        transaction.commit()?;
    }
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_of_the_first_version_is_brought_up_to_date() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let old = Connection::open(&path).unwrap();
        old.execute_batch(MIGRATIONS[0]).unwrap();
        old.execute_batch(
            "INSERT INTO execution (id, name_key, machine, name, status, started, stopped, about)
             VALUES (1, x'00', 1, 'e', 1, 5, 6, '{}');
             INSERT INTO log (execution, first, body) VALUES (1, 0, x'00'); PRAGMA user_version = 1;",
        )
        .unwrap();
        drop(old);
        let new = open_writer(&path).unwrap();
        let block: Option<u64> =
            new.query_row("SELECT block FROM execution WHERE id = 1", [], |row| row.get(0)).unwrap();
        assert_eq!(block, None, "its log is where it was");
    }

    #[test]
    fn a_database_of_a_later_version_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let connection = open_writer(&path).unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        drop(connection);
        assert!(matches!(open_writer(&path), Err(EngineError::Unreadable(_))));
    }
}
