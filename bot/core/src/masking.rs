//! Takes out of a text what looks like a secret, before anybody else reads it.
//!
//! GitHub masks the secrets that it knows of in the logs of Actions. This is for those that it does not: what a
//! program printed by mistake. It masks too much rather than too little, and never makes a text longer than a few
//! bytes. It finds shapes, so it is a net below the wire and no permission to walk there.

/// What stands in place of a secret.
pub const MASK: &str = "***";

/// Prefixes of tokens that can be told by sight, with the least number of characters that follow.
const TOKENS: &[(&str, usize)] = &[
    ("ghp_", 16),
    ("gho_", 16),
    ("ghu_", 16),
    ("ghs_", 16),
    ("ghr_", 16),
    ("github_pat_", 16),
    ("glpat-", 16),
    ("xoxb-", 10),
    ("xoxp-", 10),
    ("xoxa-", 10),
    ("xapp-", 10),
    ("sk_live_", 10),
    ("rk_live_", 10),
    ("sk-", 20),
    ("npm_", 20),
    ("pypi-", 20),
    ("AKIA", 12),
    ("ASIA", 12),
    ("AIza", 20),
    ("ya29.", 20),
    ("dop_v1_", 20),
    ("hvs.", 16),
    // A JSON Web Token begins with `{"` in base64.
    ("eyJ", 20),
];

/// Words after which a value stands that is nobody's business.
const NAMES: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "api_key",
    "api-key",
    "apikey",
    "access_key",
    "access-key",
    "accesskey",
    "private_key",
    "private-key",
    "privatekey",
    "client_secret",
    "authorization",
    "credential",
    "credentials",
    "connection_string",
    "connectionstring",
];

/// Masks whatever in `lines` looks like a secret; private keys over several lines included.
pub fn mask_lines<'a>(lines: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut in_key = false;
    let mut masked = Vec::new();
    for line in lines {
        let (begins, ends) = (is_armour(line, "-----BEGIN "), is_armour(line, "-----END "));
        if begins || in_key {
            // One mask for the whole key: how long it is tells nothing.
            if begins && !in_key {
                masked.push(MASK.to_owned());
            }
            in_key = !ends;
            continue;
        }
        if ends {
            // The key began before the first line that we see.
            masked.clear();
            masked.push(MASK.to_owned());
            continue;
        }
        masked.push(mask(line));
    }
    masked
}

fn is_armour(line: &str, mark: &str) -> bool {
    line.find(mark).is_some_and(|at| line[at..].contains("PRIVATE KEY"))
}

/// Masks whatever in `line` looks like a secret.
pub fn mask(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    // Whether the value of a name like `password` is to come.
    let mut value_follows = false;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if word.is_empty() {
            let separator = after.chars().next().map_or(0, char::len_utf8);
            let (separator, after) = after.split_at(separator);
            out.push_str(separator);
            rest = after;
            // `password: x`, `"password": "x"`, `password=x` and `--password x`; anything else ends the wait.
            if !matches!(separator, ":" | "=" | " " | "\"" | "'" | "\t" | ">") {
                value_follows = false;
            }
            if separator == ":" && after.starts_with("//") {
                rest = mask_user_info(after, &mut out);
            }
            continue;
        }
        rest = after;
        if value_follows && is_scheme(word) {
            // `Authorization: Bearer …`
            out.push_str(word);
        } else if value_follows && is_value(word, after) {
            // The value goes on to the next white space or quote, whatever it is made of.
            let end =
                after.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'')).unwrap_or(after.len());
            out.push_str(MASK);
            rest = &after[end..];
            value_follows = false;
        } else if is_token(word) {
            out.push_str(MASK);
            value_follows = false;
        } else {
            out.push_str(word);
            value_follows = is_name(word) && introduces(after);
        }
    }
    out
}

/// What tokens are made of.
fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '+' | '/') || !c.is_ascii()
}

fn is_token(word: &str) -> bool {
    // A token may be the end of a path or the middle of a sentence, so every place is looked at where one can begin.
    TOKENS.iter().any(|(prefix, least)| {
        word.match_indices(prefix).any(|(at, _)| {
            let is_start = !word[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
            is_start && word[at + prefix.len()..].bytes().take_while(u8::is_ascii).count() >= *least
        })
    })
}

fn is_name(word: &str) -> bool {
    let word = word.trim_start_matches('-').to_ascii_lowercase();
    NAMES.iter().any(|name| {
        word.strip_suffix(name)
            .is_some_and(|before| before.is_empty() || before.ends_with(['_', '-', '.', '/']))
    })
}

/// Whether a value comes after a name: `=`, `:`, or a quote before one of these.
fn introduces(after: &str) -> bool {
    let after = after.trim_start_matches(['"', '\'']).trim_start();
    after.starts_with([':', '='])
}

/// Whether it is worth masking: not a number by itself, nor `true`, nor a word that says that there is none.
fn is_value(word: &str, after: &str) -> bool {
    let is_whole = after.is_empty() || after.starts_with([' ', ',', '"', '\'', '}', ')']);
    !(is_whole
        && matches!(
            word.to_ascii_lowercase().as_str(),
            "true" | "false" | "null" | "none" | "missing" | "required"
        ))
}

fn is_scheme(word: &str) -> bool {
    ["bearer", "basic", "token", "digest"].iter().any(|scheme| word.eq_ignore_ascii_case(scheme))
}

/// `//user:password@host`: masks what stands before the `@`, and returns what is left to read.
fn mask_user_info<'a>(after: &'a str, out: &mut String) -> &'a str {
    let authority = after[2..]
        .find(|c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\''))
        .map_or(after.len(), |at| at + 2);
    match after[..authority].rfind('@') {
        Some(at) => {
            out.push_str("//");
            out.push_str(MASK);
            &after[at..]
        }
        None => after,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_looks_like_a_secret_is_masked() {
        for (line, expected) in [
            // In two pieces: no file holds what looks like a live token.
            (concat!("token is ghp", "_0123456789abcdefghijABCDEFGHIJ456789 ok"), "token is *** ok"),
            ("https://ada:hunter2@registry.example/x", "https://***@registry.example/x"),
            ("Authorization: Bearer abc.def-ghi", "Authorization: Bearer ***"),
            ("authorization: basic YWRhOmh1bnRlcjI=", "authorization: basic ***"),
            ("PASSWORD=hunter2!x$y next", "PASSWORD=*** next"),
            (r#"{"db_password": "hunter2", "port": 5432}"#, r#"{"db_password": "***", "port": 5432}"#),
            ("--api-key=abcdef", "--api-key=***"),
            ("AKIAIOSFODNN7EXAMPLE in env", "*** in env"),
            ("jwt eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxIn0.abc", "jwt ***"),
            ("path/to/ghs_0123456789abcdefghij", "***"),
        ] {
            assert_eq!(mask(line), expected, "{line}");
        }
    }

    #[test]
    fn what_does_not_stays() {
        for line in [
            "error: out of tea",
            "the token is invalid",
            "password: missing",
            "secret = true",
            "see https://example.com/a@b for more",
            "risk-averse ask-me-anything",
            "tokens: 12 of 40",
            "naïve café ☕",
        ] {
            assert_eq!(mask(line), line);
        }
    }

    #[test]
    fn a_private_key_is_one_mask_wherever_the_text_begins() {
        let key =
            ["a", "-----BEGIN RSA PRIVATE KEY-----", "MIIE", "abc=", "-----END RSA PRIVATE KEY-----", "b"];
        assert_eq!(mask_lines(key), ["a", MASK, "b"]);
        assert_eq!(mask_lines(key[2..].iter().copied()), [MASK, "b"]);
        assert_eq!(mask_lines(key[..3].iter().copied()), ["a", MASK]);
    }

    proptest! {
        #[test]
        fn any_text_is_read_to_its_end(line in "\\PC{0,200}") {
            let masked = mask(&line);
            prop_assert_eq!(&mask(&masked), &masked, "masking what is masked changes nothing");
        }

        #[test]
        fn a_token_never_survives(before in "[ a-z:=\"]{0,20}", token in "ghu_[A-Za-z0-9]{36}", after in "[ ,.;:\"]{0,5}") {
            let line = format!("{before} {token}{after}");
            prop_assert!(!mask(&line).contains(&token));
        }
    }
}
