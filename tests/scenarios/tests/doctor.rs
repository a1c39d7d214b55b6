//! `deputy doctor`: an App that is as it should be, and each way in which it can be otherwise.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use chrono::TimeDelta;
use deputy_core::contract::ManualClock;
use deputy_core::ports::{Clock, SystemClock};
use deputy_embedded::config::Config;
use deputy_embedded::doctor::{Finding, Level, examine};
use deputy_web::auth::PublicUrl;
use github_double::Access;
use scenarios::World;

/// A world, and the configuration of the Deputy that runs in it, at an address that the doctor reaches.
async fn world() -> (World, Config) {
    let world = World::with_logins().await;
    let mut config = world.config();
    let url = format!("http://{}", world.deputy().address());
    config.login.as_mut().unwrap().public_url = Some(PublicUrl::parse(&url).unwrap());
    (world, config)
}

async fn look_at(config: &Config, clock: Arc<dyn Clock>) -> Vec<Finding> {
    let mut findings = Vec::new();
    examine(config, clock, |finding| findings.push(finding)).await.unwrap();
    findings
}

async fn look(world: &World, config: &Config) -> Vec<Finding> {
    look_at(config, Arc::new(ManualClock::at(world.github.clock().now()))).await
}

/// The findings of one check that are not good.
fn complaints<'a>(findings: &'a [Finding], check: &str) -> Vec<(Level, &'a str)> {
    let of_it = findings.iter().filter(|finding| finding.check == check && finding.level != Level::Good);
    of_it
        .map(|finding| {
            assert!(finding.fix.is_some(), "a fix for {finding:?}");
            (finding.level, finding.what.as_str())
        })
        .collect()
}

/// The one complaint that there is: of this check, at this level, with these words.
fn only(findings: &[Finding], check: &str, level: Level, words: &str) {
    let all: Vec<_> = findings.iter().filter(|finding| finding.level != Level::Good).collect();
    let of_it = complaints(findings, check);
    assert!(all.len() == 1 && of_it.len() == 1, "one complaint of {check}: {all:#?}");
    assert!(of_it[0].0 == level && of_it[0].1.contains(words), "{of_it:?}");
}

#[tokio::test]
async fn nothing_is_wrong_with_what_is_right() {
    let (world, config) = world().await;
    let findings = look(&world, &config).await;
    assert!(findings.iter().all(|finding| finding.level == Level::Good), "{findings:#?}");
    let checks: Vec<_> = findings.iter().map(|finding| finding.check).collect();
    assert_eq!(
        checks,
        [
            "clock",
            "key",
            "client_id",
            "permissions",
            "events",
            "webhook",
            "webhook_secret",
            "deliveries",
            "client_secret",
            "device_flow",
            "installations",
            "data",
            "public_url"
        ]
    );
    world.end().await;
}

#[tokio::test]
async fn each_setting_that_is_wrong_is_found_alone() {
    let (world, mut config) = world().await;
    let hook = format!("http://{}/webhook", world.deputy().address());

    world.app.disable_device_flow();
    only(&look(&world, &config).await, "device_flow", Level::Warning, "from a terminal");
    world.app.enable_device_flow();

    world.app.send_webhooks_to("https://elsewhere.example/webhook");
    only(&look(&world, &config).await, "webhook", Level::Problem, "https://elsewhere.example/webhook");
    world.app.stop_webhooks();
    only(&look(&world, &config).await, "webhook", Level::Problem, "nowhere");
    world.app.send_webhooks_to(&hook);

    let at = |seconds| Arc::new(ManualClock::at(world.github.clock().now() + TimeDelta::seconds(seconds)));
    only(&look_at(&config, at(30)).await, "clock", Level::Warning, "ahead of");
    only(&look_at(&config, at(-30)).await, "clock", Level::Warning, "behind");
    let fast = look_at(&config, at(90)).await;
    assert_eq!(complaints(&fast, "clock")[0].0, Level::Problem);

    let data = config.data.clone();
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o755)).unwrap();
    only(&look(&world, &config).await, "data", Level::Problem, "others can look into");
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o700)).unwrap();
    config.data = data.join("lock/below-a-file");
    only(&look(&world, &config).await, "data", Level::Problem, "");
    config.data = data.join("new/folder");
    assert_eq!(complaints(&look(&world, &config).await, "data"), []);
    config.data = data;

    let secret = config.login.as_ref().unwrap().client_secret.clone();
    config.login.as_mut().unwrap().client_secret = "0".repeat(40).into();
    only(&look(&world, &config).await, "client_secret", Level::Problem, "does not accept");
    config.login.as_mut().unwrap().client_secret = secret;

    let url = config.login.as_ref().unwrap().public_url.clone();
    config.login.as_mut().unwrap().public_url = Some(PublicUrl::parse(&world.github.base_url()).unwrap());
    world.app.send_webhooks_to(&format!("{}/webhook", world.github.base_url()));
    only(&look(&world, &config).await, "public_url", Level::Problem, "not as a Deputy does");
    world.app.send_webhooks_to("http://127.0.0.1:9/webhook");
    config.login.as_mut().unwrap().public_url = Some(PublicUrl::parse("http://127.0.0.1:9").unwrap());
    only(&look(&world, &config).await, "public_url", Level::Problem, "cannot be reached");
    config.login.as_mut().unwrap().public_url = None;
    only(&look(&world, &config).await, "public_url", Level::Warning, "nobody but this machine");
    world.app.send_webhooks_to(&hook);
    config.login.as_mut().unwrap().public_url = url;

    let login = config.login.take();
    let findings = look(&world, &config).await;
    assert!(complaints(&findings, "login")[0].1.contains("nobody can log in"), "{findings:#?}");
    config.login = login;

    config.login.as_mut().unwrap().client_id = "Iv23nobody".to_owned();
    let findings = look(&world, &config).await;
    assert!(complaints(&findings, "client_id")[0].1.contains("Iv23nobody is configured"), "{findings:#?}");
    config.login.as_mut().unwrap().client_id = world.app.client_id();
    assert!(look(&world, &config).await.iter().all(|finding| finding.level == Level::Good));

    world.app.add_private_key();
    world.app.delete_old_private_keys();
    let findings = look(&world, &config).await;
    assert!(complaints(&findings, "key")[0].1.contains("does not accept the private key"), "{findings:#?}");
    // The double was asked for /healthz, and with credentials of nobody.
    world.github.take_violations();
    // Deputy's own key is the deleted one, so what is left to do cannot be done.
}

#[tokio::test]
async fn deliveries_that_failed_tell_of_the_secret_and_of_who_listens() {
    let (world, config) = world().await;
    let pr = world.pull_request().await;
    assert_eq!(complaints(&look(&world, &config).await, "deliveries"), []);
    let secret = world.app.webhook_secret();
    world.app.set_webhook_secret("another-secret-than-configured");
    pr.comment(&world.ada, "hello").await;
    only(&look(&world, &config).await, "deliveries", Level::Problem, "another secret");
    world.app.set_webhook_secret(&secret);
    let url = format!("http://{}/webhook", world.deputy().address());
    world.app.send_webhooks_to("http://127.0.0.1:9/webhook");
    pr.comment(&world.ada, "hello").await;
    world.app.send_webhooks_to(&url);
    only(&look(&world, &config).await, "deliveries", Level::Warning, "the last 2 reached nobody");
    pr.comment(&world.ada, "hello").await;
    assert_eq!(complaints(&look(&world, &config).await, "deliveries"), []);
    world.github.allow_failed_deliveries();
    world.end().await;
}

#[tokio::test]
async fn an_app_that_may_too_little_and_is_nowhere_is_found() {
    let (world, mut config) = world().await;
    let lesser = world
        .github
        .app("lesser")
        .permissions(&[("metadata", Access::Read), ("issues", Access::Read)])
        .events(&["issues"]);
    let lesser = lesser.register();
    config.github.issuer = lesser.client_id();
    config.github.private_key = lesser.private_key().into();
    let login = config.login.as_mut().unwrap();
    (login.client_id, login.client_secret) = (lesser.client_id(), lesser.client_secret().into());
    let findings = look(&world, &config).await;
    let lacking = complaints(&findings, "permissions")[0].1;
    assert!(lacking.contains("issues: write") && lacking.contains("members: read"), "{lacking}");
    assert!(!lacking.contains("metadata"), "{lacking}");
    let missing = complaints(&findings, "events")[0].1;
    assert!(missing.contains("issue_comment") && !missing.contains("issues,"), "{missing}");
    assert_eq!(complaints(&findings, "installations")[0].0, Level::Problem);
    let fix = findings.iter().find(|finding| finding.check == "permissions").unwrap().fix.clone().unwrap();
    assert!(fix.contains("/settings/apps/lesser/permissions"), "{fix}");

    config.github.url = "http://127.0.0.1:9".to_owned();
    // A clock that goes: it is tried again.
    let findings = look_at(&config, Arc::new(SystemClock)).await;
    assert_eq!(complaints(&findings, "github")[0].0, Level::Problem);
    world.end().await;
}

#[tokio::test]
async fn an_installation_that_is_switched_off_or_lags_behind_is_found() {
    let (world, config) = world().await;
    world.installation.suspend(&world.ada).await;
    only(&look(&world, &config).await, "installations", Level::Warning, "acme is suspended");
    world.installation.unsuspend(&world.ada).await;
    assert_eq!(complaints(&look(&world, &config).await, "installations"), []);
    world.end().await;
}
