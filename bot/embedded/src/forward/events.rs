//! Server-sent events, read from bytes as they come: <https://html.spec.whatwg.org/multipage/server-sent-events.html>.

use std::time::Duration;

/// An event of at most so many bytes: GitHub's largest payload, and what JSON in JSON adds to it.
const LARGEST: usize = 64 * 1024 * 1024;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    /// `message` where the stream names none.
    pub(super) kind: String,
    pub(super) data: String,
}

/// An event larger than anything that may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event is larger than {LARGEST} bytes")]
pub(super) struct TooLarge;

/// A stream's state between two pieces.
#[derive(Debug, Default)]
pub(super) struct Stream {
    line: Vec<u8>,
    /// The last byte was a carriage return: a line feed that follows belongs to it.
    after_return: bool,
    is_past_start: bool,
    kind: String,
    data: String,
    id: String,
    /// The id of the last event: what to say when connecting again.
    pub(super) last_id: Option<String>,
    /// How long to wait before that, where the stream says so.
    pub(super) retry: Option<Duration>,
}

impl Stream {
    /// A stream that goes on where another one broke off.
    pub(super) fn after(last_id: Option<String>) -> Self {
        Self { id: last_id.clone().unwrap_or_default(), last_id, ..Self::default() }
    }

    /// Reads a piece, and hands over the events that it completes.
    pub(super) fn read(&mut self, piece: &[u8]) -> Result<Vec<Event>, TooLarge> {
        let mut events = Vec::new();
        for &byte in piece {
            let after_return = std::mem::replace(&mut self.after_return, byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\r' | b'\n' => {
                    let line = std::mem::take(&mut self.line);
                    events.extend(self.end_line(&line));
                }
                _ => self.line.push(byte),
            }
            if self.line.len() + self.data.len() > LARGEST {
                return Err(TooLarge);
            }
        }
        Ok(events)
    }

    fn end_line(&mut self, line: &[u8]) -> Option<Event> {
        let line = String::from_utf8_lossy(line);
        let line = if self.is_past_start { &*line } else { line.strip_prefix('\u{feff}').unwrap_or(&line) };
        self.is_past_start = true;
        if line.is_empty() {
            return self.dispatch();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.kind),
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            "id" if !value.contains('\0') => value.clone_into(&mut self.id),
            "retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.retry = value.parse().ok().map(Duration::from_millis).or(self.retry);
            }
            // Comments have an empty name; fields that nobody knows are skipped.
            _ => {}
        }
        None
    }

    fn dispatch(&mut self) -> Option<Event> {
        self.last_id = Some(self.id.clone()).filter(|id| !id.is_empty());
        let kind = std::mem::take(&mut self.kind);
        let mut data = std::mem::take(&mut self.data);
        if data.is_empty() {
            return None;
        }
        data.pop();
        Some(Event { kind: if kind.is_empty() { "message".to_owned() } else { kind }, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &str, data: &str) -> Event {
        Event { kind: kind.to_owned(), data: data.to_owned() }
    }

    #[test]
    fn events_are_read_whatever_the_pieces() {
        let text = "\u{feff}: hello\nid: 0\nevent: ready\ndata: {}\n\nid: 1\r\ndata: a\r\ndata:  bé\r\r\ndata\n\nretry: 250\nretry: x\n\
                    foo: bar\n\nevent: ping\n\nid\ndata: z\n\ndata: unfinished";
        let expected =
            [event("ready", "{}"), event("message", "a\n bé"), event("message", ""), event("message", "z")];
        for size in [1, 2, 3, 7, text.len()] {
            let mut stream = Stream::default();
            let mut events = Vec::new();
            for piece in text.as_bytes().chunks(size) {
                events.extend(stream.read(piece).unwrap());
            }
            assert_eq!(events, expected, "in pieces of {size}");
            assert_eq!((stream.last_id.as_deref(), stream.retry), (None, Some(Duration::from_millis(250))));
        }
    }

    #[test]
    fn the_last_id_holds_until_another_comes() {
        let mut stream = Stream::after(Some("7".to_owned()));
        stream.read(b"data: x\n\n").unwrap();
        assert_eq!(stream.last_id.as_deref(), Some("7"));
        stream.read(b"id: 8\ndata: x\n").unwrap();
        assert_eq!(stream.last_id.as_deref(), Some("7"), "not before the event is whole");
        stream.read(b"\nid: 9\0\n\n").unwrap();
        assert_eq!(stream.last_id.as_deref(), Some("8"));
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut stream = Stream::default();
        let piece = vec![b'x'; 1024 * 1024];
        assert!((0..=LARGEST / piece.len()).any(|_| stream.read(&piece).is_err()));
    }
}
