//! A process that is killed at any moment loses nothing it acknowledged, and completes nothing twice.
//!
//! The test runs itself as a child that accepts and handles under load and says what it did; the parent kills it
//! after a random number of its words, again and again, and then looks at what is in the folder.
//! `DEPUTY_CRASH_ROUNDS` says how often; default 6.

#![allow(clippy::unwrap_used, reason = "clippy knows tests, but not what helps them")]

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use chrono::DateTime;
use deputy_core::contract;
use deputy_core::delivery::Delivery;
use deputy_core::ports::{
    Accepted, Archive as _, Begin, Clock as _, DeadLetterQuery, DeadLetters, Inbox as _, Once as _, OnceKey,
    SystemClock,
};
use deputy_embedded::{Lane, Options, Retry, Run, Store, Workers};

const HANDLERS: [&str; 2] = ["first", "second"];
const IN_FLIGHT: u8 = 32;

/// Seconds since 1970 when the parent started: part of what parent and child both know of a delivery.
fn started() -> i64 {
    static STARTED: OnceLock<i64> = OnceLock::new();
    *STARTED.get_or_init(|| match std::env::var("DEPUTY_CRASH_STARTED") {
        Ok(text) => text.parse().unwrap(),
        Err(_) => SystemClock.now().timestamp(),
    })
}

/// The same in every process, so that the parent can tell what the child sent.
fn delivery(number: u64) -> Delivery {
    contract::delivery(number, DateTime::from_timestamp(started(), 987_654_321).unwrap())
}

fn open(folder: &Path) -> Store {
    let mut options = Options::new(folder);
    // Being interrupted counts as a try; a test that kills more often than that proves nothing.
    options.retry = Retry { waits: vec![Duration::from_millis(5); 100] };
    let subscriptions = |_: &_| HANDLERS.map(str::to_owned).to_vec();
    Store::open(options, Arc::new(SystemClock), Arc::new(subscriptions)).unwrap()
}

/// Says what happened to the parent, in one write a line, so that a line is there whole or not at all.
fn say(line: &str) {
    if std::env::var_os("DEPUTY_CRASH_FOLDER").is_none() {
        return;
    }
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

/// Completes each delivery once, whatever came before.
struct Once(Store);

#[async_trait]
impl Run for Once {
    async fn run(&self, handler: &str, delivery: Delivery, _attempt: u32) -> anyhow::Result<()> {
        let key = OnceKey { handler: handler.to_owned(), delivery: delivery.id };
        match self.0.begin(&key, Duration::from_millis(1)).await? {
            Begin::Done => Ok(()),
            Begin::InProgress { .. } => anyhow::bail!("somebody is at it"),
            Begin::Run(lease) => {
                anyhow::ensure!(self.0.finish(&key, &lease).await?, "the lease was lost");
                say(&format!("completed {handler} {}", delivery.id));
                Ok(())
            }
        }
    }
}

async fn workers(store: &Store) -> Workers {
    let lanes = HANDLERS.map(Lane::new).to_vec();
    Workers::start(store, Arc::new(Once(store.clone())), lanes).await.unwrap()
}

/// The child: does nothing unless the parent started it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let Ok(folder) = std::env::var("DEPUTY_CRASH_FOLDER") else { return };
    let first: u64 = std::env::var("DEPUTY_CRASH_FIRST").unwrap().parse().unwrap();
    let store = open(Path::new(&folder));
    let _workers = workers(&store).await;
    let mut senders = tokio::task::JoinSet::new();
    for sender in 0..IN_FLIGHT {
        let store = store.clone();
        senders.spawn(async move {
            for number in (first + u64::from(sender)..).step_by(IN_FLIGHT.into()) {
                let accepted = store.accept(delivery(number)).await.unwrap();
                assert_eq!(accepted, Accepted::New);
                say(&format!("acknowledged {number}"));
            }
        });
    }
    while senders.join_next().await.is_some() {}
}

#[derive(Default)]
struct Heard {
    acknowledged: BTreeSet<u64>,
    completed: BTreeMap<(String, String), u32>,
}

impl Heard {
    fn line(&mut self, line: &str) {
        let mut words = line.split(' ');
        match (words.next(), words.next(), words.next()) {
            (Some("acknowledged"), Some(number), None) => {
                self.acknowledged.insert(number.parse().unwrap());
            }
            (Some("completed"), Some(handler), Some(id)) => {
                *self.completed.entry((handler.to_owned(), id.to_owned())).or_default() += 1;
            }
            _ => {}
        }
    }
}

/// Starts a child, hears it out for `words` lines, and kills it.
fn one_life(folder: &Path, first: u64, words: u64, heard: &mut Heard) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env("DEPUTY_CRASH_FOLDER", folder)
        .env("DEPUTY_CRASH_FIRST", first.to_string())
        .env("DEPUTY_CRASH_STARTED", started().to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut left = words;
    while left > 0 {
        let line = lines.next().expect("the child ended by itself; it says why above").unwrap();
        heard.line(&line);
        left -= 1;
    }
    // SIGKILL: nothing is flushed, nothing runs.
    child.kill().unwrap();
    // What it said before it died counts as well.
    for line in lines.map_while(Result::ok) {
        heard.line(&line);
    }
    child.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_at_any_moment_loses_nothing_and_completes_nothing_twice() {
    let rounds: u64 = std::env::var("DEPUTY_CRASH_ROUNDS").map_or(6, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let dice = RandomState::new();
    let mut heard = Heard::default();
    for round in 0..rounds {
        let words = 1 + dice.hash_one(round) % 1_500;
        one_life(folder.path(), round * 1_000_000, words, &mut heard);
    }
    assert!(!heard.acknowledged.is_empty());

    let store = open(folder.path());
    let workers = workers(&store).await;
    for &number in &heard.acknowledged {
        let expected = delivery(number);
        assert_eq!(
            store.read(expected.id).await.unwrap(),
            Some(expected.clone()),
            "{number} was acknowledged"
        );
        assert_eq!(store.accept(expected).await.unwrap(), Accepted::Duplicate, "{number} was acknowledged");
    }
    for round in 0..rounds {
        for number in round * 1_000_000..round * 1_000_000 + 100 {
            // Whether it was cut off or not: it is in there once, and whole, after GitHub sent it again.
            store.accept(delivery(number)).await.unwrap();
            assert_eq!(store.accept(delivery(number)).await.unwrap(), Accepted::Duplicate);
        }
    }
    let unfinished = async || {
        let counts = store.counts().await.unwrap();
        counts.iter().map(|count| count.pending + count.in_flight + count.delayed).sum::<u64>()
    };
    while unfinished().await > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(workers.drain(Duration::from_secs(10)).await, 0);
    for &number in &heard.acknowledged {
        for handler in HANDLERS {
            let key = OnceKey { handler: handler.to_owned(), delivery: delivery(number).id };
            assert_eq!(store.begin(&key, Duration::from_secs(1)).await.unwrap(), Begin::Done, "{key}");
        }
    }
    let twice: Vec<_> = heard.completed.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "completed twice: {twice:?}");
    let dead = DeadLetters::list(&store, &DeadLetterQuery::default()).await.unwrap();
    assert!(dead.items.is_empty(), "{:?}", dead.items);
    println!(
        "{rounds} deaths, {} acknowledged, {} completions heard of",
        heard.acknowledged.len(),
        heard.completed.len()
    );
}
