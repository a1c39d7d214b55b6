//! People log in from a terminal: the API that `deputyctl` talks to.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use scenarios::World;
use scenarios::browser::ask;
use serde_json::{Value, json};

/// `POST`, and the answer if it is the status that was expected.
async fn post(world: &World, path: &str, body: Value, status: u16) -> Value {
    let (answered, json) = ask(world.deputy().address(), "POST", path, None, Some(&body)).await;
    assert_eq!(answered, status, "{json}");
    json
}

async fn begin(world: &World) -> Value {
    post(world, "/api/v1/device", json!({ "name": "ada's laptop" }), 200).await
}

async fn poll(world: &World, begun: &Value, status: u16) -> Value {
    post(world, "/api/v1/device/poll", json!({ "handle": begun["handle"] }), status).await
}

fn text<'a>(json: &'a Value, field: &str) -> &'a str {
    json[field].as_str().unwrap()
}

fn wait(world: &World, seconds: u64) {
    world.github.clock().advance(Duration::from_secs(seconds));
}

/// Ada logs in; her session.
async fn log_in(world: &World) -> String {
    let begun = begin(world).await;
    assert!(world.ada.approve_device(text(&begun, "user_code")));
    wait(world, 5);
    text(&poll(world, &begun, 200).await, "session").to_owned()
}

async fn whoami(world: &World, session: &str) -> (u16, Value) {
    ask(world.deputy().address(), "GET", "/api/v1/whoami", Some(session), None).await
}

/// How often GitHub was asked for a token.
fn asked_github(world: &World) -> usize {
    world.github.transcript().matches("/login/oauth/access_token").count()
}

#[tokio::test]
async fn a_code_typed_on_github_becomes_a_session() {
    let world = World::with_logins().await;
    let begun = begin(&world).await;
    assert_eq!((&begun["interval"], text(&begun, "user_code").len()), (&json!(5), 9));
    assert_eq!(text(&begun, "verification_uri"), format!("{}/login/device", world.github.base_url()));
    assert!(begun["expires_in"].as_i64().unwrap() > 890);
    assert!(begun.get("device_code").is_none(), "GitHub's own code stays with the server");

    wait(&world, 5);
    assert_eq!(poll(&world, &begun, 200).await, json!({ "status": "pending", "interval": 5 }));
    assert!(world.ada.approve_device(text(&begun, "user_code")));
    wait(&world, 5);
    let done = poll(&world, &begun, 200).await;
    assert_eq!((text(&done, "status"), text(&done, "login")), ("done", "ada"));
    let session = text(&done, "session");
    assert!(session.starts_with("dps_"), "a session of ours, and no token of GitHub's");
    assert_eq!(world.grant_of(&world.ada).await.unwrap().login, "ada");

    let (status, who) = whoami(&world, session).await;
    assert_eq!((status, text(&who, "login")), (200, "ada"));
    assert_eq!(text(&who["session"], "name"), "ada's laptop");
    world.end().await;
}

#[tokio::test]
async fn a_hasty_terminal_is_held_back_before_github_is_asked() {
    let world = World::with_logins().await;
    let begun = begin(&world).await;
    let before = asked_github(&world);
    for _ in 0..3 {
        assert_eq!(poll(&world, &begun, 200).await, json!({ "status": "slow_down", "interval": 5 }));
    }
    assert_eq!(asked_github(&world), before, "{}", world.github.transcript());
    wait(&world, 5);
    assert_eq!(text(&poll(&world, &begun, 200).await, "status"), "pending");
    assert_eq!(asked_github(&world), before + 1);
    assert_eq!(text(&poll(&world, &begun, 200).await, "status"), "slow_down");
    world.end().await;
}

#[tokio::test]
async fn github_may_ask_for_more_patience() {
    let mut world = World::with_logins().await;
    let begun = begin(&world).await;
    wait(&world, 5);
    assert_eq!(text(&poll(&world, &begun, 200).await, "status"), "pending");
    // A server that was started anew does not know when it asked last, and asks too soon.
    world.stop().await;
    world.start().await;
    assert_eq!(poll(&world, &begun, 200).await, json!({ "status": "slow_down", "interval": 10 }));
    wait(&world, 5);
    assert_eq!(text(&poll(&world, &begun, 200).await, "status"), "slow_down", "ten seconds from now on");
    assert!(world.ada.approve_device(text(&begun, "user_code")));
    wait(&world, 5);
    assert_eq!(text(&poll(&world, &begun, 200).await, "status"), "done");
    world.end().await;
}

#[tokio::test]
async fn a_code_is_worth_one_session() {
    let world = World::with_logins().await;
    let begun = begin(&world).await;
    assert!(world.ada.approve_device(text(&begun, "user_code")));
    wait(&world, 5);
    poll(&world, &begun, 200).await;
    wait(&world, 5);
    assert_eq!(text(&poll(&world, &begun, 410).await, "error"), "code_expired");
    world.end().await;
}

#[tokio::test]
async fn a_code_lives_a_quarter_of_an_hour() {
    let world = World::with_logins().await;
    let begun = begin(&world).await;
    wait(&world, 900);
    assert_eq!(text(&poll(&world, &begun, 410).await, "error"), "code_expired");
    world.end().await;
}

#[tokio::test]
async fn who_says_no_is_not_logged_in() {
    let world = World::with_logins().await;
    let begun = begin(&world).await;
    assert!(world.ada.deny_device(text(&begun, "user_code")));
    wait(&world, 5);
    assert_eq!(text(&poll(&world, &begun, 403).await, "error"), "access_denied");
    wait(&world, 5);
    assert_eq!(text(&poll(&world, &begun, 410).await, "error"), "code_expired", "the flow is over");
    assert!(world.grant_of(&world.ada).await.is_none());
    world.end().await;
}

#[tokio::test]
async fn what_the_app_does_not_allow_is_said() {
    let world = World::with_logins().await;
    world.app.disable_device_flow();
    let refused = post(&world, "/api/v1/device", json!({}), 503).await;
    assert_eq!(text(&refused, "error"), "device_flow_disabled");
    insta::assert_snapshot!(text(&refused, "message"), @"Logging in from a terminal is switched off. Whoever owns the App ticks “Enable Device Flow” in its settings on GitHub.");
    world.end().await;

    let world = World::without_logins().await;
    let refused = post(&world, "/api/v1/device", json!({}), 503).await;
    assert_eq!(text(&refused, "error"), "login_not_configured");
    world.end().await;
}

#[tokio::test]
async fn a_guessed_handle_and_a_broken_request_lead_nowhere() {
    let world = World::with_logins().await;
    let made_up = json!({ "handle": "A".repeat(43) });
    assert_eq!(text(&post(&world, "/api/v1/device/poll", made_up, 410).await, "error"), "code_expired");
    for body in [json!({}), json!("x"), json!({ "handle": 7 }), json!({ "handle": "x".repeat(9000) })] {
        assert_eq!(text(&post(&world, "/api/v1/device/poll", body, 400).await, "error"), "malformed");
    }
    // A form, as another site can make a browser send it, is no request.
    let (status, _) = ask(world.deputy().address(), "POST", "/api/v1/device", None, None).await;
    assert_eq!(status, 400);
    let (status, _) = ask(world.deputy().address(), "GET", "/api/v1/device", None, None).await;
    assert_eq!(status, 405);
    world.end().await;
}

#[tokio::test]
async fn so_many_codes_a_minute_and_no_more() {
    let world = World::with_logins().await;
    for _ in 0..60 {
        begin(&world).await;
    }
    assert_eq!(text(&post(&world, "/api/v1/device", json!({}), 429).await, "error"), "too_many_logins");
    wait(&world, 60);
    begin(&world).await;
    world.end().await;
}

#[tokio::test]
async fn a_session_ends_when_its_owner_says_so() {
    let world = World::with_logins().await;
    let (first, second, third) = (log_in(&world).await, log_in(&world).await, log_in(&world).await);
    let logout = async |session: &str, everywhere: bool| {
        let body = json!({ "everywhere": everywhere });
        ask(world.deputy().address(), "POST", "/api/v1/logout", Some(session), Some(&body)).await
    };
    assert_eq!(logout(&first, false).await, (200, json!({ "login": "ada", "sessions": 1 })));
    assert_eq!(whoami(&world, &first).await.0, 401);
    assert_eq!(whoami(&world, &second).await.0, 200);
    assert_eq!(logout(&second, true).await.0, 200);
    let (status, refused) = whoami(&world, &third).await;
    assert_eq!((status, text(&refused, "error")), (401, "session_expired"));
    assert!(world.grant_of(&world.ada).await.is_some(), "what Deputy may do on GitHub is another matter");
    world.end().await;
}

#[tokio::test]
async fn a_session_ends_by_itself_after_a_month() {
    let world = World::with_logins().await;
    let session = log_in(&world).await;
    wait(&world, 30 * 86_400 - 60);
    assert_eq!(whoami(&world, &session).await.0, 200);
    wait(&world, 60);
    assert_eq!(whoami(&world, &session).await.0, 401);
    world.end().await;
}

#[tokio::test]
async fn without_a_session_nobody_is_anybody() {
    let world = World::with_logins().await;
    let address = world.deputy().address();
    let (status, refused) = ask(address, "GET", "/api/v1/whoami", None, None).await;
    assert_eq!((status, text(&refused, "error")), (401, "session_missing"));
    for session in ["", "dps_", "dps_x", &format!("dps_{}", "A".repeat(43))] {
        assert_eq!(whoami(&world, session).await.0, 401, "{session}");
    }
    world.end().await;
}
