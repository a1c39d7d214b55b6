//! The wrapping keys of one machine: a key ring in one file of the data folder, read once and held in memory.
//!
//! The file is private (0600, and refused if anybody else may read it). With a passphrase it is sealed as well, so
//! that a copy of the whole folder is worth nothing without it. Either way the ring may hold several keys, one of
//! which is active.
//!
//! A change is written to a new file, synced, and renamed over the old one before any key of it is used: a crash
//! leaves the ring from before or the one from after, and no data key is ever wrapped by a key that is not on the disk.

mod file;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use anyhow::Context as _;
use async_trait::async_trait;
use deputy_core::ports::{Clock, KeyId, KeyInfo, Keys, KeysError, WrappedKey};
use deputy_core::vault::{DataKey, SealContext, open, seal};
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

pub use self::file::KeyFileError;
use self::file::{KeyFile, Ring, RingKey};

/// The file's name in the data folder.
pub(crate) const FILE: &str = "keys.json";

/// The keys of one data folder. Clones share them.
#[derive(Clone)]
pub struct LocalKeys(Arc<Held>);

struct Held {
    path: PathBuf,
    clock: Arc<dyn Clock>,
    ring: RwLock<Arc<Ring>>,
    /// Held while the file changes, so that changes follow each other. It knows how the file is written.
    file: Mutex<KeyFile>,
}

impl LocalKeys {
    /// Reads the folder's key ring; makes one where there is none.
    ///
    /// With a passphrase, a ring that is in the clear is sealed with it from now on. Blocks: deriving a key from the
    /// passphrase takes some tenths of a second by design.
    ///
    /// # Errors
    ///
    /// Where others may read the file, the passphrase is missing or wrong, or the file is damaged. Nothing is
    /// changed then, and no new ring is made in the place of one that cannot be read.
    pub fn open(
        folder: &Path,
        passphrase: Option<&SecretString>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, KeyFileError> {
        let path = folder.join(FILE);
        let (file, ring) = if let Some(read) = KeyFile::read(&path, passphrase)? {
            read
        } else {
            let file = KeyFile::new(passphrase)?;
            let ring = Ring::default().with_new(clock.now())?;
            file.write(&path, &ring)?;
            tracing::info!(path = %path.display(), sealed = passphrase.is_some(), "made a key ring");
            (file, ring)
        };
        let (ring, file) = (RwLock::new(Arc::new(ring)), Mutex::new(file));
        Ok(Self(Arc::new(Held { path, clock, ring, file })))
    }

    fn ring(&self) -> Arc<Ring> {
        Arc::clone(&self.0.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes a change durable, then uses it.
    async fn change(
        &self,
        change: impl FnOnce(&Ring) -> Result<Ring, KeysError> + Send + 'static,
    ) -> Result<Arc<Ring>, KeysError> {
        let keys = self.clone();
        let changing = tokio::task::spawn_blocking(move || {
            let held = &*keys.0;
            let file = held.file.lock().unwrap_or_else(PoisonError::into_inner);
            let changed = Arc::new(change(&keys.ring())?);
            file.write(&held.path, &changed).map_err(|error| KeysError::Unavailable(error.into()))?;
            *held.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&changed);
            Ok(changed)
        });
        changing.await.context("changing the key ring panicked").map_err(KeysError::Unavailable)?
    }
}

#[async_trait]
impl Keys for LocalKeys {
    async fn generate(&self, context: &SealContext) -> Result<(DataKey, WrappedKey), KeysError> {
        let data = DataKey::random().map_err(|_| KeysError::NoRandomness)?;
        let wrapped = wrap(self.ring().active()?, &data, context)?;
        Ok((data, wrapped))
    }

    async fn unwrap(&self, wrapped: &WrappedKey, context: &SealContext) -> Result<DataKey, KeysError> {
        unwrap(&self.ring(), wrapped, context)
    }

    async fn rewrap(&self, wrapped: &WrappedKey, context: &SealContext) -> Result<WrappedKey, KeysError> {
        let ring = self.ring();
        wrap(ring.active()?, &unwrap(&ring, wrapped, context)?, context)
    }

    async fn active(&self) -> Result<KeyId, KeysError> {
        Ok(self.ring().active()?.id.clone())
    }

    async fn list(&self) -> Result<Vec<KeyInfo>, KeysError> {
        Ok(self.ring().infos().collect())
    }

    async fn rotate(&self) -> Result<KeyId, KeysError> {
        let now = self.0.clock.now();
        let changed =
            self.change(move |ring| ring.with_new(now).map_err(|_| KeysError::NoRandomness)).await?;
        Ok(changed.active()?.id.clone())
    }

    async fn retire(&self, key: &KeyId) -> Result<(), KeysError> {
        let key = key.clone();
        self.change(move |ring| {
            if ring.active()?.id == key {
                return Err(KeysError::Active(key));
            }
            Ok(ring.without(&key))
        })
        .await
        .map(drop)
    }
}

/// What a wrapped key is authenticated with: the wrapping key's id, and what the data key is for.
fn wrapping_context(key: &KeyId, context: &SealContext) -> Vec<u8> {
    let mut bytes = b"data key\0".to_vec();
    bytes.extend_from_slice(&(key.0.len() as u64).to_be_bytes());
    bytes.extend_from_slice(key.0.as_bytes());
    bytes.extend_from_slice(&context.bytes());
    bytes
}

/// A wrapping key seals many data keys under random nonces, which is safe for the first four billion.
fn wrap(key: &RingKey, data: &DataKey, context: &SealContext) -> Result<WrappedKey, KeysError> {
    let bytes = seal(&key.key, &wrapping_context(&key.id, context), data.expose())
        .map_err(|_| KeysError::NoRandomness)?;
    Ok(WrappedKey { key: key.id.clone(), bytes })
}

fn unwrap(ring: &Ring, wrapped: &WrappedKey, context: &SealContext) -> Result<DataKey, KeysError> {
    let key = ring.get(&wrapped.key).ok_or_else(|| KeysError::Unknown(wrapped.key.clone()))?;
    let plain = open(&key.key, &wrapping_context(&key.id, context), &wrapped.bytes)
        .map_err(|_| KeysError::Refused)?;
    let bytes: [u8; 32] = plain.as_slice().try_into().map_err(|_| KeysError::Refused)?;
    Ok(DataKey::from_bytes(Zeroizing::new(bytes)))
}
