//! Tokens that work once: a row a token, found by its hash, sealed with a key that only the token gives.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use deputy_core::ports::{Nonces, NoncesError, Purpose};
use deputy_core::vault::{new_token, open, seal, token_hash, token_key};
use rusqlite::{OptionalExtension as _, params};
use secrecy::{ExposeSecret as _, SecretString};

use crate::store::Store;

#[async_trait]
impl Nonces for Store {
    async fn put(
        &self,
        purpose: Purpose,
        payload: SecretString,
        lifetime: Duration,
    ) -> Result<SecretString, NoncesError> {
        let token = new_token("").map_err(unreachable_nonces)?;
        let hash = token_hash(purpose.0, &token).ok_or_else(|| NoncesError(anyhow::anyhow!("no hash")))?;
        let key = token_key(purpose.0, &token);
        let sealed = seal(&key, purpose.0.as_bytes(), payload.expose_secret().as_bytes())
            .map_err(unreachable_nonces)?;
        let shared = Arc::clone(self.shared());
        self.write(move |connection| {
            let expires_at = shared.now().saturating_add(lifetime.as_millis() as i64);
            connection
                .prepare_cached("INSERT INTO nonce (hash, sealed, expires_at) VALUES (?, ?, ?)")?
                .execute(params![hash, sealed, expires_at])?;
            Ok(())
        })
        .await
        .map_err(unreachable_nonces)?;
        Ok(token)
    }

    async fn take(
        &self,
        purpose: Purpose,
        token: &SecretString,
    ) -> Result<Option<SecretString>, NoncesError> {
        let Some(hash) = token_hash(purpose.0, token) else { return Ok(None) };
        let shared = Arc::clone(self.shared());
        let taken = self
            .write(move |connection| {
                connection
                    .prepare_cached("DELETE FROM nonce WHERE hash = ? RETURNING sealed, expires_at > ?")?
                    .query_row(params![hash, shared.now()], |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()
            })
            .await
            .map_err(unreachable_nonces)?;
        opened(purpose, token, taken)
    }

    async fn look(
        &self,
        purpose: Purpose,
        token: &SecretString,
    ) -> Result<Option<SecretString>, NoncesError> {
        let Some(hash) = token_hash(purpose.0, token) else { return Ok(None) };
        let now = self.shared().now();
        let found = self
            .shared()
            .read(move |connection| {
                let found = connection
                    .prepare_cached("SELECT sealed, expires_at > ? FROM nonce WHERE hash = ?")?
                    .query_row(params![now, hash], |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()?;
                Ok(found)
            })
            .await
            .map_err(NoncesError)?;
        opened(purpose, token, found)
    }
}

/// The payload of a row that is still valid.
fn opened(
    purpose: Purpose,
    token: &SecretString,
    found: Option<(Vec<u8>, bool)>,
) -> Result<Option<SecretString>, NoncesError> {
    let Some((sealed, true)) = found else { return Ok(None) };
    let plain = open(&token_key(purpose.0, token), purpose.0.as_bytes(), &sealed).map_err(|broken| {
        tracing::error!(alarm = "tampered", purpose = purpose.0, "a nonce was changed in the database");
        NoncesError(broken.into())
    })?;
    let text = str::from_utf8(&plain).map_err(unreachable_nonces)?;
    Ok(Some(SecretString::from(text)))
}

fn unreachable_nonces(error: impl Into<anyhow::Error>) -> NoncesError {
    NoncesError(error.into())
}
