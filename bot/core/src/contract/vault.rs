//! What every [`Vault`] keeps, against crashes and against somebody who can write its store.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::task::JoinSet;

use super::ManualClock;
use crate::ids::UserId;
use crate::ports::{
    Clock, Expected, Grant, Keys, LeaseId, Put, RefreshLease, StoredGrant, Tampering, Vault, VaultError,
    Version,
};

const SOMEBODY: UserId = UserId(583_231);
const SOMEBODY_ELSE: UserId = UserId(583_232);
const LEASE: Duration = Duration::from_mins(2);
const MOMENT: Duration = Duration::from_millis(2);

/// What the suite needs: the vault, the keys beneath it, and hands that write to the store behind its back.
#[async_trait]
pub trait Attacked: Send + Sync {
    /// The adapter.
    type Vault: Vault + 'static;

    /// All that is stored for a person.
    type Row: Clone + Send + Sync;

    /// The vault that is attacked.
    fn vault(&self) -> Arc<Self::Vault>;

    /// The keys that wrap this vault's data keys.
    fn keys(&self) -> &dyn Keys;

    /// What is stored for the person at this moment.
    async fn steal(&self, user: UserId) -> Self::Row;

    /// Stores a row for the person, in the place of what was there. Its person becomes this one, all else stays.
    async fn plant(&self, user: UserId, row: &Self::Row);

    /// The row with one bit changed, in as many ways as the store has places for it: in the sealed grant, the
    /// wrapped data key, the version.
    fn changed(row: &Self::Row) -> Vec<Self::Row>;
}

/// Runs all facts, each on an adapter of its own.
pub async fn vault<S, F>(make: F)
where
    S: Attacked + 'static,
    F: AsyncFn(Arc<ManualClock>) -> S,
{
    let fresh = async || {
        let clock = Arc::new(ManualClock::default());
        (make(Arc::clone(&clock)).await, clock)
    };
    let (home, clock) = fresh().await;
    a_grant_comes_back_as_its_latest_version(&*home.vault(), &clock).await;
    let (home, clock) = fresh().await;
    only_what_was_expected_is_replaced_or_deleted(&*home.vault(), &clock).await;
    let (home, clock) = fresh().await;
    of_simultaneous_writers_of_a_version_one_wins(home.vault(), &clock).await;
    let (home, clock) = fresh().await;
    simultaneous_logins_follow_each_other(home.vault(), &clock).await;
    let (home, clock) = fresh().await;
    one_refreshes_at_a_time(home.vault(), &clock).await;
    let (home, clock) = fresh().await;
    a_lease_ends_by_itself_by_hand_and_by_writing(&*home.vault(), &clock).await;
    let (home, clock) = fresh().await;
    rewrapping_moves_all_grants_and_opens_none(&home, &clock).await;
    let (home, clock) = fresh().await;
    people_are_listed_in_order(&*home.vault(), &clock).await;
    let (home, clock) = fresh().await;
    another_persons_grant_is_refused(&home, &clock).await;
    let (home, clock) = fresh().await;
    an_earlier_version_is_refused(&home, &clock).await;
    let (home, clock) = fresh().await;
    a_deleted_grant_does_not_come_back(&home, &clock).await;
    let (home, clock) = fresh().await;
    a_changed_bit_is_refused_and_a_login_mends_it(&home, &clock).await;
}

fn grant(user: UserId, number: u64, clock: &ManualClock) -> Grant {
    // Whole milliseconds: finer than that, no adapter promises anything.
    let now = DateTime::from_timestamp_millis(clock.now().timestamp_millis()).expect("it is a time");
    Grant {
        user,
        login: format!("octocat{number}"),
        access_token: format!("ghu_access{number}").into(),
        access_expires_at: Some(now + TimeDelta::hours(8)),
        refresh_token: Some(format!("ghr_refresh{number}").into()),
        refresh_expires_at: Some(now + TimeDelta::days(180)),
        granted_at: now,
    }
}

/// A grant with its secrets, to compare.
type Told =
    (UserId, String, String, Option<DateTime<Utc>>, Option<String>, Option<DateTime<Utc>>, DateTime<Utc>);

fn told(grant: &Grant) -> Told {
    let exposed = |token: &SecretString| token.expose_secret().to_owned();
    (
        grant.user,
        grant.login.clone(),
        exposed(&grant.access_token),
        grant.access_expires_at,
        grant.refresh_token.as_ref().map(exposed),
        grant.refresh_expires_at,
        grant.granted_at,
    )
}

async fn put(vault: &impl Vault, expected: Expected, grant: Grant) -> Put {
    vault.put(expected, grant).await.expect("it can be put")
}

async fn log_in(vault: &impl Vault, grant: Grant) -> Version {
    match put(vault, Expected::Anything, grant).await {
        Put::Stored(version) => version,
        Put::Conflict => panic!("a login replaces anything"),
    }
}

async fn load(vault: &impl Vault, user: UserId) -> Option<StoredGrant> {
    vault.load(user).await.expect("it can be loaded")
}

async fn delete(vault: &impl Vault, user: UserId, expected: Expected) -> bool {
    vault.delete(user, expected).await.expect("it can be deleted")
}

async fn lease(vault: &impl Vault, user: UserId, version: Version) -> RefreshLease {
    vault.lease_refresh(user, version, LEASE).await.expect("it can be asked for")
}

async fn leased(vault: &impl Vault, user: UserId, version: Version) -> LeaseId {
    match lease(vault, user, version).await {
        RefreshLease::Granted(lease) => lease,
        other => panic!("the lease should be granted, but is {other:?}"),
    }
}

async fn refused(vault: &impl Vault, user: UserId) -> Tampering {
    match vault.load(user).await {
        Err(VaultError::Tampered { user: whose, how }) if whose == user => how,
        other => panic!("it should have been refused: {other:?}"),
    }
}

async fn a_grant_comes_back_as_its_latest_version(vault: &impl Vault, clock: &ManualClock) {
    assert!(load(vault, SOMEBODY).await.is_none());
    let first = log_in(vault, grant(SOMEBODY, 1, clock)).await;
    let loaded = load(vault, SOMEBODY).await.expect("it is there");
    assert_eq!((loaded.version, told(&loaded.grant)), (first, told(&grant(SOMEBODY, 1, clock))));
    let forever = Grant {
        access_expires_at: None,
        refresh_token: None,
        refresh_expires_at: None,
        ..grant(SOMEBODY, 2, clock)
    };
    let second = log_in(vault, forever.clone()).await;
    assert!(second > first);
    let loaded = load(vault, SOMEBODY).await.expect("it is there");
    assert_eq!((loaded.version, told(&loaded.grant)), (second, told(&forever)));
    assert!(load(vault, SOMEBODY_ELSE).await.is_none());
    let shown = format!("{loaded:?} {:?}", grant(SOMEBODY, 1, clock));
    assert!(!shown.contains("ghu_") && !shown.contains("ghr_"), "{shown}");
}

async fn only_what_was_expected_is_replaced_or_deleted(vault: &impl Vault, clock: &ManualClock) {
    let nothing = Expected::Version(Version(1));
    assert_eq!(put(vault, nothing, grant(SOMEBODY, 1, clock)).await, Put::Conflict, "there is nothing");
    let first = log_in(vault, grant(SOMEBODY, 1, clock)).await;
    let Put::Stored(second) = put(vault, Expected::Version(first), grant(SOMEBODY, 2, clock)).await else {
        panic!("it was the first version");
    };
    assert!(second > first);
    assert_eq!(put(vault, Expected::Version(first), grant(SOMEBODY, 3, clock)).await, Put::Conflict);
    assert!(!delete(vault, SOMEBODY, Expected::Version(first)).await);
    assert!(!delete(vault, SOMEBODY_ELSE, Expected::Anything).await);
    assert_eq!(load(vault, SOMEBODY).await.map(|it| it.version), Some(second));
    assert!(delete(vault, SOMEBODY, Expected::Version(second)).await);
    assert!(!delete(vault, SOMEBODY, Expected::Anything).await, "it is gone");
    assert!(load(vault, SOMEBODY).await.is_none());
    let later = Expected::Version(second);
    assert_eq!(put(vault, later, grant(SOMEBODY, 4, clock)).await, Put::Conflict, "a logout is not undone");
    assert!(log_in(vault, grant(SOMEBODY, 5, clock)).await > second, "versions grow over deletions");
}

async fn of_simultaneous_writers_of_a_version_one_wins(
    vault: Arc<impl Vault + 'static>,
    clock: &ManualClock,
) {
    let version = log_in(&*vault, grant(SOMEBODY, 0, clock)).await;
    let mut writers = JoinSet::new();
    for number in 1..=20 {
        let (vault, grant) = (Arc::clone(&vault), grant(SOMEBODY, number, clock));
        writers.spawn(async move { (number, put(&*vault, Expected::Version(version), grant).await) });
    }
    let answers = writers.join_all().await;
    let won: Vec<_> = answers.iter().filter(|(_, put)| *put != Put::Conflict).collect();
    assert_eq!(won.len(), 1, "{answers:?}");
    let stored = load(&*vault, SOMEBODY).await.expect("it is there");
    assert_eq!((stored.grant.login, Put::Stored(stored.version)), (format!("octocat{}", won[0].0), won[0].1));
}

async fn simultaneous_logins_follow_each_other(vault: Arc<impl Vault + 'static>, clock: &ManualClock) {
    let mut writers = JoinSet::new();
    for number in 0..20 {
        let (vault, grant) = (Arc::clone(&vault), grant(SOMEBODY, number, clock));
        writers.spawn(async move { (log_in(&*vault, grant).await, number) });
    }
    let mut versions = writers.join_all().await;
    versions.sort();
    versions.dedup_by_key(|(version, _)| *version);
    assert_eq!(versions.len(), 20, "each is a version of its own");
    let stored = load(&*vault, SOMEBODY).await.expect("it is there");
    let (version, number) = versions[19];
    assert_eq!((stored.version, stored.grant.login), (version, format!("octocat{number}")));
}

async fn one_refreshes_at_a_time(vault: Arc<impl Vault + 'static>, clock: &ManualClock) {
    let version = log_in(&*vault, grant(SOMEBODY, 1, clock)).await;
    let mut askers = JoinSet::new();
    for _ in 0..20 {
        let vault = Arc::clone(&vault);
        askers.spawn(async move { lease(&*vault, SOMEBODY, version).await });
    }
    let answers = askers.join_all().await;
    let until = clock.now() + LEASE;
    let mut granted = 0;
    for answer in &answers {
        match answer {
            RefreshLease::Granted(_) => granted += 1,
            RefreshLease::Held { until: held } => {
                assert_eq!(held.timestamp_millis(), until.timestamp_millis());
            }
            RefreshLease::Changed => panic!("nobody has written"),
        }
    }
    assert_eq!(granted, 1, "{answers:?}");
    let other = log_in(&*vault, grant(SOMEBODY_ELSE, 1, clock)).await;
    leased(&*vault, SOMEBODY_ELSE, other).await;
}

async fn a_lease_ends_by_itself_by_hand_and_by_writing(vault: &impl Vault, clock: &ManualClock) {
    assert_eq!(lease(vault, SOMEBODY, Version(1)).await, RefreshLease::Changed, "there is nothing");
    let version = log_in(vault, grant(SOMEBODY, 1, clock)).await;
    let release = async |lease| vault.release_refresh(SOMEBODY, lease).await.expect("it can be released");
    // By itself.
    let first = leased(vault, SOMEBODY, version).await;
    clock.advance(LEASE.saturating_sub(MOMENT));
    assert!(matches!(lease(vault, SOMEBODY, version).await, RefreshLease::Held { .. }));
    clock.advance(MOMENT * 2);
    let second = leased(vault, SOMEBODY, version).await;
    assert_ne!(first, second);
    // By hand, but only by the hand that holds it.
    release(first).await;
    assert!(matches!(lease(vault, SOMEBODY, version).await, RefreshLease::Held { .. }));
    release(second).await;
    release(second).await;
    leased(vault, SOMEBODY, version).await;
    // By writing.
    let Put::Stored(next) = put(vault, Expected::Version(version), grant(SOMEBODY, 2, clock)).await else {
        panic!("it was that version");
    };
    assert_eq!(lease(vault, SOMEBODY, version).await, RefreshLease::Changed);
    leased(vault, SOMEBODY, next).await;
    let login = log_in(vault, grant(SOMEBODY, 3, clock)).await;
    leased(vault, SOMEBODY, login).await;
}

async fn rewrapping_moves_all_grants_and_opens_none(home: &impl Attacked, clock: &ManualClock) {
    let vault = home.vault();
    let vault = &*vault;
    for number in 1..=7 {
        log_in(vault, grant(UserId(number), number, clock)).await;
    }
    let old = home.keys().active().await.expect("there is one");
    let new = home.keys().rotate().await.expect("it can be rotated");
    assert_ne!(old, new);
    let newer = log_in(vault, grant(UserId(8), 8, clock)).await;
    let broken = home.steal(UserId(3)).await;
    home.plant(UserId(4), &broken).await;
    let (mut after, mut done, mut failed) = (None, 0, 0);
    loop {
        let step = vault.rewrap(after, 2).await.expect("they can be re-wrapped");
        assert!(step.done + step.failed <= 2);
        (done, failed) = (done + step.done, failed + step.failed);
        match step.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!((done, failed), (6, 1), "one of them cannot be");
    for listed in vault.list(None, 100).await.expect("they can be listed") {
        assert_eq!(listed.key == new, listed.user != UserId(4), "{listed:?}");
        if listed.user == UserId(8) {
            assert_eq!(listed.version, newer);
        }
    }
    for number in [1, 2, 3, 5, 6, 7, 8] {
        let loaded = load(vault, UserId(number)).await.expect("it is there");
        assert_eq!(told(&loaded.grant), told(&grant(UserId(number), number, clock)));
    }
    delete(vault, UserId(4), Expected::Anything).await;
    home.keys().retire(&old).await.expect("nothing uses it");
    assert!(load(vault, UserId(1)).await.is_some());
    assert_eq!(vault.rewrap(None, 100).await.expect("it can be asked for").done, 0);
}

async fn people_are_listed_in_order(vault: &impl Vault, clock: &ManualClock) {
    for number in [5, 1, 4, 2, 3] {
        log_in(vault, grant(UserId(number), number, clock)).await;
    }
    let mut after = None;
    for expected in [&[1, 2][..], &[3, 4], &[5], &[]] {
        let listed = vault.list(after, 2).await.expect("they can be listed");
        assert_eq!(listed.iter().map(|it| it.user.0).collect::<Vec<_>>(), expected);
        assert!(listed.iter().all(|it| it.stored_at.timestamp_millis() == clock.now().timestamp_millis()));
        after = listed.last().map(|it| it.user).or(after);
    }
}

async fn another_persons_grant_is_refused(home: &impl Attacked, clock: &ManualClock) {
    let vault = home.vault();
    let vault = &*vault;
    log_in(vault, grant(SOMEBODY, 1, clock)).await;
    log_in(vault, grant(SOMEBODY_ELSE, 2, clock)).await;
    let (one, other) = (home.steal(SOMEBODY).await, home.steal(SOMEBODY_ELSE).await);
    home.plant(SOMEBODY, &other).await;
    home.plant(SOMEBODY_ELSE, &one).await;
    for user in [SOMEBODY, SOMEBODY_ELSE] {
        assert_eq!(refused(vault, user).await, Tampering::Broken);
    }
    home.plant(UserId(1), &one).await;
    assert_eq!(refused(vault, UserId(1)).await, Tampering::Broken, "one who never logged in");
    home.plant(SOMEBODY, &one).await;
    assert!(load(vault, SOMEBODY).await.is_some());
}

async fn an_earlier_version_is_refused(home: &impl Attacked, clock: &ManualClock) {
    let vault = home.vault();
    let vault = &*vault;
    let first = log_in(vault, grant(SOMEBODY, 1, clock)).await;
    let row = home.steal(SOMEBODY).await;
    let Put::Stored(second) = put(vault, Expected::Version(first), grant(SOMEBODY, 2, clock)).await else {
        panic!("it was the first version");
    };
    home.plant(SOMEBODY, &row).await;
    let how = refused(vault, SOMEBODY).await;
    assert!(
        matches!(how, Tampering::RolledBack { found, known } if found == first && known == second),
        "{how}"
    );
    let conflict = put(vault, Expected::Version(first), grant(SOMEBODY, 3, clock)).await;
    assert_eq!(conflict, Put::Conflict, "nothing is built upon it");
    let third = log_in(vault, grant(SOMEBODY, 4, clock)).await;
    assert!(third > second, "a version that was stored once is never given again");
    assert_eq!(load(vault, SOMEBODY).await.map(|it| it.version), Some(third));
}

async fn a_deleted_grant_does_not_come_back(home: &impl Attacked, clock: &ManualClock) {
    let vault = home.vault();
    let vault = &*vault;
    let version = log_in(vault, grant(SOMEBODY, 1, clock)).await;
    let row = home.steal(SOMEBODY).await;
    assert!(delete(vault, SOMEBODY, Expected::Version(version)).await);
    home.plant(SOMEBODY, &row).await;
    assert!(matches!(refused(vault, SOMEBODY).await, Tampering::RolledBack { .. }));
    log_in(vault, grant(SOMEBODY, 2, clock)).await;
    home.plant(SOMEBODY, &row).await;
    assert!(matches!(refused(vault, SOMEBODY).await, Tampering::RolledBack { .. }));
}

async fn a_changed_bit_is_refused_and_a_login_mends_it<S: Attacked>(home: &S, clock: &ManualClock) {
    let vault = home.vault();
    let vault = &*vault;
    log_in(vault, grant(SOMEBODY, 1, clock)).await;
    log_in(vault, grant(SOMEBODY, 2, clock)).await;
    let row = home.steal(SOMEBODY).await;
    let changed = S::changed(&row);
    assert!(changed.len() >= 3);
    for changed in changed {
        home.plant(SOMEBODY, &changed).await;
        refused(vault, SOMEBODY).await;
    }
    log_in(vault, grant(SOMEBODY, 3, clock)).await;
    assert_eq!(load(vault, SOMEBODY).await.map(|it| it.grant.login), Some("octocat3".to_owned()));
    home.plant(SOMEBODY, &S::changed(&row)[0]).await;
    assert!(delete(vault, SOMEBODY, Expected::Anything).await, "what cannot be opened can be deleted");
    assert!(load(vault, SOMEBODY).await.is_none());
}
