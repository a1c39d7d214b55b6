//! UUIDs, random numbers and task tokens, all derived from the seed of the event at hand.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::event::Seed;
use crate::intrinsics::Entropy;

/// SHA-256 in counter mode over a seed: the same seed gives the same sequence, and no output betrays another.
pub(crate) struct Derived {
    seed: Seed,
    drawn: u64,
}

impl Derived {
    pub(crate) fn new(seed: Seed) -> Self {
        Self { seed, drawn: 0 }
    }

    fn draw(&mut self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.seed.0);
        hash.update(self.drawn.to_be_bytes());
        self.drawn += 1;
        hash.finalize().into()
    }

    /// A task token: URL-unsafe base64 like AWS's, 43 significant characters.
    pub(crate) fn token(&mut self) -> String {
        STANDARD.encode(self.draw())
    }
}

impl Entropy for Derived {
    fn uuid(&mut self) -> String {
        let mut bytes = self.draw();
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let text = hex(&bytes[..16]);
        [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]].join("-")
    }

    fn random(&mut self) -> f64 {
        let bytes = self.draw();
        let mut word = [0; 8];
        word.copy_from_slice(&bytes[..8]);
        // 53 bits are what a double holds exactly.
        #[allow(clippy::cast_precision_loss)]
        let numerator = (u64::from_be_bytes(word) >> 11) as f64;
        numerator / 9_007_199_254_740_992.0
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_sequence() {
        let draw = || {
            let mut entropy = Derived::new(Seed([7; 32]));
            (entropy.uuid(), entropy.random(), entropy.token())
        };
        let (uuid, random, token) = draw();
        assert_eq!((uuid.clone(), random, token), draw());
        assert_eq!(uuid.len(), 36);
        assert_eq!(&uuid[14..15], "4");
        assert!((0.0..1.0).contains(&random));
    }
}
