//! The key ring's file: JSON, private, sealed with a passphrase where there is one.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Block, Params};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use deputy_core::ports::{KeyId, KeyInfo, KeysError};
use deputy_core::vault::{DataKey, NoRandomness, open, random, seal};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::folder::{read_private, replace_private};

/// What a sealed ring is authenticated with, beside the key derivation's parameters.
const CONTEXT: &str = "deputy key ring 1";
/// Argon2id as RFC 9106 recommends it for machines that do not have gigabytes to spare; about 0.2 s.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
/// The parameters are read before anything is authenticated: a forged file must not take all memory or time.
const MOST_MEMORY_KIB: u32 = 1024 * 1024;
const MOST_PASSES: u32 = 32;

/// Why the key ring cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// Others on this machine may have read the keys.
    #[error(
        "others may read the key file {} (mode {mode:03o}); make it private with `chmod 600` and, if somebody may \
         have read it, run `deputy keys rotate`",
        path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It is sealed, and no passphrase was given.
    #[error(
        "the key file {} is sealed; give its passphrase with vault.passphrase_file or DEPUTY_VAULT_PASSPHRASE",
        .0.display()
    )]
    NoPassphrase(PathBuf),
    /// The passphrase does not open it, or it was changed.
    #[error("the passphrase does not open the key file {}, or the file was changed", .0.display())]
    WrongPassphrase(PathBuf),
    /// It holds no key ring. Nothing is made in its place: the grants in the database would be lost.
    #[error("the key file {} is damaged; restore it from a backup", .0.display())]
    Damaged(PathBuf),
    /// The system gives no random numbers.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// It cannot be read or written.
    #[error("cannot use the key file {}: {source}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// All wrapping keys, oldest first, and which one is active.
#[derive(Clone, Default)]
pub(super) struct Ring {
    active: Option<KeyId>,
    keys: Vec<RingKey>,
}

/// A wrapping key.
#[derive(Clone)]
pub(super) struct RingKey {
    pub(super) id: KeyId,
    pub(super) key: DataKey,
    created_at: DateTime<Utc>,
}

impl Ring {
    pub(super) fn get(&self, id: &KeyId) -> Option<&RingKey> {
        self.keys.iter().find(|key| key.id == *id)
    }

    pub(super) fn active(&self) -> Result<&RingKey, KeysError> {
        let active = self.active.as_ref().and_then(|id| self.get(id));
        active.ok_or_else(|| KeysError::Unavailable(anyhow::anyhow!("the key ring is empty")))
    }

    pub(super) fn infos(&self) -> impl Iterator<Item = KeyInfo> + '_ {
        self.keys.iter().map(|key| KeyInfo {
            id: key.id.clone(),
            created_at: key.created_at,
            active: self.active.as_ref() == Some(&key.id),
        })
    }

    /// With one more key, which is the active one.
    pub(super) fn with_new(&self, now: DateTime<Utc>) -> Result<Self, NoRandomness> {
        let name = random::<6>()?;
        let digits: String = name.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(digit).collect();
        let id = KeyId(format!("local-{digits}"));
        let mut ring = self.clone();
        ring.keys.push(RingKey { id: id.clone(), key: DataKey::random()?, created_at: now });
        ring.active = Some(id);
        Ok(ring)
    }

    pub(super) fn without(&self, id: &KeyId) -> Self {
        let mut ring = self.clone();
        ring.keys.retain(|key| key.id != *id);
        ring
    }
}

fn digit(nibble: u8) -> char {
    char::from_digit(nibble.into(), 16).unwrap_or('0')
}

/// How the ring is written: in the clear, or under a passphrase.
pub(super) struct KeyFile(Option<Sealer>);

/// A passphrase's key, derived once.
struct Sealer {
    kdf: Kdf,
    key: DataKey,
}

impl KeyFile {
    /// For a ring that is not written yet.
    pub(super) fn new(passphrase: Option<&SecretString>) -> Result<Self, KeyFileError> {
        let Some(passphrase) = passphrase else { return Ok(Self(None)) };
        let salt = random::<16>()?;
        let kdf = Kdf { memory_kib: MEMORY_KIB, passes: PASSES, salt: STANDARD.encode(*salt) };
        let key = kdf.derive(passphrase).ok_or(NoRandomness)?;
        Ok(Self(Some(Sealer { kdf, key })))
    }

    /// Reads a ring. `None` where there is no file.
    pub(super) fn read(
        path: &Path,
        passphrase: Option<&SecretString>,
    ) -> Result<Option<(Self, Ring)>, KeyFileError> {
        let unusable = |source| KeyFileError::Unusable { path: path.to_owned(), source };
        let damaged = || KeyFileError::Damaged(path.to_owned());
        let Some((text, mode)) = read_private(path).map_err(unusable)? else { return Ok(None) };
        if mode & 0o077 != 0 {
            return Err(KeyFileError::Exposed { path: path.to_owned(), mode });
        }
        let written: Written = serde_json::from_slice(&text).map_err(|_| damaged())?;
        match (written, passphrase) {
            (Written { ring: Some(ring), kdf: None, sealed: None }, None) => {
                Ok(Some((Self(None), ring.read().ok_or_else(damaged)?)))
            }
            (Written { ring: Some(ring), kdf: None, sealed: None }, Some(_)) => {
                let ring = ring.read().ok_or_else(damaged)?;
                let file = Self::new(passphrase)?;
                file.write(path, &ring)?;
                tracing::info!(path = %path.display(), "sealed the key ring with the passphrase");
                Ok(Some((file, ring)))
            }
            (Written { ring: None, kdf: Some(_), sealed: Some(_) }, None) => {
                Err(KeyFileError::NoPassphrase(path.to_owned()))
            }
            (Written { ring: None, kdf: Some(kdf), sealed: Some(sealed) }, Some(passphrase)) => {
                let key = kdf.derive(passphrase).ok_or_else(damaged)?;
                let sealed = STANDARD.decode(sealed).map_err(|_| damaged())?;
                let plain = open(&key, &kdf.context(), &sealed)
                    .map_err(|_| KeyFileError::WrongPassphrase(path.to_owned()))?;
                let ring: WrittenRing = serde_json::from_slice(&plain).map_err(|_| damaged())?;
                Ok(Some((Self(Some(Sealer { kdf, key })), ring.read().ok_or_else(damaged)?)))
            }
            _ => Err(damaged()),
        }
    }

    /// Writes a ring in the place of the one before. When it returns, the ring is on the disk.
    pub(super) fn write(&self, path: &Path, ring: &Ring) -> Result<(), KeyFileError> {
        let written = WrittenRing::of(ring);
        let written = match &self.0 {
            None => Written { ring: Some(written), kdf: None, sealed: None },
            Some(Sealer { kdf, key }) => {
                let plain = Zeroizing::new(serde_json::to_vec(&written).map_err(unwritable(path))?);
                let sealed = STANDARD.encode(seal(key, &kdf.context(), &plain)?);
                Written { ring: None, kdf: Some(kdf.clone()), sealed: Some(sealed) }
            }
        };
        let text = Zeroizing::new(serde_json::to_vec_pretty(&written).map_err(unwritable(path))?);
        replace_private(path, &text)
            .map_err(|source| KeyFileError::Unusable { path: path.to_owned(), source })
    }
}

fn unwritable(path: &Path) -> impl FnOnce(serde_json::Error) -> KeyFileError {
    |error| KeyFileError::Unusable { path: path.to_owned(), source: error.into() }
}

/// What the file holds: a ring, or one that is sealed. An enum without a tag would be simpler to match, but serde
/// reads that through a copy of the keys that nobody wipes.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(skip_serializing_if = "Option::is_none")]
    ring: Option<WrittenRing>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kdf: Option<Kdf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sealed: Option<String>,
}

/// Argon2id's parameters.
#[derive(Clone, Serialize, Deserialize)]
struct Kdf {
    memory_kib: u32,
    passes: u32,
    salt: String,
}

impl Kdf {
    fn derive(&self, passphrase: &SecretString) -> Option<DataKey> {
        if self.memory_kib > MOST_MEMORY_KIB || self.passes > MOST_PASSES {
            return None;
        }
        let salt = STANDARD.decode(&self.salt).ok()?;
        let params = Params::new(self.memory_kib, self.passes, 1, Some(32)).ok()?;
        let mut key = Zeroizing::new([0; 32]);
        let mut memory = Zeroizing::new(vec![Block::default(); params.block_count()]);
        Argon2::new(Algorithm::Argon2id, argon2::Version::V0x13, params)
            .hash_password_into_with_memory(
                passphrase.expose_secret().as_bytes(),
                &salt,
                &mut *key,
                memory.as_mut_slice(),
            )
            .ok()?;
        Some(DataKey::from_bytes(key))
    }

    fn context(&self) -> Vec<u8> {
        format!("{CONTEXT} {} {} {}", self.memory_kib, self.passes, self.salt).into_bytes()
    }
}

#[derive(Serialize, Deserialize)]
struct WrittenRing {
    active: String,
    keys: Vec<WrittenKey>,
}

#[derive(Serialize, Deserialize)]
struct WrittenKey {
    id: String,
    created_at: DateTime<Utc>,
    key: KeyText,
}

impl WrittenRing {
    fn of(ring: &Ring) -> Self {
        let key = |key: &RingKey| WrittenKey {
            id: key.id.0.clone(),
            created_at: key.created_at,
            key: KeyText(Zeroizing::new(STANDARD.encode(key.key.expose()))),
        };
        let active = ring.active.as_ref().map(|id| id.0.clone()).unwrap_or_default();
        Self { active, keys: ring.keys.iter().map(key).collect() }
    }

    fn read(self) -> Option<Ring> {
        let key = |key: WrittenKey| {
            let bytes = Zeroizing::new(STANDARD.decode(&*key.key.0).ok()?);
            let bytes: [u8; 32] = bytes.as_slice().try_into().ok()?;
            let data = DataKey::from_bytes(Zeroizing::new(bytes));
            Some(RingKey { id: KeyId(key.id), key: data, created_at: key.created_at })
        };
        let keys = self.keys.into_iter().map(key).collect::<Option<Vec<_>>>()?;
        let ring = Ring { active: Some(KeyId(self.active)), keys };
        ring.active().is_ok().then_some(ring)
    }
}

/// A key as text: wiped when dropped.
struct KeyText(Zeroizing<String>);

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyText([REDACTED])")
    }
}

impl Serialize for KeyText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for KeyText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Zeroizing::new).map(Self)
    }
}
