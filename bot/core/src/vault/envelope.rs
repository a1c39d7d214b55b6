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
        let mut bytes = Zeroizing::new([0; 32]);
        SystemRandom::new().fill(&mut *bytes).map_err(|_| NoRandomness)?;
        Ok(Self(bytes))
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
