//! The keys that wrap data keys: several at once, one of them active.

use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::vault::{DataKey, SealContext};

/// Makes and opens data keys. The wrapping keys themselves never leave the adapter (a file here, KMS there).
///
/// The context is authenticated: a wrapped data key unwraps only under the context that it was made for, and only
/// by the key whose id it carries.
///
/// # What holds after a crash
///
/// * A data key that [`generate`](Self::generate) returned unwraps for as long as its wrapping key is not retired.
/// * [`rotate`](Self::rotate) returned: the new key is durable and active. Did not return: it is active or it does
///   not exist; no data key is ever wrapped by a key that is not durable.
/// * [`retire`](Self::retire) is the only thing that destroys a key. Idempotent.
#[async_trait]
pub trait Keys: Send + Sync {
    /// A fresh 256-bit data key for this context, and the same wrapped by the active key.
    async fn generate(&self, context: &SealContext) -> Result<(DataKey, WrappedKey), KeysError>;

    /// The data key again. [`KeysError::Refused`] where the bytes, the context or the key id are not those that it
    /// was made with.
    async fn unwrap(&self, wrapped: &WrappedKey, context: &SealContext) -> Result<DataKey, KeysError>;

    /// The same data key, wrapped by the active key.
    async fn rewrap(&self, wrapped: &WrappedKey, context: &SealContext) -> Result<WrappedKey, KeysError>;

    /// The key that wraps new data keys.
    async fn active(&self) -> Result<KeyId, KeysError>;

    /// All keys, oldest first.
    async fn list(&self) -> Result<Vec<KeyInfo>, KeysError>;

    /// Adds a key and makes it active. What is wrapped by others stays readable; see
    /// [`Vault::rewrap`](super::Vault::rewrap).
    async fn rotate(&self) -> Result<KeyId, KeysError>;

    /// Destroys a key that is not active. The caller has made sure that nothing is wrapped by it any more.
    async fn retire(&self, key: &KeyId) -> Result<(), KeysError>;
}

/// Names a wrapping key. Not secret.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub String);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A data key as it may be stored: useless without the wrapping key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedKey {
    /// What it is wrapped with.
    pub key: KeyId,
    /// The adapter's own format.
    pub bytes: Vec<u8>,
}

/// A wrapping key, without the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// Its name.
    pub id: KeyId,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Whether it wraps new data keys.
    pub active: bool,
}

/// A key could not be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// It is not among the keys: retired, lost, or of another installation.
    #[error("there is no key {0}; restore the key file that was used when this was stored")]
    Unknown(KeyId),
    /// The wrapped key is not what it was, or not for this context. Somebody tampered with it.
    #[error("the data key does not unwrap in this context")]
    Refused,
    /// The active key cannot be retired.
    #[error("key {0} is active; rotate first")]
    Active(KeyId),
    /// The operating system gives no random numbers.
    #[error("the operating system gives no random numbers")]
    NoRandomness,
    /// The keys cannot be read, written or asked.
    #[error("the keys cannot be reached")]
    Unavailable(#[source] anyhow::Error),
}
