//! The store: one data folder, one writer thread, a few readers, and what they share.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::{self, JoinHandle};

use deputy_core::delivery::Delivery;
use deputy_core::ids::EventName;
use deputy_core::ports::{Accepted, Clock};
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::dedup::Dedup;
use crate::door::Door;
use crate::error::{OpenError, WriteError};
use crate::folder::Folder;
use crate::intake::{Intake, Limits, Refused};
use crate::lease;
use crate::options::Options;
use crate::readers::Readers;
use crate::retry::Dice;
use crate::segment::raw_size;
use crate::warm::Warm;
use crate::writer::{Closure, Command, Writer};

/// Which handlers get an event.
///
/// Asked when an event is accepted for the first time since the store was opened; the answer is kept.
pub trait Subscriptions: Send + Sync {
    /// The names of the handlers, which are also the names of their queues.
    fn subscribed(&self, event: &EventName) -> Vec<String>;
}

impl<F: Fn(&EventName) -> Vec<String> + Send + Sync> Subscriptions for F {
    fn subscribed(&self, event: &EventName) -> Vec<String> {
        self(event)
    }
}

/// What Deputy keeps on this machine. Clones share it; the last one that goes closes it.
#[derive(Clone)]
pub struct Store(Arc<Opened>);

struct Opened {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the writer and its callers share.
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) subscriptions: Arc<dyn Subscriptions>,
    pub(crate) database: PathBuf,
    pub(crate) intake: Intake<Command>,
    pub(crate) dedup: RwLock<Dedup>,
    pub(crate) warm: Warm,
    pub(crate) readers: Readers,
    pub(crate) dice: Dice,
    /// The next lease's token. Some leases outlive their process, so each process counts from somewhere else.
    next_lease: AtomicU64,
    /// Per lane, where its loop waits.
    doors: Mutex<HashMap<i64, Arc<Door>>>,
    /// Last, so that the folder is unlocked when nothing uses it any more.
    _folder: Folder,
}

impl Store {
    /// Opens the folder, makes it where there is none, and takes up what the last process left.
    ///
    /// Blocks while it reads which deliveries are known: about 0.2 s for a million.
    pub fn open(
        options: Options,
        clock: Arc<dyn Clock>,
        subscriptions: Arc<dyn Subscriptions>,
    ) -> Result<Self, OpenError> {
        options.check()?;
        let folder = Folder::open(&options.folder)?;
        let database = folder.database()?;
        let limits = Limits { waiting: options.waiting, bytes: options.waiting_bytes };
        let shared = Arc::new(Shared {
            intake: Intake::new(limits),
            dedup: RwLock::new(Dedup::new()),
            warm: Warm::default(),
            readers: Readers::new(database.clone()),
            dice: Dice::new(),
            // Half of what SQLite's integers hold, so that there is room to count.
            next_lease: AtomicU64::new(RandomState::new().hash_one(std::process::id()) >> 2),
            doors: Mutex::default(),
            options,
            clock,
            subscriptions,
            database,
            _folder: folder,
        });
        let writer = Writer::open(Arc::clone(&shared))?;
        if let Some(connection) = writer.connection() {
            lease::end_all(connection, &shared)?;
        }
        let thread = thread::Builder::new().name("deputy-writer".to_owned()).spawn(|| writer.run())?;
        Ok(Self(Arc::new(Opened { shared, thread: Mutex::new(Some(thread)) })))
    }

    /// Finishes what waits, refuses everything after it, and puts the database in order.
    pub async fn close(&self) {
        let opened = Arc::clone(&self.0);
        // Joining the thread is all that this task does, so its failing means that the thread panicked; it said so.
        let _ = tokio::task::spawn_blocking(move || opened.close()).await;
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    /// Hands a delivery to the writer, and waits until it is on the disk.
    pub(crate) async fn write_delivery(&self, delivery: Delivery) -> Result<Accepted, WriteError> {
        let (answer, answered) = oneshot::channel();
        // Never 0, which would mark it as something that must not be refused.
        let bytes = raw_size(&delivery).max(1);
        self.0.shared.intake.push(bytes, Command::Accept(delivery, answer))?;
        answered.await.unwrap_or(Err(WriteError::Closed))
    }

    /// Runs a closure in the writer's next transaction, and waits until it is on the disk. An error takes back
    /// what the closure wrote, and nothing else. Cancelling does not cancel the write.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, WriteError> {
        let (job, answered) = Closure::new(work);
        self.0.shared.intake.push(0, Command::Job(Box::new(job)))?;
        answered.await.unwrap_or(Err(WriteError::Closed))
    }
}

impl Opened {
    fn close(&self) {
        self.shared.intake.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.thread().id() != thread::current().id()
        {
            let _ = thread.join();
        }
        self.shared.readers.close();
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.close();
    }
}

impl From<Refused> for WriteError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Full => Self::Full,
            Refused::Closed => Self::Closed,
        }
    }
}

impl Shared {
    /// Milliseconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        self.clock.now().timestamp_millis()
    }

    /// A lease's token, never used before.
    pub(crate) fn lease_token(&self) -> i64 {
        self.next_lease.fetch_add(1, Ordering::Relaxed) as i64
    }

    /// Where this lane's loop waits.
    pub(crate) fn door(&self, lane: i64) -> Arc<Door> {
        let mut doors = self.doors.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(doors.entry(lane).or_default())
    }

    /// There is new work in the queue of this lane.
    pub(crate) fn wake(&self, lane: i64) {
        self.door(lane).wake();
    }

    /// There may be work in every lane.
    pub(crate) fn wake_all(&self) {
        for door in self.doors.lock().unwrap_or_else(PoisonError::into_inner).values() {
            door.wake();
        }
    }

    /// Reads which deliveries are known; the answer is the next delivery's number.
    pub(crate) fn load(&self, connection: &Connection) -> rusqlite::Result<u64> {
        let cutoff = self.now() - self.options.dedup_window.as_millis() as i64;
        let mut dedup = Dedup::new();
        let mut select =
            connection.prepare("SELECT id, last_at, ids FROM segment WHERE last_at >= ? ORDER BY id")?;
        let mut rows = select.query([cutoff])?;
        while let Some(row) = rows.next()? {
            let (first, last_at) = (row.get::<_, i64>(0)? as u64, row.get(1)?);
            let (guids, _) = row.get_ref(2)?.as_blob()?.as_chunks::<16>();
            for (number, guid) in (first..).zip(guids) {
                dedup.insert(deputy_core::ids::DeliveryId::from_bytes(*guid), number, last_at);
            }
        }
        *self.dedup.write().unwrap_or_else(PoisonError::into_inner) = dedup;
        let next: i64 = connection.query_row(
            "SELECT max(
                (SELECT value FROM setting WHERE name = 'next_delivery'),
                coalesce((SELECT id + count FROM segment ORDER BY id DESC LIMIT 1), 0))",
            (),
            |row| row.get(0),
        )?;
        self.wake_all();
        Ok(next as u64)
    }
}
