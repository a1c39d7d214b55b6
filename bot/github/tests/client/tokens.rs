//! Tokens: one request for many callers, a fresh one in time, and none of them ever seen.

use chrono::TimeDelta;
use deputy_core::ports::{Conversations as _, GitHubError, People as _};

use super::*;

fn member(_: &Asked) -> Reply {
    Reply::json(200, &json!({"state": "active"}))
}

#[tokio::test]
async fn a_hundred_callers_make_one_token_request() {
    let world = World::new(member).await;
    let callers: Vec<_> = (0..100)
        .map(|_| {
            let client = Arc::clone(&world.client);
            tokio::spawn(async move { client.is_member(&INSTALLATION, "acme", "ada").await.unwrap() })
        })
        .collect();
    for caller in callers {
        assert!(caller.await.unwrap());
    }
    assert_eq!((world.server.token_requests(), world.server.asked().len()), (1, 100));
}

#[tokio::test]
async fn a_hundred_callers_share_a_failure_too() {
    let world = World::with_tokens(Arc::new(DrivenClock::new()), |_| Reply::json(404, &json!({}))).await;
    let callers: Vec<_> = (0..100)
        .map(|_| {
            let client = Arc::clone(&world.client);
            tokio::spawn(async move { client.is_member(&INSTALLATION, "acme", "ada").await })
        })
        .collect();
    for caller in callers {
        // The membership itself answers 404 for strangers, so a missing installation must not look like that.
        assert!(matches!(caller.await.unwrap(), Err(GitHubError::Unauthorized(_))));
    }
    assert_eq!(world.server.token_requests(), 1);
}

#[tokio::test]
async fn a_token_is_renewed_five_minutes_before_its_end() {
    let world = World::new(member).await;
    for (minutes, requests) in [(0, 1), (54, 1), (2, 2)] {
        world.clock.advance(TimeDelta::minutes(minutes));
        world.client.is_member(&INSTALLATION, "acme", "ada").await.unwrap();
        assert_eq!(world.server.token_requests(), requests);
    }
}

#[tokio::test]
async fn a_rejected_token_is_replaced_once() {
    let world = World::new(|asked| match asked.header("authorization") {
        Some("Bearer ghs_2") => Reply::json(200, &json!({"state": "active"})),
        _ => Reply::json(401, &json!({"message": "Bad credentials"})),
    })
    .await;
    assert!(world.client.is_member(&INSTALLATION, "acme", "ada").await.unwrap());
    assert_eq!((world.server.token_requests(), world.server.asked().len()), (2, 2));

    let world = World::new(|_| Reply::json(401, &json!({"message": "Bad credentials"}))).await;
    let error = world.client.is_member(&INSTALLATION, "acme", "ada").await.unwrap_err();
    assert!(
        matches!(&error, GitHubError::Unauthorized(cause) if cause.to_string().contains("Bad credentials"))
    );
    assert_eq!(world.server.asked().len(), 2);
}

#[tokio::test]
async fn every_request_says_who_we_are() {
    let world = World::new(member).await;
    world.client.is_member(&INSTALLATION, "acme", "ada").await.unwrap();
    for asked in world.server.all() {
        assert!(asked.header("user-agent").unwrap().starts_with("deputy/"));
        assert_eq!(asked.header("x-github-api-version"), Some("2022-11-28"));
        assert_eq!(asked.header("accept"), Some("application/vnd.github+json"));
    }
    let jwt = world.server.all()[0].header("authorization").unwrap().to_owned();
    let claims = jwt.strip_prefix("Bearer ").unwrap().split('.').nth(1).unwrap().to_owned();
    let claims = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, claims).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    let now = world.clock.now().timestamp();
    assert_eq!(claims, json!({"iat": now - 60, "exp": now + 540, "iss": "Iv23test"}));
}

#[tokio::test]
async fn acting_as_a_person_says_that_nobody_can_log_in_yet() {
    let world = World::new(member).await;
    let error = world.client.reply(&Acting::User(UserId(1)), &on_pull_request(), "hi").await.unwrap_err();
    assert!(matches!(&error, GitHubError::Unauthorized(cause) if cause.to_string().contains("no logins")));
    assert!(world.server.all().is_empty());
}

#[tokio::test]
async fn no_error_shows_a_token() {
    let broken = [
        Reply::json(401, &json!({"message": "no"})),
        Reply::HangUp,
        Reply::json(500, &json!([])),
        Reply::json(200, &json!({"state": ["ghs_1"], "token": "ghs_1"})),
    ];
    for reply in broken {
        let reply = std::sync::Mutex::new(Some(reply));
        let world =
            World::new(move |_| reply.lock().unwrap().take().unwrap_or(Reply::json(404, &json!({})))).await;
        if let Err(error) = world.client.reply(&INSTALLATION, &on_pull_request(), "hi").await {
            let text = format!("{error} {error:?} {:?}", world.client);
            assert!(!text.contains("ghs_") && !text.contains("c2lnbmF0dXJl"), "{text}");
        }
    }
}

/// Collects what is logged.
#[derive(Clone, Default)]
struct Log(Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_log_line_shows_a_token_or_a_text_even_at_trace() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    // For the whole process: a subscriber of one thread may miss lines whose call sites other threads have met
    // first. What the other tests log meanwhile must not show anything either.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let world = World::new(|asked| match asked.path.as_str() {
        "/login/oauth/access_token" => {
            Reply::json(200, &json!({"access_token": "ghu_secret", "refresh_token": "ghr_secret"}))
        }
        "/user" => Reply::json(401, &json!({"message": "Bad credentials"})),
        _ => Reply::json(201, &shown(31, "the-text", bot())),
    })
    .await;
    world.client.reply(&INSTALLATION, &on_pull_request(), "the-text").await.unwrap();
    let grant = world.client.refresh_grant(&"ghr_old".into()).await.unwrap();
    world.client.viewer(&grant.access_token).await.unwrap_err();
    world.client.revoke_grant(&grant.access_token).await.unwrap();
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("GitHub answered"), "something was logged");
    for secret in ["ghs_1", "ghu_secret", "ghr_", "the-client-secret", "the-text", "c2lnbmF0dXJl", "Basic "] {
        assert!(!log.contains(secret), "{secret} stands in the log");
    }
}
