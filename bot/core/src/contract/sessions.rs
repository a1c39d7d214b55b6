//! What every [`Sessions`] keeps.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};

use super::ManualClock;
use crate::ids::UserId;
use crate::ports::{Clock, LAST_USED_RESOLUTION, Session, SessionId, Sessions};

const DAY: Duration = Duration::from_hours(24);
const SOMEBODY: UserId = UserId(583_231);
const SOMEBODY_ELSE: UserId = UserId(583_232);

/// Runs all facts, each on an adapter of its own.
pub async fn sessions<S, F>(make: F)
where
    S: Sessions,
    F: AsyncFn(Arc<ManualClock>) -> S,
{
    let fresh = async || {
        let clock = Arc::new(ManualClock::default());
        (make(Arc::clone(&clock)).await, clock)
    };
    let (store, clock) = fresh().await;
    a_token_tells_whose_it_is(&store, &clock).await;
    let (store, clock) = fresh().await;
    a_session_ends_in_time(&store, &clock).await;
    let (store, clock) = fresh().await;
    it_is_known_when_it_was_used(&store, &clock).await;
    let (store, _) = fresh().await;
    only_the_person_revokes(&store).await;
    let (store, _) = fresh().await;
    what_is_no_token_is_nobody(&store).await;
}

async fn create(store: &impl Sessions, user: UserId, name: &str) -> (Session, SecretString) {
    store.create(user, "octocat", name, DAY).await.expect("it can be made")
}

async fn verify(store: &impl Sessions, token: &SecretString) -> Option<Session> {
    store.verify(token).await.expect("it can be verified")
}

async fn names(store: &impl Sessions, user: UserId) -> Vec<String> {
    let sessions = store.list(user).await.expect("they can be listed");
    sessions.into_iter().map(|session| session.name).collect()
}

fn millis(time: DateTime<Utc>) -> i64 {
    time.timestamp_millis()
}

async fn a_token_tells_whose_it_is(store: &impl Sessions, clock: &ManualClock) {
    let (session, token) = create(store, SOMEBODY, "laptop \u{e4}").await;
    let digits = token.expose_secret().strip_prefix("dps_").expect("a token says what it is");
    assert_eq!(digits.len(), 43, "256 bits in base64url");
    assert_eq!((session.user, &*session.login, &*session.name), (SOMEBODY, "octocat", "laptop \u{e4}"));
    assert_eq!(millis(session.created_at), millis(clock.now()));
    assert_eq!(millis(session.expires_at), millis(clock.now() + DAY));
    let verified = verify(store, &token).await.expect("it is valid");
    assert_eq!((verified.id, verified.user, &verified.login), (session.id, SOMEBODY, &session.login));
    assert_eq!(millis(verified.expires_at), millis(session.expires_at));
    let (other, other_token) = create(store, SOMEBODY_ELSE, "laptop").await;
    assert_ne!(other.id, session.id);
    assert_eq!(verify(store, &other_token).await.map(|session| session.user), Some(SOMEBODY_ELSE));
    let shown = format!("{session:?} {token:?}");
    assert!(!shown.contains(digits), "{shown}");
}

async fn a_session_ends_in_time(store: &impl Sessions, clock: &ManualClock) {
    let (_, token) = create(store, SOMEBODY, "laptop").await;
    clock.advance(DAY.saturating_sub(Duration::from_millis(2)));
    assert!(verify(store, &token).await.is_some());
    clock.advance(Duration::from_millis(4));
    assert!(verify(store, &token).await.is_none());
    assert!(names(store, SOMEBODY).await.is_empty());
    assert_eq!(store.revoke_all(SOMEBODY).await.expect("it can be asked for"), 0, "it had ended");
}

async fn it_is_known_when_it_was_used(store: &impl Sessions, clock: &ManualClock) {
    let (session, token) = create(store, SOMEBODY, "laptop").await;
    clock.advance(LAST_USED_RESOLUTION + Duration::from_secs(1));
    verify(store, &token).await.expect("it is valid");
    let used = clock.now();
    clock.advance(Duration::from_secs(1));
    let listed = store.list(SOMEBODY).await.expect("it can be listed");
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].id, session.id);
    assert_eq!(millis(listed[0].last_used), millis(used));
    assert_eq!(millis(listed[0].created_at), millis(session.created_at));
}

async fn only_the_person_revokes(store: &impl Sessions) {
    let (first, first_token) = create(store, SOMEBODY, "first").await;
    let (_, second_token) = create(store, SOMEBODY, "second").await;
    let (_, third_token) = create(store, SOMEBODY, "third").await;
    let (_, other_token) = create(store, SOMEBODY_ELSE, "other").await;
    assert_eq!(names(store, SOMEBODY).await, ["third", "second", "first"]);
    let revoke = async |user, id| store.revoke(user, id).await.expect("it can be asked for");
    assert!(!revoke(SOMEBODY_ELSE, first.id).await, "it is not theirs");
    assert!(!revoke(SOMEBODY, SessionId(987_654)).await);
    assert!(verify(store, &first_token).await.is_some());
    assert!(revoke(SOMEBODY, first.id).await);
    assert!(!revoke(SOMEBODY, first.id).await, "it is gone");
    assert!(verify(store, &first_token).await.is_none());
    assert_eq!(store.revoke_all(SOMEBODY).await.expect("it can be asked for"), 2);
    assert!(verify(store, &second_token).await.is_none() && verify(store, &third_token).await.is_none());
    assert!(verify(store, &other_token).await.is_some());
    let (next, _) = create(store, SOMEBODY, "next").await;
    assert!(next.id > first.id, "a name is not given to another session");
}

async fn what_is_no_token_is_nobody(store: &impl Sessions) {
    let (_, token) = create(store, SOMEBODY, "laptop").await;
    let digits = token.expose_secret().trim_start_matches("dps_");
    let changed = format!("{}x", token.expose_secret());
    for text in ["", "dps_", digits, &changed, "' OR 1 = 1 --", &"A".repeat(10_000)] {
        assert!(verify(store, &SecretString::from(text)).await.is_none());
    }
}
