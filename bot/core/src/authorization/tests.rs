//! What is asked, what is remembered, and that nothing but a yes lets anybody through.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};

use super::{
    Administrators, Authority, Authorizer as _, Decision, GrantCheck, NotAdministrator, Refusal, Request,
    RunsAs,
};
use crate::comment::{Account, Repository};
use crate::contract::ManualClock;
use crate::ids::{InstallationId, RepositoryId, UserId};
use crate::permission::Permission;
use crate::ports::{
    Acting, Authorize, DeviceCode, DevicePoll, GitHubError, NeedsLogin, OAuth, OAuthError, People, Tokens,
    UserTokenError, UserTokens, Viewer,
};

const ADA: UserId = UserId(7);

/// GitHub and the vault, as far as authorization sees them.
struct World {
    member: AtomicBool,
    in_team: AtomicBool,
    permission: Mutex<Permission>,
    /// GitHub does not answer.
    is_down: AtomicBool,
    /// What the vault has; an empty text is nothing.
    token: Mutex<&'static str>,
    /// What GitHub accepts.
    accepted: Mutex<&'static str>,
    /// What ada is called.
    login: Mutex<&'static str>,
    asked: AtomicUsize,
    asked_for_grant: AtomicUsize,
}

impl World {
    fn answer<T>(&self, value: T) -> Result<T, GitHubError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.is_down.load(Ordering::Relaxed) {
            return Err(GitHubError::Unavailable(anyhow::anyhow!("down")));
        }
        Ok(value)
    }
}

#[async_trait]
impl People for World {
    async fn is_member(&self, _: &Acting, _: &str, _: &str) -> Result<bool, GitHubError> {
        self.answer(self.member.load(Ordering::Relaxed))
    }

    async fn is_team_member(&self, _: &Acting, _: &str, _: &str, _: &str) -> Result<bool, GitHubError> {
        self.answer(self.in_team.load(Ordering::Relaxed))
    }

    async fn permission(&self, _: &Acting, _: &Repository<'_>, _: &str) -> Result<Permission, GitHubError> {
        self.answer(*self.permission.lock().unwrap())
    }
}

#[async_trait]
impl UserTokens for World {
    async fn token(
        &self,
        user: UserId,
        rejected: Option<&SecretString>,
    ) -> Result<SecretString, UserTokenError> {
        let token = *self.token.lock().unwrap();
        let why = match rejected {
            _ if token.is_empty() => NeedsLogin::NoGrant,
            Some(rejected) if rejected.expose_secret() == token => NeedsLogin::Refused,
            _ => return Ok(token.into()),
        };
        Err(UserTokenError::NeedsLogin { user, why })
    }
}

#[async_trait]
impl OAuth for World {
    async fn viewer(&self, token: &SecretString) -> Result<Viewer, GitHubError> {
        self.asked_for_grant.fetch_add(1, Ordering::Relaxed);
        if token.expose_secret() != *self.accepted.lock().unwrap() {
            return Err(GitHubError::Unauthorized(anyhow::anyhow!("bad credentials")));
        }
        if self.is_down.load(Ordering::Relaxed) {
            return Err(GitHubError::Unavailable(anyhow::anyhow!("down")));
        }
        Ok(Viewer { id: ADA, login: (*self.login.lock().unwrap()).to_owned() })
    }

    fn authorize_url(&self, _: &Authorize<'_>) -> Result<String, OAuthError> {
        unreachable!("authorization only asks")
    }

    async fn exchange(
        &self,
        _: &SecretString,
        _: &str,
        _: &SecretString,
        _: Option<RepositoryId>,
    ) -> Result<Tokens, OAuthError> {
        unreachable!("authorization only asks")
    }

    async fn refresh(&self, _: &SecretString) -> Result<Tokens, OAuthError> {
        unreachable!("authorization only asks")
    }

    async fn begin_device(&self) -> Result<DeviceCode, OAuthError> {
        unreachable!("authorization only asks")
    }

    async fn poll_device(&self, _: &SecretString) -> Result<DevicePoll, OAuthError> {
        unreachable!("authorization only asks")
    }

    async fn revoke(&self, _: &SecretString) -> Result<(), GitHubError> {
        unreachable!("authorization only asks")
    }

    async fn revoke_token(&self, _: &SecretString) -> Result<(), GitHubError> {
        unreachable!("authorization only asks")
    }
}

struct Asker {
    world: Arc<World>,
    clock: Arc<ManualClock>,
    authority: Authority,
}

/// Ada, who is a member, may write, is in the team, and has logged in.
fn asker() -> Asker {
    let world = Arc::new(World {
        member: true.into(),
        in_team: true.into(),
        permission: Permission::Write.into(),
        is_down: false.into(),
        token: "token".into(),
        accepted: "token".into(),
        login: "ada".into(),
        asked: 0.into(),
        asked_for_grant: 0.into(),
    });
    let clock = Arc::new(ManualClock::default());
    let check = GrantCheck { tokens: Arc::clone(&world) as _, oauth: Arc::clone(&world) as _ };
    let authority = Authority::new(Arc::clone(&world) as _, Some(check), Arc::clone(&clock) as _);
    Asker { world, clock, authority }
}

impl Asker {
    async fn ask(&self, team: Option<&str>, runs_as: RunsAs) -> Result<Decision, GitHubError> {
        let request = Request {
            acting: &Acting::Installation(InstallationId(1)),
            person: &Account { id: ADA, login: "ada".into(), is_human: true },
            repository: &Repository {
                id: RepositoryId(1),
                owner: "acme".into(),
                name: "shop".into(),
                owner_is_organization: true,
            },
            permission: Permission::Write,
            team,
            runs_as,
        };
        self.authority.authorize(&request).await
    }

    async fn refusal(&self, team: Option<&str>, runs_as: RunsAs) -> Option<Refusal> {
        match self.ask(team, runs_as).await.unwrap() {
            Decision::Allowed => None,
            Decision::Refused(refusal) => Some(refusal),
        }
    }

    /// How often GitHub was asked for standing and for the grant.
    fn asked(&self) -> (usize, usize) {
        (self.world.asked.load(Ordering::Relaxed), self.world.asked_for_grant.load(Ordering::Relaxed))
    }
}

#[tokio::test]
async fn a_yes_is_remembered_for_a_minute_and_asked_anew_where_it_matters() {
    let ada = asker();
    for _ in 0..3 {
        assert_eq!(ada.refusal(None, RunsAs::Person).await, None);
    }
    assert_eq!(ada.asked(), (2, 1));
    assert_eq!(ada.refusal(None, RunsAs::PersonAskedAnew).await, None);
    assert_eq!(ada.asked(), (4, 2));
    // What was asked anew is remembered from then on.
    ada.clock.advance(Duration::from_secs(59));
    assert_eq!(ada.refusal(None, RunsAs::Person).await, None);
    assert_eq!(ada.asked(), (4, 2));
    ada.clock.advance(Duration::from_secs(1));
    assert_eq!(ada.refusal(None, RunsAs::Person).await, None);
    assert_eq!(ada.asked(), (6, 3));
}

#[tokio::test]
async fn what_changed_is_forgotten_at_once() {
    let ada = asker();
    assert_eq!(ada.refusal(None, RunsAs::Person).await, None);
    ada.world.member.store(false, Ordering::Relaxed);
    assert_eq!(ada.refusal(None, RunsAs::Person).await, None, "nobody has told");
    ada.authority.forget();
    assert!(matches!(ada.refusal(None, RunsAs::Person).await, Some(Refusal::NotAMember { .. })));
}

#[tokio::test]
async fn a_no_is_not_remembered_and_ends_what_was() {
    let ada = asker();
    assert_eq!(ada.refusal(None, RunsAs::Person).await, None);
    *ada.world.permission.lock().unwrap() = Permission::Read;
    assert!(matches!(
        ada.refusal(None, RunsAs::PersonAskedAnew).await,
        Some(Refusal::PermissionTooLow { .. })
    ));
    assert!(matches!(ada.refusal(None, RunsAs::Person).await, Some(Refusal::PermissionTooLow { .. })));
    *ada.world.permission.lock().unwrap() = Permission::Admin;
    assert_eq!(ada.refusal(None, RunsAs::Person).await, None);
}

#[tokio::test]
async fn a_team_is_asked_for_by_itself() {
    let ada = asker();
    assert_eq!(ada.refusal(None, RunsAs::Person).await, None);
    ada.world.in_team.store(false, Ordering::Relaxed);
    let refusal = ada.refusal(Some("releasers"), RunsAs::Person).await;
    let (organization, team) = ("acme".to_owned(), "releasers".to_owned());
    assert_eq!(refusal, Some(Refusal::NotInTeam { organization, team }));
    ada.world.in_team.store(true, Ordering::Relaxed);
    assert_eq!(ada.refusal(Some("releasers"), RunsAs::Person).await, None);
}

#[tokio::test]
async fn logging_out_holds_at_once() {
    let ada = asker();
    assert_eq!(ada.refusal(None, RunsAs::Person).await, None);
    *ada.world.token.lock().unwrap() = "";
    let why = NeedsLogin::NoGrant;
    assert_eq!(ada.refusal(None, RunsAs::Person).await, Some(Refusal::MustLogIn { why }));
    assert_eq!(ada.refusal(None, RunsAs::App).await, None, "help needs no grant");
}

#[tokio::test]
async fn a_grant_that_github_refuses_needs_a_login() {
    let ada = asker();
    *ada.world.accepted.lock().unwrap() = "another";
    let why = NeedsLogin::Refused;
    assert_eq!(ada.refusal(None, RunsAs::Person).await, Some(Refusal::MustLogIn { why }));
}

#[tokio::test]
async fn what_cannot_be_found_out_is_no_yes() {
    let ada = asker();
    ada.world.is_down.store(true, Ordering::Relaxed);
    assert!(matches!(ada.ask(None, RunsAs::Person).await, Err(GitHubError::Unavailable(_))));
    ada.world.is_down.store(false, Ordering::Relaxed);
    assert_eq!(ada.refusal(None, RunsAs::Person).await, None);
}

#[tokio::test]
async fn without_logins_nothing_runs_for_anybody() {
    let Asker { world, clock, .. } = asker();
    let authority = Authority::new(Arc::clone(&world) as _, None, Arc::clone(&clock) as _);
    let ada = Asker { world, clock, authority };
    assert_eq!(ada.refusal(None, RunsAs::Person).await, Some(Refusal::NoLogins));
    assert_eq!(ada.refusal(None, RunsAs::App).await, None);
}

/// Ada, at a Deputy whose configuration names these.
fn operator(named: &[&str]) -> (Asker, Administrators) {
    let ada = asker();
    let check = GrantCheck { tokens: Arc::clone(&ada.world) as _, oauth: Arc::clone(&ada.world) as _ };
    let named = named.iter().map(|name| name.parse().unwrap()).collect();
    let administrators = Administrators::new(named, check, Arc::clone(&ada.clock) as _);
    (ada, administrators)
}

#[tokio::test]
async fn whom_the_configuration_names_is_an_administrator() {
    for named in [&["ada"][..], &["grace", "ADA"], &["id:7"]] {
        assert!(operator(named).1.check(ADA).await.is_ok(), "{named:?}");
    }
    for named in [&[][..], &["grace"], &["7"], &["id:8"]] {
        let refused = operator(named).1.check(ADA).await;
        assert!(
            matches!(&refused, Err(NotAdministrator::NotNamed { login }) if login == "ada"),
            "{named:?}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn an_administrator_is_asked_for_once_a_minute() {
    let (ada, administrators) = operator(&["ada"]);
    for _ in 0..3 {
        assert!(administrators.check(ADA).await.is_ok());
    }
    assert_eq!(ada.asked().1, 1);
    // Renamed; the name in the configuration is free for others now.
    *ada.world.login.lock().unwrap() = "ada-lovelace";
    ada.clock.advance(Duration::from_mins(1));
    for _ in 0..2 {
        assert!(matches!(administrators.check(ADA).await, Err(NotAdministrator::NotNamed { .. })));
    }
    assert_eq!(ada.asked().1, 3, "a no is asked for each time");
}

#[tokio::test]
async fn nobody_is_an_administrator_whom_github_does_not_know_now() {
    for named in ["ada", "id:7"] {
        let (ada, administrators) = operator(&[named]);
        ada.world.is_down.store(true, Ordering::Relaxed);
        assert!(matches!(administrators.check(ADA).await, Err(NotAdministrator::Unknown(_))));
        ada.world.is_down.store(false, Ordering::Relaxed);
        *ada.world.accepted.lock().unwrap() = "another";
        assert!(matches!(
            administrators.check(ADA).await,
            Err(NotAdministrator::NeedsLogin(NeedsLogin::Refused))
        ));
        *ada.world.token.lock().unwrap() = "";
        assert!(matches!(
            administrators.check(ADA).await,
            Err(NotAdministrator::NeedsLogin(NeedsLogin::NoGrant))
        ));
    }
}

#[tokio::test]
async fn a_session_of_somebody_else_is_nobody_s() {
    let (_, administrators) = operator(&["ada", "id:8"]);
    // The token says ada, whatever the session says.
    let refused = administrators.check(UserId(8)).await;
    assert!(matches!(refused, Err(NotAdministrator::NeedsLogin(NeedsLogin::Damaged))), "{refused:?}");
}
