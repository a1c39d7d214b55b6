//! The queue: what handlers still have to do, claimed with leases.
//!
//! A row is one handler's share of one segment, so that accepting costs a row a handler and commit, not one a
//! delivery. What fails leaves its row and becomes one of its own, with its own attempts and its own time.
//!
//! A row's *lane* is its handler, or [`ALONE`] for a delivery that was in work twice when the process died: those
//! run one at a time, whatever their handler, so that one that kills the process counts only its own attempts to
//! the end and takes none of its neighbours with it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use deputy_core::delivery::Delivery;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::accept::handler_id;
use crate::error::WriteError;
use crate::lease;
use crate::segment::decode_all;
use crate::store::Store;

/// The lane of what runs alone.
pub(crate) const ALONE: i64 = 0;

/// The right to settle what was claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WorkLease {
    /// The row.
    pub(crate) row: i64,
    /// Distinguishes this claim from every other of the row.
    pub(crate) token: i64,
}

/// Work that was claimed: some deliveries of one segment, for one handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// What to settle it with.
    pub lease: WorkLease,
    /// Who is to do it.
    pub handler: Arc<str>,
    /// Where its deliveries are.
    pub(crate) segment: u64,
    /// Which of the segment's deliveries.
    pub items: Vec<u16>,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// When the lease ends, in milliseconds since 1970.
    pub(crate) until: i64,
}

/// What a claim brought.
#[derive(Debug, Default)]
pub(crate) struct Claim {
    pub(crate) claimed: Vec<Claimed>,
    /// When the lane's next row is due, where there is one.
    pub(crate) next_due: Option<i64>,
}

/// What became of claimed work.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// Of which claim.
    pub lease: WorkLease,
    /// What is complete.
    pub done: Vec<u16>,
    /// What failed.
    pub failed: Vec<(u16, Failure)>,
    /// What another run is at, each with when to come back, in milliseconds since 1970. No attempt is counted.
    pub postponed: Vec<(u16, i64)>,
    /// What was not tried to its end, and goes back with its attempts as they were.
    pub released: Vec<u16>,
}

impl Settlement {
    /// Nothing yet, of this claim.
    pub fn of(lease: WorkLease) -> Self {
        Self { lease, done: Vec::new(), failed: Vec::new(), postponed: Vec::new(), released: Vec::new() }
    }
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The error and its causes, outermost first.
    pub errors: Vec<String>,
    /// Whether trying again cannot help.
    pub permanent: bool,
}

/// How much work a handler has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Its name.
    pub handler: String,
    /// Could run now.
    pub pending: u64,
    /// Runs, or would if its process lived.
    pub in_flight: u64,
    /// Waits for its next attempt.
    pub delayed: u64,
    /// Failed for good.
    pub dead: u64,
}

impl Store {
    /// Claims about `max_items` deliveries that are due for `handler`: whole rows, the last one split where it is
    /// larger by far. Once this returns, the claim is on the disk.
    pub async fn claim(
        &self,
        handler: &str,
        max_items: usize,
        lease: Duration,
    ) -> Result<Vec<Claimed>, WriteError> {
        let lane = self.lane_of(handler).await?;
        Ok(self.claim_lane(lane, max_items, lease).await?.claimed)
    }

    /// Claims one delivery of those that must run alone.
    pub async fn claim_alone(&self, lease: Duration) -> Result<Option<Claimed>, WriteError> {
        Ok(self.claim_lane(ALONE, 1, lease).await?.claimed.pop())
    }

    /// The lane of a handler.
    pub(crate) async fn lane_of(&self, handler: &str) -> Result<i64, WriteError> {
        let handler = handler.to_owned();
        self.write(move |connection| handler_id(connection, &handler)).await
    }

    pub(crate) async fn claim_lane(
        &self,
        lane: i64,
        max_items: usize,
        lease: Duration,
    ) -> Result<Claim, WriteError> {
        let shared = Arc::clone(self.shared());
        self.write(move |connection| {
            let now = shared.now();
            let until = now.saturating_add(lease.as_millis() as i64);
            let mut claim = Claim::default();
            let mut items = 0;
            while items < max_items {
                let Some(due) = Due::next(connection, lane, now)? else { break };
                if due.leased {
                    // Its lease ended without a word: it comes back as single deliveries.
                    lease::interrupt(connection, &shared, due.row, now)?;
                    continue;
                }
                let token = shared.lease_token();
                let claimed = due.claim(connection, token, until, max_items - items)?;
                items += claimed.items.len();
                claim.claimed.push(claimed);
            }
            claim.next_due = connection
                .prepare_cached("SELECT min(due_at) FROM work WHERE lane = ?")?
                .query_row([lane], |row| row.get(0))?;
            Ok(claim)
        })
        .await
    }

    /// Moves the end of leases. `false` for those that were lost. Whatever is claimed after this returned finds
    /// them extended.
    pub fn extend(
        &self,
        leases: Vec<WorkLease>,
        by: Duration,
    ) -> impl Future<Output = Result<Vec<bool>, WriteError>> + Send + use<> {
        let until = self.shared().now().saturating_add(by.as_millis() as i64);
        self.write(move |connection| {
            let mut update =
                connection.prepare_cached("UPDATE work SET due_at = ? WHERE id = ? AND lease = ?")?;
            leases
                .iter()
                .map(|lease| Ok(update.execute(params![until, lease.row, lease.token])? == 1))
                .collect()
        })
    }

    /// The segment that claimed work is in; its items are places in it. `None` where the archive has dropped it.
    ///
    /// Recently accepted or read ones are in memory.
    pub(crate) async fn segment_of(&self, claimed: &Claimed) -> anyhow::Result<Option<Arc<[Delivery]>>> {
        let shared = self.shared();
        let segment = claimed.segment;
        if let Some(deliveries) = shared.warm.get(segment) {
            return Ok(Some(deliveries));
        }
        let read = shared
            .read(move |connection| {
                let stored = connection
                    .prepare_cached(
                        "SELECT ids, directory, bytes FROM segment JOIN payload ON segment = id WHERE id = ?",
                    )?
                    .query_row([segment as i64], |row| {
                        let blob = |column| row.get_ref(column)?.as_blob().map_err(rusqlite::Error::from);
                        Ok(decode_all(blob(0)?, blob(1)?, blob(2)?))
                    })
                    .optional()?;
                stored.transpose().with_context(|| format!("segment {segment} cannot be read"))
            })
            .await?;
        let Some(deliveries) = read else { return Ok(None) };
        let deliveries: Arc<[Delivery]> = deliveries.into();
        shared.warm.keep(segment, Arc::clone(&deliveries));
        Ok(Some(deliveries))
    }

    /// The deliveries of claimed work, in the order of its items. Empty where the archive has dropped them.
    pub async fn deliveries(&self, claimed: &Claimed) -> anyhow::Result<Vec<Delivery>> {
        let Some(segment) = self.segment_of(claimed).await? else { return Ok(Vec::new()) };
        claimed
            .items
            .iter()
            .map(|item| segment.get(usize::from(*item)).cloned().context("work names a delivery that is not"))
            .collect()
    }

    /// How much work there is, per handler that ever had any.
    pub async fn counts(&self) -> anyhow::Result<Vec<Counts>> {
        let now = self.shared().now();
        self.shared().read(move |connection| count(connection, now)).await
    }
}

/// A row that is due.
struct Due {
    row: i64,
    lane: i64,
    leased: bool,
    handler: i64,
    name: Arc<str>,
    segment: i64,
    attempts: u32,
    interrupted: u32,
    todo: Vec<u8>,
}

impl Due {
    /// The one that is due for longest.
    fn next(connection: &Connection, lane: i64, now: i64) -> rusqlite::Result<Option<Self>> {
        connection
            .prepare_cached(
                "SELECT work.id, lease IS NOT NULL, handler, name, segment, attempts, interrupted, todo
                 FROM work JOIN handler ON handler.id = handler
                 WHERE lane = ? AND due_at <= ? ORDER BY due_at LIMIT 1",
            )?
            .query_row([lane, now], |row| {
                Ok(Self {
                    row: row.get(0)?,
                    lane,
                    leased: row.get(1)?,
                    handler: row.get(2)?,
                    name: row.get_ref(3)?.as_str()?.into(),
                    segment: row.get(4)?,
                    attempts: row.get(5)?,
                    interrupted: row.get(6)?,
                    todo: row.get(7)?,
                })
            })
            .optional()
    }

    fn claim(
        self,
        connection: &Connection,
        token: i64,
        until: i64,
        max_items: usize,
    ) -> rusqlite::Result<Claimed> {
        let mut row = self.row;
        let mut items = ordinals(&self.todo);
        if items.len() > max_items.saturating_mul(2) {
            // What is claimed counts as tried if the process dies, so a claim takes no more than is about to run.
            items.truncate(max_items);
            let mut rest = self.todo;
            for item in &items {
                take(&mut rest, *item);
            }
            connection
                .prepare_cached("UPDATE work SET todo = ? WHERE id = ?")?
                .execute(params![rest, self.row])?;
            connection
                .prepare_cached(
                    "INSERT INTO work (lane, due_at, lease, handler, attempts, interrupted, segment, todo)
                     VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                )?
                .execute(params![
                    self.lane,
                    until,
                    token,
                    self.handler,
                    self.attempts,
                    self.interrupted,
                    self.segment,
                    bitmap(&items)
                ])?;
            row = connection.last_insert_rowid();
        } else {
            connection
                .prepare_cached("UPDATE work SET lease = ?, due_at = ? WHERE id = ?")?
                .execute([token, until, row])?;
        }
        Ok(Claimed {
            lease: WorkLease { row, token },
            handler: self.name,
            segment: self.segment as u64,
            items,
            attempt: self.attempts + 1,
            until,
        })
    }
}

fn count(connection: &Connection, now: i64) -> anyhow::Result<Vec<Counts>> {
    let mut counts = std::collections::BTreeMap::<i64, Counts>::new();
    let mut select = connection.prepare_cached("SELECT id, name FROM handler")?;
    let mut rows = select.query(())?;
    while let Some(row) = rows.next()? {
        counts.insert(row.get(0)?, Counts { handler: row.get(1)?, ..Counts::default() });
    }
    let mut select =
        connection.prepare_cached("SELECT handler, due_at, lease IS NOT NULL, todo FROM work")?;
    let mut rows = select.query(())?;
    while let Some(row) = rows.next()? {
        let Some(count) = counts.get_mut(&row.get(0)?) else { continue };
        let items: u64 = row.get_ref(3)?.as_blob()?.iter().map(|byte| u64::from(byte.count_ones())).sum();
        let due = row.get::<_, i64>(1)? <= now;
        *match (due, row.get(2)?) {
            (_, true) => &mut count.in_flight,
            (true, false) => &mut count.pending,
            (false, false) => &mut count.delayed,
        } += items;
    }
    let mut select =
        connection.prepare_cached("SELECT handler, count(*) FROM dead_letter GROUP BY handler")?;
    let mut rows = select.query(())?;
    while let Some(row) = rows.next()? {
        if let Some(count) = counts.get_mut(&row.get(0)?) {
            count.dead = row.get::<_, i64>(1)? as u64;
        }
    }
    Ok(counts.into_values().collect())
}

/// The places of the bits that are set.
pub(crate) fn ordinals(bitmap: &[u8]) -> Vec<u16> {
    let mut ordinals = Vec::new();
    for (at, byte) in bitmap.iter().enumerate() {
        for bit in 0..8 {
            if byte >> bit & 1 == 1 {
                ordinals.push((at * 8 + bit) as u16);
            }
        }
    }
    ordinals
}

/// A bitmap with these bits.
pub(crate) fn bitmap(ordinals: &[u16]) -> Vec<u8> {
    let last = ordinals.iter().max().copied().unwrap_or(0);
    let mut bitmap = vec![0; usize::from(last / 8) + 1];
    set(&mut bitmap, ordinals);
    bitmap
}

/// Sets bits.
fn set(bitmap: &mut [u8], ordinals: &[u16]) {
    for ordinal in ordinals {
        if let Some(byte) = bitmap.get_mut(usize::from(ordinal / 8)) {
            *byte |= 1 << (ordinal % 8);
        }
    }
}

/// Clears a bit; whether it was set.
pub(crate) fn take(bitmap: &mut [u8], ordinal: u16) -> bool {
    let Some(byte) = bitmap.get_mut(usize::from(ordinal / 8)) else { return false };
    let bit = 1 << (ordinal % 8);
    let was_set = *byte & bit != 0;
    *byte &= !bit;
    was_set
}
