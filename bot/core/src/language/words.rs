//! Shell-like words, from text that may hold code spans and the quotes that telephones type.

use std::ops::Range;

use super::line::Misquoted;

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

/// Whether a character shows nothing and separates nothing: zero-width spaces and joiners, byte order marks, and the
/// marks that steer the direction of writing. They come along with what people paste.
pub(super) fn is_invisible(char: char) -> bool {
    matches!(
        char,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2064}'
            | '\u{2066}'..='\u{206f}'
            | '\u{feff}'
    )
}

/// Splits a line's text into words. `codes` are its code spans from `from` on, in order.
pub(super) fn split(text: &str, from: usize, codes: &[Code]) -> Result<Vec<String>, Misquoted> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    // Invisible characters behind a word's last visible one. They belong to it only if another one follows.
    let mut unseen = String::new();
    let mut open: Option<(Quote, Misquoted)> = None;
    let mut codes = codes.iter().peekable();
    let mut at = from;

    while let Some(char) = text[at..].chars().next() {
        if let Some(code) = codes.next_if(|code| code.range.start == at) {
            // Within quotes a person writes prose, whose backticks are meant to stay.
            let shown = if open.is_some() { &text[code.range.clone()] } else { &code.content };
            let word = word.get_or_insert_default();
            word.push_str(&std::mem::take(&mut unseen));
            word.push_str(shown);
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

        if is_invisible(char) {
            if word.is_some() {
                unseen.push(char);
            }
            continue;
        }
        if char.is_whitespace() {
            unseen.clear();
            words.extend(word.take());
            continue;
        }
        if let Some(word) = &mut word {
            word.push_str(&std::mem::take(&mut unseen));
        }

        let quote = match char {
            '"' => Some(Quote::Straight),
            '“' | '”' | '„' => Some(Quote::Curly),
            '\'' => Some(Quote::Single),
            '‘' if word.is_none() => Some(Quote::CurlySingle),
            _ => None,
        };
        if let Some(quote) = quote {
            let apostrophe = char == '\'' && text[from..at - 1].ends_with(char::is_alphanumeric);
            let misquoted = Misquoted { quote: char, apostrophe };
            if apostrophe {
                return Err(misquoted);
            }
            open = Some((quote, misquoted));
            word.get_or_insert_default();
        } else if char == '\\' {
            // A last backslash has nothing to escape and stays, as Markdown shows it.
            let literal = next.unwrap_or('\\');
            word.get_or_insert_default().push(literal);
            at += next.map_or(0, char::len_utf8);
        } else {
            word.get_or_insert_default().push(char);
        }
    }

    if let Some((_, misquoted)) = open {
        return Err(misquoted);
    }
    words.extend(word);
    Ok(words)
}

/// Writes a word so that a command line gives exactly it back. Line breaks cannot be written and become spaces.
///
/// Bare where that is safe, in double quotes where that is; else every ASCII punctuation character that Markdown or
/// the shell could take for something gets a backslash, which means the same to both.
pub fn quote(word: &str) -> String {
    let plain = |c: char| {
        c.is_ascii_alphanumeric()
            || matches!(c, '-' | '_' | '.' | '/' | ':' | '=' | ',' | '+' | '%' | '@' | '#')
    };
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    // `<` is nothing to the shell, but `<!--` would begin a comment.
    if !word.contains(['"', '\\', '$', '`', '<']) {
        return format!("\"{}\"", word.replace(['\n', '\r'], " "));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        split(text, 0, &[]).unwrap()
    }

    #[test]
    fn words_are_split_as_in_a_shell() {
        for (text, expected) in [
            ("", &[][..]),
            ("  ", &[]),
            ("deploy staging --ref=main", &["deploy", "staging", "--ref=main"]),
            ("a\u{a0}b\tc\nd", &["a", "b", "c", "d"]),
            (r#"echo "a b" 'c d' e\ f"#, &["echo", "a b", "c d", "e f"]),
            (r#"--m="a b"'c d'"#, &["--m=a bc d"]),
            (r#""" '' x"#, &["", "", "x"]),
            (r#""a\"b\\c\d\`""#, &[r#"a"b\c\d`"#]),
            (r"'a\b'", &[r"a\b"]),
            (r"don\'t C:\\dir a\", &["don't", r"C:\dir", r"a\"]),
            ("#12 a#b # c", &["#12", "a#b", "#", "c"]),
            ("$HOME * ~ ! `", &["$HOME", "*", "~", "!", "`"]),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
    }

    #[test]
    fn quotes_that_telephones_type_work() {
        for (text, expected) in [
            ("echo “a b” c", &["echo", "a b", "c"][..]),
            ("echo „a b“", &["echo", "a b"]),
            ("echo ”a b”", &["echo", "a b"]),
            ("“a b\"", &["a b"]),
            ("\"a “b” c\"", &["a “b” c"]),
            ("‘a b’ c", &["a b", "c"]),
            ("‘don’t go’ x", &["don’t go", "x"]),
            ("don’t", &["don’t"]),
            ("don‘t", &["don‘t"]),
            ("it’s the dogs’ bone", &["it’s", "the", "dogs’", "bone"]),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
    }

    #[test]
    fn invisible_characters_count_within_a_word_only() {
        for (text, expected) in [
            ("\u{200b}ping\u{feff} \u{200f} a", &["ping", "a"][..]),
            ("\u{2066}a b\u{2069}", &["a", "b"]),
            ("می\u{200c}خواهم 👩\u{200d}🚀", &["می\u{200c}خواهم", "👩\u{200d}🚀"]),
            ("\"\u{200b}\" '\u{200b}a'", &["\u{200b}", "\u{200b}a"]),
            ("a\u{200b}\"b\"\u{200b}", &["a\u{200b}b"]),
            ("\\\u{200b}", &["\u{200b}"]),
            ("\u{200b}", &[]),
        ] {
            assert_eq!(words(text), expected, "{text:?}");
        }
    }

    #[test]
    fn an_apostrophe_is_told_from_a_quote_that_never_closes() {
        for (text, quote, apostrophe) in [
            ("a 'b", '\'', false),
            ("don't", '\'', true),
            ("don't, can't", '\'', true),
            ("dogs' bone", '\'', true),
            ("\"a “b”", '"', false),
            ("“a", '“', false),
            ("‘tis", '‘', false),
        ] {
            assert_eq!(split(text, 0, &[]), Err(Misquoted { quote, apostrophe }), "{text}");
        }
    }

    #[test]
    fn a_code_span_is_literal() {
        let code = |text: &str, start: usize, end: usize, content: &str| {
            split(text, 0, &[Code { range: start..end, content: content.to_owned() }])
        };
        assert_eq!(code("a `b c` d", 2, 7, "b c").unwrap(), ["a", "b c", "d"]);
        assert_eq!(code("--e=`b \"c`x", 4, 10, "b \"c").unwrap(), ["--e=b \"cx"]);
        assert_eq!(code("\"a `b\"` c\"", 3, 7, "b\"").unwrap(), ["a `b\"` c"]);
        assert_eq!(code("` `", 0, 3, " ").unwrap(), [" "]);
    }

    #[test]
    fn quoting_is_short_where_nothing_needs_it() {
        for (word, quoted) in [
            ("staging", "staging"),
            ("--ref=a/b", "--ref=a/b"),
            ("", r#""""#),
            ("a b", r#""a b""#),
            ("don't", r#""don't""#),
            ("<!-- é x", r#"\<\!--" é x""#),
            ("`", r"\`"),
            ("é", r#""é""#),
            ("a\nb", r#""a b""#),
        ] {
            assert_eq!(quote(word), quoted, "{word}");
        }
    }
}
