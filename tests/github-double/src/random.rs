//! What nobody can guess: tokens, secrets, codes, commit SHAs.

use std::fmt::Write as _;

use ring::rand::{SecureRandom as _, SystemRandom};

use crate::state::repository::Sha;

const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// A token of GitHub's shape: `ghs_` and 36 letters and digits.
pub(crate) fn token(prefix: &str, length: usize) -> String {
    let text: String =
        bytes(length).iter().map(|byte| char::from(ALPHABET[usize::from(byte % 62)])).collect();
    format!("{prefix}{text}")
}

pub(crate) fn sha() -> Sha {
    Sha(hex(&bytes(20)))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a `String` does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

pub(crate) fn bytes(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    SystemRandom::new().fill(&mut bytes).expect("the system has randomness");
    bytes
}
