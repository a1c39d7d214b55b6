//! What GitHub sends is accepted once, whole, and byte for byte.

use deputy_github::Secrets;

use crate::support::{GUID, Noon, SECRET, delivery, start};

#[tokio::test]
async fn a_delivery_is_accepted_and_kept_as_it_came() {
    let deputy = start().await;
    let body = r#"{"action":"created","repository":{"full_name":"acme/shop"},"installation":{"id":7}}"#;
    let answer = deputy
        .ask(
            delivery("issue_comment", GUID, body)
                .with("Authorization", "Bearer x")
                .with("Cookie", "y")
                .bytes(),
        )
        .await;
    assert_eq!(answer.status, 202);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.body, format!(r#"{{"delivery":"{GUID}","status":"accepted"}}"#));

    let stored = deputy.inbox.get(GUID).unwrap();
    assert_eq!(stored.event.as_str(), "issue_comment");
    assert_eq!(stored.body, body);
    assert_eq!(stored.received_at, Noon::time());
    assert_eq!(stored.about.action.as_deref(), Some("created"));
    assert_eq!(stored.about.repository.as_deref(), Some("acme/shop"));
    assert_eq!(stored.about.installation.map(|id| id.0), Some(7));
    assert_eq!(stored.headers.get("User-Agent"), Some("GitHub-Hookshot/044aadd"));
    assert_eq!(stored.headers.get("X-GitHub-Hook-ID"), Some("292430182"));
    assert_eq!(stored.headers.get("Authorization"), None);
    assert_eq!(stored.headers.get("Cookie"), None);
}

#[tokio::test]
async fn the_same_guid_again_is_a_duplicate() {
    let deputy = start().await;
    let mut client = deputy.connect().await;
    for status in ["accepted", "duplicate", "duplicate"] {
        client.send(delivery("push", GUID, "{}").bytes()).await;
        let answer = client.answer().await;
        assert_eq!((answer.status, &answer.json()["status"]), (202, &status.into()));
    }
    assert_eq!((deputy.app.counters().accepted(), deputy.app.counters().duplicates()), (1, 2));
}

#[tokio::test]
async fn a_ping_hears_who_answers() {
    let deputy = start().await;
    let answer = deputy.ask(delivery("ping", GUID, r#"{"zen":"Keep it logically awesome."}"#).bytes()).await;
    assert_eq!(answer.status, 202);
    assert_eq!(
        answer.json(),
        serde_json::json!({"delivery": GUID, "status": "accepted", "app": "deputy-test"})
    );
    assert!(deputy.inbox.get(GUID).is_some());
}

#[tokio::test]
async fn header_names_count_in_any_case() {
    let deputy = start().await;
    for (number, fold) in [str::to_lowercase, str::to_uppercase].iter().enumerate() {
        let mut request = delivery("push", &GUID.replace("72d3", &format!("000{number}")), "{}");
        for (name, _) in &mut request.headers {
            *name = fold(name);
        }
        assert_eq!(deputy.ask(request.bytes()).await.status, 202);
    }
    assert_eq!(deputy.inbox.len(), 2);
}

#[tokio::test]
async fn a_delivery_in_githubs_form_encoding_is_stored_decoded() {
    let deputy = start().await;
    let form = "payload=%7B%22action%22%3A%22created%22%2C%22text%22%3A%22a%2Bb+c%22%7D";
    let answer = deputy
        .ask(delivery("issues", GUID, form).with("Content-Type", "application/x-www-form-urlencoded").bytes())
        .await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let stored = deputy.inbox.get(GUID).unwrap();
    assert_eq!(stored.body, r#"{"action":"created","text":"a+b c"}"#);
    assert_eq!(stored.about.action.as_deref(), Some("created"));
}

#[tokio::test]
async fn secrets_are_rotated_without_a_restart() {
    let deputy = start().await;
    let signed = |secret: &str, number: u8| {
        let signature = Secrets::new([secret]).unwrap().sign(b"{}");
        let id = format!("{number:08x}-cc78-11e3-81ab-4c9367dc0958");
        delivery("push", &id, "{}").with("X-Hub-Signature-256", &signature).bytes()
    };
    assert_eq!(deputy.ask(signed("new", 1)).await.status, 401);
    deputy.app.set_secrets(Secrets::new(["new", SECRET]).unwrap());
    assert_eq!(deputy.ask(signed("new", 2)).await.status, 202);
    assert_eq!(deputy.ask(signed(SECRET, 3)).await.status, 202);
    deputy.app.set_secrets(Secrets::new(["new"]).unwrap());
    assert_eq!(deputy.ask(signed(SECRET, 4)).await.status, 401);
    assert_eq!(deputy.inbox.len(), 2);
}

#[tokio::test]
async fn chunked_and_pipelined_deliveries_are_answered_in_order() {
    let deputy = start().await;
    let mut client = deputy.connect().await;
    let id = |number: u8| format!("{number:08x}-cc78-11e3-81ab-4c9367dc0958");
    let body = format!(r#"{{"text":"{}"}}"#, "x".repeat(100_000));
    let train = [
        delivery("push", &id(0), "{}").bytes(),
        delivery("push", &id(1), &*body).chunked(1000),
        delivery("push", &id(2), &*body).bytes(),
        b"GET /public HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        delivery("push", &id(3), "{}").chunked(1),
    ];
    client.send(train.concat()).await;
    for number in [0, 1, 2] {
        assert_eq!(client.answer().await.json()["delivery"], id(number));
    }
    assert_eq!(client.answer().await.json()["ok"], true);
    assert_eq!(client.answer().await.json()["delivery"], id(3));
    assert_eq!(deputy.inbox.get(&id(1)).unwrap().body, body);
}

#[tokio::test]
async fn the_largest_body_that_github_sends_is_accepted() {
    let deputy = start().await;
    let mut body = vec![b' '; 25 * 1024 * 1024];
    body[0] = b'{';
    body[1] = b'}';
    let answer = deputy.ask(delivery("push", GUID, body.clone()).bytes()).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    assert!(deputy.inbox.get(GUID).unwrap().body == body);
}

#[tokio::test]
async fn every_recorded_payload_is_accepted_byte_for_byte() {
    let deputy = start().await;
    let mut client = deputy.connect().await;
    for (number, recorded) in recorded_payloads::all().iter().enumerate() {
        let id = format!("{number:08x}-cc78-11e3-81ab-4c9367dc0958");
        client.send(delivery(&recorded.event, &id, recorded.body.clone()).bytes()).await;
        let answer = client.answer().await;
        assert_eq!(answer.status, 202, "{}: {answer:?}", recorded.name);
        let stored = deputy.inbox.get(&id).unwrap();
        assert!(stored.body == recorded.body, "{}", recorded.name);
        assert_eq!(stored.event.as_str(), recorded.event);
    }
    assert_eq!(deputy.inbox.len(), recorded_payloads::COUNT);
}
