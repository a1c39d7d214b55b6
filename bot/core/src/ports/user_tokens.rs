//! A person's token at the moment of use.

use async_trait::async_trait;
use secrecy::SecretString;

use crate::ids::UserId;

/// Where people's access tokens come from. `Grants` in [`crate::grants`] is the one that keeps them fresh.
#[async_trait]
pub trait UserTokens: Send + Sync {
    /// The person's access token, fresh enough to use now. Fetch it for each use; keep it nowhere.
    ///
    /// `rejected` is one that GitHub has just refused: the answer is another one, or
    /// [`UserTokenError::NeedsLogin`].
    async fn token(
        &self,
        user: UserId,
        rejected: Option<&SecretString>,
    ) -> Result<SecretString, UserTokenError>;
}

/// There is no token for the person.
#[derive(Debug, thiserror::Error)]
pub enum UserTokenError {
    /// Only the person can change that.
    #[error("user {user} must log in: {why}")]
    NeedsLogin {
        /// Who.
        user: UserId,
        /// What to tell them.
        why: NeedsLogin,
    },
    /// It may work later: GitHub or the store cannot be reached.
    #[error("the person's token cannot be had right now")]
    Unavailable(#[source] anyhow::Error),
}

/// Why a person must log in (again).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NeedsLogin {
    /// They never did, or logged out.
    #[error("there is no grant")]
    NoGrant,
    /// The grant was not used for so long that its refresh token ran out.
    #[error("the login has expired")]
    Expired,
    /// GitHub does not accept the grant any more: revoked there, or used up by a refresh whose answer was lost.
    #[error("GitHub does not accept the login any more")]
    Refused,
    /// What was stored had been tampered with. Nothing of it is used.
    #[error("the stored login was damaged")]
    Damaged,
}
