//! How user text, lists and guesses stand in our sentences without doing harm there.

use std::fmt::Write as _;

/// How many characters of what somebody typed are repeated to them.
const SHOWN: usize = 60;

/// How many names a list holds before it says how many more there are.
const LISTED: usize = 20;

/// Text as inline code that it cannot break out of, whatever it holds: no mention pings, no markup works, no HTML
/// comment or marker of ours is imitated, no direction of writing is turned around.
pub(super) fn code(text: &str) -> String {
    let mut shown = String::new();
    let mut chars = text.chars();
    for char in chars.by_ref().take(SHOWN) {
        shown.push(if char.is_whitespace() {
            ' '
        } else if char.is_control() || is_invisible(char) {
            '\u{fffd}'
        } else {
            char
        });
    }
    if chars.next().is_some() {
        shown.push('…');
    }
    // Inert in code, but not to whoever looks for markers in the raw text.
    let shown = shown.replace("<!--", "<! --").replace("-->", "-- >");
    let longest = shown.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    // A blank on both sides is dropped in rendering; needed beside a backtick, and where blanks are all there is or
    // stand at both ends.
    let blank = shown.starts_with(['`', ' ']) || shown.ends_with(['`', ' ']) || shown.is_empty();
    if shown.trim().is_empty() {
        return "an empty text".to_owned();
    }
    let pad = if blank { " " } else { "" };
    format!("{fence}{pad}{shown}{pad}{fence}")
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
