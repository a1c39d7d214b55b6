//! The one thread that writes: it takes batches, commits each in one transaction, and says so.
//!
//! # When the disk fails
//!
//! *No room* (`SQLITE_FULL`): the transaction is rolled back and tried again until there is room. Nothing of the batch has
//! left the process, so waiting is all that it costs.
//!
//! *Anything else* (`EIO`, a failed `fsync`): the kernel may have dropped pages that it could not write, and a later,
//! successful `fsync` proves nothing about them. The writer stops for good and the engine with it; opening again takes
//! over every whole transaction.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, params};

use super::{ExecutionId, segment};

/// How long the writer waits before it asks a full disk again.
const FULL_DISK_PAUSE: Duration = Duration::from_millis(500);

/// One change of the store.
#[derive(Debug, Clone)]
pub(crate) enum Write {
    /// A new execution's row, and its end if it is over.
    Execution(Box<ExecutionRow>, Option<Box<EndRow>>),
    /// The end of an execution whose row is there.
    End { id: ExecutionId, end: Box<EndRow> },
    /// An execution that was over runs again.
    Redriven { id: ExecutionId, about: String },
    /// The whole logs of so many executions, as runs.
    Block { id: u64, executions: u64, body: Vec<u8> },
    /// Events of an execution move into its own log.
    Log { id: ExecutionId, first: u64, body: Vec<u8> },
    /// An execution's state, so that the events before need not be applied again.
    Snapshot { id: ExecutionId, events: u64, body: Vec<u8>, wake: Option<i64>, resume: bool },
    /// The execution is over: its state follows from its log, should anybody ask.
    DropSnapshot { id: ExecutionId },
    /// A task token, by its hash.
    Token { hash: [u8; 32], id: ExecutionId, task: u64 },
    /// Something of the catalog.
    Put { kind: &'static str, key: String, body: String },
    /// Something of the catalog goes.
    Remove { kind: &'static str, key: String },
    /// A definition's text.
    Definition { hash: [u8; 32], express: bool, body: Arc<str> },
    /// Segments below this one are not needed any more.
    Trim { below: u64 },
    /// Everything about these executions goes.
    Forget { ids: Vec<ExecutionId> },
}

/// A new execution as its row has it.
#[derive(Debug, Clone)]
pub(crate) struct ExecutionRow {
    pub(crate) id: ExecutionId,
    pub(crate) name_key: [u8; 16],
    pub(crate) machine: u64,
    pub(crate) map_run: Option<u64>,
    pub(crate) name: Arc<str>,
    pub(crate) started: i64,
    pub(crate) about: String,
}

/// How an execution ended, as its row has it.
#[derive(Debug, Clone)]
pub(crate) struct EndRow {
    pub(crate) status: u8,
    pub(crate) stopped: i64,
    pub(crate) outcome: String,
    /// The block that its whole log is in.
    pub(crate) block: Option<u64>,
}

/// What one transaction makes durable.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) writes: Vec<Write>,
    /// The segment and its number.
    pub(crate) segment: Option<(u64, Vec<u8>)>,
}

/// What the writer has to say about a batch: durable, or why it never will be.
pub(crate) type Committed = Result<(), rusqlite::Error>;

/// Where in a commit the writer is, for [`Disk`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Boundary {
    /// Nothing of the batch has been written.
    BeforeWrite,
    /// Everything has been written and nothing is durable.
    BeforeCommit,
    /// The batch is durable, and nobody has been told.
    AfterCommit,
}

/// Watches the writer at the boundaries of its commits, and may fail them as a disk does.
pub trait Disk: Send + Sync + 'static {
    /// The writer is at a boundary of the `commit`-th commit since it opened. An error stands for the disk's.
    fn at(&self, boundary: Boundary, commit: u64) -> Result<(), DiskFault>;
}

/// How a disk fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskFault {
    /// There is no room: `ENOSPC`.
    Full,
    /// It cannot be written: `EIO`.
    Broken,
}

impl From<DiskFault> for rusqlite::Error {
    fn from(fault: DiskFault) -> Self {
        let code = match fault {
            DiskFault::Full => rusqlite::ffi::SQLITE_FULL,
            DiskFault::Broken => rusqlite::ffi::SQLITE_IOERR,
        };
        Self::SqliteFailure(rusqlite::ffi::Error::new(code), None)
    }
}

/// The engine's end of the writer.
#[derive(Debug)]
pub(crate) struct Writer {
    batches: Option<SyncSender<Batch>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread. `report` is called on it after every batch, in order.
    pub(crate) fn start(
        connection: Connection,
        disk: Option<Arc<dyn Disk>>,
        report: impl Fn(Committed) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (batches, incoming) = sync_channel(1);
        let thread = thread::Builder::new()
            .name("stepfunctions-writer".into())
            .spawn(move || run(&connection, &incoming, disk.as_deref(), &report))?;
        Ok(Self { batches: Some(batches), thread: Some(thread) })
    }

    /// Hands over a batch. The engine sends the next one only after the report on this one.
    pub(crate) fn send(&self, batch: Batch) {
        if let Some(batches) = &self.batches {
            // A writer that is gone has reported its failure already.
            let _ = batches.send(batch);
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(
    connection: &Connection,
    incoming: &Receiver<Batch>,
    disk: Option<&dyn Disk>,
    report: &impl Fn(Committed),
) {
    let mut number = 0;
    while let Ok(batch) = incoming.recv() {
        number += 1;
        let mut warned = false;
        let committed = loop {
            match commit(connection, &batch, disk, number) {
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::DiskFull) => {
                    if !std::mem::replace(&mut warned, true) {
                        tracing::error!("the disk is full: everything waits until there is room");
                    }
                    thread::sleep(FULL_DISK_PAUSE);
                }
                result => break result,
            }
        };
        let failed = committed.is_err();
        report(committed);
        if failed {
            return;
        }
    }
    // A clean end leaves one file.
    let _ = connection.execute_batch("PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE);");
}

fn commit(connection: &Connection, batch: &Batch, disk: Option<&dyn Disk>, number: u64) -> Committed {
    let at = |boundary| disk.map_or(Ok(()), |disk| disk.at(boundary, number).map_err(rusqlite::Error::from));
    at(Boundary::BeforeWrite)?;
    let transaction = connection.unchecked_transaction()?;
    if let Some((id, body)) = &batch.segment {
        let mut insert = transaction.prepare_cached("INSERT INTO segment (id, body) VALUES (?, ?)")?;
        insert.execute(params![id, segment::pack_for_now(body)])?;
    }
    for write in &batch.writes {
        apply(&transaction, write)?;
    }
    at(Boundary::BeforeCommit)?;
    transaction.commit()?;
    at(Boundary::AfterCommit)
}

fn apply(connection: &Connection, write: &Write) -> rusqlite::Result<()> {
    let run = |sql: &str, parameters: &[&dyn rusqlite::ToSql]| {
        connection.prepare_cached(sql)?.execute(parameters).map(|_| ())
    };
    match write {
        Write::Execution(row, end) => {
            let end = end.as_deref();
            run(
                "INSERT INTO execution
                 (id, name_key, machine, map_run, name, status, started, about, stopped, outcome, block)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                &[
                    &row.id,
                    &row.name_key,
                    &row.machine,
                    &row.map_run,
                    &row.name.as_ref(),
                    &end.map_or(0, |end| end.status),
                    &row.started,
                    &row.about,
                    &end.map(|end| end.stopped),
                    &end.map(|end| end.outcome.as_str()),
                    &end.and_then(|end| end.block),
                ],
            )
        }
        Write::End { id, end } => run(
            "UPDATE execution SET status = ?, stopped = ?, outcome = ?, block = coalesce(?, block), wake = NULL, resume = 0
             WHERE id = ?",
            &[&end.status, &end.stopped, &end.outcome, &end.block, id],
        ),
        Write::Redriven { id, about } => run(
            "UPDATE execution SET status = 0, stopped = NULL, about = ?, outcome = NULL, wake = NULL, resume = 0
             WHERE id = ?",
            &[about, id],
        ),
        Write::Block { id, executions, body } => run(
            "INSERT INTO block (id, executions, body) VALUES (?, ?, ?)",
            &[id, executions, &segment::pack(body)],
        ),
        Write::Log { id, first, body } => run(
            "INSERT INTO log (execution, first, body) VALUES (?, ?, ?)",
            &[id, first, &segment::pack(body)],
        ),
        Write::Snapshot { id, events, body, wake, resume } => {
            run(
                "INSERT INTO snapshot (execution, events, body) VALUES (?, ?, ?)
                 ON CONFLICT DO UPDATE SET events = excluded.events, body = excluded.body",
                &[id, events, &segment::pack(body)],
            )?;
            run("UPDATE execution SET wake = ?, resume = ? WHERE id = ?", &[wake, resume, id])
        }
        Write::DropSnapshot { id } => run("DELETE FROM snapshot WHERE execution = ?", &[id]),
        Write::Token { hash, id, task } => run(
            "INSERT INTO token (hash, execution, task) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            &[hash, id, task],
        ),
        Write::Put { kind, key, body } => run(
            "INSERT INTO catalog (kind, key, body) VALUES (?, ?, ?)
             ON CONFLICT DO UPDATE SET body = excluded.body",
            &[kind, key, body],
        ),
        Write::Remove { kind, key } => run("DELETE FROM catalog WHERE kind = ? AND key = ?", &[kind, key]),
        Write::Definition { hash, express, body } => run(
            "INSERT INTO definition (hash, express, body) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            &[hash, express, &body.as_ref()],
        ),
        Write::Trim { below } => run("DELETE FROM segment WHERE id < ?", &[below]),
        Write::Forget { ids } => ids.iter().try_for_each(|id| forget(connection, *id)),
    }
}

fn forget(connection: &Connection, id: ExecutionId) -> rusqlite::Result<()> {
    for sql in [
        "UPDATE block SET executions = executions - 1 WHERE id = (SELECT block FROM execution WHERE id = ?)",
        "DELETE FROM block WHERE executions = 0 AND id = (SELECT block FROM execution WHERE id = ?)",
        "DELETE FROM token WHERE execution = ?",
        "DELETE FROM log WHERE execution = ?",
        "DELETE FROM snapshot WHERE execution = ?",
        "DELETE FROM execution WHERE id = ?",
    ] {
        connection.prepare_cached(sql)?.execute([id])?;
    }
    Ok(())
}
