//! What the inbox knows of deliveries, and the sweep's watermark.

use std::collections::{HashMap, HashSet};
use std::sync::PoisonError;

use anyhow::Context as _;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use deputy_core::ids::DeliveryId;
use deputy_core::ports::{Known, Redeliveries, RedeliveriesError, Stage};
use rusqlite::{Connection, OptionalExtension as _};

use crate::segment::{Entries, id_at};
use crate::store::Store;
use crate::work::ordinals;

/// Where a delivery is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Place {
    segment: i64,
    ordinal: usize,
}

/// A delivery that is looked for, and the numbers under which the set in memory believes that it may be stored.
struct Wanted {
    id: DeliveryId,
    candidates: Vec<u64>,
}

#[async_trait]
impl Redeliveries for Store {
    async fn known(&self, ids: &[DeliveryId]) -> Result<Vec<Option<Known>>, RedeliveriesError> {
        let shared = self.shared();
        let (wanted, oldest) = {
            let dedup = shared.dedup.read().unwrap_or_else(PoisonError::into_inner);
            let mut seen = HashSet::new();
            let wanted = ids.iter().filter(|id| seen.insert(**id));
            let wanted = wanted.map(|id| Wanted { id: *id, candidates: dedup.candidates(*id) });
            (wanted.collect::<Vec<_>>(), dedup.oldest())
        };
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let cutoff = shared.clock.now() - shared.options.archive_for;
        let found = shared.read(move |connection| look(connection, &wanted, oldest)).await;
        let found = found.map_err(RedeliveriesError)?;
        let known = |id| found.get(id).filter(|known: &&Known| known.received_at >= cutoff).cloned();
        Ok(ids.iter().map(known).collect())
    }

    async fn watermark(&self) -> Result<Option<DateTime<Utc>>, RedeliveriesError> {
        let read = self.shared().read(|connection| {
            let value: Option<i64> = connection
                .prepare_cached("SELECT value FROM setting WHERE name = 'redelivery_watermark'")?
                .query_row((), |row| row.get(0))
                .optional()?;
            value.map(|millis| DateTime::from_timestamp_millis(millis).context("no time")).transpose()
        });
        read.await.map_err(RedeliveriesError)
    }

    async fn set_watermark(&self, at: DateTime<Utc>) -> Result<(), RedeliveriesError> {
        let millis = at.timestamp_millis();
        let written = self.write(move |connection| {
            connection
                .prepare_cached(
                    "INSERT INTO setting (name, value) VALUES ('redelivery_watermark', ?1)
                     ON CONFLICT (name) DO UPDATE SET value = ?1",
                )?
                .execute([millis])
        });
        written.await.map(drop).map_err(|error| RedeliveriesError(error.into()))
    }
}

fn look(
    connection: &Connection,
    wanted: &[Wanted],
    oldest: Option<u64>,
) -> anyhow::Result<HashMap<DeliveryId, Known>> {
    // All of one moment: else work that fails meanwhile is seen neither in its queue nor among the dead letters.
    let moment = connection.unchecked_transaction()?;
    let mut places: HashMap<DeliveryId, Place> = HashMap::new();
    let mut older: HashSet<DeliveryId> = HashSet::new();
    for Wanted { id, candidates } in wanted {
        let mut place = None;
        for number in candidates {
            place = place_of(&moment, *number, *id)?;
            if place.is_some() {
                break;
            }
        }
        match place {
            Some(place) => drop(places.insert(*id, place)),
            None => drop(older.insert(*id)),
        }
    }
    if !older.is_empty() {
        scan(&moment, oldest, &mut older, &mut places)?;
    }
    let waiting = waiting(&moment, &places)?;
    let mut dead = dead(&moment, &places)?;
    let mut known = HashMap::with_capacity(places.len());
    for (id, place) in places {
        let stage = match dead.remove(&id) {
            Some(handlers) => Stage::Dead(handlers),
            None if waiting.contains(&place) => Stage::Accepted,
            None => Stage::Handled,
        };
        known.insert(id, Known { received_at: received_at(&moment, place)?, stage });
    }
    Ok(known)
}

/// The place with this number, where it is this delivery's.
fn place_of(connection: &Connection, number: u64, id: DeliveryId) -> anyhow::Result<Option<Place>> {
    let found = connection
        .prepare_cached("SELECT id, ids FROM segment WHERE id <= ? ORDER BY id DESC LIMIT 1")?
        .query_row([number as i64], |row| {
            let segment: i64 = row.get(0)?;
            let ordinal = (number - segment as u64) as usize;
            let is_it = id_at(row.get_ref(1)?.as_blob()?, ordinal) == Some(id);
            Ok(is_it.then_some(Place { segment, ordinal }))
        })
        .optional()?;
    Ok(found.flatten())
}

/// Looks through the GUIDs of the segments that are too old for the set in memory, once for all.
fn scan(
    connection: &Connection,
    before: Option<u64>,
    missing: &mut HashSet<DeliveryId>,
    places: &mut HashMap<DeliveryId, Place>,
) -> anyhow::Result<()> {
    let before = before.map_or(i64::MAX, |number| number as i64);
    let mut select =
        connection.prepare_cached("SELECT id, ids FROM segment WHERE id < ? ORDER BY id DESC")?;
    let mut rows = select.query([before])?;
    while let Some(row) = rows.next()? {
        let segment: i64 = row.get(0)?;
        let (guids, _) = row.get_ref(1)?.as_blob()?.as_chunks::<16>();
        for (ordinal, guid) in guids.iter().enumerate() {
            let id = DeliveryId::from_bytes(*guid);
            if missing.remove(&id) {
                places.insert(id, Place { segment, ordinal });
            }
        }
        if missing.is_empty() {
            break;
        }
    }
    Ok(())
}

/// Those places at which some handler still has work. Reads the whole queue, which is short: what is done has left it.
fn waiting(connection: &Connection, places: &HashMap<DeliveryId, Place>) -> anyhow::Result<HashSet<Place>> {
    let segments: HashSet<i64> = places.values().map(|place| place.segment).collect();
    let mut waiting = HashSet::new();
    let mut select = connection.prepare_cached("SELECT segment, todo FROM work")?;
    let mut rows = select.query(())?;
    while let Some(row) = rows.next()? {
        let segment: i64 = row.get(0)?;
        if segments.contains(&segment) {
            let todo = ordinals(row.get_ref(1)?.as_blob()?).into_iter();
            waiting.extend(todo.map(|ordinal| Place { segment, ordinal: usize::from(ordinal) }));
        }
    }
    Ok(waiting)
}

/// The handlers that gave up on these deliveries.
fn dead(
    connection: &Connection,
    places: &HashMap<DeliveryId, Place>,
) -> anyhow::Result<HashMap<DeliveryId, Vec<String>>> {
    let mut dead: HashMap<DeliveryId, Vec<String>> = HashMap::new();
    let mut select = connection.prepare_cached(
        "SELECT DISTINCT delivery, name FROM dead_letter JOIN handler ON handler.id = handler ORDER BY name",
    )?;
    let mut rows = select.query(())?;
    while let Some(row) = rows.next()? {
        let id = DeliveryId::from_bytes(row.get(0)?);
        if places.contains_key(&id) {
            dead.entry(id).or_default().push(row.get(1)?);
        }
    }
    Ok(dead)
}

fn received_at(connection: &Connection, place: Place) -> anyhow::Result<DateTime<Utc>> {
    let directory: Vec<u8> = connection
        .prepare_cached("SELECT directory FROM segment WHERE id = ?")?
        .query_row([place.segment], |row| row.get(0))?;
    let entry =
        Entries::new(&directory)?.nth(place.ordinal).context("a directory is shorter than its segment")??;
    Ok(entry.received_at())
}
