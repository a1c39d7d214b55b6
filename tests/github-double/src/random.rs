//! What nobody can guess: tokens, secrets, codes, commit SHAs.

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
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn bytes(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    SystemRandom::new().fill(&mut bytes).expect("the system has randomness");
    bytes
}
