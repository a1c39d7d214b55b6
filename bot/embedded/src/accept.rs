//! Accepting the deliveries of one commit: sorting out duplicates, writing segments, queueing work.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::{Arc, RwLock};

use deputy_core::delivery::Delivery;
use deputy_core::ids::{DeliveryId, EventName};
use deputy_core::ports::Accepted;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::dedup::Dedup;
use crate::door::Door;
use crate::error::WriteError;
use crate::lane::LEASE;
use crate::segment::{Encoder, MAX_DELIVERIES, MAX_RAW_BYTES, id_at, raw_size};
use crate::store::Shared;
use crate::work::{Claimed, WorkLease, bitmap};

/// Events whose subscribers are remembered; GitHub knows about 75, and names are the sender's choice.
const REMEMBERED_EVENTS: usize = 256;

/// What the writer needs for accepting; its state is as of the last commit.
pub(crate) struct Acceptor {
    shared: Arc<Shared>,
    encoder: Encoder,
    /// Both empty out when a transaction fails: it may have been the one that wrote the handlers' ids.
    subscribers: HashMap<EventName, Arc<[Subscriber]>>,
    handlers: HashMap<String, Subscriber>,
    /// The number of the next delivery.
    next: u64,
}

/// What one commit accepted. It counts once the commit is through.
pub(crate) struct Acceptance {
    /// Per delivery, in the order they came.
    pub(crate) outcomes: Vec<Accepted>,
    pub(crate) segments: Vec<Written>,
    next: u64,
}

/// A segment that was written.
pub(crate) struct Written {
    pub(crate) id: u64,
    pub(crate) deliveries: Arc<[Delivery]>,
    /// The handlers whose share waits in the queue.
    pub(crate) queued: Vec<i64>,
    /// The shares that are leased to a loop which had room for them.
    pub(crate) promised: Vec<Promised>,
}

/// A share that goes straight to its handler's loop.
pub(crate) struct Promised {
    door: Arc<Door>,
    /// `None` once it was handed over.
    claimed: Option<Claimed>,
}

impl Promised {
    /// The commit is through.
    pub(crate) fn hand_over(mut self, deliveries: Arc<[Delivery]>) {
        if let Some(claimed) = self.claimed.take() {
            self.door.hand_over((claimed, deliveries));
        }
    }
}

impl Drop for Promised {
    /// Whatever made the transaction fail, the loop must not wait for it for ever.
    fn drop(&mut self) {
        if let Some(claimed) = &self.claimed {
            self.door.withdraw(claimed.items.len());
        }
    }
}

/// A handler that gets an event.
#[derive(Clone)]
struct Subscriber {
    id: i64,
    name: Arc<str>,
    door: Arc<Door>,
}

impl Acceptor {
    pub(crate) fn new(shared: Arc<Shared>) -> io::Result<Self> {
        let encoder = Encoder::new(shared.options.compression_level)?;
        Ok(Self { shared, encoder, subscribers: HashMap::new(), handlers: HashMap::new(), next: 1 })
    }

    /// Takes up where the database stands, after opening it.
    pub(crate) fn resume(&mut self, next: u64) {
        self.next = next;
        self.forget();
    }

    /// Forgets what a failed transaction may have taken back.
    pub(crate) fn forget(&mut self) {
        self.subscribers.clear();
        self.handlers.clear();
    }

    /// Writes what is new among `deliveries` within the open transaction.
    pub(crate) fn accept(
        &mut self,
        connection: &Connection,
        deliveries: Vec<Delivery>,
    ) -> Result<Acceptance, WriteError> {
        let mut acceptance = Acceptance {
            outcomes: Vec::with_capacity(deliveries.len()),
            segments: Vec::new(),
            next: self.next,
        };
        let now = self.shared.now();
        let mut in_this_commit = HashSet::with_capacity(deliveries.len());
        let mut open: Vec<Delivery> = Vec::new();
        let mut open_bytes = 0;
        for delivery in deliveries {
            if !in_this_commit.insert(delivery.id) || is_stored(connection, &self.shared.dedup, delivery.id)?
            {
                acceptance.outcomes.push(Accepted::Duplicate);
                continue;
            }
            acceptance.outcomes.push(Accepted::New);
            let bytes = raw_size(&delivery);
            if !open.is_empty() && (open_bytes + bytes > MAX_RAW_BYTES || open.len() >= MAX_DELIVERIES) {
                let full = std::mem::take(&mut open);
                self.write_segment(connection, full, &mut acceptance, now)?;
                open_bytes = 0;
            }
            open_bytes += bytes;
            open.push(delivery);
        }
        if !open.is_empty() {
            self.write_segment(connection, open, &mut acceptance, now)?;
        }
        Ok(acceptance)
    }

    /// The commit is through: what it wrote is known from now on.
    pub(crate) fn committed(&mut self, acceptance: &Acceptance) {
        self.next = acceptance.next;
        if acceptance.segments.is_empty() {
            return;
        }
        let mut dedup = self.shared.dedup.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        for segment in &acceptance.segments {
            for (number, delivery) in (segment.id..).zip(segment.deliveries.iter()) {
                dedup.insert(delivery.id, number, delivery.received_at.timestamp_millis());
            }
        }
    }

    fn write_segment(
        &mut self,
        connection: &Connection,
        deliveries: Vec<Delivery>,
        acceptance: &mut Acceptance,
        now: i64,
    ) -> Result<(), WriteError> {
        let id = acceptance.next;
        let times = || deliveries.iter().map(|delivery| delivery.received_at.timestamp_millis());
        let (first_at, last_at) = (times().min(), times().max());
        self.encoder.encode(deliveries.iter()).map_err(|error| WriteError::Compression(Arc::new(error)))?;
        connection
            .prepare_cached(
                "INSERT INTO segment (id, count, first_at, last_at, ids, directory) VALUES (?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                id as i64,
                deliveries.len() as i64,
                first_at,
                last_at,
                self.encoder.ids,
                self.encoder.directory
            ])?;
        connection
            .prepare_cached("INSERT INTO payload (segment, bytes) VALUES (?, ?)")?
            .execute(params![id as i64, self.encoder.payload])?;
        let mut written =
            Written { id, deliveries: Arc::default(), queued: Vec::new(), promised: Vec::new() };
        let until = now.saturating_add(LEASE.as_millis() as i64);
        for share in self.shares(connection, &deliveries)? {
            let handler = share.subscriber.id;
            let lease = share.subscriber.door.promise(share.items.len()).then(|| self.shared.lease_token());
            connection
                .prepare_cached(
                    "INSERT INTO work (lane, due_at, lease, handler, attempts, interrupted, segment, todo)
                     VALUES (?1, ?2, ?3, ?1, 0, 0, ?4, ?5)",
                )?
                .execute(params![
                    handler,
                    if lease.is_some() { until } else { now },
                    lease,
                    id as i64,
                    bitmap(&share.items)
                ])?;
            match lease {
                None => written.queued.push(handler),
                Some(token) => {
                    let claimed = Claimed {
                        lease: WorkLease { row: connection.last_insert_rowid(), token },
                        handler: share.subscriber.name,
                        segment: id,
                        items: share.items,
                        attempt: 1,
                        until,
                    };
                    written.promised.push(Promised { door: share.subscriber.door, claimed: Some(claimed) });
                }
            }
        }
        acceptance.next = id + deliveries.len() as u64;
        written.deliveries = deliveries.into();
        acceptance.segments.push(written);
        Ok(())
    }

    /// Per handler, which of the deliveries it gets.
    fn shares(&mut self, connection: &Connection, deliveries: &[Delivery]) -> rusqlite::Result<Vec<Share>> {
        let mut shares: Vec<Share> = Vec::new();
        for (ordinal, delivery) in deliveries.iter().enumerate() {
            for subscriber in self.subscribers(connection, &delivery.event)?.iter() {
                let known = shares.iter_mut().find(|share| share.subscriber.id == subscriber.id);
                match known {
                    Some(share) => share.items.push(ordinal as u16),
                    None => {
                        shares.push(Share { subscriber: subscriber.clone(), items: vec![ordinal as u16] });
                    }
                }
            }
        }
        Ok(shares)
    }

    fn subscribers(
        &mut self,
        connection: &Connection,
        event: &EventName,
    ) -> rusqlite::Result<Arc<[Subscriber]>> {
        if let Some(known) = self.subscribers.get(event) {
            return Ok(Arc::clone(known));
        }
        let mut subscribers: Vec<Subscriber> = Vec::new();
        for name in self.shared.subscriptions.subscribed(event) {
            let subscriber = if let Some(known) = self.handlers.get(&name) {
                known.clone()
            } else {
                let id = handler_id(connection, &name)?;
                Subscriber { id, name: name.as_str().into(), door: self.shared.door(id) }
            };
            self.handlers.insert(name, subscriber.clone());
            if subscribers.iter().all(|known| known.id != subscriber.id) {
                subscribers.push(subscriber);
            }
        }
        let subscribers: Arc<[Subscriber]> = subscribers.into();
        if self.subscribers.len() >= REMEMBERED_EVENTS {
            self.subscribers.clear();
        }
        self.subscribers.insert(event.clone(), Arc::clone(&subscribers));
        Ok(subscribers)
    }
}

/// One handler's share of a segment.
struct Share {
    subscriber: Subscriber,
    items: Vec<u16>,
}

/// A handler's id; given at its first mention, never changed.
pub(crate) fn handler_id(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    connection.prepare_cached("INSERT OR IGNORE INTO handler (name) VALUES (?)")?.execute([name])?;
    connection.prepare_cached("SELECT id FROM handler WHERE name = ?")?.query_row([name], |row| row.get(0))
}

/// Whether a delivery within the dedup window is stored. A fingerprint alone does not decide.
fn is_stored(connection: &Connection, dedup: &RwLock<Dedup>, id: DeliveryId) -> rusqlite::Result<bool> {
    let candidates = dedup.read().unwrap_or_else(std::sync::PoisonError::into_inner).candidates(id);
    for number in candidates {
        if stored_at(connection, number)? == Some(id) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The GUID of the delivery with this number.
pub(crate) fn stored_at(connection: &Connection, number: u64) -> rusqlite::Result<Option<DeliveryId>> {
    connection
        .prepare_cached("SELECT id, ids FROM segment WHERE id <= ? ORDER BY id DESC LIMIT 1")?
        .query_row([number as i64], |row| {
            let ordinal = number - row.get::<_, i64>(0)? as u64;
            Ok(id_at(row.get_ref(1)?.as_blob()?, ordinal as usize))
        })
        .optional()
        .map(Option::flatten)
}
