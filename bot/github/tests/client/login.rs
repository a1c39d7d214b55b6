//! Logging in and out: what is sent, and every answer that GitHub has for it.

use chrono::TimeDelta;
use deputy_core::ids::RepositoryId;
use deputy_github::oauth::{Authorize, DevicePoll, OAuthError, Verifier};
use secrecy::{ExposeSecret as _, SecretString};

use super::*;

type IsPoll = fn(&DevicePoll) -> bool;

fn verifier() -> Verifier {
    Verifier::from_stored("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".into())
}

/// GitHub's answer to whatever grants something.
async fn answering(status: u16, body: serde_json::Value) -> World {
    let body = std::sync::Mutex::new(body);
    World::new(move |_| Reply::json(status, &body.lock().unwrap())).await
}

fn granted() -> serde_json::Value {
    json!({"access_token": "ghu_a", "expires_in": 28800, "refresh_token": "ghr_a",
        "refresh_token_expires_in": 15_897_600, "token_type": "bearer", "scope": ""})
}

fn code() -> SecretString {
    "c0de".into()
}

#[tokio::test]
async fn the_page_to_agree_on_has_a_challenge_and_no_secret() {
    let world = answering(200, json!({})).await;
    let verifier = verifier();
    let authorize = Authorize {
        redirect_uri: "https://d.example/auth/callback?x=1",
        state: "s&t",
        verifier: &verifier,
        login: Some("ada"),
    };
    let url = world.client.authorize_url(&authorize).unwrap();
    assert_eq!(
        url.strip_prefix(&world.server.url).unwrap(),
        "/login/oauth/authorize?client_id=Iv23test&redirect_uri=https%3A%2F%2Fd.example%2Fauth%2Fcallback%3Fx%3D1\
         &state=s%26t&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256&login=ada"
    );
}

#[tokio::test]
async fn a_code_becomes_a_grant() {
    let world = answering(200, granted()).await;
    let narrow = Some(RepositoryId(11));
    let grant = world.client.exchange_code(&code(), "https://d/cb", &verifier(), narrow).await.unwrap();
    let now = world.clock.now();
    assert_eq!(grant.access_token.expose_secret(), "ghu_a");
    assert_eq!(grant.expires_at, Some(now + TimeDelta::hours(8)));
    assert_eq!(grant.refresh_expires_at, Some(now + TimeDelta::days(184)));
    assert!(!format!("{grant:?}").contains("gh"), "{grant:?}");
    let asked = &world.server.asked()[0];
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/login/oauth/access_token"));
    assert_eq!(asked.header("accept"), Some("application/json"));
    assert_eq!(asked.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(asked.header("authorization"), None);
    assert_eq!(
        asked.body,
        "client_id=Iv23test&client_secret=the-client-secret&code=c0de&redirect_uri=https%3A%2F%2Fd%2Fcb\
         &code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk&repository_id=11"
    );
}

#[tokio::test]
async fn errors_with_status_200_are_errors() {
    type Is = fn(&OAuthError) -> bool;
    let cases: [(&str, Is); 9] = [
        ("bad_verification_code", |error| matches!(error, OAuthError::BadCode)),
        ("incorrect_client_credentials", |error| matches!(error, OAuthError::BadClient)),
        ("redirect_uri_mismatch", |error| matches!(error, OAuthError::RedirectMismatch)),
        ("unverified_user_email", |error| matches!(error, OAuthError::UnverifiedEmail)),
        ("bad_refresh_token", |error| matches!(error, OAuthError::BadRefreshToken)),
        ("device_flow_disabled", |error| matches!(error, OAuthError::DeviceFlowDisabled)),
        ("application_suspended", |error| matches!(error, OAuthError::AppSuspended)),
        (
            "unsupported_grant_type",
            |error| matches!(error, OAuthError::Other(code) if code == "unsupported_grant_type"),
        ),
        ("<new> ghr_x", |error| matches!(error, OAuthError::Other(code) if code == "newghr_x")),
    ];
    for (code, is) in cases {
        for status in [200, 400] {
            let world =
                answering(status, json!({"error": code, "error_description": "…", "error_uri": "u"})).await;
            let error = world.client.refresh_grant(&"ghr_old".into()).await.unwrap_err();
            assert!(is(&error), "{code}: {error:?}");
            assert_eq!(world.server.asked().len(), 1);
        }
    }
}

#[tokio::test]
async fn a_refresh_that_may_have_arrived_is_not_repeated() {
    for reply in [|| Reply::HangUp, || Reply::json(502, &json!({}))] {
        let world = World::new(move |_| reply()).await;
        let error = world.client.refresh_grant(&"ghr_old".into()).await.unwrap_err();
        assert!(matches!(error, OAuthError::GitHub(deputy_core::ports::GitHubError::Unavailable(_))));
        assert!(!format!("{error:?}").contains("ghr_old"));
        assert_eq!(world.server.asked().len(), 1);
    }
    let world = answering(200, granted()).await;
    world.client.refresh_grant(&"ghr_old".into()).await.unwrap();
    assert!(world.server.asked()[0].body.ends_with("&grant_type=refresh_token&refresh_token=ghr_old"));
}

#[tokio::test]
async fn the_device_flow_tells_every_state() {
    let begun = json!({"device_code": "dev1ce", "user_code": "WDJB-MJHT",
        "verification_uri": "https://github.com/login/device", "expires_in": 900, "interval": 5});
    let world = answering(200, begun).await;
    let device = world.client.begin_device_flow().await.unwrap();
    assert_eq!((device.user_code.as_str(), device.interval), ("WDJB-MJHT", TimeDelta::seconds(5)));
    assert_eq!(device.expires_at, world.clock.now() + TimeDelta::minutes(15));
    assert_eq!(world.server.asked()[0].body, "client_id=Iv23test");

    let cases: [(serde_json::Value, IsPoll); 7] = [
        (json!({"error": "authorization_pending"}), |poll| matches!(poll, DevicePoll::Pending)),
        (
            json!({"error": "slow_down", "interval": 15}),
            |poll| matches!(poll, DevicePoll::SlowDown(wait) if wait.num_seconds() == 15),
        ),
        (
            json!({"error": "slow_down"}),
            |poll| matches!(poll, DevicePoll::SlowDown(wait) if wait.num_seconds() == 10),
        ),
        (json!({"error": "expired_token"}), |poll| matches!(poll, DevicePoll::Expired)),
        (json!({"error": "token_expired"}), |poll| matches!(poll, DevicePoll::Expired)),
        (json!({"error": "access_denied"}), |poll| matches!(poll, DevicePoll::Denied)),
        (granted(), |poll| matches!(poll, DevicePoll::Granted(_))),
    ];
    for (body, is) in cases {
        let world = answering(200, body.clone()).await;
        let poll = world.client.poll_device_flow(&device.device_code).await.unwrap();
        assert!(is(&poll), "{body}: {poll:?}");
    }
    let world = answering(200, json!({"error": "incorrect_device_code"})).await;
    let error = world.client.poll_device_flow(&device.device_code).await.unwrap_err();
    assert!(matches!(error, OAuthError::BadCode));
}

#[tokio::test]
async fn a_grant_says_whose_it_is_and_is_never_mixed_with_anothers() {
    let world = World::new(|asked| match asked.header("authorization") {
        Some("Bearer ghu_ada") => Reply::json(200, &json!({"id": 1, "login": "ada"})).with("etag", "\"1\""),
        Some("Bearer ghu_bob") => Reply::json(200, &json!({"id": 2, "login": "bob"})),
        _ => Reply::json(401, &json!({"message": "Bad credentials"})),
    })
    .await;
    for (token, login) in [("ghu_ada", "ada"), ("ghu_bob", "bob"), ("ghu_ada", "ada")] {
        assert_eq!(world.client.viewer(&token.into()).await.unwrap().login, login);
    }
    assert!(world.server.asked().iter().all(|asked| asked.header("if-none-match").is_none()));
    world.client.viewer(&"ghu_dead".into()).await.unwrap_err();
    assert_eq!(world.server.asked().len(), 4, "a dead token is not tried twice");
}

#[tokio::test]
async fn a_grant_is_checked_and_ended_with_the_clients_own_password() {
    let world = World::new(|asked| match asked.method.as_str() {
        "POST" => Reply::json(200, &json!({"user": {"id": 1, "login": "ada"}, "token": "ghu_a"})),
        _ => Reply::Answer { status: 204, headers: vec![], body: String::new() },
    })
    .await;
    let viewer = world.client.check_token(&"ghu_a".into()).await.unwrap().unwrap();
    assert_eq!((viewer.id, viewer.login.as_str()), (UserId(1), "ada"));
    world.client.revoke_grant(&"ghu_a".into()).await.unwrap();
    let asked = world.server.asked();
    assert_eq!(asked[0].path, "/applications/Iv23test/token");
    assert_eq!(
        (asked[1].method.as_str(), asked[1].path.as_str()),
        ("DELETE", "/applications/Iv23test/grant")
    );
    for asked in asked {
        assert_eq!(asked.json(), json!({"access_token": "ghu_a"}));
        assert_eq!(asked.header("authorization"), Some("Basic SXYyM3Rlc3Q6dGhlLWNsaWVudC1zZWNyZXQ="));
    }
    let world = answering(404, json!({"message": "Not Found"})).await;
    assert_eq!(world.client.check_token(&"ghu_a".into()).await.unwrap(), None);
    world.client.revoke_grant(&"ghu_a".into()).await.unwrap();
}
