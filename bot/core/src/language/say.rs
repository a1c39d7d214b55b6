//! How user text, lists and guesses stand in our sentences without doing harm there.

use std::fmt::Write as _;

/// How many characters of what somebody typed are repeated to them.
const SHOWN: usize = 60;

/// How many names a list holds before it says how many more there are.
const LISTED: usize = 20;

/// Text as inline code that it cannot break out of, whatever it holds: no mention pings, no markup works, no HTML
/// comment or marker of ours is imitated, no direction of writing is turned around.
pub fn code(text: &str) -> String {
    let mut chars = text.chars();
    let mut shown: String = chars.by_ref().take(SHOWN).map(|char| visible(char, ' ')).collect();
    if chars.next().is_some() {
        shown.push('…');
    }
    let shown = without_markers(&shown);
    let fence = "`".repeat(longest_fence(&shown) + 1);
    // A blank on both sides is dropped in rendering; needed beside a backtick, and where blanks are all there is or
    // stand at both ends.
    let blank = shown.starts_with(['`', ' ']) || shown.ends_with(['`', ' ']) || shown.is_empty();
    if shown.trim().is_empty() {
        return "an empty text".to_owned();
    }
    let pad = if blank { " " } else { "" };
    format!("{fence}{pad}{shown}{pad}{fence}")
}

/// Text as a code block that it cannot break out of, line breaks kept; cut past `characters`.
pub fn block(text: &str, characters: usize) -> String {
    let mut chars = text.chars();
    let mut shown: String = chars.by_ref().take(characters).map(|char| visible(char, char)).collect();
    if chars.next().is_some() {
        shown.push('…');
    }
    let shown = without_markers(&shown);
    let fence = "`".repeat(longest_fence(&shown).max(2) + 1);
    format!("{fence}text\n{shown}\n{fence}")
}

/// What may stand for a character; white space becomes `space`.
fn visible(char: char, space: char) -> char {
    if char.is_whitespace() {
        space
    } else if char.is_control() || is_invisible(char) {
        '\u{fffd}'
    } else {
        char
    }
}

/// Markers are inert in code, but not to whoever looks for them in the raw text.
fn without_markers(text: &str) -> String {
    text.replace("<!--", "<! --").replace("-->", "-- >")
}

fn longest_fence(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// Characters that hide, or that turn the text around them.
fn is_invisible(char: char) -> bool {
    matches!(char,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Names in code, with commas, cut after some with the number of the rest.
pub(super) fn list<T: AsRef<str>>(names: &[T]) -> String {
    let mut out = names.iter().take(LISTED).map(|name| code(name.as_ref())).collect::<Vec<_>>().join(", ");
    if names.len() > LISTED {
        _ = write!(out, " and {} more", names.len() - LISTED);
    }
    out
}

/// The name that somebody most likely meant.
pub(super) fn nearest<'a>(typed: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let typed: String = typed.chars().take(SHOWN).collect::<String>().to_lowercase();
    names
        .map(|name| (strsim::jaro(&typed, name), name))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_out_of_code() {
        for (text, shown) in [
            ("staging2", "`staging2`"),
            ("@octocat", "`@octocat`"),
            ("a`b", "``a`b``"),
            ("`", "`` ` ``"),
            ("``x", "``` ``x ```"),
            ("a\nb", "`a b`"),
            ("<!-- deputy -->", "`<! -- deputy -- >`"),
            ("a\u{202e}b\u{7}", "`a\u{fffd}b\u{fffd}`"),
            (" a ", "`  a  `"),
            ("", "an empty text"),
            (" \n", "an empty text"),
        ] {
            assert_eq!(code(text), shown);
        }
        assert_eq!(code(&"x".repeat(1000)), format!("`{}…`", "x".repeat(60)));
    }

    #[test]
    fn nothing_breaks_out_of_a_block() {
        assert_eq!(block("a\n```\n@octocat <!-- x -->", 99), "````text\na\n```\n@octocat <! -- x -- >\n````");
        assert_eq!(block("abc", 2), "```text\nab…\n```");
    }

    #[test]
    fn a_guess_is_made_only_where_it_is_likely() {
        let names = ["deploy", "deployments", "help", "ping"];
        for (typed, guess) in [
            ("deplyo", Some("deploy")),
            ("DEPLOI", Some("deploy")),
            ("pnig", Some("ping")),
            ("hepl", Some("help")),
            ("thanks", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, names.into_iter()), guess, "{typed}");
        }
    }
}
