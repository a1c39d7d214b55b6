//! What strangers can make the server hold has bounds: in size, in time, in number.

use std::time::Duration;

use deputy_web::{BodyLimits, ServerConfig};

use crate::support::{GUID, delivery, start, start_with};

const SOON: Duration = Duration::from_millis(50);
const FOREVER: Duration = Duration::from_hours(1);

/// Time limits that no test reaches.
fn patient() -> ServerConfig {
    ServerConfig {
        head_timeout: FOREVER,
        idle_timeout: FOREVER,
        request_timeout: FOREVER,
        linger: FOREVER,
        ..ServerConfig::default()
    }
}

fn small_bodies() -> BodyLimits {
    BodyLimits { largest: 1000, small: 100, ..BodyLimits::default() }
}

#[tokio::test]
async fn a_declared_length_beyond_the_limit_is_refused_before_anything_is_sent() {
    let deputy = start().await;
    let too_large = (25 * 1024 * 1024 + 1).to_string();
    let request =
        delivery("push", GUID, "").with("content-length", &too_large).with("expect", "100-continue");
    // Not so much as a `100 Continue` before it.
    assert_eq!(deputy.ask(request.head()).await.refusal(), (413, "too_large".to_owned()));
}

#[tokio::test]
async fn a_client_that_expects_to_be_asked_is_asked() {
    let deputy = start().await;
    let request = delivery("push", GUID, "{}").with("expect", "100-continue");
    let mut client = deputy.connect().await;
    client.send(request.head()).await;
    assert_eq!(client.answer().await.status, 100);
    client.send(&request.body).await;
    assert_eq!(client.answer().await.status, 202);
}

#[tokio::test]
async fn a_chunked_body_is_counted_while_it_comes() {
    let deputy = start_with(small_bodies(), patient()).await;
    let body = |length: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(length - 8));
    assert_eq!(deputy.ask(delivery("push", GUID, body(1000)).chunked(64)).await.status, 202);
    let answer = deputy.ask(delivery("push", GUID, body(1001)).chunked(64)).await;
    assert_eq!(answer.refusal(), (413, "too_large".to_owned()));
}

#[tokio::test]
async fn a_client_that_goes_on_sending_still_hears_why_it_was_refused() {
    let deputy = start_with(small_bodies(), patient()).await;
    let mut client = deputy.connect().await;
    // More than the kernel's buffers hold, so that this only ends because the server reads it.
    let body = vec![b' '; 20_000_000];
    client.send(delivery("push", GUID, body).bytes()).await;
    assert_eq!(client.answer().await.refusal(), (413, "too_large".to_owned()));
    client.closed().await;
}

#[tokio::test]
async fn nobody_is_listened_to_for_ever_after_a_refusal() {
    let deputy = start_with(small_bodies(), ServerConfig { linger: SOON, ..patient() }).await;
    let mut client = deputy.connect().await;
    client.send(delivery("push", GUID, "{}").with("content-length", "20000000").bytes()).await;
    assert_eq!(client.answer().await.status, 413);
    // The server's end says so first, and then it really closes: sending fails.
    while client.try_send([b' '; 4096]).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn large_bodies_share_their_room_and_small_ones_need_none() {
    let limits = BodyLimits { largest: 2048, small: 100, room: 2048, grace: SOON, ..BodyLimits::default() };
    let deputy = start_with(limits, patient()).await;
    let (begun, go) = deputy.inbox.hold();
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(1500));
    let id = |number: u8| format!("{number:08x}-cc78-11e3-81ab-4c9367dc0958");

    let mut first = deputy.connect().await;
    first.send(delivery("push", &id(1), &*large).bytes()).await;
    begun.acquire().await.unwrap().forget();
    // The first is in memory until it is stored, so that there is no room for a second.
    let mut second = deputy.connect().await;
    second.send(delivery("push", &id(2), &*large).bytes()).await;
    let answer = second.answer().await;
    assert_eq!(answer.refusal(), (503, "busy".to_owned()));
    assert!(answer.header("retry-after").is_some());
    // A small one passes.
    let mut small = deputy.connect().await;
    small.send(delivery("push", &id(3), "{}").bytes()).await;
    begun.acquire().await.unwrap().forget();

    go.add_permits(10);
    assert_eq!(first.answer().await.status, 202);
    assert_eq!(small.answer().await.status, 202);
    assert_eq!(deputy.ask(delivery("push", &id(2), &*large).bytes()).await.status, 202);
}

#[tokio::test]
async fn a_body_that_dribbles_is_given_up() {
    // Nothing is granted beyond the pace, so that the first wait for more is too long.
    let limits = BodyLimits { grace: SOON, ..BodyLimits::default() };
    let deputy = start_with(limits, patient()).await;
    for chunked in [false, true] {
        let request = delivery("push", GUID, vec![b' '; 1000]);
        let bytes = if chunked { request.chunked(100) } else { request.bytes() };
        let mut client = deputy.connect().await;
        client.send(&bytes[..bytes.len() - 500]).await;
        assert_eq!(client.answer().await.refusal(), (408, "too_slow".to_owned()));
        client.closed().await;
    }
}

#[tokio::test]
async fn a_head_that_dribbles_is_given_up() {
    let deputy = start_with(BodyLimits::default(), ServerConfig { head_timeout: SOON, ..patient() }).await;
    // On a new connection, whether or not it says anything, and on one that was used before.
    deputy.connect().await.closed().await;
    let mut client = deputy.connect().await;
    client.send("POST /webhook HTTP/1.1\r\nHost").await;
    client.closed().await;
    let mut client = deputy.connect().await;
    client.send(delivery("push", GUID, "{}").bytes()).await;
    assert_eq!(client.answer().await.status, 202);
    client.send("POST /web").await;
    client.closed().await;
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let deputy = start_with(BodyLimits::default(), ServerConfig { idle_timeout: SOON, ..patient() }).await;
    let mut client = deputy.connect().await;
    client.send(delivery("push", GUID, "{}").bytes()).await;
    assert_eq!(client.answer().await.status, 202);
    client.closed().await;
}

#[tokio::test]
async fn a_request_that_takes_for_ever_is_cut() {
    let deputy = start_with(BodyLimits::default(), ServerConfig { request_timeout: SOON, ..patient() }).await;
    let (_begun, _go) = deputy.inbox.hold();
    let mut client = deputy.connect().await;
    client.send(delivery("push", GUID, "{}").bytes()).await;
    client.closed().await;
}

#[tokio::test]
async fn heads_have_a_largest_size_and_number_of_headers() {
    let deputy = start().await;
    let long = delivery("push", GUID, "{}").with("x-long", &"x".repeat(40_000));
    let mut client = deputy.connect().await;
    client.send(long.bytes()).await;
    assert_eq!(client.answer().await.status, 431);
    client.closed().await;

    let endless = format!("POST /webhook HTTP/1.1\r\nx-long: {}", "x".repeat(200_000));
    let mut client = deputy.connect().await;
    let _ = client.try_send(endless).await;
    assert_eq!(client.answer().await.status, 431);

    let many = (0..101).fold(delivery("push", GUID, "{}"), |request, n| request.with(&format!("x-{n}"), "y"));
    let mut client = deputy.connect().await;
    client.send(many.bytes()).await;
    assert_eq!(client.answer().await.status, 431);
    assert_eq!(deputy.inbox.len(), 0);
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_their_turn() {
    let deputy = start_with(BodyLimits::default(), ServerConfig { connections: 2, ..patient() }).await;
    let (begun, go) = deputy.inbox.hold();
    let id = |number: u8| format!("{number:08x}-cc78-11e3-81ab-4c9367dc0958");
    let mut clients = Vec::new();
    for number in 0..3 {
        let mut client = deputy.connect().await;
        client.send(delivery("push", &id(number), "{}").with("connection", "close").bytes()).await;
        clients.push(client);
    }
    begun.acquire_many(2).await.unwrap().forget();
    go.add_permits(3);
    // The third gets its place when one of the others has left.
    for mut client in clients {
        assert_eq!(client.answer().await.status, 202);
    }
    assert_eq!(deputy.inbox.len(), 3);
}

#[tokio::test]
async fn when_it_is_crowded_the_idle_make_room() {
    let config = ServerConfig { connections: 1, idle_timeout: SOON * 10, ..patient() };
    let deputy = start_with(BodyLimits::default(), config).await;
    let mut idle = deputy.connect().await;
    idle.send(delivery("push", GUID, "{}").bytes()).await;
    assert_eq!(idle.answer().await.status, 202);
    assert_eq!(deputy.ask(delivery("push", GUID, "{}").bytes()).await.json()["status"], "duplicate");
    idle.closed().await;
}
