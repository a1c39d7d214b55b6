//! The one thread that writes, and the transactions it shares out.
//!
//! Everything that waits when a transaction begins goes into it: deliveries as segments, everything else as a
//! closure under a savepoint of its own, so that one that fails does not fail its neighbours. One `fsync` makes
//! all of it durable; only then is anything answered.
//!
//! # When the disk fails
//!
//! *No room* (`SQLITE_FULL`): the transaction is rolled back and everybody in it gets the error. The log holds no
//! commit mark for it, so the next transaction simply tries again and succeeds once there is room.
//!
//! *Anything else* (`EIO`, a failed `fsync`): the kernel may have dropped the pages it could not write and may call
//! them clean, so that a later, successful `fsync` proves nothing about them. Going on in the same log could put
//! acknowledged transactions behind a hole. So the connection is closed and everything is refused until this
//! went through: open again (SQLite follows the log's checksums and takes over every whole transaction), copy all
//! of the log into the database, sync the database, empty the log. After that nothing depends on what the failed
//! `fsync` was about. Until it succeeds it is tried again, and `ready` fails.
//!
//! Whoever got an error may find its write done nevertheless, as after a crash: the ports allow both.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use deputy_core::delivery::Delivery;
use deputy_core::ports::Accepted;
use rusqlite::{Connection, ErrorCode};
use tokio::sync::oneshot;

use crate::accept::{Acceptance, Acceptor};
use crate::checkpoint::{Checkpoints, empty_log};
use crate::error::{OpenError, WriteError};
use crate::schema;
use crate::store::Shared;

/// A transaction takes no more once it holds this much, uncompressed.
const MAX_BATCH_BYTES: usize = 4 << 20;
/// How long after a failed recovery the next is tried.
const RECOVERY_PAUSE: Duration = Duration::from_secs(1);

thread_local! {
    /// The log's length in pages after the last commit. SQLite's hook takes no state.
    static LOG_PAGES: Cell<u32> = const { Cell::new(0) };
}

/// What the writer is asked to do.
pub(crate) enum Command {
    Accept(Delivery, oneshot::Sender<Result<Accepted, WriteError>>),
    Job(Box<dyn Job>),
}

/// A write that shares a transaction with others.
pub(crate) trait Job: Send {
    /// Does it, within the open transaction.
    fn perform(&mut self, connection: &Connection) -> Result<(), WriteError>;
    /// Called once the transaction is through, or failed.
    fn answer(self: Box<Self>, committed: Result<(), WriteError>);
}

/// A job made of a closure.
pub(crate) struct Closure<F, T> {
    work: Option<F>,
    result: Option<T>,
    answer: oneshot::Sender<Result<T, WriteError>>,
}

impl<F, T> Closure<F, T> {
    pub(crate) fn new(work: F) -> (Self, oneshot::Receiver<Result<T, WriteError>>) {
        let (answer, answered) = oneshot::channel();
        (Self { work: Some(work), result: None, answer }, answered)
    }
}

impl<F, T> Job for Closure<F, T>
where
    F: FnOnce(&Connection) -> rusqlite::Result<T> + Send,
    T: Send,
{
    fn perform(&mut self, connection: &Connection) -> Result<(), WriteError> {
        if let Some(work) = self.work.take() {
            self.result = Some(work(connection)?);
        }
        Ok(())
    }

    fn answer(self: Box<Self>, committed: Result<(), WriteError>) {
        let result = match (committed, self.result) {
            (Ok(()), Some(result)) => Ok(result),
            (Ok(()), None) => Err(WriteError::Panicked),
            (Err(error), _) => Err(error),
        };
        // Nobody may be waiting any more: cancelling a call does not cancel its write.
        let _ = self.answer.send(result);
    }
}

/// A job, and what became of it so far.
type Performed = (Box<dyn Job>, Result<(), WriteError>);

/// The writer's thread.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    /// `None` since the disk failed.
    connection: Option<Connection>,
    /// When to try to recover next; sooner would only be more load for a disk in trouble.
    recover_at: Instant,
    acceptor: Acceptor,
    checkpoints: Checkpoints,
}

impl Writer {
    /// Opens the database, brings it up to date and reads what is known.
    pub(crate) fn open(shared: Arc<Shared>) -> Result<Self, OpenError> {
        let acceptor = Acceptor::new(Arc::clone(&shared))?;
        let checkpoints = Checkpoints::start(shared.database.clone())?;
        let mut writer = Self { shared, connection: None, recover_at: Instant::now(), acceptor, checkpoints };
        writer.recover()?;
        Ok(writer)
    }

    /// The connection, for what has to happen before anybody else writes.
    pub(crate) fn connection(&self) -> Option<&Connection> {
        self.connection.as_ref()
    }

    /// Runs until the intake is closed and empty.
    pub(crate) fn run(mut self) {
        // Whatever ends this thread, nobody may wait for it in vain.
        let _closing = CloseOnDrop(Arc::clone(&self.shared));
        let mut batch = Vec::new();
        loop {
            let patience = self.connection.is_none().then_some(RECOVERY_PAUSE);
            if !self.shared.intake.take(&mut batch, MAX_BATCH_BYTES, patience) {
                break;
            }
            self.recover_if_due();
            if self.connection.is_none() {
                refuse(batch.drain(..), &WriteError::Broken);
            } else if !batch.is_empty() {
                self.commit(&mut batch);
                self.checkpoint_if_long();
            }
        }
        if let Some(connection) = self.connection.take()
            && let Err(error) = empty_log(&connection)
        {
            tracing::warn!(%error, "the log stays beside the database until the next start");
        }
    }

    fn recover_if_due(&mut self) {
        if self.connection.is_some() || Instant::now() < self.recover_at {
            return;
        }
        match self.recover() {
            Ok(()) => tracing::info!("the store has recovered, and accepts again"),
            Err(error) => {
                self.recover_at = Instant::now() + RECOVERY_PAUSE;
                tracing::error!(error = &error as &dyn std::error::Error, "the store cannot recover yet");
            }
        }
    }

    /// Opens the database, copies the whole log into it, and reads what is known.
    fn recover(&mut self) -> Result<(), OpenError> {
        let connection = schema::open_writer(&self.shared.database)?;
        connection.wal_hook(Some(|_, pages| {
            LOG_PAGES.set(pages.cast_unsigned());
            Ok(())
        }));
        empty_log(&connection)?;
        let next = self.shared.load(&connection)?;
        self.acceptor.resume(next);
        self.connection = Some(connection);
        Ok(())
    }

    fn commit(&mut self, batch: &mut Vec<Command>) {
        let Some(connection) = &self.connection else { return };
        let mut jobs = Vec::new();
        let mut deliveries = Vec::new();
        let mut waiting = Vec::new();
        for command in batch.drain(..) {
            match command {
                Command::Accept(delivery, answer) => {
                    deliveries.push(delivery);
                    waiting.push(answer);
                }
                Command::Job(job) => jobs.push((job, Ok(()))),
            }
        }
        let transacted = transact(connection, &mut jobs, || self.acceptor.accept(connection, deliveries));
        match transacted {
            Ok(acceptance) => {
                self.acceptor.committed(&acceptance);
                for (answer, outcome) in waiting.into_iter().zip(acceptance.outcomes) {
                    let _ = answer.send(Ok(outcome));
                }
                for (job, performed) in jobs {
                    job.answer(performed);
                }
                for segment in acceptance.segments {
                    if !segment.queued.is_empty() {
                        self.shared.warm.keep(segment.id, Arc::clone(&segment.deliveries));
                    }
                    for lane in segment.queued {
                        self.shared.wake(lane);
                    }
                    for promised in segment.promised {
                        promised.hand_over(Arc::clone(&segment.deliveries));
                    }
                }
            }
            Err(error) => {
                self.give_up(&error);
                for answer in waiting {
                    let _ = answer.send(Err(error.clone()));
                }
                for (job, _) in jobs {
                    job.answer(Err(error.clone()));
                }
            }
        }
    }

    /// After a transaction failed: makes sure that it is gone, and closes what cannot be trusted any more.
    fn give_up(&mut self, error: &WriteError) {
        self.acceptor.forget();
        let rolled_back = self.connection.as_ref().is_some_and(|connection| {
            connection.is_autocommit() || connection.execute_batch("ROLLBACK").is_ok()
        });
        if rolled_back && !is_disk_failure(error) {
            tracing::error!(error = error as &dyn std::error::Error, "nothing of a transaction was written");
        } else {
            tracing::error!(
                error = error as &dyn std::error::Error,
                "the disk failed; nothing is accepted until the database has recovered"
            );
            self.connection = None;
        }
    }

    fn checkpoint_if_long(&mut self) {
        let Some(connection) = &self.connection else { return };
        if let Err(error) = self.checkpoints.after_commit(connection, LOG_PAGES.get()) {
            let error = WriteError::from(error);
            tracing::error!(error = &error as &dyn std::error::Error, "the log could not be copied back");
            if is_disk_failure(&error) {
                self.connection = None;
            }
        }
    }
}

struct CloseOnDrop(Arc<Shared>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.intake.close();
        let mut rest = Vec::new();
        while self.0.intake.take(&mut rest, usize::MAX, None) {
            refuse(rest.drain(..), &WriteError::Closed);
        }
    }
}

fn refuse(commands: impl Iterator<Item = Command>, error: &WriteError) {
    for command in commands {
        match command {
            Command::Accept(_, answer) => {
                let _ = answer.send(Err(error.clone()));
            }
            Command::Job(job) => job.answer(Err(error.clone())),
        }
    }
}

/// One transaction: all jobs, each under a savepoint, and the deliveries.
fn transact(
    connection: &Connection,
    jobs: &mut [Performed],
    accept: impl FnOnce() -> Result<Acceptance, WriteError>,
) -> Result<Acceptance, WriteError> {
    let execute = |sql: &str| connection.prepare_cached(sql)?.execute(());
    execute("BEGIN IMMEDIATE")?;
    for (job, performed) in jobs {
        execute("SAVEPOINT job")?;
        let outcome = catch_unwind(AssertUnwindSafe(|| job.perform(connection)));
        let outcome = outcome.unwrap_or(Err(WriteError::Panicked));
        if let Err(error) = &outcome {
            if connection.is_autocommit() || is_disk_failure(error) || is_no_room(error) {
                return outcome.map(|()| unreachable!("it is an error"));
            }
            execute("ROLLBACK TO job")?;
        }
        execute("RELEASE job")?;
        *performed = outcome;
    }
    let acceptance = accept()?;
    execute("COMMIT")?;
    Ok(acceptance)
}

/// Whether what SQLite read or wrote last can no longer be relied on.
fn is_disk_failure(error: &WriteError) -> bool {
    let WriteError::Failed(error) = error else { return false };
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::ReadOnly
                | ErrorCode::NotADatabase
        )
    )
}

fn is_no_room(error: &WriteError) -> bool {
    let WriteError::Failed(error) = error else { return false };
    matches!(error.sqlite_error_code(), Some(ErrorCode::DiskFull | ErrorCode::OutOfMemory))
}
