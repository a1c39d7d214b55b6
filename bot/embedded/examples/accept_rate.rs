//! How many deliveries a second the store accepts and handles, at what price.
//!
//! `cargo run --release -p deputy-embedded --example accept_rate -- [--payloads index.json] [--folder DIR]
//! [--fill 1000000] [--seconds 3] [--level 1] [--in-flight 32] [--handler none]`: `index.json` is `api.github.com/index.json` of npm
//! `@octokit/webhooks-examples`; without it the payloads are made up. Without a folder, one is made and removed.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a measuring tool"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use deputy_core::delivery::{About, Delivery, Headers};
use deputy_core::ids::{DeliveryId, EventName, InstallationId};
use deputy_core::ports::{Accepted, Clock, Inbox, SystemClock};
use deputy_embedded::{Lane, Options, Run, Store, Workers};

struct Count(AtomicU64);

#[async_trait]
impl Run for Count {
    async fn run(&self, _handler: &str, delivery: Delivery, _attempt: u32) -> anyhow::Result<()> {
        self.0.fetch_add(u64::from(!delivery.body.is_empty()), Ordering::Relaxed);
        Ok(())
    }
}

/// Payloads with their events, as GitHub would send them.
struct Load {
    payloads: Vec<(EventName, Bytes)>,
    next: AtomicU64,
}

impl Load {
    fn delivery(&self) -> Delivery {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (event, body) = &self.payloads[(number % self.payloads.len() as u64) as usize];
        let mut guid = [0x55; 16];
        guid[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        guid[8..].copy_from_slice(&number.wrapping_mul(0xd6e8_feb8_6659_fd93).to_be_bytes());
        let id = DeliveryId::from_bytes(guid);
        let mut headers = Headers::new();
        headers.push("accept", "*/*");
        headers.push("content-type", "application/json");
        headers.push("user-agent", "GitHub-Hookshot/4a1b2c3");
        headers.push("x-github-delivery", &id.to_string());
        headers.push("x-github-event", event.as_str());
        headers.push("x-github-hook-id", "292430182");
        headers.push("x-github-hook-installation-target-id", "79929171");
        headers.push("x-github-hook-installation-target-type", "integration");
        let signature = format!("sha256={id}{id}").replace('-', "");
        headers.push("x-hub-signature-256", &signature);
        Delivery {
            id,
            event: event.clone(),
            received_at: SystemClock.now(),
            headers,
            about: About {
                action: Some("created".into()),
                repository: Some("Codertocat/Hello-World".into()),
                installation: Some(InstallationId(2)),
            },
            body: body.clone(),
        }
    }
}

fn payloads(path: Option<&str>) -> Vec<(EventName, Bytes)> {
    let Some(path) = path else {
        return (0..100)
            .map(|kind| {
                let user = format!(r#"{{"login":"octocat{kind}","id":{kind},"url":"https://api.github.com/users/octocat{kind}","type":"User"}}"#);
                let body = format!(r#"{{"action":"created","items":[{}]}}"#, vec![user; 90].join(","));
                ("issue_comment".parse().unwrap(), body.into())
            })
            .collect();
    };
    let index: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let mut payloads = Vec::new();
    for event in index.as_array().unwrap() {
        let name: EventName = event["name"].as_str().unwrap().parse().unwrap();
        for example in event["examples"].as_array().unwrap() {
            payloads.push((name.clone(), Bytes::from(serde_json::to_vec(example).unwrap())));
        }
    }
    payloads
}

/// User and system time of this process, in seconds.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit_once(')').unwrap().1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

fn memory(field: &str) -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    format!("{} MB", line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024)
}

/// Latencies are counted in steps of 10 µs, up to 100 ms.
const BUCKETS: usize = 10_000;

struct Round {
    rate: f64,
    cpu: f64,
    p50: Duration,
    p99: Duration,
}

async fn round(
    store: &Store,
    load: &Arc<Load>,
    in_flight: usize,
    until: impl Fn(u64) -> bool + Send + Sync + Clone + 'static,
) -> Round {
    let (begun, cpu) = (Instant::now(), cpu_seconds());
    let accepted = Arc::new(AtomicU64::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..in_flight {
        let (store, load, accepted, until) =
            (store.clone(), Arc::clone(load), Arc::clone(&accepted), until.clone());
        tasks.spawn(async move {
            let mut took = vec![0_u32; BUCKETS];
            while until(accepted.fetch_add(1, Ordering::Relaxed)) {
                let delivery = load.delivery();
                let sent = Instant::now();
                assert_eq!(store.accept(delivery).await.unwrap(), Accepted::New);
                took[(sent.elapsed().as_micros() as usize / 10).min(BUCKETS - 1)] += 1;
            }
            took
        });
    }
    let mut took = vec![0_u64; BUCKETS];
    while let Some(times) = tasks.join_next().await {
        for (sum, count) in took.iter_mut().zip(times.unwrap()) {
            *sum += u64::from(count);
        }
    }
    let total: u64 = took.iter().sum();
    let count = total as f64;
    let percentile = |percent: u64| {
        let mut left = total * percent / 100;
        let bucket = took.iter().position(|count| {
            let here = *count > left;
            left = left.saturating_sub(*count);
            here
        });
        Duration::from_micros(bucket.unwrap_or(0) as u64 * 10)
    };
    Round {
        rate: count / begun.elapsed().as_secs_f64(),
        cpu: (cpu_seconds() - cpu) * 1e6 / count,
        p50: percentile(50),
        p99: percentile(99),
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let option = |name: &str| {
        arguments
            .iter()
            .position(|argument| argument == name)
            .and_then(|at| arguments.get(at + 1))
            .map(String::as_str)
    };
    let number = |name: &str, default: u64| option(name).map_or(default, |text| text.parse().unwrap());
    let temporary = std::env::temp_dir().join(format!("accept-rate-{}", std::process::id()));
    let folder = option("--folder").map_or(temporary.clone(), Into::into);
    let seconds = number("--seconds", 3);
    let mut options = Options::new(&folder);
    if let Some(level) = option("--level") {
        options.compression_level = level.parse().unwrap();
    }
    let load = Arc::new(Load { payloads: payloads(option("--payloads")), next: AtomicU64::new(0) });
    let bytes: usize = load.payloads.iter().map(|(_, body)| body.len()).sum();
    println!("{} payloads, {} bytes on average", load.payloads.len(), bytes / load.payloads.len());
    // GUIDs must be new in a folder that was used before.
    load.next.store(SystemClock.now().timestamp_micros().cast_unsigned(), Ordering::Relaxed);

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let opening = Instant::now();
        let handlers: Vec<String> =
            if option("--handler") == Some("none") { vec![] } else { vec!["count".to_owned()] };
        let store =
            Store::open(options, Arc::new(SystemClock), Arc::new(move |_: &_| handlers.clone())).unwrap();
        println!("opened in {:?}, RSS {}", opening.elapsed(), memory("VmRSS"));
        let handled = Arc::new(Count(AtomicU64::new(0)));
        let workers =
            Workers::start(&store, Arc::clone(&handled) as _, vec![Lane::new("count")]).await.unwrap();
        let fill = number("--fill", 0);
        if fill > 0 {
            let filled = round(&store, &load, 128, move |count| count < fill).await;
            println!("filled with {fill}: {:.0}/s, RSS {}", filled.rate, memory("VmRSS"));
        }
        println!("in flight |  accepted/s | CPU µs each |      p50 |      p99 | RSS");
        let chosen = option("--in-flight").map(|text| text.parse().unwrap());
        for in_flight in chosen.map_or(vec![1, 8, 32, 128], |one: usize| vec![one]) {
            let end = Instant::now() + Duration::from_secs(seconds);
            let Round { rate, cpu, p50, p99 } =
                round(&store, &load, in_flight, move |_| Instant::now() < end).await;
            println!(
                "{in_flight:9} | {rate:11.0} | {cpu:11.1} | {p50:8.0?} | {p99:8.0?} | {}",
                memory("VmRSS")
            );
        }
        let draining = Instant::now();
        while store.counts().await.unwrap().iter().any(|count| count.pending + count.in_flight > 0) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        println!(
            "handled {} ({:?} after the last), RSS {}, at most {}",
            handled.0.load(Ordering::Relaxed),
            draining.elapsed(),
            memory("VmRSS"),
            memory("VmHWM")
        );
        workers.drain(Duration::from_secs(5)).await;
        store.close().await;
    });
    if option("--folder").is_none() {
        std::fs::remove_dir_all(temporary).unwrap();
    }
}
