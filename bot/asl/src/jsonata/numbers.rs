//! Random numbers for one evaluation, from what [`Entropy`] gives once.

use sha2::{Digest, Sha256};

use crate::intrinsics::Entropy;

/// The first random number and the first UUID are [`Entropy`]'s own; what follows is derived from them. So
/// the number of calls that an expression makes does not change what the engine has to record.
#[derive(Debug)]
pub(super) struct Numbers {
    uuid: String,
    random: f64,
    uuids: u64,
    randoms: u64,
}

impl Numbers {
    pub(super) fn draw(entropy: &mut dyn Entropy) -> Self {
        Self { uuid: entropy.uuid(), random: entropy.random(), uuids: 0, randoms: 0 }
    }

    fn derive(&self, kind: &str, count: u64) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update(kind);
        hasher.update(&self.uuid);
        hasher.update(self.random.to_bits().to_be_bytes());
        hasher.update(count.to_be_bytes());
        hasher.finalize().into()
    }

    /// A version 4 UUID.
    pub(super) fn uuid(&mut self) -> String {
        let count = self.uuids;
        self.uuids += 1;
        if count == 0 {
            return self.uuid.clone();
        }
        let mut bytes = self.derive("uuid", count);
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let hex = crate::intrinsics::hex(&bytes[..16]);
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }

    /// A number in `0.0..1.0`.
    pub(super) fn random(&mut self) -> f64 {
        let count = self.randoms;
        self.randoms += 1;
        if count == 0 {
            return self.random;
        }
        let bytes = self.derive("random", count);
        let bits = bytes[..7].iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte)) >> 3;
        #[allow(clippy::cast_precision_loss, reason = "53 bits fit exactly")]
        let number = bits as f64 / (1_u64 << 53) as f64;
        number
    }
}
