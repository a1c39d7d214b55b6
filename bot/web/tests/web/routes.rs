//! The paths besides deliveries.

use crate::support::{Mood, Running, start};

async fn get(deputy: &Running, path: &str) -> crate::support::Answer {
    deputy.ask(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).await
}

#[tokio::test]
async fn alive_and_public_whatever_the_store_does() {
    let deputy = start().await;
    deputy.inbox.feels(Mood::Broken);
    assert_eq!(get(&deputy, "/healthz").await.status, 200);
    let public = get(&deputy, "/public").await;
    assert_eq!((public.status, public.json()), (200, serde_json::json!({"ok": true})));
}

#[tokio::test]
async fn ready_as_long_as_the_inbox_can_write() {
    let deputy = start().await;
    assert_eq!(get(&deputy, "/readyz").await.status, 200);
    let deputy = start().await;
    deputy.inbox.feels(Mood::Broken);
    let answer = get(&deputy, "/readyz").await;
    assert_eq!(answer.refusal(), (503, "inbox_unavailable".to_owned()));
    assert!(!answer.body.contains("hush"));
}

#[tokio::test]
async fn asking_whether_it_is_ready_is_no_way_to_make_it_write() {
    let deputy = start().await;
    let begun = std::time::Instant::now();
    for _ in 0..20 {
        assert_eq!(get(&deputy, "/readyz").await.status, 200);
    }
    let seconds = usize::try_from(begun.elapsed().as_secs()).unwrap();
    assert!(*deputy.inbox.asked_ready.lock().unwrap() <= seconds + 1);
}

#[tokio::test]
async fn what_is_not_there_is_said_in_json() {
    let deputy = start().await;
    assert_eq!(get(&deputy, "/nothing").await.refusal(), (404, "not_found".to_owned()));
    assert_eq!(get(&deputy, "/webhook/").await.refusal(), (404, "not_found".to_owned()));
    let answer = get(&deputy, "/webhook").await;
    assert_eq!(answer.refusal(), (405, "method_not_allowed".to_owned()));
    assert_eq!(answer.header("allow"), Some("POST"));
    let answer = deputy.ask("DELETE /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET,HEAD")));
}
