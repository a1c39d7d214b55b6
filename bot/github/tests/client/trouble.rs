//! Limits and failures: what waits for how long, and what is never sent twice.

use std::sync::atomic::AtomicUsize;

use chrono::TimeDelta;
use deputy_core::ports::{Conversations as _, GitHubError, People as _, Reaction};

use super::*;

/// Answers requests in turn, the last answer for good.
fn in_turn(replies: Vec<fn() -> Reply>) -> impl Fn(&Asked) -> Reply + Send + Sync {
    let next = AtomicUsize::new(0);
    move |_| replies[next.fetch_add(1, Ordering::SeqCst).min(replies.len() - 1)]()
}

fn fine() -> Reply {
    Reply::json(201, &shown(31, "hi", bot()))
}

fn member() -> Reply {
    Reply::json(200, &json!({"state": "active"}))
}

fn secondary_limit() -> Reply {
    Reply::json(403, &json!({"message": "You have exceeded a secondary rate limit."}))
        .with("retry-after", "20")
}

#[tokio::test]
async fn a_secondary_rate_limit_is_waited_out() {
    let world = World::new(in_turn(vec![secondary_limit, fine])).await;
    let client = Arc::clone(&world.client);
    // Refused for a limit is certainly not done, so even a new comment is sent again.
    let call = tokio::spawn(async move { client.reply(&INSTALLATION, &on_pull_request(), "hi").await });
    world.clock.pass(TimeDelta::seconds(20), TimeDelta::milliseconds(20_500)).await;
    assert_eq!(call.await.unwrap().unwrap().id, 31);
    assert_eq!(world.server.asked().len(), 2);
}

#[tokio::test]
async fn a_limit_past_the_deadline_is_told_at_once_and_kept_to() {
    let world = World::new(|_| {
        Reply::json(403, &json!({"message": "API rate limit exceeded"}))
            .with("x-ratelimit-limit", "5000")
            .with("x-ratelimit-remaining", "0")
            .with("x-ratelimit-reset", "1800001800")
    })
    .await;
    for _ in 0..3 {
        let error = world.client.is_member(&INSTALLATION, "acme", "ada").await.unwrap_err();
        let GitHubError::RateLimited { retry_after } = error else { panic!("{error}") };
        assert_eq!(retry_after.as_secs(), 1801);
    }
    assert_eq!(world.server.asked().len(), 1, "GitHub is not asked again before the limit ends");
    assert_eq!(world.client.readings(InstallationId(5)).rest.unwrap().remaining, 0);
    let other = Acting::Installation(InstallationId(6));
    world.client.is_member(&other, "acme", "ada").await.unwrap_err();
    assert_eq!(world.server.asked().len(), 2, "another installation has its own budget");
}

#[tokio::test]
async fn a_dropped_connection_repeats_reads_and_never_a_new_comment() {
    let world = World::new(in_turn(vec![|| Reply::HangUp, member])).await;
    let client = Arc::clone(&world.client);
    let call = tokio::spawn(async move { client.is_member(&INSTALLATION, "acme", "ada").await });
    world.clock.pass(TimeDelta::milliseconds(500), TimeDelta::seconds(1)).await;
    assert!(call.await.unwrap().unwrap());
    assert_eq!(world.server.asked().len(), 2);

    let world = World::new(in_turn(vec![|| Reply::HangUp, fine])).await;
    let error = world.client.reply(&INSTALLATION, &on_pull_request(), "hi").await.unwrap_err();
    assert!(matches!(error, GitHubError::Unavailable(_)));
    assert_eq!(world.server.asked().len(), 1, "it may have arrived");
}

#[tokio::test]
async fn a_reaction_is_idempotent_and_repeated() {
    let broken = || Reply::json(502, &json!({"message": "Server Error"}));
    let world = World::new(in_turn(vec![broken, fine])).await;
    let client = Arc::clone(&world.client);
    let call =
        tokio::spawn(async move { client.react(&INSTALLATION, &on_pull_request(), Reaction::Eyes).await });
    world.clock.pass(TimeDelta::milliseconds(500), TimeDelta::seconds(1)).await;
    call.await.unwrap().unwrap();
    assert_eq!(world.server.asked()[1].path, "/repos/acme/rocket/issues/comments/21/reactions");
    assert_eq!(world.server.asked()[1].json(), json!({"content": "eyes"}));
}

#[tokio::test]
async fn a_server_error_may_have_made_the_comment() {
    let world = World::new(in_turn(vec![|| Reply::json(500, &json!({})), fine])).await;
    world.client.reply(&INSTALLATION, &on_pull_request(), "hi").await.unwrap_err();
    assert_eq!(world.server.asked().len(), 1);
}

#[tokio::test]
async fn retries_end() {
    let world = World::new(|_| Reply::json(503, &json!({"message": "down"}))).await;
    let client = Arc::clone(&world.client);
    let call = tokio::spawn(async move { client.is_member(&INSTALLATION, "acme", "ada").await });
    for seconds in [1, 2, 4] {
        world.clock.pass(TimeDelta::milliseconds(500 * seconds), TimeDelta::seconds(seconds)).await;
    }
    assert!(matches!(call.await.unwrap(), Err(GitHubError::Unavailable(_))));
    assert_eq!(world.server.asked().len(), 4);
}

#[tokio::test]
async fn silence_is_given_up_after_the_timeout() {
    let world = World::new(|_| Reply::Silence).await;
    let client = Arc::clone(&world.client);
    let call = tokio::spawn(async move { client.reply(&INSTALLATION, &on_pull_request(), "hi").await });
    while world.server.asked().is_empty() {
        tokio::task::yield_now().await;
    }
    world.clock.pass(TimeDelta::seconds(30), TimeDelta::seconds(30)).await;
    let error = anyhow::Error::new(call.await.unwrap().unwrap_err());
    assert!(format!("{error:#}").ends_with("no answer within 30 s"), "{error:#}");
}

#[tokio::test]
async fn what_has_not_changed_is_not_sent_again() {
    let world = World::new(|asked| match asked.header("if-none-match") {
        Some(r#"W/"abc""#) => Reply::Answer { status: 304, headers: vec![], body: String::new() },
        _ => member().with("etag", r#"W/"abc""#),
    })
    .await;
    for _ in 0..3 {
        assert!(world.client.is_member(&INSTALLATION, "acme", "ada").await.unwrap());
    }
    let asked = world.server.asked();
    let conditional: Vec<_> = asked.iter().map(|asked| asked.header("if-none-match").is_some()).collect();
    assert_eq!(conditional, [false, true, true]);
    world.client.forget_installation(InstallationId(5));
    world.client.is_member(&INSTALLATION, "acme", "ada").await.unwrap();
    assert_eq!(world.server.asked()[3].header("if-none-match"), None);
}

#[tokio::test]
async fn a_renamed_repository_is_followed_and_a_stranger_is_not() {
    let world = World::new(|asked| {
        if asked.path == "/repositories/11/issues/7/comments" {
            return fine();
        }
        let host = asked.header("host").unwrap();
        Reply::json(307, &json!({}))
            .with("location", format!("http://{host}/repositories/11/issues/7/comments"))
    })
    .await;
    world.client.reply(&INSTALLATION, &on_pull_request(), "hi").await.unwrap();
    let asked = world.server.asked();
    assert_eq!((asked[1].method.as_str(), asked[1].json()), ("POST", json!({"body": "hi"})));

    let elsewhere = || Reply::json(302, &json!({})).with("location", "http://127.0.0.1.evil.example/");
    let world = World::new(in_turn(vec![elsewhere])).await;
    world.client.reply(&INSTALLATION, &on_pull_request(), "hi").await.unwrap_err();
}

#[tokio::test]
async fn new_comments_keep_githubs_pace_and_repositories_take_turns() {
    let world = World::new(|_| fine()).await;
    let mut callers = Vec::new();
    for number in 0..30 {
        let client = Arc::clone(&world.client);
        callers.push(tokio::spawn(async move {
            let mut comment = on_pull_request();
            comment.repository = if number < 29 { repository(1, "busy") } else { repository(2, "quiet") };
            client.reply(&INSTALLATION, &comment, "hi").await.map(drop)
        }));
    }
    // A burst of twenty goes at once, then one a second.
    while world.server.asked().len() < 20 {
        tokio::task::yield_now().await;
    }
    // The one at the door and the next in turn are busy's; then it is quiet's turn, ahead of six others.
    for sent in 21..=23 {
        world.clock.pass(TimeDelta::milliseconds(1), TimeDelta::seconds(1)).await;
        while world.server.asked().len() < sent {
            tokio::task::yield_now().await;
        }
    }
    let paths: Vec<_> = world.server.asked().into_iter().map(|asked| asked.path).collect();
    assert!(paths[22].contains("/quiet/"), "{paths:?}");
    for caller in callers {
        caller.abort();
    }
}
