//! People's grants, sealed at rest, each version written over the one before it and over no other.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::keys::{KeyId, KeysError};
use crate::ids::UserId;

/// Where people's grants are kept, one a person.
///
/// Grants are sealed before they are stored: with a data key of their own for every version, under a context that
/// names the person and the version, and the data key wrapped by [`Keys`](super::Keys). [`crate::vault`] has the
/// cryptography, so that all adapters share it.
///
/// # Ordering
///
/// A person's versions only ever grow, over deletions too. After [`put`](Self::put) returned, every
/// [`load`](Self::load) of any process sees that version or a later one. Between persons there is no order.
///
/// # What holds after a crash
///
/// * A grant whose `put` returned is there. One whose `put` did not return is there whole or not at all.
/// * A refresh lease whose holder died ends by itself; nothing else waits for it.
/// * Re-wrapping stops anywhere and goes on later: each grant is always under exactly one wrapping key, and opens.
/// * Cancelling a call does not cancel its write.
///
/// # What an attacker who can write the store cannot do
///
/// Swap two people's grants, bring back an earlier version or a deleted grant, or change a byte without
/// [`VaultError::Tampered`]. Each adapter says where its memory of versions is kept, which an attacker would
/// have to roll back as well. Removing a grant is not told apart from its deletion: the person logs in again.
#[async_trait]
pub trait Vault: Send + Sync {
    /// The person's grant, opened, and its version for [`put`](Self::put).
    async fn load(&self, user: UserId) -> Result<Option<StoredGrant>, VaultError>;

    /// Seals and stores the grant of `grant.user`, if what is there is what was `expected`. Ends the person's
    /// refresh lease.
    ///
    /// A login expects [`Expected::Anything`]: the newest login wins, and it replaces what cannot be opened any more.
    /// A refresh expects the version that it loaded.
    async fn put(&self, expected: Expected, grant: Grant) -> Result<Put, VaultError>;

    /// Deletes the person's grant, if what is there is what was `expected`. Idempotent; `false` where there was
    /// none, or another one. Needs no key.
    async fn delete(&self, user: UserId, expected: Expected) -> Result<bool, VaultError>;

    /// Asks to refresh `version` of the person's grant. Of concurrent callers, in all processes, exactly one is
    /// [`RefreshLease::Granted`]; it has `duration` to [`put`](Self::put) the next version.
    async fn lease_refresh(
        &self,
        user: UserId,
        version: Version,
        duration: Duration,
    ) -> Result<RefreshLease, VaultError>;

    /// Gives the lease back after a failure, so that the next need not wait for its end. Idempotent; does nothing
    /// where somebody else holds it by now.
    async fn release_refresh(&self, user: UserId, lease: LeaseId) -> Result<(), VaultError>;

    /// Brings up to `limit` grants that are not under the active key under it, without opening them, by user id
    /// from `after` on. Go on with [`Rewrapped::next`] until there is none; it may run beside everything else, and in
    /// several processes.
    async fn rewrap(&self, after: Option<UserId>, limit: usize) -> Result<Rewrapped, VaultError>;

    /// For operators: who has a grant, by user id from `after` on. Opens nothing.
    async fn list(&self, after: Option<UserId>, limit: usize) -> Result<Vec<ListedGrant>, VaultError>;
}

/// A person's authorization of the App: what lets Deputy act as them.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Whose.
    pub user: UserId,
    /// Their login when they granted it. For showing; logins can be renamed.
    pub login: String,
    /// Acts for the person.
    pub access_token: SecretString,
    /// `None` where the App opted out of expiry.
    pub access_expires_at: Option<DateTime<Utc>>,
    /// Gets the next pair, once.
    pub refresh_token: Option<SecretString>,
    /// When logging in again is the only way.
    pub refresh_expires_at: Option<DateTime<Utc>>,
    /// When the person logged in. Refreshing keeps it.
    pub granted_at: DateTime<Utc>,
}

/// Which of a person's grants it is: greater than every one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A grant as it was loaded.
#[derive(Debug, Clone)]
pub struct StoredGrant {
    /// The grant.
    pub grant: Grant,
    /// Which one.
    pub version: Version,
}

/// What must be in the store for a write to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Whatever is there, or nothing.
    Anything,
    /// This version.
    Version(Version),
}

/// The answer to [`Vault::put`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It is stored, as this version.
    Stored(Version),
    /// Something else was there, or nothing any more. Nothing was written: load again.
    Conflict,
}

/// The answer to [`Vault::lease_refresh`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshLease {
    /// Refresh it.
    Granted(LeaseId),
    /// Somebody is at it.
    Held {
        /// When their lease ends.
        until: DateTime<Utc>,
    },
    /// There is another version by now, or none: load again.
    Changed,
}

/// Distinguishes one lease from every other, of all processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LeaseId(pub u64);

/// What a step of re-wrapping did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rewrapped {
    /// Grants that are under the active key now.
    pub done: usize,
    /// Grants whose data key does not unwrap any more: they were tampered with, or their key is lost. Skipped.
    pub failed: usize,
    /// Where to go on; `None` at the end.
    pub next: Option<UserId>,
}

/// A grant, unopened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedGrant {
    /// Whose.
    pub user: UserId,
    /// Which.
    pub version: Version,
    /// What its data key is wrapped with.
    pub key: KeyId,
    /// When this version was stored.
    pub stored_at: DateTime<Utc>,
}

/// The vault did not do it.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// What is stored is not what was stored. The adapter has logged it as an alarm. The person can log in
    /// again, which replaces it; nothing of it may be used.
    #[error("the grant of user {user} was tampered with: {how}")]
    Tampered {
        /// Whose.
        user: UserId,
        /// What gave it away.
        how: Tampering,
    },
    /// The key that wraps the grant's data key cannot be used.
    #[error("the grant's key cannot be used")]
    Keys(#[from] KeysError),
    /// The store could not be read or written.
    #[error("the vault cannot be reached")]
    Unavailable(#[source] anyhow::Error),
}

/// How it shows that somebody else wrote to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Tampering {
    /// It does not open: a byte differs, or it was sealed for another person, version or key.
    #[error("it is not what was sealed for this person and version")]
    Broken,
    /// An earlier version, or one that was deleted, is back.
    #[error("an earlier version ({found}) has been put back; it should be {known} or later")]
    RolledBack {
        /// What is there.
        found: Version,
        /// The least that there may be.
        known: Version,
    },
}
