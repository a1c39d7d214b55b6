//! What every [`Waits`] keeps.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::{ManualClock, delivery_id};
use crate::job::JobId;
use crate::ports::{Clock, TaskToken, Wait, Waits};

/// Runs all facts, each on an adapter of its own.
pub async fn waits<S, F>(make: F)
where
    S: Waits + 'static,
    F: AsyncFn(Arc<ManualClock>) -> S,
{
    let fresh = async || {
        let clock = Arc::new(ManualClock::default());
        (make(Arc::clone(&clock)).await, clock)
    };
    let (store, clock) = fresh().await;
    a_wait_is_found_until_it_is_forgotten(&store, &clock).await;
    let (store, clock) = fresh().await;
    waiting_again_replaces_the_wait(&store, &clock).await;
    let (store, clock) = fresh().await;
    looks_come_when_they_are_due(&store, &clock).await;
}

fn job(number: u64, clock: &ManualClock) -> JobId {
    JobId::of_command(clock.now(), delivery_id(number), 0)
}

fn wait(number: u64, topic: &str, clock: &ManualClock) -> Wait {
    let job = job(number, clock);
    Wait {
        key: format!("{job}-{topic}"),
        job,
        step: "Approve".to_owned(),
        token: TaskToken(format!("token-{number}")),
        topic: topic.to_owned(),
        task: "approval.request".to_owned(),
        details: json!({"needs": 1}),
        since: clock.now(),
        look_at: None,
    }
}

async fn keep(store: &impl Waits, wait: &Wait) {
    store.keep(wait.clone()).await.expect("waits can be kept");
}

async fn on(store: &impl Waits, topic: &str) -> Vec<Wait> {
    store.on(topic).await.expect("waits can be read")
}

async fn a_wait_is_found_until_it_is_forgotten(store: &impl Waits, clock: &ManualClock) {
    let waits = [wait(1, "run/1", clock), wait(2, "run/1", clock), wait(1, "run/2", clock)];
    for wait in &waits {
        keep(store, wait).await;
    }
    assert_eq!(on(store, "run/1").await, waits[..2], "oldest first");
    assert!(on(store, "run").await.is_empty() && on(store, "run/%").await.is_empty());
    let of_first = store.of_job(waits[0].job).await.expect("waits can be read");
    assert_eq!(of_first, [waits[0].clone(), waits[2].clone()]);
    for _ in 0..2 {
        store.forget(&waits[0].key).await.expect("it can be forgotten");
    }
    assert_eq!(on(store, "run/1").await, waits[1..2]);
    for _ in 0..2 {
        store.forget_job(waits[1].job).await.expect("it can be forgotten");
    }
    assert!(on(store, "run/1").await.is_empty());
    assert_eq!(on(store, "run/2").await.len(), 1, "other jobs' waits stay");
}

async fn waiting_again_replaces_the_wait(store: &impl Waits, clock: &ManualClock) {
    let first = wait(1, "run/1", clock);
    keep(store, &first).await;
    let again = Wait { token: TaskToken("another".to_owned()), topic: "run/9".to_owned(), ..first };
    keep(store, &again).await;
    assert!(on(store, "run/1").await.is_empty());
    assert_eq!(on(store, "run/9").await, [again]);
}

async fn looks_come_when_they_are_due(store: &impl Waits, clock: &ManualClock) {
    let every = Duration::from_mins(5);
    let look_at = |seconds| Some(clock.now() + Duration::from_secs(seconds));
    keep(store, &wait(1, "never", clock)).await;
    keep(store, &Wait { look_at: look_at(10), ..wait(2, "soon", clock) }).await;
    keep(store, &Wait { look_at: look_at(20), ..wait(3, "later", clock) }).await;
    let due = async |limit| {
        let due = store.due(every, limit).await.expect("waits can be read");
        due.into_iter().map(|wait| wait.topic).collect::<Vec<_>>()
    };
    assert!(due(10).await.is_empty());
    clock.advance(Duration::from_secs(30));
    assert_eq!(due(1).await, ["soon"]);
    assert_eq!(due(10).await, ["later"], "what was handed out is due later");
    assert!(due(10).await.is_empty());
    clock.advance(every);
    assert_eq!(due(10).await.len(), 2, "it comes until it is forgotten");
}
