//! A segment: the deliveries of one commit, as one row with a directory and one compressed payload.
//!
//! A row per delivery with the GUID as its key dirties one page of the index a delivery, because GUIDs are
//! random; that costs more than everything else together. Deliveries that share a commit share a row instead,
//! which is appended, and compress better together than alone because GitHub's payloads resemble each other.
//!
//! A delivery's *number* is its place in the order of acceptance, over all segments. A segment's id is the
//! number of its first delivery, so that one integer finds a delivery with one seek.

use std::io::{self, Read as _};

use bytes::Bytes;
use chrono::DateTime;
use deputy_core::delivery::{About, Delivery, Headers};
use deputy_core::ids::{DeliveryId, EventName, InstallationId};

/// A segment closes when it holds this much uncompressed: what reading one delivery has to decompress at most.
pub(crate) const MAX_RAW_BYTES: usize = 1 << 20;
/// A segment closes when it holds this many deliveries, so that a bitmap of them stays small.
pub(crate) const MAX_DELIVERIES: usize = 256;
/// What a segment may claim to decompress to before it counts as damaged: the last delivery may be GitHub's
/// largest, 25 MB, and the headers come on top.
const MAX_CLAIMED_BYTES: usize = MAX_RAW_BYTES + (64 << 20);
/// The first byte of a directory, so that its form can change without rewriting what is archived.
const VERSION: u8 = 1;
/// Room that the buffers keep; what a huge delivery needed beyond it is given back.
const KEPT_CAPACITY: usize = 2 * MAX_RAW_BYTES;

/// What a delivery weighs in a segment.
pub(crate) fn raw_size(delivery: &Delivery) -> usize {
    delivery.headers.as_str().len() + delivery.body.len()
}

/// The stored form of a segment could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Damaged {
    /// The directory ends too early, or says what cannot be.
    #[error("a segment's directory is damaged: {0}")]
    Directory(&'static str),
    /// zstd does not accept the payload, or it is shorter than the directory says.
    #[error("a segment's payload is damaged")]
    Payload(#[source] io::Error),
}

/// Builds segments; keeps its buffers and zstd's tables between them.
pub(crate) struct Encoder {
    zstd: zstd::bulk::Compressor<'static>,
    raw: Vec<u8>,
    /// The GUIDs, 16 bytes each.
    pub(crate) ids: Vec<u8>,
    /// Everything about the deliveries but their headers and bodies.
    pub(crate) directory: Vec<u8>,
    /// Headers and body of each delivery, in order, as one zstd frame.
    pub(crate) payload: Vec<u8>,
}

impl Encoder {
    pub(crate) fn new(level: i32) -> io::Result<Self> {
        let mut zstd = zstd::bulk::Compressor::new(level)?;
        zstd.include_checksum(true)?;
        Ok(Self { zstd, raw: Vec::new(), ids: Vec::new(), directory: Vec::new(), payload: Vec::new() })
    }

    /// Fills `ids`, `directory` and `payload`.
    pub(crate) fn encode<'a>(&mut self, deliveries: impl Iterator<Item = &'a Delivery>) -> io::Result<()> {
        for buffer in [&mut self.raw, &mut self.ids, &mut self.directory, &mut self.payload] {
            buffer.clear();
            buffer.shrink_to(KEPT_CAPACITY);
        }
        self.directory.push(VERSION);
        let mut base = None;
        for delivery in deliveries {
            self.ids.extend_from_slice(delivery.id.as_bytes());
            write_entry(&mut self.directory, delivery, &mut base);
            self.raw.extend_from_slice(delivery.headers.as_str().as_bytes());
            self.raw.extend_from_slice(&delivery.body);
        }
        self.payload.reserve(zstd::zstd_safe::compress_bound(self.raw.len()));
        self.zstd.compress_to_buffer(&self.raw, &mut self.payload)?;
        Ok(())
    }
}

/// A delivery without headers and body, and where those stand in the uncompressed payload.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) event: EventName,
    pub(crate) received_nanos: i64,
    pub(crate) about: About,
    pub(crate) start: usize,
    pub(crate) headers_len: usize,
    pub(crate) body_len: usize,
}

impl Entry {
    /// When the delivery was received.
    pub(crate) fn received_at(&self) -> DateTime<chrono::Utc> {
        DateTime::from_timestamp_nanos(self.received_nanos)
    }

    fn delivery(&self, id: DeliveryId, headers: String, body: Bytes) -> Delivery {
        Delivery {
            id,
            event: self.event.clone(),
            received_at: self.received_at(),
            headers: Headers::from_stored(headers),
            about: self.about.clone(),
            body,
        }
    }
}

/// Nanoseconds since 1970: the archive gives back the very time, not a rounded one.
fn nanos(delivery: &Delivery) -> i64 {
    // Out of range only outside the years 1677 to 2262.
    delivery.received_at.timestamp_nanos_opt().unwrap_or(i64::MAX)
}

fn write_entry(out: &mut Vec<u8>, delivery: &Delivery, base: &mut Option<i64>) {
    let received = nanos(delivery);
    // The first entry's time is whole, the others' are distances from it.
    write_signed(out, received.wrapping_sub(base.unwrap_or(0)));
    base.get_or_insert(received);
    let About { action, repository, installation } = &delivery.about;
    let flags = u8::from(action.is_some())
        | u8::from(repository.is_some()) << 1
        | u8::from(installation.is_some()) << 2;
    out.push(flags);
    write_text(out, delivery.event.as_str());
    if let Some(action) = action {
        write_text(out, action);
    }
    if let Some(repository) = repository {
        write_text(out, repository);
    }
    if let Some(installation) = installation {
        write_number(out, installation.0);
    }
    write_number(out, delivery.headers.as_str().len() as u64);
    write_number(out, delivery.body.len() as u64);
}

/// Reads a directory, entry by entry.
pub(crate) struct Entries<'a> {
    rest: &'a [u8],
    base: Option<i64>,
    start: usize,
}

impl<'a> Entries<'a> {
    pub(crate) fn new(directory: &'a [u8]) -> Result<Self, Damaged> {
        match directory.split_first() {
            Some((&VERSION, rest)) => Ok(Self { rest, base: None, start: 0 }),
            _ => Err(Damaged::Directory("its version is unknown")),
        }
    }

    fn read(&mut self) -> Result<Entry, Damaged> {
        let distance = read_signed(&mut self.rest)?;
        let received_nanos = distance.wrapping_add(self.base.unwrap_or(0));
        self.base.get_or_insert(received_nanos);
        let flags = read_byte(&mut self.rest)?;
        let event =
            read_text(&mut self.rest)?.parse().map_err(|_| Damaged::Directory("an event's name is none"))?;
        let action = if flags & 1 == 0 { None } else { Some(read_text(&mut self.rest)?.into()) };
        let repository = if flags & 2 == 0 { None } else { Some(read_text(&mut self.rest)?.into()) };
        let installation =
            if flags & 4 == 0 { None } else { Some(InstallationId(read_number(&mut self.rest)?)) };
        let headers_len = read_length(&mut self.rest)?;
        let body_len = read_length(&mut self.rest)?;
        let start = self.start;
        self.start = start + headers_len + body_len;
        if self.start > MAX_CLAIMED_BYTES {
            return Err(Damaged::Directory("a payload is larger than any"));
        }
        let about = About { action, repository, installation };
        Ok(Entry { event, received_nanos, about, start, headers_len, body_len })
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<Entry, Damaged>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let entry = self.read();
        if entry.is_err() {
            // What follows a damaged entry cannot be told from noise.
            self.rest = &[];
        }
        Some(entry)
    }
}

/// The GUID with this ordinal.
pub(crate) fn id_at(ids: &[u8], ordinal: usize) -> Option<DeliveryId> {
    let (guids, _) = ids.as_chunks::<16>();
    guids.get(ordinal).copied().map(DeliveryId::from_bytes)
}

/// One delivery, decompressing no further than its end.
pub(crate) fn decode_one(id: DeliveryId, entry: &Entry, payload: &[u8]) -> Result<Delivery, Damaged> {
    let mut stream = zstd::stream::read::Decoder::with_buffer(payload).map_err(Damaged::Payload)?;
    io::copy(&mut stream.by_ref().take(entry.start as u64), &mut io::sink()).map_err(Damaged::Payload)?;
    let mut headers = vec![0; entry.headers_len];
    stream.read_exact(&mut headers).map_err(Damaged::Payload)?;
    let mut body = vec![0; entry.body_len];
    stream.read_exact(&mut body).map_err(Damaged::Payload)?;
    Ok(entry.delivery(id, text(headers)?, body.into()))
}

/// All deliveries of a segment; their bodies share one allocation.
pub(crate) fn decode_all(ids: &[u8], directory: &[u8], payload: &[u8]) -> Result<Vec<Delivery>, Damaged> {
    let entries = Entries::new(directory)?.collect::<Result<Vec<_>, _>>()?;
    let whole = entries.last().map_or(0, |last| last.start + last.headers_len + last.body_len);
    let raw = Bytes::from(zstd::bulk::decompress(payload, whole).map_err(Damaged::Payload)?);
    if raw.len() != whole || ids.len() != entries.len() * 16 {
        return Err(Damaged::Directory("it does not fit its payload"));
    }
    let mut deliveries = Vec::with_capacity(entries.len());
    for (ordinal, entry) in entries.iter().enumerate() {
        let id = id_at(ids, ordinal).ok_or(Damaged::Directory("a GUID is missing"))?;
        let body_at = entry.start + entry.headers_len;
        let headers = text(raw[entry.start..body_at].to_vec())?;
        deliveries.push(entry.delivery(id, headers, raw.slice(body_at..body_at + entry.body_len)));
    }
    Ok(deliveries)
}

fn text(bytes: Vec<u8>) -> Result<String, Damaged> {
    String::from_utf8(bytes).map_err(|_| Damaged::Directory("headers are no text"))
}

fn write_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Small negative numbers stay short: the sign goes to the lowest bit.
fn write_signed(out: &mut Vec<u8>, number: i64) {
    write_number(out, (number.wrapping_shl(1) ^ (number >> 63)).cast_unsigned());
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    write_number(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn read_byte(rest: &mut &[u8]) -> Result<u8, Damaged> {
    let (&byte, tail) = rest.split_first().ok_or(Damaged::Directory("it ends too early"))?;
    *rest = tail;
    Ok(byte)
}

fn read_number(rest: &mut &[u8]) -> Result<u64, Damaged> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = read_byte(rest)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(Damaged::Directory("a number is too long"))
}

fn read_signed(rest: &mut &[u8]) -> Result<i64, Damaged> {
    let number = read_number(rest)?;
    Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
}

fn read_length(rest: &mut &[u8]) -> Result<usize, Damaged> {
    usize::try_from(read_number(rest)?)
        .ok()
        .filter(|length| *length <= MAX_CLAIMED_BYTES)
        .ok_or(Damaged::Directory("a length is larger than any payload"))
}

fn read_text<'a>(rest: &mut &'a [u8]) -> Result<&'a str, Damaged> {
    let length = read_length(rest)?;
    let (text, tail) = rest.split_at_checked(length).ok_or(Damaged::Directory("it ends too early"))?;
    *rest = tail;
    std::str::from_utf8(text).map_err(|_| Damaged::Directory("a name is no text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(number: u64) -> Delivery {
        deputy_core::contract::delivery(number, DateTime::from_timestamp_nanos(1_790_000_000_123_456_789))
    }

    #[test]
    fn what_goes_in_comes_out_byte_for_byte() {
        let mut deliveries: Vec<Delivery> = (0..40).map(delivery).collect();
        deliveries[3].about = About::default();
        deliveries[4].body = Bytes::new();
        deliveries[5].headers = Headers::default();
        deliveries[6].received_at -= chrono::TimeDelta::days(3);
        let mut encoder = Encoder::new(1).unwrap();
        for _ in 0..2 {
            encoder.encode(deliveries.iter()).unwrap();
            assert_eq!(decode_all(&encoder.ids, &encoder.directory, &encoder.payload).unwrap(), deliveries);
            let entries: Vec<Entry> =
                Entries::new(&encoder.directory).unwrap().collect::<Result<_, _>>().unwrap();
            for (ordinal, entry) in entries.iter().enumerate() {
                let id = id_at(&encoder.ids, ordinal).unwrap();
                assert_eq!(decode_one(id, entry, &encoder.payload).unwrap(), deliveries[ordinal]);
            }
        }
    }

    #[test]
    fn damage_is_an_error_and_never_a_panic() {
        let deliveries: Vec<Delivery> = (0..3).map(delivery).collect();
        let mut encoder = Encoder::new(1).unwrap();
        encoder.encode(deliveries.iter()).unwrap();
        for cut in 0..encoder.directory.len() {
            assert!(decode_all(&encoder.ids, &encoder.directory[..cut], &encoder.payload).is_err());
        }
        for at in 0..encoder.directory.len() {
            let mut directory = encoder.directory.clone();
            directory[at] ^= 0xff;
            let _ = decode_all(&encoder.ids, &directory, &encoder.payload);
        }
        for at in 0..encoder.payload.len() {
            let mut payload = encoder.payload.clone();
            payload[at] ^= 0x55;
            assert!(decode_all(&encoder.ids, &encoder.directory, &payload).is_err(), "byte {at}");
        }
    }

    #[test]
    fn numbers_of_all_sizes_survive() {
        for number in [0, 1, -1, 63, 64, -64, -65, i64::MAX, i64::MIN] {
            let mut out = Vec::new();
            write_signed(&mut out, number);
            assert_eq!(read_signed(&mut &out[..]).unwrap(), number);
        }
    }
}
