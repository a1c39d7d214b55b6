//! Tokens that work once: what a login carries through a browser and back.

use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;

/// How long a nonce works unless the caller has a reason for another time.
pub const NONCE_LIFETIME: Duration = Duration::from_mins(10);

/// Single-use tokens with a payload.
///
/// The store holds neither the token nor the payload in a readable form: only a SHA-256 of purpose and token, and the payload
/// sealed with a key that is derived from the token. Who reads the whole store learns no PKCE verifier and no device
/// code, and can take no nonce.
///
/// # What holds after a crash
///
/// * A token that [`put`](Self::put) returned can be taken once within its lifetime.
/// * [`take`](Self::take) removes before it answers: a crash in between loses the nonce, and the person begins again.
///   Never is one taken twice.
/// * Expiry is checked at every read, whether or not a sweep has removed it.
#[async_trait]
pub trait Nonces: Send + Sync {
    /// Keeps `payload`, and names it by 256 random bits (base64url, 43 characters).
    async fn put(
        &self,
        purpose: Purpose,
        payload: SecretString,
        lifetime: Duration,
    ) -> Result<SecretString, NoncesError>;

    /// Takes what was kept under the token: of any number of calls, concurrent ones too, one gets it. `None` where it
    /// is unknown, taken, expired, of another purpose, or no token at all.
    async fn take(&self, purpose: Purpose, token: &SecretString)
    -> Result<Option<SecretString>, NoncesError>;

    /// Reads it without taking it: for what is asked for repeatedly before it is used, such as a device flow's code
    /// between polls. Whoever acts on it takes it.
    async fn look(&self, purpose: Purpose, token: &SecretString)
    -> Result<Option<SecretString>, NoncesError>;
}

/// What a nonce is for. One made for one purpose does not work for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Purpose(pub &'static str);

impl Purpose {
    /// The `state` of a web login: carries the PKCE verifier and where the person came from.
    pub const WEB_LOGIN: Self = Self("web-login");
    /// A device flow between its polls: carries GitHub's device code.
    pub const DEVICE_LOGIN: Self = Self("device-login");
}

/// The nonces could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("the nonces cannot be reached")]
pub struct NoncesError(#[source] pub anyhow::Error);
