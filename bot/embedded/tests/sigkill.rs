//! `kill -9` at any moment loses nothing that was acknowledged, and nothing is handled twice to completion.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deputy_core::ids::DeliveryId;
use deputy_core::ports::Archive as _;
use deputy_embedded::app;
use deputy_github::Secrets;
use scenarios::World;
use scenarios::wire::{Connection, guid};
use secrecy::ExposeSecret as _;
use serde_json::Value;

/// How often the server is killed.
const ROUNDS: u64 = 8;
/// How long to wait for the answers: what was in work at two kills waits up to a minute, at three up to five.
const PATIENCE: Duration = Duration::from_mins(6);
/// How many connections send at once.
const SENDERS: usize = 8;
/// How many commands are asked in each round, among thousands of other deliveries.
const COMMANDS: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn sigkill_loses_nothing_and_repeats_nothing() {
    let mut world = World::new().await;
    let secrets = app::webhook_secrets(&world.config()).unwrap();
    let pr = world.pull_request().await;
    // One real comment's payload; the commands of the test are the same comment with other texts.
    pr.comment(&world.ada, "no command").await;
    world.quiet().await;
    world.stop().await;
    world.app.stop_webhooks();
    let template = world.app.deliveries().into_iter().rfind(|d| d.event == "issue_comment").unwrap().payload;
    let acknowledged = Mutex::new(BTreeMap::<String, usize>::new());
    let asked = Mutex::new(HashSet::<String>::new());

    for round in 0..ROUNDS {
        let mut server = Server::start(&world);
        let killed = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for sender in 0..SENDERS {
                let (secrets, template, killed) = (&secrets, &template, &killed);
                let (acknowledged, asked, address) = (&acknowledged, &asked, server.address);
                scope.spawn(move || {
                    let ask = if sender == 0 && round % 2 == 0 { COMMANDS } else { 0 };
                    send_until(killed, address, secrets, template, ask, acknowledged, asked);
                });
            }
            // Anywhere between the first delivery and a busy queue. Every other round is longer and asks nothing
            // new, since what dies with the process again and again waits longer and longer, as it should.
            let chance = RandomState::new().hash_one(round) % 400;
            std::thread::sleep(Duration::from_millis(60 + chance + 900 * (round % 2)));
            server.kill();
            killed.store(true, Ordering::Relaxed);
        });
    }

    // Once more without a kill, until everything is handled.
    let server = Server::start(&world);
    let acknowledged = acknowledged.into_inner().unwrap();
    let asked: HashSet<String> =
        asked.into_inner().unwrap().into_iter().filter(|id| acknowledged.contains_key(id)).collect();
    assert!(acknowledged.len() > 100, "only {} deliveries were acknowledged", acknowledged.len());
    assert!(!asked.is_empty(), "no command was acknowledged before a kill");
    let unanswered = || {
        let said: Vec<String> = pr.comments().iter().map(github_double::Comment::body).collect();
        asked.iter().filter(|id| !said.iter().any(|body| body.contains(id.as_str()))).count()
    };
    let begun = std::time::Instant::now();
    while unanswered() > 0 {
        assert!(begun.elapsed() < PATIENCE, "{} not answered\n{}", unanswered(), world.github.transcript());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server.terminate();

    let mut answers = BTreeMap::<String, usize>::new();
    for reply in scenarios::said(&pr) {
        *answers.entry(scenarios::visible(&reply.body())).or_default() += 1;
    }
    let repeated: Vec<_> = answers.iter().filter(|(_, count)| **count > 1).collect();
    assert!(repeated.is_empty(), "answered more than once: {repeated:?}");

    // Everything that was acknowledged is in the archive byte for byte, and nothing is left to do.
    world.start().await;
    world.quiet().await;
    let store = world.deputy().store().clone();
    for (id, payload) in &acknowledged {
        let id: DeliveryId = id.parse().unwrap();
        let delivery =
            store.read(id).await.unwrap().unwrap_or_else(|| panic!("{id} was acknowledged and is gone"));
        if *payload != usize::MAX {
            assert!(delivery.body == recorded_payloads::all()[*payload].body, "{id} came back different");
        }
    }
    assert!(world.dead_letters().await.is_empty());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_finishes_what_is_under_way_even_if_it_comes_twice_at_once() {
    let mut world = World::new().await;
    let secrets = app::webhook_secrets(&world.config()).unwrap();
    world.stop().await;
    let mut server = Server::start(&world);
    let (id, body) = (guid(), br#"{"action":"started"}"#);
    let mut stream = TcpStream::connect(server.address).unwrap();
    let head = format!(
        "POST /webhook HTTP/1.1\r\nHost: deputy\r\nX-GitHub-Event: watch\r\nX-GitHub-Delivery: {id}\r\n\
         X-Hub-Signature-256: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Expect: 100-continue\r\n\r\n",
        secrets.sign(body),
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n", "now it waits for the body");
    let pid = server.child.id().to_string();
    assert!(Command::new("kill").args([&pid, &pid]).status().unwrap().success());
    while TcpStream::connect(server.address).is_ok() {
        std::thread::yield_now();
    }
    stream.write_all(body).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    assert!(server.child.wait().unwrap().success(), "SIGTERM is an orderly end");

    world.start().await;
    world.quiet().await;
    let kept = world.deputy().store().read(id.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(kept.body, body.as_slice());
    world.end().await;
}

/// Sends recorded payloads, and a few commands among them, until the server is gone. Notes what was acknowledged.
fn send_until(
    killed: &AtomicBool,
    address: SocketAddr,
    secrets: &Secrets,
    template: &Value,
    mut commands: usize,
    acknowledged: &Mutex<BTreeMap<String, usize>>,
    asked: &Mutex<HashSet<String>>,
) {
    let Ok(mut connection) = Connection::try_open(address) else { return };
    let recorded = recorded_payloads::all();
    for turn in 0.. {
        if killed.load(Ordering::Relaxed) {
            return;
        }
        let id = guid();
        let sent = if commands > 0 && turn % 5 == 0 {
            commands -= 1;
            asked.lock().unwrap().insert(id.clone());
            let mut payload = template.clone();
            payload["comment"]["body"] = format!("@deputy echo {id}").into();
            let body = payload.to_string().into_bytes();
            (usize::MAX, connection.deliver(&id, "issue_comment", &secrets.sign(&body), &body))
        } else {
            let chosen = turn % recorded.len();
            let recorded = &recorded[chosen];
            (chosen, connection.deliver(&id, &recorded.event, &secrets.sign(&recorded.body), &recorded.body))
        };
        match sent {
            (payload, Ok(answer)) if answer.status == 202 => {
                acknowledged.lock().unwrap().insert(id, payload);
            }
            (_, Ok(answer)) => panic!("{}: {}", answer.status, answer.body),
            // The kill came in between: nobody was told anything, so both outcomes are right.
            (_, Err(_)) => return,
        }
    }
}

/// The real binary, as an operator runs it.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(world: &World) -> Self {
        let config = world.config();
        let mut child = Command::new(env!("CARGO_BIN_EXE_deputy"))
            .arg("serve")
            .env_clear()
            .env("DEPUTY_LISTEN", "127.0.0.1:0")
            .env("DEPUTY_DATA", &config.data)
            .env("DEPUTY_GITHUB_URL", &config.github.url)
            .env("DEPUTY_GITHUB_CLIENT_ID", &config.github.issuer)
            .env("DEPUTY_GITHUB_PRIVATE_KEY", config.github.private_key.expose_secret())
            .env("DEPUTY_GITHUB_CLIENT_SECRET", world.app.client_secret())
            .env("DEPUTY_WEBHOOK_SECRETS", config.webhook_secrets[0].expose_secret())
            .env("DEPUTY_LOG", "warn,deputy_embedded::cli=info")
            .env("DEPUTY_LOG_FORMAT", "json")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().expect("the server says where it listens").unwrap();
            let line: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON: {line}"));
            if let Some(address) = line["address"].as_str() {
                break address.parse().unwrap();
            }
        };
        // A full pipe would stop it.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn terminate(mut self) {
        let stopped = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(stopped.success());
        assert!(self.child.wait().unwrap().success(), "SIGTERM is an orderly end");
    }
}
