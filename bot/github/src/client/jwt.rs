//! The App's own token: a JWT signed by its key, made anew before it runs out.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use deputy_core::ports::{AppSigner, Clock, GitHubError};
use secrecy::SecretString;
use tokio::sync::Mutex;

/// GitHub allows ten minutes. Issued a minute in the past against clocks that differ, so nine are left.
const LIFETIME: TimeDelta = TimeDelta::minutes(9);
/// Not used in its last minute.
const SPARE: TimeDelta = TimeDelta::minutes(1);

/// Makes the App's JWTs.
pub(crate) struct AppJwt {
    /// The App's client id, or its number.
    issuer: String,
    signer: Arc<dyn AppSigner>,
    current: Mutex<Option<(SecretString, DateTime<Utc>)>>,
}

impl AppJwt {
    pub(crate) fn new(issuer: String, signer: Arc<dyn AppSigner>) -> Self {
        Self { issuer, signer, current: Mutex::default() }
    }

    /// A token that GitHub has not rejected. Signing can be a paid call far away, so one is kept.
    pub(crate) async fn token(
        &self,
        rejected: Option<&SecretString>,
        clock: &dyn Clock,
    ) -> Result<SecretString, GitHubError> {
        let mut current = self.current.lock().await;
        let now = clock.now();
        if let Some((token, expires)) = &*current
            && *expires > now + SPARE
            && !super::tokens::same(token, rejected)
        {
            return Ok(token.clone());
        }
        let (token, expires) = self.sign(now).await?;
        *current = Some((token.clone(), expires));
        Ok(token)
    }

    /// A fresh token and its end.
    pub(crate) async fn sign(
        &self,
        now: DateTime<Utc>,
    ) -> Result<(SecretString, DateTime<Utc>), GitHubError> {
        let expires = now + LIFETIME;
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","typ":"JWT"}"#);
        let claims = serde_json::json!({
            "iat": (now - TimeDelta::minutes(1)).timestamp(),
            "exp": expires.timestamp(),
            "iss": self.issuer,
        });
        let input = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = self
            .signer
            .sign(input.as_bytes())
            .await
            .map_err(|error| GitHubError::Unavailable(error.into()))?;
        Ok((SecretString::from(format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))), expires))
    }
}
