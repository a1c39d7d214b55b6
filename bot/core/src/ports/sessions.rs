//! Deputy's own sessions: what `deputyctl` and administrators hold instead of a GitHub token.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::SecretString;

use crate::ids::UserId;

/// Opaque random tokens, stored hashed.
///
/// A token is `dps_` and 256 random bits in base64url. It is found by its SHA-256, so how long a look-up takes tells
/// nothing about the tokens there are, and who reads the store can log in as nobody.
///
/// # What holds after a crash
///
/// * A session that [`create`](Self::create) returned works until it expires or is revoked.
/// * Once a revocation returned, the session works in no process any more.
/// * `last_used` may lag behind by up to [`LAST_USED_RESOLUTION`], so that reading does not write.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// A new session, and its token, which is never shown again. `name` is what the person calls the place, such
    /// as the host's name.
    async fn create(
        &self,
        user: UserId,
        login: &str,
        name: &str,
        lifetime: Duration,
    ) -> Result<(Session, SecretString), SessionsError>;

    /// Whose token it is. `None` where it is unknown, expired, revoked, or no token at all. Expiry is checked here.
    async fn verify(&self, token: &SecretString) -> Result<Option<Session>, SessionsError>;

    /// A person's live sessions, newest first.
    async fn list(&self, user: UserId) -> Result<Vec<Session>, SessionsError>;

    /// Ends one of the person's sessions. Idempotent; `false` where they have no such session.
    async fn revoke(&self, user: UserId, session: SessionId) -> Result<bool, SessionsError>;

    /// Ends all of the person's sessions, and tells how many there were. Idempotent.
    async fn revoke_all(&self, user: UserId) -> Result<usize, SessionsError>;
}

/// How exact [`Session::last_used`] is.
pub const LAST_USED_RESOLUTION: Duration = Duration::from_mins(5);

/// Names a session. Not secret: the token is not derived from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A session, without its token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its name.
    pub id: SessionId,
    /// Whose.
    pub user: UserId,
    /// Their login when it was made.
    pub login: String,
    /// What the person calls it.
    pub name: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was used last; at first when it was made.
    pub last_used: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

/// The sessions could not be read or written. Nobody is let in.
#[derive(Debug, thiserror::Error)]
#[error("the sessions cannot be reached")]
pub struct SessionsError(#[source] pub anyhow::Error);
