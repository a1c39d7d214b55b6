//! How events are written down: compact frames around the interpreter's own JSON, so that old logs stay readable. The
//! events that nearly every log consists of have shorter forms, which begin with a byte that no JSON begins with.

use std::cell::RefCell;

use deputy_asl::{EventKind, Payload, TaskId, TimerId, Timestamp};

use super::ExecutionId;

/// Texts shorter than this are kept as they are; compressing them gains nothing.
const WORTH_COMPRESSING: usize = 256;
/// The same for what lives for moments only, where writing it costs less than compressing.
const WORTH_COMPRESSING_FOR_NOW: usize = 32 * 1024;
/// The first byte of a blob says how the rest is to be read.
const PLAIN: u8 = 0;
const ZSTD: u8 = 1;

/// First bytes of the short forms.
const TASK_SUCCEEDED: u8 = 1;
const TASK_SUBMITTED: u8 = 2;
const TASK_STARTED: u8 = 3;
const TIMER_FIRED: u8 = 4;

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
    write_kind(log, kind);
    let length = log.len() - start;
    let mut prefix = Vec::with_capacity(4);
    write_number(&mut prefix, length as u64);
    let shift = prefix.len();
    log.extend_from_slice(&prefix);
    log[start..].rotate_right(shift);
}

fn write_kind(log: &mut Vec<u8>, kind: &EventKind) {
    let mut short = |tag, number| {
        log.push(tag);
        write_number(log, number);
    };
    match kind {
        EventKind::TaskSucceeded { task, output } => {
            short(TASK_SUCCEEDED, task.0);
            output.write_text(log);
        }
        EventKind::TaskSubmitted { task, output } => {
            short(TASK_SUBMITTED, task.0);
            output.write_text(log);
        }
        EventKind::TaskStarted { task, worker: None } => short(TASK_STARTED, task.0),
        EventKind::TimerFired { timer } => short(TIMER_FIRED, timer.0),
        // Writing to memory fails only for maps with keys that are no texts, of which events have none.
        other => drop(serde_json::to_writer(log, other)),
    }
}

fn read_kind(entry: &[u8]) -> Result<EventKind, Damaged> {
    let (tag, mut rest) = entry.split_first().ok_or(Damaged)?;
    let rest = &mut rest;
    let task = |rest: &mut &[u8]| read_number(rest).map(TaskId);
    let kind = match *tag {
        TASK_SUCCEEDED => {
            return Ok(EventKind::TaskSucceeded { task: task(rest)?, output: read_text(rest)? });
        }
        TASK_SUBMITTED => {
            return Ok(EventKind::TaskSubmitted { task: task(rest)?, output: read_text(rest)? });
        }
        TASK_STARTED => EventKind::TaskStarted { task: task(rest)?, worker: None },
        TIMER_FIRED => EventKind::TimerFired { timer: TimerId(read_number(rest)?) },
        _ => return serde_json::from_slice(entry).map_err(|_| Damaged),
    };
    if rest.is_empty() { Ok(kind) } else { Err(Damaged) }
}

fn read_text(text: &[u8]) -> Result<Payload, Damaged> {
    std::str::from_utf8(text).ok().and_then(|text| Payload::parse(text).ok()).ok_or(Damaged)
}

/// Reads a log that [`write_entry`] wrote.
pub(crate) fn read_entries(mut log: &[u8], mut each: impl FnMut(Entry)) -> Result<(), Damaged> {
    while !log.is_empty() {
        let mut entry = read_slice(&mut log)?;
        let at = read_number(&mut entry)?;
        let at = Timestamp(i64::try_from(at).map_err(|_| Damaged)?);
        each(Entry { at, kind: read_kind(entry)? });
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

thread_local! {
    /// Making a compressor costs more than using it.
    static COMPRESSOR: RefCell<Option<zstd::bulk::Compressor<'static>>> =
        RefCell::new(zstd::bulk::Compressor::new(1).ok());
}

/// Packs a blob for the database.
pub(crate) fn pack(plain: &[u8]) -> Vec<u8> {
    pack_from(WORTH_COMPRESSING, plain)
}

/// As [`pack`], for what is deleted soon.
pub(crate) fn pack_for_now(plain: &[u8]) -> Vec<u8> {
    pack_from(WORTH_COMPRESSING_FOR_NOW, plain)
}

fn pack_from(worth: usize, plain: &[u8]) -> Vec<u8> {
    if plain.len() >= worth
        && let Some(mut packed) = COMPRESSOR.with_borrow_mut(|it| it.as_mut()?.compress(plain).ok())
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
#[allow(clippy::cast_possible_truncation)] // The lowest bits are what is wanted.
fn write_number(to: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        to.push((number & 0x7f) as u8 | 0x80);
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
        let kinds = [
            EventKind::Start,
            EventKind::TaskStarted { task: TaskId(7), worker: None },
            EventKind::TaskStarted { task: TaskId(7), worker: Some("w".into()) },
            EventKind::TaskSubmitted { task: TaskId(7), output: output.clone() },
            EventKind::TaskSucceeded { task: TaskId(300), output },
            EventKind::TimerFired { timer: TimerId(1 << 40) },
            EventKind::Continue,
        ];
        let mut log = Vec::new();
        for (index, kind) in (0..).zip(&kinds) {
            write_entry(&mut log, Timestamp(1_700_000_000_000 + index), kind);
        }
        let mut read = Vec::new();
        read_entries(&log, |entry| read.push(entry.kind)).unwrap();
        assert_eq!(read, kinds);
        assert_eq!(count_entries(&log), Ok(kinds.len() as u64));
        assert_eq!(unpack(&pack(&log)).unwrap(), log);
        assert_eq!(count_entries(skip_entries(&log, kinds.len() as u64 - 1).unwrap()), Ok(1));
        assert_eq!(read_entries(&log[..log.len() - 1], |_| {}), Err(Damaged));
    }

    #[test]
    fn an_entry_of_the_first_version_is_read() {
        let kind = EventKind::TimerFired { timer: TimerId(3) };
        let mut log = vec![0, 9];
        log.extend(serde_json::to_vec(&kind).unwrap());
        log[0] = u8::try_from(log.len() - 1).unwrap();
        let mut read = Vec::new();
        read_entries(&log, |entry| read.push(entry)).unwrap();
        assert_eq!(read, [Entry { at: Timestamp(9), kind }]);
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
