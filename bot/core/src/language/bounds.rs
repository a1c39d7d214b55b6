//! How much of a text is read, so that time stays linear in its length whatever stands in it.

use super::{MAX_CHARACTERS, MAX_NESTING};

/// The part of a text that is read: whole lines, not too many characters, not too deep.
pub(super) fn bounded(body: &str) -> &str {
    let mut end = body.len();
    if let Some((cut, _)) = body.char_indices().nth(MAX_CHARACTERS) {
        end = body[..cut].rfind('\n').map_or(0, |at| at + 1);
    }
    let mut start = 0;
    for line in body[..end].split_inclusive(['\n', '\r']) {
        if nesting(line) > MAX_NESTING {
            return &body[..start];
        }
        start += line.len();
    }
    &body[..end]
}

/// At least as many as the lists and quotes that a line stands in once it opens its own.
///
/// Its markers open one each, and every list around them needs two columns of indentation.
fn nesting(line: &str) -> usize {
    let prefix = line
        .bytes()
        .take_while(|b| matches!(b, b' ' | b'\t' | b'>' | b'-' | b'*' | b'+' | b'.' | b')' | b'0'..=b'9'));
    let (mut markers, mut columns) = (0, 0);
    let mut before = b' ';
    for byte in prefix.chain([b'\n']) {
        let closes_marker =
            matches!(byte, b' ' | b'\t' | b'\n') && matches!(before, b'-' | b'*' | b'+' | b'.' | b')');
        markers += usize::from(byte == b'>' || closes_marker);
        columns += match byte {
            b' ' => 1,
            b'\t' => 4,
            _ => 0,
        };
        before = byte;
    }
    if markers == 0 { 0 } else { markers + columns / 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_lines_are_read() {
        let filler = "x".repeat(MAX_CHARACTERS - 10);
        assert_eq!(bounded(&filler), filler);
        assert_eq!(bounded(&format!("a\n{filler}")), format!("a\n{filler}"));
        assert_eq!(bounded(&format!("a\n{filler}\n@deputy echo a b")), format!("a\n{filler}\n"));
        assert_eq!(bounded(&filler.repeat(2)), "");
        // Characters, as GitHub counts, not bytes.
        let wide = "é".repeat(MAX_CHARACTERS);
        assert_eq!(bounded(&wide), wide);
    }

    #[test]
    fn nothing_is_read_from_a_line_nested_too_deep_on() {
        let many = MAX_NESTING + 1;
        for deep in [
            ">".repeat(many),
            "- ".repeat(many),
            "1. ".repeat(many),
            "  ".repeat(many) + "- ",
            "\t".repeat(many) + ">",
        ] {
            assert_eq!(bounded(&format!("a\n\n{deep}b\n\nc")), "a\n\n", "{deep}");
        }
        for flat in
            ["-".repeat(many * 9), "  ".repeat(many), ".".repeat(many), "a".to_owned() + &">".repeat(many)]
        {
            let body = format!("a\n\n{flat}b\n\nc");
            assert_eq!(bounded(&body), body, "{flat}");
        }
    }
}
