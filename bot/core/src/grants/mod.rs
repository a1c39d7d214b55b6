//! A person's token at the moment of use: fetched from the vault, refreshed when it is about to run out.
//!
//! Refreshing kills the old pair at GitHub, so it may happen only once for each pair, and its answer must not be lost:
//!
//! * *One at a time.* In this process the callers of one person wait for each other; between processes a lease in the
//!   vault decides. Whoever waited looks at the vault again before doing anything.
//! * *Stored before used.* The new pair is written over the version that was refreshed, and no other. A login or a
//!   logout in between wins, and the new pair is dropped.
//! * *Not cut short.* From the request to the write it is a task of its own: a caller that gives up does not take
//!   the only copy of the new pair with it.
//!
//! What is left is a process that dies between GitHub's answer and the write. The old refresh token is used up then:
//! the next refresh is told `bad_refresh_token`, the grant is deleted, and the person is asked to log in again.

mod refresh;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret as _, SecretString};

use self::refresh::{Outcome, Refresh};
use crate::ids::UserId;
use crate::ports::{
    Clock, Expected, Grant, KeysError, NeedsLogin, OAuth, Put, RefreshLease, StoredGrant, Tokens,
    UserTokenError, UserTokens, Vault, VaultError, Version, Viewer,
};

/// An access token that lives no longer than this is refreshed before it is used.
pub const SPARE: TimeDelta = TimeDelta::minutes(10);
/// How long a refresh may take, from asking GitHub to having stored the answer. More than the longest that a call to
/// GitHub waits, so that nobody else refreshes the same pair while an answer may still come.
pub const REFRESH_LEASE: Duration = Duration::from_mins(2);
/// After a refresh that failed, how long nobody tries again.
pub const PAUSE: TimeDelta = TimeDelta::seconds(15);
/// How long to wait for another process's refresh while the old token still works.
const PATIENCE: TimeDelta = TimeDelta::seconds(5);
/// How often to look whether another process is done.
const LOOK_EVERY: TimeDelta = TimeDelta::milliseconds(250);
/// Past this many persons, those that nobody waits for are forgotten.
const MANY: usize = 4096;

/// People's grants in use.
pub struct Grants {
    vault: Arc<dyn Vault>,
    oauth: Arc<dyn OAuth>,
    clock: Arc<dyn Clock>,
    flights: Mutex<HashMap<UserId, Arc<Flight>>>,
}

/// One person's refreshes in this process: held by whoever is at it, and what came of the last if it failed.
type Flight = tokio::sync::Mutex<Option<Failure>>;

/// A refresh that failed.
#[derive(Clone, Copy)]
struct Failure {
    version: Version,
    /// Nobody tries again before.
    until: DateTime<Utc>,
}

/// What became of a logout.
#[derive(Debug)]
pub enum LoggedOut {
    /// There was no grant.
    NothingThere,
    /// The grant is gone, at GitHub as well.
    Everywhere,
    /// The grant is gone here, but GitHub could not be told. The person can end it in their settings there.
    OnlyHere(anyhow::Error),
}

impl Grants {
    /// Keeps grants in `vault`, and refreshes them with `oauth`.
    pub fn new(vault: Arc<dyn Vault>, oauth: Arc<dyn OAuth>, clock: Arc<dyn Clock>) -> Self {
        Self { vault, oauth, clock, flights: Mutex::default() }
    }

    /// Keeps what a login gave. It replaces any grant that the person had.
    pub async fn log_in(&self, viewer: &Viewer, tokens: Tokens) -> Result<Version, VaultError> {
        let grant = Grant {
            user: viewer.id,
            login: viewer.login.clone(),
            access_token: tokens.access_token,
            access_expires_at: tokens.expires_at,
            refresh_token: tokens.refresh_token,
            refresh_expires_at: tokens.refresh_expires_at,
            granted_at: self.clock.now(),
        };
        match self.vault.put(Expected::Anything, grant).await? {
            Put::Stored(version) => Ok(version),
            Put::Conflict => {
                Err(VaultError::Unavailable(anyhow::anyhow!("the vault refused an unconditional write")))
            }
        }
    }

    /// Ends the person's authorization of the App at GitHub, and deletes their grant here in any case.
    pub async fn log_out(&self, user: UserId) -> Result<LoggedOut, VaultError> {
        // Asked before the grant is gone, and refreshed if need be: GitHub ends a grant only by a live token of it.
        let token = self.token(user, None).await;
        let revoked = match token {
            Ok(token) => self.oauth.revoke(&token).await.context("GitHub could not be told"),
            Err(UserTokenError::NeedsLogin { .. }) => Ok(()),
            Err(UserTokenError::Unavailable(error)) => Err(error),
        };
        let deleted = self.vault.delete(user, Expected::Anything).await?;
        Ok(match revoked {
            Err(error) => LoggedOut::OnlyHere(error),
            Ok(()) if deleted => LoggedOut::Everywhere,
            Ok(()) => LoggedOut::NothingThere,
        })
    }

    /// Deletes the person's grant: GitHub says that it was revoked. `false` where there was none.
    pub async fn forget(&self, user: UserId) -> Result<bool, VaultError> {
        self.vault.delete(user, Expected::Anything).await
    }

    async fn load(&self, user: UserId) -> Result<StoredGrant, UserTokenError> {
        match self.vault.load(user).await {
            Ok(Some(stored)) => Ok(stored),
            Ok(None) => Err(needs_login(user, NeedsLogin::NoGrant)),
            // Neither comes back by waiting. The vault has told the operator; what the person can do is log in.
            Err(VaultError::Tampered { .. } | VaultError::Keys(KeysError::Unknown(_))) => {
                Err(needs_login(user, NeedsLogin::Damaged))
            }
            Err(error) => Err(UserTokenError::Unavailable(error.into())),
        }
    }

    /// Refreshes a pair that this caller has seen, or waits for whoever does. Looks at the vault anew after any wait.
    async fn refresh(&self, stored: &StoredGrant, usable: bool) -> Result<Outcome, UserTokenError> {
        let (user, version) = (stored.grant.user, stored.version);
        let flight = self.flight(user);
        let mut failure = flight.lock().await;
        if self.load(user).await?.version != version {
            return Ok(Outcome::LookAgain);
        }
        if failure.is_some_and(|failed| failed.version == version && self.clock.now() < failed.until) {
            return Ok(Outcome::NotNow(anyhow::anyhow!("the last refresh has just failed")));
        }
        let give_up = self.clock.now() + PATIENCE;
        let outcome = loop {
            let lease = self.vault.lease_refresh(user, version, REFRESH_LEASE).await;
            match lease.map_err(|error| UserTokenError::Unavailable(error.into()))? {
                RefreshLease::Changed => break Outcome::LookAgain,
                RefreshLease::Held { .. } if usable && self.clock.now() >= give_up => {
                    break Outcome::NotNow(anyhow::anyhow!("another process is still refreshing"));
                }
                RefreshLease::Held { until } => {
                    let look = self.clock.now() + LOOK_EVERY;
                    self.clock.sleep_until(look.min(until)).await;
                }
                RefreshLease::Granted(lease) => {
                    let refresh = Refresh {
                        vault: Arc::clone(&self.vault),
                        oauth: Arc::clone(&self.oauth),
                        clock: Arc::clone(&self.clock),
                        stored: stored.clone(),
                        lease,
                    };
                    let done = tokio::spawn(refresh.run()).await;
                    break done.context("refreshing panicked").unwrap_or_else(Outcome::NotNow);
                }
            }
        };
        *failure = match outcome {
            Outcome::NotNow(_) => Some(Failure { version, until: self.clock.now() + PAUSE }),
            _ => None,
        };
        Ok(outcome)
    }

    fn flight(&self, user: UserId) -> Arc<Flight> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if flights.len() >= MANY {
            flights.retain(|_, flight| Arc::strong_count(flight) > 1);
        }
        Arc::clone(flights.entry(user).or_default())
    }
}

#[async_trait]
impl UserTokens for Grants {
    async fn token(
        &self,
        user: UserId,
        rejected: Option<&SecretString>,
    ) -> Result<SecretString, UserTokenError> {
        loop {
            let stored = self.load(user).await?;
            let usable = match state(&stored.grant, self.clock.now(), rejected) {
                State::Fresh => return Ok(stored.grant.access_token),
                State::Stale { usable } => usable,
                State::Dead(why) => {
                    match self.vault.delete(user, Expected::Version(stored.version)).await {
                        Ok(true) => return Err(needs_login(user, why)),
                        // Somebody has logged in meanwhile.
                        Ok(false) => continue,
                        Err(error) => return Err(UserTokenError::Unavailable(error.into())),
                    }
                }
            };
            match self.refresh(&stored, usable).await? {
                Outcome::Token(token) => return Ok(token),
                Outcome::LookAgain => {}
                Outcome::Refused => return Err(needs_login(user, NeedsLogin::Refused)),
                Outcome::NotNow(_) if usable => return Ok(stored.grant.access_token),
                Outcome::NotNow(error) => return Err(UserTokenError::Unavailable(error)),
            }
        }
    }
}

fn needs_login(user: UserId, why: NeedsLogin) -> UserTokenError {
    UserTokenError::NeedsLogin { user, why }
}

/// What can be done with a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Use it.
    Fresh,
    /// Refresh it first.
    Stale {
        /// Whether its token works until then.
        usable: bool,
    },
    /// Only a login helps.
    Dead(NeedsLogin),
}

fn state(grant: &Grant, now: DateTime<Utc>, rejected: Option<&SecretString>) -> State {
    let rejected =
        rejected.is_some_and(|rejected| rejected.expose_secret() == grant.access_token.expose_secret());
    let lives = |for_more_than| grant.access_expires_at.is_none_or(|at| at - now > for_more_than);
    let usable = !rejected && lives(TimeDelta::zero());
    let refreshable = grant.refresh_token.is_some() && grant.refresh_expires_at.is_none_or(|at| at > now);
    if !rejected && lives(SPARE) {
        State::Fresh
    } else if refreshable {
        State::Stale { usable }
    } else if usable {
        // Its last minutes: there is nothing to be had by waiting.
        State::Fresh
    } else {
        State::Dead(if rejected { NeedsLogin::Refused } else { NeedsLogin::Expired })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_done_depends_on_what_is_left() {
        use NeedsLogin::{Expired, Refused};
        let now = DateTime::<Utc>::UNIX_EPOCH;
        let minutes = |minutes: i64| Some(now + TimeDelta::minutes(minutes));
        let facts = [
            // Access token's end, refresh token's end, rejected: what can be done.
            (minutes(11), minutes(100), false, State::Fresh),
            (minutes(10), minutes(100), false, State::Stale { usable: true }),
            (minutes(0), minutes(100), false, State::Stale { usable: false }),
            (minutes(11), minutes(100), true, State::Stale { usable: false }),
            (minutes(10), minutes(0), false, State::Fresh),
            (minutes(0), minutes(0), false, State::Dead(Expired)),
            (minutes(11), minutes(0), true, State::Dead(Refused)),
            (None, None, false, State::Fresh),
            (None, None, true, State::Stale { usable: false }),
        ];
        for (access, refresh, is_rejected, expected) in facts {
            let grant = Grant {
                user: UserId(1),
                login: "octocat".to_owned(),
                access_token: "access".into(),
                access_expires_at: access,
                refresh_token: Some("refresh".into()),
                refresh_expires_at: refresh,
                granted_at: now,
            };
            let rejected = SecretString::from(if is_rejected { "access" } else { "another" });
            assert_eq!(state(&grant, now, Some(&rejected)), expected, "{access:?} {refresh:?} {is_rejected}");
            let single = Grant { refresh_token: None, ..grant };
            let single = state(&single, now, Some(&rejected));
            assert!(!matches!(single, State::Stale { .. }), "without a refresh token there is no refresh");
        }
    }
}
