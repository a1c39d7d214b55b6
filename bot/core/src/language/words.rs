//! Shell-like words, from text that may hold code spans and the quotes that telephones type.

use std::ops::Range;

use super::line::Unclosed;

/// A code span within a line's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Code {
    /// Where it stands in the text, backticks included. Never empty.
    pub range: Range<usize>,
    /// What it shows.
    pub content: String,
}

/// What is open while the text is walked.
#[derive(Clone, Copy)]
enum Quote {
    /// `"…"`: a backslash escapes what is special in it.
    Straight,
    /// `“…”`: the same.
    Curly,
    /// `'…'`: all is literal.
    Single,
    /// `‘…’`: all is literal, and only a closing one at the end of a word closes it, since it is an apostrophe too.
    CurlySingle,
}

/// Splits a line's text into words. `codes` are its code spans from `from` on, in order.
pub(super) fn split(text: &str, from: usize, codes: &[Code]) -> Result<Vec<String>, Unclosed> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut open: Option<(Quote, Unclosed)> = None;
    let mut codes = codes.iter().peekable();
    let mut at = from;

    while let Some(char) = text[at..].chars().next() {
        if let Some(code) = codes.next_if(|code| code.range.start == at) {
            // Within quotes a person writes prose, whose backticks are meant to stay.
            let shown = if open.is_some() { &text[code.range.clone()] } else { &code.content };
            word.get_or_insert_default().push_str(shown);
            at = code.range.end;
            continue;
        }
        at += char.len_utf8();
        let next = text[at..].chars().next();

        if let Some((quote, _)) = open {
            let closes = match quote {
                Quote::Straight => char == '"',
                Quote::Curly => matches!(char, '“' | '”' | '"'),
                Quote::Single => char == '\'',
                Quote::CurlySingle => char == '’' && next.is_none_or(char::is_whitespace),
            };
            let double = matches!(quote, Quote::Straight | Quote::Curly);
            if closes {
                open = None;
            } else if double
                && char == '\\'
                && next.is_some_and(|c| matches!(c, '"' | '\\' | '$' | '`' | '“' | '”'))
            {
                word.get_or_insert_default().extend(next);
                at += next.map_or(0, char::len_utf8);
            } else {
                word.get_or_insert_default().push(char);
            }
            continue;
        }

        let quote = match char {
            '"' => Some(Quote::Straight),
            '“' | '”' | '„' => Some(Quote::Curly),
            '\'' => Some(Quote::Single),
            '‘' if word.is_none() => Some(Quote::CurlySingle),
            _ => None,
        };
        if let Some(quote) = quote {
            let within_word = word.as_ref().is_some_and(|word| word.ends_with(char::is_alphanumeric));
            open = Some((quote, Unclosed { quote: char, within_word }));
            word.get_or_insert_default();
        } else if char.is_whitespace() {
            words.extend(word.take());
        } else if char == '\\' {
            // A last backslash has nothing to escape and stays, as Markdown shows it.
            let literal = next.unwrap_or('\\');
            word.get_or_insert_default().push(literal);
            at += next.map_or(0, char::len_utf8);
        } else {
            word.get_or_insert_default().push(char);
        }
    }

    if let Some((_, unclosed)) = open {
        return Err(unclosed);
    }
    words.extend(word);
    Ok(words)
}

/// Writes a word so that a command line gives exactly it back. Line breaks cannot be written and become spaces.
///
/// Every ASCII punctuation character that Markdown or the shell could take for something else gets a backslash,
/// which means the same to both; white space and what lies beyond ASCII go into double quotes.
pub fn quote(word: &str) -> String {
    let plain = |c: char| {
        c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | '=' | ',' | '+' | '%' | '@')
    };
    if word.is_empty() {
        return "\"\"".to_owned();
    }
    let mut out = String::with_capacity(word.len() + 2);
    let mut quoted = false;
    for char in word.chars() {
        let bare = char.is_ascii_punctuation() || char.is_ascii_alphanumeric();
        if bare == quoted && !(quoted && plain(char)) {
            out.push('"');
            quoted = !quoted;
        }
        if !plain(char) && bare {
            out.push('\\');
        }
        out.push(if matches!(char, '\n' | '\r') { ' ' } else { char });
    }
    if quoted {
        out.push('"');
    }
    out
}
