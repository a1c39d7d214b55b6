//! As much of HTTP/1.1 as the answers of a webhook receiver need.

use anyhow::{Context as _, bail};

/// A whole answer at the start of a buffer.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// How many bytes it takes, head and body.
    pub length: usize,
    /// Whether the server closes the connection after it.
    pub closes: bool,
}

impl Answer {
    /// Reads it, or `None` while some of it is missing.
    pub fn read(bytes: &[u8]) -> anyhow::Result<Option<Self>> {
        let Some(head_end) = find(bytes, b"\r\n\r\n").map(|at| at + 4) else {
            return Ok(None);
        };
        let head = str::from_utf8(&bytes[..head_end]).context("the answer's head is no text")?;
        let status = head.get(9..12).and_then(|status| status.parse().ok()).context("no status")?;
        let mut body = Body::Length(0);
        let mut closes = false;
        for line in head.lines().skip(1) {
            let Some((name, value)) = line.split_once(':') else { continue };
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                body = Body::Length(value.parse().context("the answer's length is no number")?);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                if !value.eq_ignore_ascii_case("chunked") {
                    bail!("the answer is encoded as {value}");
                }
                body = Body::Chunked;
            } else if name.eq_ignore_ascii_case("connection") {
                closes = value.eq_ignore_ascii_case("close");
            }
        }
        let body_length = match body {
            Body::Length(length) => (bytes.len() >= head_end + length).then_some(length),
            Body::Chunked => chunked_length(&bytes[head_end..])?,
        };
        Ok(body_length.map(|length| Self { status, length: head_end + length, closes }))
    }
}

enum Body {
    Length(usize),
    Chunked,
}

/// How long a chunked body without trailers is, or `None` while some of it is missing.
fn chunked_length(bytes: &[u8]) -> anyhow::Result<Option<usize>> {
    let mut at = 0;
    loop {
        let Some(line) = find(&bytes[at..], b"\r\n") else { return Ok(None) };
        let size = str::from_utf8(&bytes[at..at + line])?;
        let size = usize::from_str_radix(size.trim(), 16).context("a chunk's size is no number")?;
        at += line + 2 + size + 2;
        if at > bytes.len() {
            return Ok(None);
        }
        if size == 0 {
            return Ok(Some(at));
        }
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_when_it_is_whole_and_not_before() {
        for text in [
            "HTTP/1.1 202 Accepted\r\ncontent-length: 5\r\n\r\nhello",
            "HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
            "HTTP/1.1 202 Accepted\r\n\r\n",
        ] {
            for end in 0..text.len() {
                assert_eq!(Answer::read(&text.as_bytes()[..end]).unwrap(), None, "{text} {end}");
            }
            let whole = Answer { status: 202, length: text.len(), closes: false };
            assert_eq!(Answer::read(format!("{text}HTTP/1.1").as_bytes()).unwrap(), Some(whole));
        }
    }
}
