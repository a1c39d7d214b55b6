//! Reading accepted deliveries back from their segments.

use anyhow::Context as _;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use deputy_core::delivery::Delivery;
use deputy_core::ids::DeliveryId;
use deputy_core::ports::{Archive, ArchiveError, ArchiveQuery, ArchivedEntry, Cursor, Page};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::segment::{Entries, Entry, decode_one, id_at};
use crate::store::{Shared, Store};

/// Segments read at a time, so that nothing is kept open for long.
const CHUNK: i64 = 256;
/// What a page may hold; the port says so.
const MAX_PAGE: usize = 1_000;

#[async_trait]
impl Archive for Store {
    async fn read(&self, id: DeliveryId) -> Result<Option<Delivery>, ArchiveError> {
        let shared = self.shared();
        let cutoff = expired_before(shared);
        let hint = Hint::of(shared, id);
        let found = shared
            .read(move |connection| match locate(connection, &hint, id)? {
                Some(place) => read_at(connection, place, id),
                None => Ok(None),
            })
            .await
            .map_err(ArchiveError::Unavailable)?;
        Ok(found.filter(|delivery| delivery.received_at >= cutoff))
    }

    async fn list(&self, query: &ArchiveQuery) -> Result<Page<ArchivedEntry>, ArchiveError> {
        let shared = self.shared();
        let mut at = match &query.after {
            Some(cursor) => Place::parse(cursor).ok_or(ArchiveError::BadCursor)?,
            None => Place::NEWEST,
        };
        let filter = Filter::new(query, expired_before(shared));
        let limit = match query.limit {
            0 => 100,
            limit => limit.min(MAX_PAGE),
        };
        let mut items = Vec::new();
        loop {
            let (filter, from) = (filter.clone(), at);
            let room = limit - items.len();
            let chunk = shared
                .read(move |connection| list_chunk(connection, &filter, from, room))
                .await
                .map_err(ArchiveError::Unavailable)?;
            items.extend(chunk.items);
            match chunk.ended {
                Ended::All => return Ok(Page { items, next: None }),
                Ended::Full(place) => return Ok(Page { items, next: Some(place.cursor()) }),
                Ended::Chunk(place) => at = place,
            }
        }
    }
}

/// What was received before this is gone, even where the sweep has not come by yet.
fn expired_before(shared: &Shared) -> DateTime<Utc> {
    shared.clock.now() - shared.options.archive_for
}

/// Where a delivery may be, as far as the set in memory knows.
pub(crate) struct Hint {
    candidates: Vec<u64>,
    /// What is older than this number, the set does not know.
    oldest: Option<u64>,
}

impl Hint {
    pub(crate) fn of(shared: &Shared, id: DeliveryId) -> Self {
        let dedup = shared.dedup.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        Self { candidates: dedup.candidates(id), oldest: dedup.oldest() }
    }
}

/// Where a delivery is: its segment, and which of the segment's it is.
pub(crate) fn locate(
    connection: &Connection,
    hint: &Hint,
    id: DeliveryId,
) -> anyhow::Result<Option<(i64, u16)>> {
    for number in &hint.candidates {
        let segment = connection
            .prepare_cached("SELECT id, ids FROM segment WHERE id <= ? ORDER BY id DESC LIMIT 1")?
            .query_row([*number as i64], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)))
            .optional()?;
        let Some((segment, ids)) = segment else { continue };
        let ordinal = (number - segment as u64) as usize;
        if id_at(&ids, ordinal) == Some(id) {
            return Ok(Some((segment, ordinal as u16)));
        }
    }
    // Newest first.
    let before = hint.oldest.map_or(i64::MAX, |number| number as i64);
    let mut select =
        connection.prepare_cached("SELECT id, ids FROM segment WHERE id < ? ORDER BY id DESC")?;
    let mut rows = select.query([before])?;
    while let Some(row) = rows.next()? {
        let (guids, _) = row.get_ref(1)?.as_blob()?.as_chunks::<16>();
        if let Some(ordinal) = guids.iter().position(|guid| guid == id.as_bytes()) {
            return Ok(Some((row.get(0)?, ordinal as u16)));
        }
    }
    Ok(None)
}

fn read_at(
    connection: &Connection,
    (segment, ordinal): (i64, u16),
    id: DeliveryId,
) -> anyhow::Result<Option<Delivery>> {
    let entry = connection
        .prepare_cached("SELECT directory FROM segment WHERE id = ?")?
        .query_row([segment], |row| {
            Ok(Entries::new(row.get_ref(0)?.as_blob()?).map(|mut entries| entries.nth(ordinal.into())))
        })
        .optional()?;
    // The sweep may have come by since it was located.
    let Some(entry) = entry else { return Ok(None) };
    let entry = entry?.context("a directory is shorter than its segment")??;
    let delivery = connection
        .prepare_cached("SELECT bytes FROM payload WHERE segment = ?")?
        .query_row([segment], |row| Ok(decode_one(id, &entry, row.get_ref(0)?.as_blob()?)))
        .optional()?;
    Ok(delivery.transpose()?)
}

/// A place in the listing: everything from here on comes after it. Segments are ordered by time, then by id; the
/// deliveries of one count downwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    last_at: i64,
    segment: i64,
    /// Ordinals below this one are still to come.
    below: usize,
}

impl Place {
    const NEWEST: Self = Self { last_at: i64::MAX, segment: i64::MAX, below: usize::MAX };

    fn cursor(self) -> Cursor {
        Cursor(format!("{}.{}.{}", self.last_at, self.segment, self.below))
    }

    fn parse(cursor: &Cursor) -> Option<Self> {
        let mut parts = cursor.0.split('.');
        let place = Self {
            last_at: parts.next()?.parse().ok()?,
            segment: parts.next()?.parse().ok()?,
            below: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(place)
    }
}

#[derive(Clone)]
struct Filter {
    from: DateTime<Utc>,
    until: Option<DateTime<Utc>>,
    event: Option<deputy_core::ids::EventName>,
    repository: Option<String>,
}

impl Filter {
    fn new(query: &ArchiveQuery, cutoff: DateTime<Utc>) -> Self {
        Self {
            from: query.from.map_or(cutoff, |from| from.max(cutoff)),
            until: query.until,
            event: query.event.clone(),
            repository: query.repository.clone(),
        }
    }

    fn admits(&self, entry: &Entry) -> bool {
        let received_at = entry.received_at();
        received_at >= self.from
            && self.until.is_none_or(|until| received_at < until)
            && self.event.as_ref().is_none_or(|event| *event == entry.event)
            && self.repository.as_ref().is_none_or(|wanted| {
                entry.about.repository.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(wanted))
            })
    }
}

struct Chunk {
    items: Vec<ArchivedEntry>,
    ended: Ended,
}

/// Why a chunk has no more entries.
enum Ended {
    /// There are none.
    All,
    /// The page is full, and there is at least one more entry after this place: no page but the first is empty.
    Full(Place),
    /// It read its share of segments.
    Chunk(Place),
}

/// The next few segments' entries that the filter admits, at most `room`.
fn list_chunk(connection: &Connection, filter: &Filter, from: Place, room: usize) -> anyhow::Result<Chunk> {
    let mut select = connection.prepare_cached(
        "SELECT last_at, id, ids, directory FROM segment
         WHERE last_at >= ?1 AND first_at <= ?2 AND (last_at, id) <= (?3, ?4)
         ORDER BY last_at DESC, id DESC LIMIT ?5",
    )?;
    let until = filter.until.map_or(i64::MAX, |until| until.timestamp_millis());
    let mut rows =
        select.query(params![filter.from.timestamp_millis(), until, from.last_at, from.segment, CHUNK])?;
    let mut chunk = Chunk { items: Vec::new(), ended: Ended::All };
    let mut seen = 0;
    while let Some(row) = rows.next()? {
        seen += 1;
        let mut place = Place { last_at: row.get(0)?, segment: row.get(1)?, below: usize::MAX };
        if place.segment == from.segment {
            place.below = from.below;
        }
        let ids = row.get_ref(2)?.as_blob()?;
        let entries = Entries::new(row.get_ref(3)?.as_blob()?)?.collect::<Result<Vec<_>, _>>()?;
        for (ordinal, entry) in entries.into_iter().enumerate().rev() {
            if ordinal >= place.below || !filter.admits(&entry) {
                continue;
            }
            if chunk.items.len() == room {
                chunk.ended = Ended::Full(place);
                return Ok(chunk);
            }
            place.below = ordinal;
            chunk.items.push(ArchivedEntry {
                id: id_at(ids, ordinal).context("a segment has fewer GUIDs than entries")?,
                event: entry.event.clone(),
                received_at: entry.received_at(),
                size: entry.body_len as u64,
                about: entry.about,
            });
        }
        place.below = 0;
        if seen == CHUNK {
            chunk.ended = Ended::Chunk(place);
        }
    }
    Ok(chunk)
}
