//! Clients that leave early, and a server that is told to stop: nothing accepted is lost, nothing half done.

use std::time::Duration;

use deputy_web::{BodyLimits, ServerConfig};

use crate::support::{GUID, delivery, start, start_with};

#[tokio::test]
async fn a_client_that_hangs_up_while_its_delivery_is_stored_changes_nothing() {
    let deputy = start().await;
    let (begun, go) = deputy.inbox.hold();
    let mut client = deputy.connect().await;
    client.send(delivery("push", GUID, "{}").bytes()).await;
    begun.acquire().await.unwrap().forget();
    drop(client);
    // GitHub's redelivery has the same GUID, and may overtake the first.
    let mut again = deputy.connect().await;
    again.send(delivery("push", GUID, "{}").bytes()).await;
    begun.acquire().await.unwrap().forget();
    go.add_permits(2);
    assert_eq!(again.answer().await.json()["status"], "duplicate");
    assert_eq!(deputy.inbox.len(), 1);
}

#[tokio::test]
async fn a_request_cut_short_anywhere_is_not_accepted() {
    let deputy = start().await;
    let whole = delivery("push", GUID, r#"{"a":"a long enough text"}"#).bytes();
    for end in (1..whole.len()).step_by(7) {
        let mut client = deputy.connect().await;
        client.send(&whole[..end]).await;
        drop(client);
    }
    assert_eq!(deputy.ask(&whole).await.json()["status"], "accepted");
    assert_eq!(deputy.inbox.len(), 1);
}

#[tokio::test]
async fn a_server_told_to_stop_finishes_what_is_under_way_and_nothing_else() {
    let deputy = start().await;
    let addr = deputy.addr;
    let mut idle = deputy.connect().await;
    idle.send("GET /public HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(idle.answer().await.status, 200);
    let mut silent = deputy.connect().await;
    let (begun, go) = deputy.inbox.hold();
    let mut busy = deputy.connect().await;
    busy.send(delivery("push", GUID, "{}").bytes()).await;
    begun.acquire().await.unwrap().forget();

    let inbox = deputy.inbox.clone();
    let served = deputy.shut_down();
    idle.closed().await;
    silent.closed().await;
    assert!(tokio::net::TcpStream::connect(addr).await.is_err());
    assert!(!served.is_finished());

    go.add_permits(1);
    let answer = busy.answer().await;
    assert_eq!(answer.json()["status"], "accepted");
    assert_eq!(answer.header("connection"), Some("close"));
    busy.closed().await;
    drop((idle, silent, busy));
    assert_eq!(served.await.unwrap(), 0);
    assert_eq!(inbox.len(), 1);
}

#[tokio::test]
async fn what_does_not_end_in_time_is_cut() {
    let config = ServerConfig { drain: Duration::from_millis(50), ..ServerConfig::default() };
    let deputy = start_with(BodyLimits::default(), config).await;
    let (begun, _go) = deputy.inbox.hold();
    let mut busy = deputy.connect().await;
    busy.send(delivery("push", GUID, "{}").bytes()).await;
    begun.acquire().await.unwrap().forget();
    assert_eq!(deputy.shut_down().await.unwrap(), 1);
    busy.closed().await;
}
