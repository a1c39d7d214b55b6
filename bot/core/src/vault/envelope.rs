//! Sealing and opening with a data key and a context: AES-256-GCM, and nothing else.

use std::fmt;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};
use secrecy::zeroize::Zeroizing;

use crate::ids::UserId;
use crate::ports::Version;

/// The first byte of everything sealed, so that the format can change.
const FORMAT: u8 = 1;

/// A 256-bit key that seals one thing. Wiped when dropped; shows nothing.
#[derive(Clone)]
pub struct DataKey(Zeroizing<[u8; 32]>);

impl DataKey {
    /// A fresh one.
    pub fn random() -> Result<Self, NoRandomness> {
        Ok(Self(random()?))
    }

    /// One that was unwrapped.
    pub fn from_bytes(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    /// The key itself, for what wraps it.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    fn cipher(&self) -> LessSafeKey {
        let key = UnboundKey::new(&AES_256_GCM, &*self.0).expect("the key is as long as the algorithm's");
        LessSafeKey::new(key)
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey([REDACTED])")
    }
}

/// What something is sealed for. It is authenticated, not stored with it: who opens must know it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SealContext {
    /// The kind of record: `grant`.
    pub table: &'static str,
    /// Whose it is.
    pub user: UserId,
    /// Which version of it.
    pub version: Version,
}

impl SealContext {
    /// The context of a person's grant.
    pub fn grant(user: UserId, version: Version) -> Self {
        Self { table: "grant", user, version }
    }

    /// As names and values, which is how KMS takes an encryption context.
    pub fn pairs(&self) -> [(&'static str, String); 3] {
        [
            ("table", self.table.to_owned()),
            ("user", self.user.to_string()),
            ("version", self.version.to_string()),
        ]
    }

    /// As bytes; no two contexts have the same.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.table.len() + 24);
        bytes.extend_from_slice(&(self.table.len() as u64).to_be_bytes());
        bytes.extend_from_slice(self.table.as_bytes());
        bytes.extend_from_slice(&self.user.0.to_be_bytes());
        bytes.extend_from_slice(&self.version.0.to_be_bytes());
        bytes
    }
}

/// The system gives no random numbers; nothing can be sealed safely.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gives no random numbers")]
pub struct NoRandomness;

/// It does not open: another key, another context, or a byte differs. Which of them is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is not what was sealed with this key in this context")]
pub struct Broken;

/// Random bytes.
pub fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, NoRandomness> {
    let mut bytes = Zeroizing::new([0; N]);
    SystemRandom::new().fill(&mut *bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}

/// Seals `plain` for a context: format, nonce, ciphertext, tag.
///
/// The nonce is random although a data key seals only once: a caller that reuses a key by mistake then still does not
/// give the key stream away.
pub fn seal(key: &DataKey, context: &[u8], plain: &[u8]) -> Result<Vec<u8>, NoRandomness> {
    let nonce: Zeroizing<[u8; NONCE_LEN]> = random()?;
    Ok(seal_with_nonce(key, context, plain, *nonce))
}

fn seal_with_nonce(key: &DataKey, context: &[u8], plain: &[u8], nonce: [u8; NONCE_LEN]) -> Vec<u8> {
    let head = 1 + NONCE_LEN;
    let mut sealed = Vec::with_capacity(head + plain.len() + AES_256_GCM.tag_len());
    sealed.push(FORMAT);
    sealed.extend_from_slice(&nonce);
    // Encrypted where it stands, in a buffer that never grows: no copy of the plaintext is left behind.
    sealed.extend_from_slice(plain);
    let tag = key
        .cipher()
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(context),
            &mut sealed[head..],
        )
        .expect("what is sealed here is far shorter than GCM's 64 GB");
    sealed.extend_from_slice(tag.as_ref());
    sealed
}

/// Opens what was sealed with the same key for the same context.
pub fn open(key: &DataKey, context: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Broken> {
    let (format, rest) = sealed.split_first().ok_or(Broken)?;
    let (nonce, cipher_text) = rest.split_first_chunk::<NONCE_LEN>().ok_or(Broken)?;
    if *format != FORMAT {
        return Err(Broken);
    }
    let mut buffer = Zeroizing::new(cipher_text.to_vec());
    let length = key
        .cipher()
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(context), &mut buffer)
        .map_err(|_| Broken)?
        .len();
    buffer.truncate(length);
    Ok(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex<const N: usize>(digits: &str) -> [u8; N] {
        let digits: Vec<u8> = digits.bytes().filter(u8::is_ascii_hexdigit).collect();
        assert_eq!(digits.len(), 2 * N);
        std::array::from_fn(|at| {
            u8::from_str_radix(str::from_utf8(&digits[2 * at..2 * at + 2]).unwrap(), 16).unwrap()
        })
    }

    fn key(bytes: [u8; 32]) -> DataKey {
        DataKey::from_bytes(Zeroizing::new(bytes))
    }

    /// Test case 16 of McGrew and Viega's "The Galois/Counter Mode of Operation".
    #[test]
    fn it_is_aes_256_gcm() {
        let key = key(hex("feffe9928665731c6d6a8f9467308308 feffe9928665731c6d6a8f9467308308"));
        let nonce = hex("cafebabefacedbaddecaf888");
        let context: [u8; 20] = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
        let plain: [u8; 60] = hex("d9313225f88406e5a55909c5aff5269a 86a7a9531534f7da2e4c303d8a318a72
             1c3c0c95956809532fcf0e2449a6b525 b16aedf5aa0de657ba637b39");
        let expected: [u8; 76] = hex("522dc1f099567d07f47f37a32a84427d 643a8cdcbfe5c0c97598a2bd2555d1aa
             8cb08e48590dbb3da7b08b1056828838 c5f61e6393ba7a0abcc9f662
             76fc6ece0f4e1768cddf8853bb2d551b");
        let sealed = seal_with_nonce(&key, &context, &plain, nonce);
        assert_eq!(sealed[0], FORMAT);
        assert_eq!(sealed[1..13], nonce);
        assert_eq!(sealed[13..], expected);
        assert_eq!(*open(&key, &context, &sealed).unwrap(), plain);
    }

    #[test]
    fn no_changed_byte_and_no_missing_end_goes_unseen() {
        let key = DataKey::random().unwrap();
        let sealed = seal(&key, b"context", b"plain").unwrap();
        for at in 0..sealed.len() {
            for bit in 0..8 {
                let mut changed = sealed.clone();
                changed[at] ^= 1 << bit;
                assert_eq!(open(&key, b"context", &changed), Err(Broken), "byte {at}, bit {bit}");
            }
            assert_eq!(open(&key, b"context", &sealed[..at]), Err(Broken), "cut to {at}");
        }
        let mut longer = sealed.clone();
        longer.push(0);
        assert_eq!(open(&key, b"context", &longer), Err(Broken));
        assert_eq!(open(&key, b"contexu", &sealed), Err(Broken));
        assert_eq!(open(&DataKey::random().unwrap(), b"context", &sealed), Err(Broken));
        assert_eq!(**open(&key, b"context", &sealed).unwrap(), *b"plain");
    }

    #[test]
    fn sealing_twice_gives_nothing_to_compare() {
        let key = DataKey::random().unwrap();
        assert_ne!(seal(&key, b"", b"plain").unwrap(), seal(&key, b"", b"plain").unwrap());
        assert_eq!(**open(&key, b"", &seal(&key, b"", b"").unwrap()).unwrap(), *b"");
    }

    #[test]
    fn contexts_differ_in_each_part() {
        let contexts = [("grant", 1, 2), ("grant", 2, 1), ("grant", 1, 3), ("anchor", 1, 2), ("", 1, 2)].map(
            |(table, user, version)| SealContext { table, user: UserId(user), version: Version(version) },
        );
        for (at, context) in contexts.iter().enumerate() {
            for other in &contexts[at + 1..] {
                assert_ne!(context.bytes(), other.bytes());
                assert_ne!(context.pairs(), other.pairs());
            }
        }
    }

    #[test]
    fn a_key_shows_nothing() {
        let key = key([0xAB; 32]);
        assert_eq!(format!("{key:?} {key:#?}"), "DataKey([REDACTED]) DataKey([REDACTED])");
    }
}
