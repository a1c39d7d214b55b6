//! Which raw HTML elements are open: text between `<code>` tags is code, whatever Markdown takes it for.

/// Elements whose text is code, a quote, withdrawn, a cell, or not shown at all.
const QUIET: [&str; 18] = [
    "blockquote",
    "code",
    "del",
    "iframe",
    "kbd",
    "math",
    "noscript",
    "pre",
    "s",
    "samp",
    "script",
    "strike",
    "style",
    "table",
    "template",
    "textarea",
    "title",
    "tt",
];

/// Counts the open elements whose text never counts. One that is never closed lasts to the end, as in a browser.
#[derive(Default)]
pub(super) struct OpenElements {
    counts: [usize; QUIET.len()],
    total: usize,
}

impl OpenElements {
    /// Whether text that stands here counts.
    pub fn quiet(&self) -> bool {
        self.total > 0
    }

    /// Follows a piece of HTML: an inline tag, or a whole block.
    pub fn follow(&mut self, html: &str) {
        let mut rest = html;
        while let Some(at) = rest.find('<') {
            rest = &rest[at + 1..];
            if let Some(comment) = rest.strip_prefix("!--") {
                // Unclosed, it hides all that follows in this piece.
                let Some(end) = comment.find("-->") else { return };
                rest = &comment[end + 3..];
                continue;
            }
            let (closing, name) = match rest.strip_prefix('/') {
                Some(name) => (true, name),
                None => (false, rest),
            };
            let length = name.bytes().take_while(u8::is_ascii_alphanumeric).count();
            self.count(&name[..length], closing);
            rest = after_tag(&name[length..]);
        }
    }

    fn count(&mut self, name: &str, closing: bool) {
        let Some(element) = QUIET.iter().position(|quiet| quiet.eq_ignore_ascii_case(name)) else { return };
        let count = &mut self.counts[element];
        if !closing {
            *count += 1;
            self.total += 1;
        } else if *count > 0 {
            *count -= 1;
            self.total -= 1;
        }
    }
}

/// What follows a tag whose name was read: quoted attributes may hold `<` and `>`.
fn after_tag(rest: &str) -> &str {
    let mut quote = None;
    for (at, byte) in rest.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return &rest[at + 1..],
            // No tag after all, or a broken one: the next begins here.
            (None, b'<') => return &rest[at..],
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
    }
    // An unclosed quote must not hide a tag: whoever stops here has read all there is, so that time stays linear.
    ""
}

/// Whether an inline tag is a line break.
pub(super) fn is_line_break(tag: &str) -> bool {
    let Some(name) = tag.strip_prefix('<') else { return false };
    name.get(..2).is_some_and(|name| name.eq_ignore_ascii_case("br"))
        && name[2..].starts_with(|c: char| c.is_whitespace() || matches!(c, '/' | '>'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_elements_are_counted_and_comments_are_not() {
        for (html, quiet) in [
            ("<pre>", true),
            ("<PRE class=x>", true),
            ("<pre></pre>", false),
            ("<code><code></code>", true),
            ("</code><code>", true),
            ("<!-- <code> -->", false),
            ("<!-- <code>", false),
            ("<div title=\"<code>\">", false),
            ("<div title='<code>'><code>", true),
            ("<codex>", false),
            ("<a <code>", true),
            ("<details><summary>x</summary>", false),
        ] {
            let mut open = OpenElements::default();
            open.follow(html);
            assert_eq!(open.quiet(), quiet, "{html}");
        }
    }

    #[test]
    fn line_breaks_are_recognised() {
        for tag in ["<br>", "<BR/>", "<br />", "<br class=x>"] {
            assert!(is_line_break(tag), "{tag}");
        }
        for tag in ["<brx>", "</br", "<b>", "<br", "<é>"] {
            assert!(!is_line_break(tag), "{tag}");
        }
    }
}
