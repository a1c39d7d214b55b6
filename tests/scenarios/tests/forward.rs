//! `deputy serve --forward`: webhooks through a smee channel, for a server that nobody reaches.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::{Arc, Mutex};

use scenarios::World;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, watch};

/// A smee.io of one channel: it takes webhooks apart, and writes them anew for whoever listens.
struct Smee {
    url: String,
    /// What goes to listeners; an empty text cuts them off.
    events: broadcast::Sender<String>,
    /// How many have begun to listen.
    listeners: watch::Receiver<usize>,
    /// What each said that it had heard last.
    last_ids: Arc<Mutex<Vec<Option<String>>>>,
}

impl Smee {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/Q9xTW3DYm0j0", listener.local_addr().unwrap());
        let (events, _) = broadcast::channel(100);
        let (listening, listeners) = watch::channel(0);
        let last_ids = Arc::new(Mutex::default());
        let smee = Self { url, events: events.clone(), listeners, last_ids: Arc::clone(&last_ids) };
        let listening = Arc::new(listening);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (events, listening, last_ids) =
                    (events.clone(), Arc::clone(&listening), Arc::clone(&last_ids));
                tokio::spawn(async move { serve(stream, events, &listening, &last_ids).await });
            }
        });
        smee
    }

    async fn has_listeners(&mut self, count: usize) {
        let enough = self.listeners.wait_for(|listeners| *listeners >= count);
        tokio::time::timeout(std::time::Duration::from_mins(1), enough).await.unwrap().unwrap();
    }

    fn send(&self, event: &str) {
        self.events.send(event.to_owned()).unwrap();
    }
}

async fn serve(
    stream: TcpStream,
    events: broadcast::Sender<String>,
    listening: &watch::Sender<usize>,
    last_ids: &Mutex<Vec<Option<String>>>,
) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    let is_post = line.starts_with("POST /Q9xTW3DYm0j0 ");
    let mut headers = Map::new();
    loop {
        line.clear();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), json!(value));
    }
    if is_post {
        let mut body = vec![0; headers["content-length"].as_str()?.parse().ok()?];
        stream.read_exact(&mut body).await.ok()?;
        let mut message = headers;
        message.insert("host".to_owned(), json!("smee.io"));
        message.insert("x-forwarded-for".to_owned(), json!("192.0.2.1"));
        message.insert("body".to_owned(), serde_json::from_slice(&body).ok()?);
        message.insert("query".to_owned(), json!({}));
        message.insert("timestamp".to_owned(), json!(1_790_000_000_000_u64));
        let _ = events.send(format!("data: {}\n\n", Value::Object(message)));
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await.ok()?;
        return Some(());
    }
    assert_eq!(headers["accept"], "text/event-stream", "smee shows a page to everybody else");
    let mut heard = events.subscribe();
    last_ids.lock().unwrap().push(headers.get("last-event-id").map(|id| id.as_str().unwrap().to_owned()));
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.write_all(b"id: 0\nevent: ready\ndata: {}\n\n").await.ok()?;
    listening.send_modify(|count| *count += 1);
    let mut number = 1;
    while let Ok(event) = heard.recv().await {
        if event.is_empty() {
            break;
        }
        stream.write_all(format!("id: {number}\n{event}").as_bytes()).await.ok()?;
        number += 1;
    }
    Some(())
}

#[tokio::test]
async fn a_server_that_nobody_reaches_answers_through_a_channel() {
    let mut smee = Smee::start().await;
    let mut world = World::without_deputy().await;
    world.forward = Some(smee.url.parse().unwrap());
    world.start().await;
    world.app.send_webhooks_to(&smee.url);
    smee.has_listeners(1).await;
    let pr = world.pull_request().await;
    pr.comment(&world.ada, "@deputy ping\n\nTrès “bien” 🏓 </script> \\u00e9 1.0").await;
    assert!(world.reply_on(&pr, 0).await.starts_with("🏓"));
    // Signs of life, and what is no webhook, are no webhooks.
    smee.send("event: ping\ndata: {}\n\n");
    smee.send("data: nonsense\n\n");
    smee.send(": nothing\n\n");

    // The connection breaks off; Deputy comes back, and says where it was.
    smee.send("");
    smee.has_listeners(2).await;
    let last_ids = smee.last_ids.lock().unwrap().clone();
    assert!(last_ids[0].is_none() && last_ids[1].is_some(), "{last_ids:?}");
    pr.comment(&world.ada, "@deputy ping").await;
    world.reply_on(&pr, 1).await;
    world.quiet().await;
    world.end().await;
}

#[tokio::test]
async fn a_channel_s_word_counts_for_nothing() {
    let mut smee = Smee::start().await;
    let mut world = World::without_deputy().await;
    world.forward = Some(smee.url.parse().unwrap());
    world.start().await;
    smee.has_listeners(1).await;
    let pr = world.pull_request().await;
    world.quiet().await;
    // Whoever knows the channel's name can send to it. A real delivery with other words, under the old signature:
    let real = world.app.deliveries().last().unwrap().clone();
    let mut forged = real.payload.clone();
    forged["pull_request"]["body"] = json!("@deputy ping");
    let message = json!({
        "x-github-event": real.event, "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "x-hub-signature-256": format!("sha256={}", "0".repeat(64)), "content-type": "application/json",
        "body": forged,
    });
    smee.send(&format!("data: {message}\n\n"));
    // After it comes a true one: by its answer, the forged one was seen, too.
    world.app.send_webhooks_to(&smee.url);
    pr.comment(&world.ada, "@deputy ping").await;
    world.reply_on(&pr, 0).await;
    world.quiet().await;
    assert_eq!(scenarios::said(&pr).len(), 1);
    world.end().await;
}
