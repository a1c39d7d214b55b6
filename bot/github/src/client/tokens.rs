//! Tokens by identity: installations' are exchanged here and kept; people's come from whoever keeps their grants.

use std::collections::HashMap;
use std::sync::{Arc, MutexGuard, PoisonError};

use anyhow::anyhow;
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use deputy_core::ids::{InstallationId, UserId};
use deputy_core::ports::{Clock, GitHubError};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;

use crate::app::Scope;

/// Past this many tokens, those that have run out are forgotten.
const MANY: usize = 4096;
/// Installation tokens live an hour; near its end they are not used any more.
const SPARE: TimeDelta = TimeDelta::minutes(5);

/// Where people's tokens come from.
#[async_trait]
pub trait UserTokens: Send + Sync {
    /// The person's access token, fresh enough to use. `rejected` is the one that GitHub has just refused:
    /// answer with another, or say that they must log in again ([`GitHubError::Unauthorized`]).
    async fn token(&self, user: UserId, rejected: Option<&SecretString>)
    -> Result<SecretString, GitHubError>;
}

/// The answer while nobody can log in.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoLogins;

#[async_trait]
impl UserTokens for NoLogins {
    async fn token(&self, user: UserId, _: Option<&SecretString>) -> Result<SecretString, GitHubError> {
        Err(GitHubError::Unauthorized(anyhow!("this Deputy has no logins, so it cannot act as user {user}")))
    }
}

/// Whether it is the token that was rejected.
pub(crate) fn same(token: &SecretString, rejected: Option<&SecretString>) -> bool {
    rejected.is_some_and(|rejected| rejected.expose_secret() == token.expose_secret())
}

/// A token with its end.
#[derive(Debug, Clone)]
pub(crate) struct Minted {
    pub(crate) token: SecretString,
    pub(crate) expires_at: DateTime<Utc>,
}

/// The installations' tokens, with one request in flight for each.
#[derive(Default)]
pub(crate) struct InstallationTokens {
    slots: std::sync::Mutex<HashMap<(InstallationId, Scope), Arc<Slot>>>,
}

#[derive(Default)]
struct Slot {
    state: Mutex<State>,
    /// How many exchanges have ended, to tell who waited for one from who came after it.
    ended: std::sync::atomic::AtomicU64,
}

#[derive(Default)]
struct State {
    current: Option<Minted>,
    failure: Option<GitHubError>,
}

impl InstallationTokens {
    /// The installation's token; `mint` exchanges the App's JWT for one, when polled. Who waits while another's exchange is
    /// under way shares what comes of it, also when it fails: a hundred callers ask GitHub once.
    pub(crate) async fn token(
        &self,
        (installation, scope): (InstallationId, &Scope),
        rejected: Option<&SecretString>,
        clock: &dyn Clock,
        mint: impl Future<Output = Result<Minted, GitHubError>>,
    ) -> Result<Minted, GitHubError> {
        use std::sync::atomic::Ordering::SeqCst;
        let slot = {
            let mut slots = self.slots();
            if slots.len() >= MANY {
                slots.retain(|_, slot| Arc::strong_count(slot) > 1 || slot.is_alive(clock.now()));
            }
            Arc::clone(slots.entry((installation, scope.clone())).or_default())
        };
        let before = slot.ended.load(SeqCst);
        let mut state = slot.state.lock().await;
        if let Some(minted) = &state.current
            && minted.expires_at > clock.now() + SPARE
            && !same(&minted.token, rejected)
        {
            return Ok(minted.clone());
        }
        if let Some(failure) = &state.failure
            && slot.ended.load(SeqCst) != before
        {
            return Err(again(failure));
        }
        let minted = mint.await;
        slot.ended.fetch_add(1, SeqCst);
        match minted {
            Ok(minted) => {
                *state = State { current: Some(minted.clone()), failure: None };
                Ok(minted)
            }
            Err(error) => {
                *state = State { current: None, failure: Some(again(&error)) };
                Err(error)
            }
        }
    }

    /// The installation is gone: its token is not used again.
    pub(crate) fn forget(&self, installation: InstallationId) {
        self.slots().retain(|(owner, _), _| *owner != installation);
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<(InstallationId, Scope), Arc<Slot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    fn is_alive(&self, now: DateTime<Utc>) -> bool {
        self.state.try_lock().is_ok_and(|state| state.current.as_ref().is_some_and(|it| it.expires_at > now))
    }
}

/// The same error for one more caller. Causes are kept as text.
fn again(error: &GitHubError) -> GitHubError {
    match error {
        GitHubError::Unauthorized(cause) => GitHubError::Unauthorized(anyhow!("{cause:#}")),
        GitHubError::Forbidden { message } => GitHubError::Forbidden { message: message.clone() },
        GitHubError::NotFound => GitHubError::NotFound,
        GitHubError::Refused { status, message } => {
            GitHubError::Refused { status: *status, message: message.clone() }
        }
        GitHubError::RateLimited { retry_after } => GitHubError::RateLimited { retry_after: *retry_after },
        GitHubError::Unavailable(cause) => GitHubError::Unavailable(anyhow!("{cause:#}")),
    }
}
