//! People's tokens at the moment of use, over the real vault and a GitHub that kills what was refreshed.

#![allow(clippy::unwrap_used, reason = "clippy knows tests, but not what helps them")]

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use deputy_core::contract::ManualClock;
use deputy_core::grants::{Grants, LoggedOut};
use deputy_core::ids::{RepositoryId, UserId};
use deputy_core::ports::{
    Authorize, Clock, DeviceCode, DevicePoll, Expected, GitHubError, Grant, LeaseId, ListedGrant, NeedsLogin,
    OAuth, OAuthError, Put, RefreshLease, Rewrapped, StoredGrant, Tokens, UserTokenError, UserTokens, Vault,
    VaultError, Version, Viewer,
};
use deputy_embedded::{LocalKeys, LocalVault, Options, Store};
use secrecy::{ExposeSecret as _, SecretString};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinSet;

const SOMEBODY: UserId = UserId(583_231);
const MILLISECOND: Duration = Duration::from_millis(1);

/// GitHub, as far as tokens go: one pair lives, and a refresh kills it.
struct FakeGitHub {
    clock: Arc<ManualClock>,
    state: Mutex<State>,
    /// Refreshes under way wait until it is open.
    open: watch::Sender<bool>,
    /// How many refreshes have arrived.
    arrived: watch::Sender<u32>,
}

#[derive(Default)]
struct State {
    pair: u32,
    revoked: Vec<String>,
    failures: VecDeque<OAuthError>,
    revocation_fails: bool,
}

impl FakeGitHub {
    fn tokens(&self, pair: u32) -> Tokens {
        Tokens {
            access_token: format!("access{pair}").into(),
            expires_at: Some(self.clock.now() + TimeDelta::hours(8)),
            refresh_token: Some(format!("refresh{pair}").into()),
            refresh_expires_at: Some(self.clock.now() + TimeDelta::days(180)),
        }
    }

    fn refreshes(&self) -> u32 {
        *self.arrived.borrow()
    }

    async fn wait_for_refreshes(&self, count: u32) {
        self.arrived.subscribe().wait_for(|arrived| *arrived >= count).await.unwrap();
    }

    fn fail_next(&self, error: OAuthError) {
        self.state.lock().unwrap().failures.push_back(error);
    }
}

#[async_trait]
impl OAuth for FakeGitHub {
    async fn refresh(&self, refresh_token: &SecretString) -> Result<Tokens, OAuthError> {
        self.arrived.send_modify(|arrived| *arrived += 1);
        self.open.subscribe().wait_for(|open| *open).await.unwrap();
        let mut state = self.state.lock().unwrap();
        if let Some(failure) = state.failures.pop_front() {
            return Err(failure);
        }
        if refresh_token.expose_secret() != format!("refresh{}", state.pair) {
            return Err(OAuthError::BadRefreshToken);
        }
        state.pair += 1;
        Ok(self.tokens(state.pair))
    }

    async fn revoke(&self, access_token: &SecretString) -> Result<(), GitHubError> {
        let mut state = self.state.lock().unwrap();
        if state.revocation_fails {
            return Err(GitHubError::Unavailable(anyhow::anyhow!("no route")));
        }
        state.revoked.push(access_token.expose_secret().to_owned());
        Ok(())
    }

    fn authorize_url(&self, _: &Authorize<'_>) -> Result<String, OAuthError> {
        unreachable!("nobody logs in here")
    }

    async fn exchange(
        &self,
        _: &SecretString,
        _: &str,
        _: &SecretString,
        _: Option<RepositoryId>,
    ) -> Result<Tokens, OAuthError> {
        unreachable!("nobody logs in here")
    }

    async fn begin_device(&self) -> Result<DeviceCode, OAuthError> {
        unreachable!("nobody logs in here")
    }

    async fn poll_device(&self, _: &SecretString) -> Result<DevicePoll, OAuthError> {
        unreachable!("nobody logs in here")
    }

    async fn viewer(&self, _: &SecretString) -> Result<Viewer, GitHubError> {
        unreachable!("nobody logs in here")
    }
}

/// A vault that cannot write grants, as often as it was told.
struct Faulty {
    vault: LocalVault,
    failures: AtomicU32,
}

#[async_trait]
impl Vault for Faulty {
    async fn put(&self, expected: Expected, grant: Grant) -> Result<Put, VaultError> {
        if self.failures.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok() {
            return Err(VaultError::Unavailable(anyhow::anyhow!("no room")));
        }
        self.vault.put(expected, grant).await
    }

    async fn load(&self, user: UserId) -> Result<Option<StoredGrant>, VaultError> {
        self.vault.load(user).await
    }

    async fn delete(&self, user: UserId, expected: Expected) -> Result<bool, VaultError> {
        self.vault.delete(user, expected).await
    }

    async fn lease_refresh(
        &self,
        user: UserId,
        version: Version,
        duration: Duration,
    ) -> Result<RefreshLease, VaultError> {
        self.vault.lease_refresh(user, version, duration).await
    }

    async fn release_refresh(&self, user: UserId, lease: LeaseId) -> Result<(), VaultError> {
        self.vault.release_refresh(user, lease).await
    }

    async fn rewrap(&self, after: Option<UserId>, limit: usize) -> Result<Rewrapped, VaultError> {
        self.vault.rewrap(after, limit).await
    }

    async fn list(&self, after: Option<UserId>, limit: usize) -> Result<Vec<ListedGrant>, VaultError> {
        self.vault.list(after, limit).await
    }
}

/// A vault, GitHub, and one process; others can be added.
struct World {
    clock: Arc<ManualClock>,
    github: Arc<FakeGitHub>,
    vault: LocalVault,
    grants: Arc<Grants>,
    folder: TempDir,
}

impl World {
    async fn new() -> Self {
        let clock = Arc::new(ManualClock::default());
        let folder = tempfile::tempdir().unwrap();
        let store =
            Store::open(Options::new(folder.path()), clock.clone(), Arc::new(|_: &_| Vec::new())).unwrap();
        let keys = LocalKeys::open(folder.path(), None, clock.clone()).unwrap();
        let vault = LocalVault::open(store, Arc::new(keys)).await.unwrap();
        let github = Arc::new(FakeGitHub {
            clock: Arc::clone(&clock),
            state: Mutex::default(),
            open: watch::Sender::new(true),
            arrived: watch::Sender::new(0),
        });
        let grants = Arc::new(Grants::new(Arc::new(vault.clone()), github.clone(), clock.clone()));
        Self { clock, github, vault, grants, folder }
    }

    /// As another process would: it shares nothing but the store.
    fn another_process(&self) -> Arc<Grants> {
        let vault = Arc::new(self.vault.clone());
        Arc::new(Grants::new(vault, self.github.clone(), self.clock.clone()))
    }

    /// Somebody has logged in, and now there are this many minutes left.
    async fn logged_in_with(minutes: i64) -> Self {
        let world = Self::new().await;
        world.log_in(0).await;
        world.clock.jump(TimeDelta::hours(8) - TimeDelta::minutes(minutes));
        world
    }

    async fn log_in(&self, pair: u32) {
        self.github.state.lock().unwrap().pair = pair;
        let viewer = Viewer { id: SOMEBODY, login: "octocat".to_owned() };
        self.grants.log_in(&viewer, self.github.tokens(pair)).await.unwrap();
    }

    async fn token(&self) -> Result<String, UserTokenError> {
        token(&self.grants).await
    }

    async fn why_login(&self) -> NeedsLogin {
        match self.token().await {
            Err(UserTokenError::NeedsLogin { user: SOMEBODY, why }) => why,
            other => panic!("they should have to log in: {other:?}"),
        }
    }

    /// Lets time pass until it is done, slowly enough that no lease ends before its work.
    async fn driven<T>(&self, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = tokio::task::yield_now() => self.clock.advance(MILLISECOND),
            }
        }
    }
}

async fn token(grants: &Grants) -> Result<String, UserTokenError> {
    let token = grants.token(SOMEBODY, None).await?;
    Ok(token.expose_secret().to_owned())
}

fn asking(grants: &Arc<Grants>, count: u32, askers: &mut JoinSet<String>) {
    for _ in 0..count {
        let grants = Arc::clone(grants);
        askers.spawn(async move { token(&grants).await.unwrap() });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_with_more_than_ten_minutes_is_used_as_it_is() {
    let world = World::logged_in_with(11).await;
    assert_eq!(world.token().await.unwrap(), "access0");
    assert_eq!(world.github.refreshes(), 0);
    world.clock.jump(TimeDelta::minutes(1));
    assert_eq!(world.token().await.unwrap(), "access1");
    assert_eq!(world.token().await.unwrap(), "access1");
    assert_eq!(world.github.refreshes(), 1);
    let stored = world.vault.load(SOMEBODY).await.unwrap().unwrap().grant;
    assert_eq!(stored.access_token.expose_secret(), "access1");
    assert_eq!(stored.login, "octocat");
    assert!(stored.granted_at < world.clock.now() - TimeDelta::hours(7), "refreshing is no login");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_callers_in_two_processes_refresh_once() {
    for minutes_left in [5, -5] {
        let world = World::logged_in_with(minutes_left).await;
        let other = world.another_process();
        world.github.open.send_replace(false);
        let (mut here, mut there) = (JoinSet::new(), JoinSet::new());
        asking(&world.grants, 50, &mut here);
        world.github.wait_for_refreshes(1).await;
        asking(&other, 50, &mut there);
        world.github.open.send_replace(true);
        let mut tokens = here.join_all().await;
        tokens.extend(world.driven(there.join_all()).await);
        assert_eq!(tokens, vec!["access1"; 100]);
        assert_eq!(world.github.refreshes(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_another_process_is_stuck_the_old_token_is_used_as_long_as_it_lives() {
    let world = World::logged_in_with(5).await;
    let other = world.another_process();
    world.github.open.send_replace(false);
    let stuck = tokio::spawn(async move { token(&other).await.unwrap() });
    world.github.wait_for_refreshes(1).await;
    assert_eq!(world.driven(world.token()).await.unwrap(), "access0");
    assert_eq!(world.github.refreshes(), 1);
    world.github.open.send_replace(true);
    assert_eq!(stuck.await.unwrap(), "access1");
    assert_eq!(world.token().await.unwrap(), "access1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_token_that_github_does_not_know_ends_the_login_once() {
    let world = World::logged_in_with(5).await;
    // A process that died between GitHub's answer and the store: the pair is refreshed, and nobody has it.
    world.github.refresh(&"refresh0".into()).await.unwrap();
    assert_eq!(world.why_login().await, NeedsLogin::Refused);
    assert_eq!(world.why_login().await, NeedsLogin::NoGrant);
    assert_eq!(world.github.refreshes(), 2, "GitHub is not asked again");
    world.log_in(7).await;
    assert_eq!(world.token().await.unwrap(), "access7");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_github_cannot_be_reached_the_old_token_is_used_and_nobody_storms() {
    let world = World::logged_in_with(5).await;
    let unreachable = || OAuthError::GitHub(GitHubError::Unavailable(anyhow::anyhow!("no route")));
    for _ in 0..3 {
        world.github.fail_next(unreachable());
    }
    let mut askers = JoinSet::new();
    asking(&world.grants, 100, &mut askers);
    assert_eq!(askers.join_all().await, vec!["access0"; 100]);
    assert_eq!(world.github.refreshes(), 1);
    world.clock.jump(deputy_core::grants::PAUSE);
    assert_eq!(world.token().await.unwrap(), "access0");
    assert_eq!(world.github.refreshes(), 2);
    world.clock.jump(TimeDelta::minutes(5));
    assert!(matches!(world.token().await, Err(UserTokenError::Unavailable(_))), "the old one has ended");
    world.clock.jump(deputy_core::grants::PAUSE);
    assert_eq!(world.token().await.unwrap(), "access1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_gives_up_does_not_lose_the_new_pair() {
    let world = World::logged_in_with(-5).await;
    world.github.open.send_replace(false);
    let grants = Arc::clone(&world.grants);
    let caller = tokio::spawn(async move { token(&grants).await });
    world.github.wait_for_refreshes(1).await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    world.github.open.send_replace(true);
    assert_eq!(world.driven(world.token()).await.unwrap(), "access1");
    assert_eq!(world.github.refreshes(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pair_that_cannot_be_stored_is_not_used_and_not_given_up_quickly() {
    let world = World::logged_in_with(-5).await;
    let with_failures = |failures| {
        let vault = Faulty { vault: world.vault.clone(), failures: AtomicU32::new(failures) };
        Grants::new(Arc::new(vault), world.github.clone(), world.clock.clone())
    };
    assert_eq!(world.driven(token(&with_failures(3))).await.unwrap(), "access1");
    assert_eq!(world.token().await.unwrap(), "access1", "it is stored");
    world.clock.jump(TimeDelta::hours(9));
    let failed = world.driven(token(&with_failures(u32::MAX))).await;
    assert!(matches!(failed, Err(UserTokenError::Unavailable(_))), "{failed:?}");
    assert_eq!(world.github.refreshes(), 2);
    world.clock.jump(TimeDelta::minutes(3));
    assert_eq!(world.why_login().await, NeedsLogin::Refused, "GitHub has forgotten the old pair");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_or_logout_during_a_refresh_wins() {
    let world = World::logged_in_with(5).await;
    let refreshing = |world: &World| {
        world.github.open.send_replace(false);
        let grants = Arc::clone(&world.grants);
        tokio::spawn(async move { token(&grants).await })
    };
    let caller = refreshing(&world);
    world.github.wait_for_refreshes(1).await;
    world.log_in(40).await;
    world.github.open.send_replace(true);
    assert_eq!(caller.await.unwrap().unwrap(), "access40");

    world.clock.jump(TimeDelta::minutes(475));
    let caller = refreshing(&world);
    world.github.wait_for_refreshes(2).await;
    world.grants.forget(SOMEBODY).await.unwrap();
    world.github.open.send_replace(true);
    let why = caller.await.unwrap().unwrap_err();
    assert!(matches!(why, UserTokenError::NeedsLogin { why: NeedsLogin::NoGrant, .. }), "{why:?}");
    assert!(world.vault.load(SOMEBODY).await.unwrap().is_none(), "a logout is not undone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_github_rejects_is_replaced() {
    let world = World::logged_in_with(300).await;
    let rejected = SecretString::from("access0");
    let another = world.grants.token(SOMEBODY, Some(&rejected)).await.unwrap();
    assert_eq!(another.expose_secret(), "access1");
    // Somebody late with the same complaint gets what there is.
    let another = world.grants.token(SOMEBODY, Some(&rejected)).await.unwrap();
    assert_eq!(another.expose_secret(), "access1");
    assert_eq!(world.github.refreshes(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_unused_for_six_months_has_expired() {
    let world = World::logged_in_with(5).await;
    world.clock.jump(TimeDelta::days(181));
    assert_eq!(world.why_login().await, NeedsLogin::Expired);
    assert_eq!(world.why_login().await, NeedsLogin::NoGrant);
    assert_eq!(world.github.refreshes(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_grant_is_mended_by_logging_in() {
    let world = World::logged_in_with(300).await;
    let database = rusqlite::Connection::open(world.folder.path().join("deputy.db")).unwrap();
    database.busy_timeout(Duration::from_secs(5)).unwrap();
    database.execute("UPDATE user_grant SET sealed = zeroblob(100)", ()).unwrap();
    assert_eq!(world.why_login().await, NeedsLogin::Damaged);
    world.log_in(3).await;
    assert_eq!(world.token().await.unwrap(), "access3");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logging_out_ends_the_grant_at_github_with_a_live_token() {
    let world = World::logged_in_with(-5).await;
    assert!(matches!(world.grants.log_out(SOMEBODY).await.unwrap(), LoggedOut::Everywhere));
    assert_eq!(world.github.state.lock().unwrap().revoked, ["access1"]);
    assert_eq!(world.why_login().await, NeedsLogin::NoGrant);
    assert!(matches!(world.grants.log_out(SOMEBODY).await.unwrap(), LoggedOut::NothingThere));
    world.log_in(2).await;
    world.github.state.lock().unwrap().revocation_fails = true;
    assert!(matches!(world.grants.log_out(SOMEBODY).await.unwrap(), LoggedOut::OnlyHere(_)));
    assert_eq!(world.why_login().await, NeedsLogin::NoGrant, "here it is gone in any case");
}
