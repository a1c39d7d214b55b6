//! How events are written down: compact frames around the interpreter's own JSON, so that old logs stay readable.

use deputy_asl::{EventKind, Timestamp};

use super::ExecutionId;

/// Texts shorter than this are kept as they are; compressing them gains nothing.
const WORTH_COMPRESSING: usize = 256;
/// The first byte of a blob says how the rest is to be read.
const PLAIN: u8 = 0;
const ZSTD: u8 = 1;

/// What cannot be read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a log entry is damaged")]
pub(crate) struct Damaged;

/// One event of one execution as it stands in a log.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) at: Timestamp,
    pub(crate) kind: EventKind,
}

/// Appends an event to a log: length, time, kind.
pub(crate) fn write_entry(log: &mut Vec<u8>, at: Timestamp, kind: &EventKind) {
    let start = log.len();
    write_number(log, at.0.unsigned_abs());
    // Writing to memory fails only for maps with keys that are no texts, of which events have none.
    let _ = serde_json::to_writer(&mut *log, kind);
    let length = log.len() - start;
    let mut prefix = Vec::with_capacity(4);
    write_number(&mut prefix, length as u64);
    let shift = prefix.len();
    log.extend_from_slice(&prefix);
    log[start..].rotate_right(shift);
}

/// Reads a log that [`write_entry`] wrote.
pub(crate) fn read_entries(mut log: &[u8], mut each: impl FnMut(Entry)) -> Result<(), Damaged> {
    while !log.is_empty() {
        let mut entry = read_slice(&mut log)?;
        let at = read_number(&mut entry)?;
        let at = Timestamp(i64::try_from(at).map_err(|_| Damaged)?);
        each(Entry { at, kind: serde_json::from_slice(entry).map_err(|_| Damaged)? });
    }
    Ok(())
}

/// How many entries a log holds.
pub(crate) fn count_entries(mut log: &[u8]) -> Result<u64, Damaged> {
    let mut count = 0;
    while !log.is_empty() {
        read_slice(&mut log)?;
        count += 1;
    }
    Ok(count)
}

/// The entries from the `skip`-th on.
pub(crate) fn skip_entries(mut log: &[u8], skip: u64) -> Result<&[u8], Damaged> {
    for _ in 0..skip {
        read_slice(&mut log)?;
    }
    Ok(log)
}

/// Appends the events of one execution to a segment: whose, from which number on, and what.
pub(crate) fn write_run(
    segment: &mut Vec<u8>,
    execution: ExecutionId,
    first: u64,
    origin: Option<&[u8]>,
    log: &[u8],
) {
    write_number(segment, execution);
    write_number(segment, first);
    write_slice(segment, origin.unwrap_or_default());
    write_slice(segment, log);
}

/// What [`write_run`] wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run<'a> {
    pub(crate) execution: ExecutionId,
    pub(crate) first: u64,
    /// Where the execution comes from; with its first events only, else empty.
    pub(crate) origin: &'a [u8],
    pub(crate) log: &'a [u8],
}

/// Reads a segment that [`write_run`] wrote.
pub(crate) fn read_runs<'a>(mut segment: &'a [u8], mut each: impl FnMut(Run<'a>)) -> Result<(), Damaged> {
    while !segment.is_empty() {
        let (execution, first) = (read_number(&mut segment)?, read_number(&mut segment)?);
        let (origin, log) = (read_slice(&mut segment)?, read_slice(&mut segment)?);
        each(Run { execution, first, origin, log });
    }
    Ok(())
}

/// The first piece of an execution's own log: where it comes from, then its events.
pub(crate) fn with_origin(origin: &[u8], log: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(origin.len() + log.len() + 4);
    write_slice(&mut body, origin);
    body.extend_from_slice(log);
    body
}

/// Undoes [`with_origin`].
pub(crate) fn split_origin(mut body: &[u8]) -> Result<(&[u8], &[u8]), Damaged> {
    let origin = read_slice(&mut body)?;
    Ok((origin, body))
}

/// Packs a blob for the database.
pub(crate) fn pack(plain: &[u8]) -> Vec<u8> {
    if plain.len() >= WORTH_COMPRESSING
        && let Ok(mut packed) = zstd::bulk::compress(plain, 1)
        && packed.len() + 6 < plain.len()
    {
        let mut blob = Vec::with_capacity(packed.len() + 6);
        blob.push(ZSTD);
        write_number(&mut blob, plain.len() as u64);
        blob.append(&mut packed);
        return blob;
    }
    let mut blob = Vec::with_capacity(plain.len() + 1);
    blob.push(PLAIN);
    blob.extend_from_slice(plain);
    blob
}

/// Undoes [`pack`].
pub(crate) fn unpack(blob: &[u8]) -> Result<Vec<u8>, Damaged> {
    let (kind, mut rest) = blob.split_first().ok_or(Damaged)?;
    match *kind {
        PLAIN => Ok(rest.to_vec()),
        ZSTD => {
            let length = usize::try_from(read_number(&mut rest)?).map_err(|_| Damaged)?;
            zstd::bulk::decompress(rest, length).map_err(|_| Damaged)
        }
        _ => Err(Damaged),
    }
}

/// Seven bits a byte, least significant first.
fn write_number(to: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        to.push((number as u8) | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

fn read_number(from: &mut &[u8]) -> Result<u64, Damaged> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = from.split_first().ok_or(Damaged)?;
        *from = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(Damaged)
}

fn write_slice(to: &mut Vec<u8>, slice: &[u8]) {
    write_number(to, slice.len() as u64);
    to.extend_from_slice(slice);
}

fn read_slice<'a>(from: &mut &'a [u8]) -> Result<&'a [u8], Damaged> {
    let length = usize::try_from(read_number(from)?).map_err(|_| Damaged)?;
    let (slice, rest) = from.split_at_checked(length).ok_or(Damaged)?;
    *from = rest;
    Ok(slice)
}

#[cfg(test)]
mod tests {
    use deputy_asl::{Payload, TaskId};

    use super::*;

    #[test]
    fn a_log_is_read_back_as_it_was_written() {
        let output = Payload::parse(&format!("{{ \"text\": \"{}\" }}", "ü".repeat(300))).unwrap();
        let kinds =
            [EventKind::Start, EventKind::TaskSucceeded { task: TaskId(7), output }, EventKind::Continue];
        let mut log = Vec::new();
        for (index, kind) in (0..).zip(&kinds) {
            write_entry(&mut log, Timestamp(1_700_000_000_000 + index), kind);
        }
        let mut read = Vec::new();
        read_entries(&log, |entry| read.push(entry.kind)).unwrap();
        assert_eq!(read, kinds);
        assert_eq!(count_entries(&log), Ok(3));
        assert_eq!(unpack(&pack(&log)).unwrap(), log);
        assert_eq!(count_entries(skip_entries(&log, 2).unwrap()), Ok(1));
        assert_eq!(read_entries(&log[..log.len() - 1], |_| {}), Err(Damaged));
    }

    #[test]
    fn a_segment_holds_runs_of_several_executions() {
        let mut segment = Vec::new();
        write_run(&mut segment, 300, 0, Some(b"origin"), b"abc");
        write_run(&mut segment, 1, 17, None, b"");
        let mut runs = Vec::new();
        read_runs(&segment, |run| runs.push(run)).unwrap();
        assert_eq!(runs[0], Run { execution: 300, first: 0, origin: b"origin", log: b"abc" });
        assert_eq!(runs[1], Run { execution: 1, first: 17, origin: b"", log: b"" });
    }
}
