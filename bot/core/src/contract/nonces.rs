//! What every [`Nonces`] keeps.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::task::JoinSet;

use super::ManualClock;
use crate::ports::{NONCE_LIFETIME, Nonces, Purpose};

/// Runs all facts, each on an adapter of its own.
pub async fn nonces<S, F>(make: F)
where
    S: Nonces + 'static,
    F: AsyncFn(Arc<ManualClock>) -> S,
{
    let fresh = async || {
        let clock = Arc::new(ManualClock::default());
        (Arc::new(make(Arc::clone(&clock)).await), clock)
    };
    let (store, _) = fresh().await;
    what_was_put_can_be_looked_at_and_taken_once(&*store).await;
    let (store, _) = fresh().await;
    of_simultaneous_takers_one_gets_it(store).await;
    let (store, clock) = fresh().await;
    it_expires_without_a_sweep(&*store, &clock).await;
    let (store, _) = fresh().await;
    another_purpose_neither_gets_nor_spends_it(&*store).await;
    let (store, _) = fresh().await;
    what_is_no_token_is_nothing(&*store).await;
}

async fn put(store: &impl Nonces, payload: &str) -> SecretString {
    store.put(Purpose::WEB_LOGIN, payload.into(), NONCE_LIFETIME).await.expect("it can be put")
}

async fn take(store: &impl Nonces, purpose: Purpose, token: &SecretString) -> Option<String> {
    let taken = store.take(purpose, token).await.expect("it can be taken");
    taken.map(|payload| payload.expose_secret().to_owned())
}

async fn look(store: &impl Nonces, purpose: Purpose, token: &SecretString) -> Option<String> {
    let found = store.look(purpose, token).await.expect("it can be looked at");
    found.map(|payload| payload.expose_secret().to_owned())
}

async fn what_was_put_can_be_looked_at_and_taken_once(store: &impl Nonces) {
    let (one, other) = (put(store, "one \u{e4}").await, put(store, "").await);
    assert_eq!(one.expose_secret().len(), 43, "256 bits in base64url");
    assert!(one.expose_secret().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
    assert_ne!(one.expose_secret(), other.expose_secret());
    for _ in 0..3 {
        assert_eq!(look(store, Purpose::WEB_LOGIN, &one).await.as_deref(), Some("one \u{e4}"));
    }
    assert_eq!(take(store, Purpose::WEB_LOGIN, &one).await.as_deref(), Some("one \u{e4}"));
    assert_eq!(take(store, Purpose::WEB_LOGIN, &one).await, None, "it works once");
    assert_eq!(look(store, Purpose::WEB_LOGIN, &one).await, None);
    assert_eq!(take(store, Purpose::WEB_LOGIN, &other).await.as_deref(), Some(""));
}

async fn of_simultaneous_takers_one_gets_it(store: Arc<impl Nonces + 'static>) {
    let token = put(&*store, "one").await;
    let mut takers = JoinSet::new();
    for _ in 0..20 {
        let (store, token) = (Arc::clone(&store), token.clone());
        takers.spawn(async move { take(&*store, Purpose::WEB_LOGIN, &token).await });
    }
    let got = takers.join_all().await.into_iter().flatten().count();
    assert_eq!(got, 1);
}

async fn it_expires_without_a_sweep(store: &impl Nonces, clock: &ManualClock) {
    let (early, late) = (put(store, "early").await, put(store, "late").await);
    clock.advance(NONCE_LIFETIME.saturating_sub(Duration::from_millis(2)));
    assert_eq!(take(store, Purpose::WEB_LOGIN, &early).await.as_deref(), Some("early"));
    clock.advance(Duration::from_millis(4));
    assert_eq!(look(store, Purpose::WEB_LOGIN, &late).await, None);
    assert_eq!(take(store, Purpose::WEB_LOGIN, &late).await, None);
}

async fn another_purpose_neither_gets_nor_spends_it(store: &impl Nonces) {
    let token = put(store, "one").await;
    assert_eq!(look(store, Purpose::DEVICE_LOGIN, &token).await, None);
    assert_eq!(take(store, Purpose::DEVICE_LOGIN, &token).await, None);
    assert_eq!(take(store, Purpose::WEB_LOGIN, &token).await.as_deref(), Some("one"));
}

async fn what_is_no_token_is_nothing(store: &impl Nonces) {
    put(store, "one").await;
    for text in ["", "x", "'; --", &"A".repeat(43), &"A".repeat(10_000)] {
        assert_eq!(take(store, Purpose::WEB_LOGIN, &SecretString::from(text)).await, None);
    }
}
