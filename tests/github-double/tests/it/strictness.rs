//! The double fails the test that breaks GitHub's rules: the twins that prove it can.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use github_double::{Clock, Double};
use serde_json::{Value, json};

use crate::support::{Receiver, World, send};

#[tokio::test]
#[should_panic(expected = "query parameter colour is none of GitHub's")]
async fn a_request_with_an_unknown_parameter_fails_the_test() {
    let world = World::new().await;
    world.ask("GET", "/repos/acme/shop/issues?colour=red", Value::Null).await;
}

#[tokio::test]
#[should_panic(expected = "body field bodi is none of GitHub's")]
async fn a_request_with_an_unknown_field_fails_the_test() {
    let world = World::new().await;
    world.shop.issue("Hello").by(&world.ada).open().await;
    let body = json!({ "body": "x", "bodi": "y" });
    world.ask("POST", "/repos/acme/shop/issues/1/comments", body).await;
    world.gh.assert_clean().await;
}

#[tokio::test]
#[should_panic(expected = "GET /repos/acme/shop/wheather: the double has no such route")]
async fn an_unknown_route_fails_the_test() {
    let world = World::new().await;
    assert_eq!(world.ask("GET", "/repos/acme/shop/wheather", Value::Null).await.status, 404);
}

#[tokio::test]
#[should_panic(expected = "a POST request holds a secret outside its credentials")]
async fn a_token_in_a_comment_fails_the_test() {
    let world = World::new().await;
    world.shop.issue("Hello").by(&world.ada).open().await;
    let token = world.ada.tokens_of(&world.app).access_token;
    let body = json!({ "body": format!("Look what I found: {token}") });
    world.ask("POST", "/repos/acme/shop/issues/1/comments", body).await;
    world.gh.assert_clean().await;
}

#[tokio::test]
#[should_panic(expected = "a GET request holds a secret outside its credentials")]
async fn a_jwt_in_an_address_fails_the_test() {
    let world = World::new().await;
    let jwt = world.jwt();
    world.ask_with(&format!("Bearer {jwt}"), "GET", "/app", Value::Null).await;
    world.ask("GET", &format!("/repos/acme/{jwt}"), Value::Null).await;
    world.gh.assert_clean().await;
}

#[tokio::test]
async fn an_unknown_route_may_be_allowed() {
    let world = World::new().await;
    world.gh.allow_unknown("/wheather");
    assert_eq!(world.ask("GET", "/repos/acme/shop/wheather", Value::Null).await.status, 404);
    world.gh.assert_clean().await;
}

#[tokio::test]
#[should_panic(expected = "was not delivered: 500")]
async fn an_undelivered_webhook_fails_the_test() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    receiver.answer(500);
    world.app.send_webhooks_to(&receiver.url);
    world.shop.issue("Hello").by(&world.ada).open().await;
}

#[tokio::test]
async fn what_failed_while_the_receiver_was_away_is_sent_again() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    world.app.send_webhooks_to("http://127.0.0.1:9/nobody");
    let issue = world.shop.issue("Hello").by(&world.ada).open().await;
    issue.comment(&world.ada, "Anybody?").await;
    world.app.send_webhooks_to(&receiver.url);
    assert_eq!(world.app.redeliver_failed().await, 2);
    assert_eq!(world.app.redeliver_failed().await, 0);
    assert_eq!(receiver.hooks().len(), 2);
    world.gh.assert_clean().await;
}

#[tokio::test]
async fn an_undelivered_webhook_may_be_allowed() {
    let world = World::new().await;
    world.app.send_webhooks_to("http://127.0.0.1:9/nobody");
    world.gh.allow_failed_deliveries();
    world.shop.issue("Hello").by(&world.ada).open().await;
    assert_eq!(world.app.deliveries()[0].status, None);
    world.gh.assert_clean().await;
}

#[tokio::test]
async fn a_failing_test_is_told_what_happened() {
    let world = World::new().await;
    world.shop.issue("Hello").by(&world.ada).open().await.comment(&world.ada, "@deputy ping").await;
    world.ask("GET", "/repos/acme/shop", Value::Null).await;
    let transcript = world.gh.transcript();
    assert!(transcript.contains("@ada on acme/shop#1: @deputy ping"), "{transcript}");
    assert!(transcript.contains("→ GET /repos/acme/shop by deputy[bot] → 200"), "{transcript}");
}

#[tokio::test]
async fn a_condition_is_seen_when_it_comes_true() {
    let world = World::new().await;
    let issue = world.shop.issue("Hello").by(&world.ada).open().await;
    let (waiting, ada) = (issue.clone(), world.ada.clone());
    let waiter = tokio::spawn(async move { waiting.wait_for(|issue| issue.comments().len() == 2).await });
    issue.comment(&ada, "one").await;
    issue.comment(&ada, "two").await;
    waiter.await.unwrap();
}

#[tokio::test]
async fn a_webhook_may_come_as_a_form() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    world.app.send_webhooks_to(&receiver.url);
    world.app.send_webhooks_as_form();
    world.shop.issue("Hello").by(&world.ada).open().await;
    let hook = receiver.hooks().remove(0);
    assert_eq!(hook.header("content-type"), "application/x-www-form-urlencoded");
    assert!(hook.bytes.starts_with(b"payload=%7B"));
    world.gh.assert_clean().await;
}

#[tokio::test]
async fn installation_and_membership_webhooks_are_as_github_describes_them() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    world.app.send_webhooks_to(&receiver.url);
    let (gh, ada) = (&world.gh, &world.ada);
    let cellar = world.acme.repo("cellar");
    world.acme.add_member(&gh.user("mia")).remove_member(&gh.user("mia"));
    let team = world.acme.team("Tea");
    team.add(ada).remove(ada);
    for permission in [github_double::Permission::Read, github_double::Permission::Write] {
        team.permit(&world.shop, permission);
    }
    team.permit(&world.shop, github_double::Permission::None);
    world.shop.public().private();
    world.shop.permit(&gh.user("theo"), github_double::Permission::Read);
    world.shop.permit(&gh.user("theo"), github_double::Permission::Write);
    world.shop.permit(&gh.user("theo"), github_double::Permission::None);
    world.installation.remove_repository(&cellar, ada).await;
    world.installation.add_repository(&cellar, ada).await;
    world.installation.suspend(ada).await;
    world.shop.issue("Not heard of").by(ada).open().await;
    world.installation.unsuspend(ada).await;
    world.installation.set_permissions(&[("metadata", github_double::Access::Read)], ada).await;
    world.app.install_on_user(ada);
    world.installation.uninstall(ada).await;
    gh.settled().await;
    let mut names = receiver.names();
    names.sort();
    assert_eq!(
        names,
        [
            "installation.created",
            "installation.deleted",
            "installation.new_permissions_accepted",
            "installation.suspend",
            "installation.unsuspend",
            "installation_repositories.added",
            "installation_repositories.removed",
            "member.added",
            "member.edited",
            "member.removed",
            "membership.added",
            "membership.removed",
            "organization.member_added",
            "organization.member_removed",
            "repository.privatized",
            "repository.publicized",
            "team.added_to_repository",
            "team.edited",
            "team.removed_from_repository",
        ]
    );
    gh.assert_clean().await;
}

#[tokio::test]
async fn a_clock_is_shared_and_can_stand_still() {
    let clock = Clock::default();
    clock.freeze();
    let gh = Double::builder().clock(clock.clone()).start().await;
    let before = gh.clock().now();
    clock.advance(Duration::from_mins(1));
    assert_eq!((gh.clock().now() - before).num_seconds(), 60);
    let answer = send(&gh, "GET", "/meta", &[], Value::Null).await.unwrap();
    let date = gh.clock().now().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    assert_eq!(answer.header("date"), date, "answers tell the time of this clock");
}

#[tokio::test]
async fn a_stopped_double_answers_nobody() {
    let gh = Double::start().await;
    let url = gh.base_url();
    let other = gh.clone();
    drop(gh);
    assert!(send(&other, "GET", "/meta", &[], Value::Null).await.is_ok(), "{url}: a clone keeps it");
}

#[test]
fn a_violation_does_not_hide_the_panic_that_came_first() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            let world = World::new().await;
            world.ask("GET", "/nothing", Value::Null).await;
            panic!("first");
        });
    }));
    assert_eq!(outcome.unwrap_err().downcast_ref::<&str>(), Some(&"first"));
}

#[tokio::test]
#[ignore = "prints what the checks cost; run it by name"]
async fn what_the_checks_cost() {
    let started = std::time::Instant::now();
    let world = World::new().await;
    println!("start: {:?}", started.elapsed());
    let receiver = Receiver::start().await;
    world.app.send_webhooks_to(&receiver.url);
    let issue = world.shop.issue("Hello").by(&world.ada).open().await;
    let token = format!("Bearer {}", world.installation.token());
    for round in ["first", "second", "third"] {
        let started = std::time::Instant::now();
        world.ask_with(&token, "GET", "/repos/acme/shop/issues/1", Value::Null).await;
        println!("{round} request: {:?}", started.elapsed());
        let started = std::time::Instant::now();
        issue.comment(&world.ada, "x").await;
        println!("{round} webhook: {:?}", started.elapsed());
    }
    let started = std::time::Instant::now();
    for _ in 0..100 {
        world.ask_with(&token, "GET", "/repos/acme/shop/issues/1", Value::Null).await;
    }
    println!("100 requests: {:?}", started.elapsed());
    let started = std::time::Instant::now();
    for _ in 0..100 {
        issue.comment(&world.ada, "x").await;
    }
    println!("100 webhooks: {:?}", started.elapsed());
}
