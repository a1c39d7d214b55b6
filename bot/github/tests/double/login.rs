//! People log in against a GitHub that enforces PKCE, kills old tokens, and limits what a token may do.

use std::sync::Mutex;

use async_trait::async_trait;
use deputy_core::ids::UserId;
use deputy_github::manifest;
use deputy_github::oauth::{Authorize, DevicePoll, OAuthError, Verifier};
use secrecy::{ExposeSecret as _, SecretString};

use super::*;

const CALLBACK: &str = "https://deputy.example/auth/callback";

fn parameter(url: &str, name: &str) -> Option<String> {
    let (_, query) = url.split_once('?')?;
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
}

async fn world() -> World {
    let world = World::new().await;
    world.app.add_callback_url(CALLBACK).enable_device_flow();
    world
}

impl World {
    /// Ada agrees in her browser; the code that comes back.
    fn agree(&self, verifier: &Verifier) -> SecretString {
        let authorize = Authorize {
            redirect_uri: CALLBACK,
            state: "s+t/a=te",
            verifier: verifier.secret(),
            login: Some("ada"),
        };
        let back = self.ada.approve(&self.client.authorize_url(&authorize).unwrap());
        assert_eq!(parameter(&back, "state").as_deref(), Some("s%2Bt%2Fa%3Dte"), "{back}");
        parameter(&back, "code").unwrap().into()
    }
}

#[tokio::test]
async fn a_person_logs_in_refreshes_and_ends_it() {
    let world = world().await;
    let client = &world.client;
    let verifier = Verifier::random().unwrap();
    let code = world.agree(&verifier);
    let other = Verifier::random().unwrap();
    let stolen = client.exchange_code(&code, CALLBACK, other.secret(), None).await.unwrap_err();
    assert!(!matches!(stolen, OAuthError::GitHub(_)), "{stolen:?}");

    let code = world.agree(&verifier);
    let grant = client.exchange_code(&code, CALLBACK, verifier.secret(), None).await.unwrap();
    assert_eq!(client.viewer(&grant.access_token).await.unwrap().login, "ada");
    let again = client.exchange_code(&code, CALLBACK, verifier.secret(), None).await.unwrap_err();
    assert!(matches!(again, OAuthError::BadCode), "{again:?}");

    let refresh_token = grant.refresh_token.unwrap();
    let next = client.refresh_grant(&refresh_token).await.unwrap();
    assert!(client.check_token(&grant.access_token).await.unwrap().is_none(), "the old token died");
    assert_eq!(client.check_token(&next.access_token).await.unwrap().unwrap().login, "ada");
    let used = client.refresh_grant(&refresh_token).await.unwrap_err();
    assert!(matches!(used, OAuthError::BadRefreshToken), "{used:?}");

    client.revoke_grant(&next.access_token).await.unwrap();
    let gone = client.viewer(&next.access_token).await.unwrap_err();
    assert!(matches!(gone, GitHubError::Unauthorized(_)));
    client.revoke_grant(&next.access_token).await.unwrap();
    world.end().await;
}

#[tokio::test]
async fn a_person_who_does_not_agree_comes_back_with_an_error() {
    let world = world().await;
    let verifier = Verifier::random().unwrap();
    let authorize =
        Authorize { redirect_uri: CALLBACK, state: "s", verifier: verifier.secret(), login: None };
    let back = world.ada.deny(&world.client.authorize_url(&authorize).unwrap());
    let error = OAuthError::from_code(&parameter(&back, "error").unwrap());
    assert!(matches!(error, OAuthError::Denied), "{error:?}");
    world.end().await;
}

#[tokio::test]
async fn the_device_flow_ends_with_a_grant() {
    let world = world().await;
    let device = world.client.begin_device_flow().await.unwrap();
    let poll = world.client.poll_device_flow(&device.device_code).await.unwrap();
    assert!(matches!(poll, DevicePoll::Pending), "{poll:?}");
    let poll = world.client.poll_device_flow(&device.device_code).await.unwrap();
    assert!(matches!(poll, DevicePoll::SlowDown(wait) if wait > device.interval), "{poll:?}");
    assert!(world.ada.approve_device(&device.user_code));
    world.github.clock().advance(std::time::Duration::from_secs(30));
    let poll = world.client.poll_device_flow(&device.device_code).await.unwrap();
    let DevicePoll::Granted(grant) = poll else { panic!("{poll:?}") };
    assert_eq!(world.client.viewer(&grant.access_token).await.unwrap().login, "ada");
    world.end().await;
}

/// Gives out a dead token first, as a vault does whose person has logged in elsewhere too often.
struct Vault {
    fresh: String,
    asked: Mutex<u32>,
}

#[async_trait]
impl UserTokens for Vault {
    async fn token(&self, _: UserId, rejected: Option<&SecretString>) -> Result<SecretString, GitHubError> {
        *self.asked.lock().unwrap() += 1;
        Ok(match rejected {
            Some(dead) => {
                assert_eq!(dead.expose_secret(), "ghu_dead");
                self.fresh.clone().into()
            }
            None => "ghu_dead".into(),
        })
    }
}

#[tokio::test]
async fn what_is_done_for_a_person_is_done_as_them() {
    let world = World::with_logins(|ada, app| {
        Arc::new(Vault { fresh: ada.tokens_of(app).access_token, asked: Mutex::default() })
    })
    .await;
    let pr = world.shop.pull_request("Tea").by(&world.ada).body("@deputy ping").open().await;
    let attempts = world.client.delivery_attempts(None).await.unwrap().attempts;
    let opened = attempts.iter().find(|attempt| attempt.event.as_str() == "pull_request").unwrap();
    let detail = world.client.delivery_attempt(opened.id).await.unwrap();
    let asked = comment(&opened.event, &detail.payload).unwrap().unwrap();
    let acting = Acting::User(asked.author.id);
    let posted = world.client.reply(&acting, &asked, "hi <!-- m -->").await.unwrap();
    assert_eq!(pr.last_comment().unwrap().author(), "ada");
    assert_eq!(world.client.find_reply(&acting, &asked, "<!-- m -->").await.unwrap(), Some(posted));
    world.github.settled().await;

    // It comes back as ada's own comment, and says who wrote it for her.
    let attempts = world.client.delivery_attempts(None).await.unwrap().attempts;
    let written = attempts.iter().find(|attempt| attempt.event.as_str() == "issue_comment").unwrap();
    let detail = world.client.delivery_attempt(written.id).await.unwrap();
    let back = comment(&written.event, &detail.payload).unwrap().unwrap();
    assert!(back.author.is_human);
    assert_eq!(back.via_app.map(|app| app.0), Some(world.app.id().0));
    world.end().await;
}

#[tokio::test]
async fn a_manifest_makes_an_app_that_works() {
    let github = Double::start().await;
    let manifest = manifest::Manifest {
        name: "My Deputy".to_owned(),
        url: "https://deputy.example".to_owned(),
        hook_attributes: Some(manifest::HookAttributes {
            url: "http://127.0.0.1:9/webhook".to_owned(),
            active: true,
        }),
        redirect_url: "http://127.0.0.1:4000/setup".to_owned(),
        callback_urls: vec![CALLBACK.to_owned()],
        public: false,
        default_permissions: [("issues".to_owned(), "write".to_owned())].into(),
        default_events: vec!["issue_comment".to_owned()],
    };
    let manifest = serde_json::to_string(&manifest).unwrap();
    let back = github.user("ada").create_app(&manifest, "nonce").unwrap();
    let code = parameter(&back, "code").unwrap().into();
    let config = ClientConfig::with_api(&github.base_url(), &github.api_url()).unwrap();
    let new = manifest::convert(config.clone(), Arc::new(SystemClock), &code).await.unwrap();
    let signer = PemSigner::new(new.pem.expose_secret()).unwrap();
    let us = App { issuer: new.client_id, signer: Arc::new(signer), oauth: None };
    let client = Client::new(config, us, Arc::new(NoLogins), Arc::new(SystemClock));
    assert_eq!(client.app_settings().await.unwrap().id, new.id);
    let hook = client.hook_config().await.unwrap();
    assert_eq!(hook.url.as_deref(), Some("http://127.0.0.1:9/webhook"));
    github.assert_clean().await;
}
