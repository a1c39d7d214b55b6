//! The word that turns a line into a command: `@deputy` or `/deputy`, under whatever name the App has.

use super::words::is_invisible;

/// How people address the bot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// Without `@` or `/`.
    name: String,
}

/// A configured name that GitHub could not have given an App.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the mention must be 1 to 100 ASCII letters, digits, hyphens or underscores, \
     with or without `@` before it; it is {0:?}"
)]
pub struct InvalidMention(String);

impl Mention {
    /// A mention from a configured name, `deputy` or `@deputy`.
    pub fn new(name: &str) -> Result<Self, InvalidMention> {
        let bare = name.strip_prefix(['@', '/']).unwrap_or(name);
        if bare.is_empty() || bare.len() > 100 || !bare.bytes().all(is_name_byte) {
            return Err(InvalidMention(name.to_owned()));
        }
        Ok(Self { name: bare.to_owned() })
    }

    /// The name without `@`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the text holds the mention's bytes anywhere: without them there is nothing to parse.
    pub(super) fn occurs_in(&self, text: &str) -> bool {
        text.bytes().enumerate().any(|(at, byte)| matches!(byte, b'@' | b'/') && self.begins(&text[at..]))
    }

    /// Whether the text begins with the mention's bytes, whatever follows them.
    pub(super) fn begins(&self, text: &str) -> bool {
        let text = text.as_bytes();
        matches!(text.first(), Some(b'@' | b'/'))
            && text[1..]
                .get(..self.name.len())
                .is_some_and(|name| name.eq_ignore_ascii_case(self.name.as_bytes()))
    }

    /// Where the rest of the line begins, if its first word is the mention.
    ///
    /// What may follow directly: white space, one `:` or `,`, and the `[bot]` that GitHub shows behind an App's name.
    /// Characters that nobody sees, before or behind those, make no other word of it.
    pub(super) fn strip(&self, line: &str) -> Option<usize> {
        if !self.begins(line) {
            return None;
        }
        let unseen = |end: usize| line.len() - line[end..].trim_start_matches(is_invisible).len();
        let mut end = unseen(1 + self.name.len());
        let rest = &line.as_bytes()[end..];
        if rest.get(..5).is_some_and(|suffix| suffix.eq_ignore_ascii_case(b"[bot]")) {
            end += 5;
        }
        if line[end..].starts_with([':', ',']) {
            end += 1;
        }
        end = unseen(end);
        let rest = &line[end..];
        (rest.is_empty() || rest.starts_with(char::is_whitespace)).then_some(end)
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_word_is_the_mention() {
        let deputy = Mention::new("@Deputy").unwrap();
        for (line, rest) in [
            ("@deputy", Some("")),
            ("/deputy ping", Some(" ping")),
            ("@DEPUTY\tping", Some("\tping")),
            ("@deputy: ping", Some(" ping")),
            ("@deputy, ping", Some(" ping")),
            ("@deputy:", Some("")),
            ("@deputy[bot] ping", Some(" ping")),
            ("@Deputy[Bot]: ping", Some(" ping")),
            ("@deputy\u{a0}ping", Some("\u{a0}ping")),
            ("@deputy\u{200b} ping", Some(" ping")),
            ("@deputy\u{200f}:\u{200f} ping", Some(" ping")),
            ("@deputy\u{feff}", Some("")),
            ("@deputy\u{200b}ping", None),
            ("@dep\u{200b}uty ping", None),
            ("@deputy-bot ping", None),
            ("@deputyx", None),
            ("@deputy_", None),
            ("@deputy/team", None),
            ("@deputy's", None),
            ("@deputy. Ping", None),
            ("@deputy:ping", None),
            ("@deputy::", None),
            ("@deputy`ping`", None),
            ("@deputyé", None),
            ("deputy ping", None),
            ("@@deputy", None),
            ("@dep", None),
            ("", None),
        ] {
            assert_eq!(deputy.strip(line).map(|at| &line[at..]), rest, "{line}");
        }
    }

    #[test]
    fn a_name_that_github_could_not_give_is_refused() {
        for name in ["", "@", "de puty", "@@deputy", "députy", "deputy[bot]", &"x".repeat(101)] {
            assert!(Mention::new(name).is_err(), "{name}");
        }
    }
}
