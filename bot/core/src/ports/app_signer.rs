//! The App's private key, wherever it is kept: in a file, or where it can never be read.

use async_trait::async_trait;

/// Signs what proves that we are the App.
///
/// Nothing is stored, so nothing is left after a crash. Signing the same input twice gives the same signature
/// (RSASSA-PKCS1-v1_5 has no randomness); callers may sign again whenever in doubt.
#[async_trait]
pub trait AppSigner: Send + Sync {
    /// The RS256 signature (RSASSA-PKCS1-v1_5 over SHA-256) of `signing_input`: the JWT's header and claims,
    /// each base64url, joined by a dot. Returns the raw signature, not encoded.
    async fn sign(&self, signing_input: &[u8]) -> Result<Vec<u8>, AppSignerError>;
}

/// The key could not be used: it is gone, disabled, or out of reach. The operator must look.
#[derive(Debug, thiserror::Error)]
#[error("the App's key cannot sign")]
pub struct AppSignerError(#[source] pub anyhow::Error);
