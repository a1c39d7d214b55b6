//! Whether the person's grant is there and GitHub still accepts it.

use std::sync::Arc;

use crate::ids::UserId;
use crate::ports::{GitHubError, NeedsLogin, OAuth, UserTokenError, UserTokens, Viewer};

/// What asking for a grant takes.
pub struct GrantCheck {
    /// People's tokens at the moment of use.
    pub tokens: Arc<dyn UserTokens>,
    /// GitHub's word on whose a token is.
    pub oauth: Arc<dyn OAuth>,
}

impl GrantCheck {
    /// Takes the person's token as every use of it does, refreshed if need be, and asks GitHub whose it is.
    pub(super) async fn ask(&self, user: UserId) -> Result<Result<(), NeedsLogin>, GitHubError> {
        Ok(self.viewer(user).await?.map(drop))
    }

    /// The same, with what the person is called now.
    pub(super) async fn viewer(&self, user: UserId) -> Result<Result<Viewer, NeedsLogin>, GitHubError> {
        let mut rejected = None;
        // Twice: a token that GitHub refuses can have a refresh token that it still takes.
        for _ in 0..2 {
            let token = match self.tokens.token(user, rejected.as_ref()).await {
                Ok(token) => token,
                Err(UserTokenError::NeedsLogin { why, .. }) => return Ok(Err(why)),
                Err(UserTokenError::Unavailable(error)) => return Err(GitHubError::Unavailable(error)),
            };
            match self.oauth.viewer(&token).await {
                Ok(viewer) if viewer.id == user => return Ok(Ok(viewer)),
                Ok(viewer) => {
                    // Sealing binds a grant to its person, so this cannot come from the store.
                    tracing::error!(%user, other = %viewer.id, "a person's grant belongs to somebody else; it is not used");
                    return Ok(Err(NeedsLogin::Damaged));
                }
                Err(GitHubError::Unauthorized(_)) => rejected = Some(token),
                Err(error) => return Err(error),
            }
        }
        Ok(Err(NeedsLogin::Refused))
    }

    /// Only whether there is one: no call to GitHub unless it is about to run out.
    pub(super) async fn is_there(&self, user: UserId) -> Result<Result<(), NeedsLogin>, GitHubError> {
        match self.tokens.token(user, None).await {
            Ok(_) => Ok(Ok(())),
            Err(UserTokenError::NeedsLogin { why, .. }) => Ok(Err(why)),
            Err(UserTokenError::Unavailable(error)) => Err(GitHubError::Unavailable(error)),
        }
    }
}
