//! What is not GitHub's, or not readable, is refused, and the answer says why and what to do.

use crate::support::{GUID, Mood, delivery, start};

fn refusal(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test]
async fn who_cannot_sign_learns_nothing_else() {
    let deputy = start().await;
    // Everything is wrong with this one, but the signature comes first.
    let wrong = || {
        delivery("Not An Event", "no guid", "no json").with("content-type", "text/plain").with("accept", "x")
    };
    for (request, code) in [
        (wrong().without("x-hub-signature-256"), "signature_missing"),
        (wrong().with("x-hub-signature-256", "sha256=123"), "signature_malformed"),
        (wrong().with("x-hub-signature-256", &format!("sha256={}", "0".repeat(64))), "signature_mismatch"),
    ] {
        assert_eq!(deputy.ask(request.bytes()).await.refusal(), refusal(401, code));
    }
    let refused: Vec<_> = deputy.app.counters().refused().filter(|(_, count)| *count > 0).collect();
    assert_eq!(refused, [("signature_missing", 1), ("signature_malformed", 1), ("signature_mismatch", 1)]);
    assert_eq!(deputy.inbox.len(), 0);
}

#[tokio::test]
async fn a_body_changed_on_the_way_is_refused() {
    let deputy = start().await;
    let mut request = delivery("push", GUID, r#"{"ref":"main"}"#);
    request.body[8] = b'M';
    assert_eq!(deputy.ask(request.bytes()).await.refusal(), refusal(401, "signature_mismatch"));
}

#[tokio::test]
async fn what_is_wrong_with_a_signed_delivery_is_named() {
    let deputy = start().await;
    let good = || delivery("push", GUID, "{}");
    let form = "application/x-www-form-urlencoded";
    for (request, code, word) in [
        (good().without("x-github-event"), "header_missing", "X-GitHub-Event"),
        (good().without("x-github-delivery"), "header_missing", "X-GitHub-Delivery"),
        (good().without("content-type"), "header_missing", "Content-Type"),
        (good().with("x-github-event", "Push!"), "header_malformed", "X-GitHub-Event"),
        (good().with("x-github-event", ""), "header_malformed", "X-GitHub-Event"),
        (good().with("x-github-event", "pusché"), "header_malformed", "X-GitHub-Event"),
        (good().with("x-github-delivery", "1"), "header_malformed", "GUID"),
        (good().with("content-type", "text/plain"), "content_type", "application/json"),
        (delivery("push", GUID, ""), "payload", "JSON"),
        (delivery("push", GUID, "{\"a\":"), "payload", "JSON"),
        (delivery("push", GUID, "[]"), "payload", "JSON"),
        (delivery("push", GUID, b"{\"a\":\"\xff\"}".to_vec()), "payload", "JSON"),
        (delivery("push", GUID, "payload=%zz").with("content-type", form), "payload", "hexadecimal"),
        (delivery("push", GUID, "x={}").with("content-type", form), "payload", "payload"),
    ] {
        let answer = deputy.ask(request.bytes()).await;
        assert_eq!(answer.refusal(), refusal(400, code));
        assert!(answer.json()["message"].as_str().unwrap().contains(word), "{answer:?}");
    }
    let mut twice = good();
    twice.headers.push(("x-github-event".into(), "ping".into()));
    assert_eq!(deputy.ask(twice.bytes()).await.refusal(), refusal(400, "header_repeated"));
    assert_eq!(deputy.inbox.len(), 0);
}

#[tokio::test]
async fn a_refusal_does_not_end_the_connection() {
    let deputy = start().await;
    let mut client = deputy.connect().await;
    client.send(delivery("push", GUID, "nonsense").bytes()).await;
    assert_eq!(client.answer().await.status, 400);
    client.send(delivery("push", GUID, "{}").bytes()).await;
    assert_eq!(client.answer().await.status, 202);
}

#[tokio::test]
async fn a_full_or_broken_inbox_says_when_to_come_back_and_keeps_its_cause_to_itself() {
    let deputy = start().await;
    for (mood, code) in [(Mood::Full, "inbox_full"), (Mood::Broken, "inbox_unavailable")] {
        deputy.inbox.feels(mood);
        let answer = deputy.ask(delivery("push", GUID, "{}").bytes()).await;
        assert_eq!(answer.refusal(), refusal(503, code));
        assert!(answer.header("retry-after").unwrap().parse::<u32>().unwrap() > 0);
        assert!(!answer.body.contains("hush"), "{answer:?}");
    }
    deputy.inbox.feels(Mood::Well);
    assert_eq!(deputy.ask(delivery("push", GUID, "{}").bytes()).await.json()["status"], "accepted");
}

#[tokio::test]
async fn what_is_no_http_is_refused_and_hurts_nobody() {
    let deputy = start().await;
    for garbage in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"NONSENSE\r\n\r\n",
        b"POST /webhook HTTP/9.9\r\n\r\n",
        b"POST /webhook HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"POST /webhook HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"POST /webhook HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"POST /webhook HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut client = deputy.connect().await;
        client.send(garbage).await;
        // An answer where one would be understood; HTTP/2 would take it for noise.
        if let Some(answer) = client.try_answer().await {
            assert!(matches!(answer.status, 400 | 505), "{answer:?}");
            client.closed().await;
        }
    }
    assert_eq!(deputy.ask(delivery("push", GUID, "{}").bytes()).await.status, 202);
}
