//! What every [`Redeliveries`] keeps, beside its [`Inbox`].

use std::sync::Arc;
use std::time::Duration;

use super::{Buried, ManualClock, delivery, delivery_id};
use crate::ports::{Clock as _, Inbox, Known, Redeliveries, Stage};

/// Runs all facts, each on an adapter of its own, on which the handlers `commands`, `third` and `other` get
/// everything.
pub async fn redeliveries<S, F>(make: F)
where
    S: Redeliveries + Inbox + Buried,
    F: AsyncFn(Arc<ManualClock>) -> S,
{
    let fresh = async || {
        let clock = Arc::new(ManualClock::default());
        (make(Arc::clone(&clock)).await, clock)
    };
    let (store, clock) = fresh().await;
    what_was_accepted_is_known_with_its_stage(&store, &clock).await;
    let (store, clock) = fresh().await;
    it_is_known_for_longer_than_duplicates_are(&store, &clock).await;
    let (store, clock) = fresh().await;
    the_watermark_is_what_was_set_last(&store, &clock).await;
}

async fn known(store: &impl Redeliveries, numbers: &[u64]) -> Vec<Option<Known>> {
    let ids: Vec<_> = numbers.iter().map(|number| delivery_id(*number)).collect();
    store.known(&ids).await.expect("it can be asked")
}

async fn accept(store: &impl Inbox, number: u64, clock: &ManualClock) {
    store.accept(delivery(number, clock.now())).await.expect("it accepts");
}

async fn what_was_accepted_is_known_with_its_stage(
    store: &(impl Redeliveries + Inbox + Buried),
    clock: &ManualClock,
) {
    assert_eq!(known(store, &[]).await, []);
    assert_eq!(known(store, &[1]).await, [None]);
    let (first, at) = (delivery(1, clock.now()), clock.now());
    store.fail("third", first, &["no"]).await;
    clock.advance(Duration::from_mins(1));
    accept(store, 2, clock).await;
    let later = clock.now();
    let dead = Known { received_at: at, stage: Stage::Dead(vec!["third".to_owned()]) };
    let accepted = |received_at| Known { received_at, stage: Stage::Accepted };
    // In the order of the question, also where one is asked for twice.
    assert_eq!(
        known(store, &[2, 3, 1, 2]).await,
        [Some(accepted(later)), None, Some(dead.clone()), Some(accepted(later))]
    );
    for handler in ["commands", "third"] {
        store.take_queued(handler).await;
        assert_eq!(known(store, &[2]).await, [Some(accepted(later))], "one handler has not done its part");
    }
    store.take_queued("other").await;
    let handled = Known { received_at: later, stage: Stage::Handled };
    assert_eq!(known(store, &[1, 2]).await, [Some(dead), Some(handled)]);
}

async fn it_is_known_for_longer_than_duplicates_are(
    store: &(impl Redeliveries + Inbox + Buried),
    clock: &ManualClock,
) {
    accept(store, 1, clock).await;
    clock.advance(Duration::from_hours(30 * 24));
    accept(store, 2, clock).await;
    assert!(known(store, &[1, 2]).await.iter().all(Option::is_some));
}

async fn the_watermark_is_what_was_set_last(store: &impl Redeliveries, clock: &ManualClock) {
    assert_eq!(store.watermark().await.expect("it can be asked"), None);
    for _ in 0..2 {
        clock.advance(Duration::from_millis(1));
        store.set_watermark(clock.now()).await.expect("it can be set");
        let watermark = store.watermark().await.expect("it can be asked").expect("it was set");
        assert_eq!(watermark.timestamp_millis(), clock.now().timestamp_millis());
    }
}
