//! Finding many secrets in many bytes at once, by their first eight bytes, and whatever has the form of one.

use std::collections::HashMap;

/// What every secret is found by.
const HEAD: usize = 8;
/// Whatever follows a token's prefix is longer than this.
const SHORTEST_BODY: usize = 20;
/// One bit for each value of a hash.
const BITS: usize = 1 << 16;

/// The secrets that are looked for.
pub(super) struct Needles {
    by_head: HashMap<[u8; HEAD], Vec<Vec<u8>>>,
    /// Whether a head with this hash is there: most places are passed over with one look here.
    seen: Vec<u64>,
}

/// What may stand in a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Allowed {
    Nothing,
    /// Deputy's own sessions, where they are handed out.
    Sessions,
}

impl Needles {
    pub(super) fn new(secrets: impl Iterator<Item = String>) -> Self {
        let mut needles = Self { by_head: HashMap::new(), seen: vec![0; BITS / 64] };
        for secret in secrets {
            let secret = secret.into_bytes();
            let Some(head) = secret.first_chunk::<HEAD>().copied() else { continue };
            let bit = hash(head);
            needles.seen[bit / 64] |= 1 << (bit % 64);
            needles.by_head.entry(head).or_default().push(secret);
        }
        needles
    }

    /// Where secrets stand in `bytes`, told without telling them.
    pub(super) fn find(&self, place: &str, bytes: &[u8], allowed: Allowed) -> Vec<String> {
        let mut findings = Vec::new();
        // What stands before a secret is told, but for the secret before it.
        let mut told = 0;
        for (at, head) in bytes.windows(HEAD).enumerate() {
            let Some(head) = head.first_chunk::<HEAD>().copied() else { continue };
            let Some((what, length)) = self.known(head, &bytes[at..]).or_else(|| form(&bytes[at..], allowed))
            else {
                continue;
            };
            let before =
                String::from_utf8_lossy(&bytes[at.saturating_sub(60).max(told.min(at))..at]).into_owned();
            let before = before.replace(|c: char| c.is_control(), " ");
            findings.push(format!("{place} holds {what}, after “{before}”"));
            told = told.max(at + length);
        }
        findings
    }

    fn known(&self, head: [u8; HEAD], bytes: &[u8]) -> Option<(&'static str, usize)> {
        let bit = hash(head);
        if self.seen[bit / 64] & (1 << (bit % 64)) == 0 {
            return None;
        }
        let secret = self.by_head.get(&head)?.iter().find(|secret| bytes.starts_with(secret))?;
        Some(("a known secret", secret.len()))
    }
}

/// What begins here, by its form, and how long it is: `ghu_…`, `ghr_…`, `ghs_…`, `gho_…`, `ghp_…`, or a session of Deputy's.
fn form(bytes: &[u8], allowed: Allowed) -> Option<(&'static str, usize)> {
    let run = |fits: fn(&u8) -> bool| bytes.iter().skip(4).take_while(|byte| fits(byte)).count();
    match bytes {
        [b'g', b'h', b'o' | b'p' | b'u' | b's' | b'r', b'_', ..] => {
            let body = run(u8::is_ascii_alphanumeric);
            (body >= SHORTEST_BODY).then_some(("a token of GitHub's", 4 + body))
        }
        [b'd', b'p', b's', b'_', ..] if allowed != Allowed::Sessions => {
            let body = run(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
            (body >= 43).then_some(("a session of Deputy's", 4 + body))
        }
        _ => None,
    }
}

fn hash(head: [u8; HEAD]) -> usize {
    let mixed = u64::from_le_bytes(head).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    usize::try_from(mixed >> 48).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, allowed: Allowed) -> usize {
        let needles = Needles::new(["0123456789abcdef".to_owned(), "01234567zzzz".to_owned()].into_iter());
        needles.find("here", text.as_bytes(), allowed).len()
    }

    #[test]
    fn secrets_are_found_wherever_they_stand() {
        for (text, count) in [
            ("0123456789abcdef", 1),
            ("x0123456789abcdefx0123456789abcdef", 2),
            ("01234567zzzz", 1),
            ("0123456789abcde", 0),
            ("01234567", 0),
            ("", 0),
            ("gho_ghp_ghu_", 0),
            ("ghu_aaaaaaaaaaaaaaaaaaaa", 1),
            ("a ghs_aaaaaaaaaaaaaaaaaaaa\nghr_aaaaaaaaaaaaaaaaaaaaa", 2),
            ("ghx_aaaaaaaaaaaaaaaaaaaaaaaaaa", 0),
            ("ghu_aaaaaaaaa.aaaaaaaaaaaaaaaa", 0),
        ] {
            assert_eq!(found(text, Allowed::Nothing), count, "{text}");
        }
        let session = format!("dps_{}", "a-".repeat(22));
        assert_eq!((found(&session, Allowed::Nothing), found(&session, Allowed::Sessions)), (1, 0));
    }

    #[test]
    fn a_finding_tells_where_and_not_what() {
        let needles = Needles::new(["0123456789abcdef".to_owned()].into_iter());
        let found = needles.find("the log", b"token=\"0123456789abcdef\"", Allowed::Nothing);
        assert_eq!(found, ["the log holds a known secret, after “token=\"”"]);
        let two = format!("0123456789abcdef and ghu_{} end", "a".repeat(30));
        let found = needles.find("the log", two.as_bytes(), Allowed::Nothing);
        assert_eq!(found[1], "the log holds a token of GitHub's, after “ and ”", "not the one before it");
    }
}
