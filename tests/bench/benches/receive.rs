//! What checking and reading one delivery costs, step by step. A figure is the mean over all recorded payloads.

use std::hint::black_box;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use deputy_core::delivery::Delivery;
use deputy_core::ids::EventName;
use deputy_core::language::{Definition, Vocabulary};
use deputy_core::permission::Permission;
use deputy_core::ports::{Accepted, Inbox, InboxError, SystemClock};
use deputy_github::{Envelope, Secrets, comment};
use deputy_web::App;
use hyper::HeaderMap;
use recorded_payloads::{COUNT, all};

/// A payload, and what GitHub sends with it.
struct Sent {
    event: EventName,
    signature: String,
    headers: HeaderMap,
    body: Bytes,
}

fn sent(secrets: &Secrets) -> Vec<Sent> {
    let sent = all().iter().enumerate().map(|(number, payload)| {
        let signature = secrets.sign(&payload.body);
        let guid = format!("{number:08x}-cc78-11e3-81ab-4c9367dc0958");
        let headers = [
            ("host", "deputy.example"),
            ("user-agent", "GitHub-Hookshot/044aadd"),
            ("accept", "*/*"),
            ("content-type", "application/json"),
            ("x-github-delivery", &guid),
            ("x-github-event", &payload.event),
            ("x-github-hook-id", "292430182"),
            ("x-hub-signature-256", &signature),
        ];
        let headers = headers.into_iter().map(|(name, value)| {
            (name.parse().expect("a header's name"), value.parse().expect("a header's value"))
        });
        Sent {
            event: payload.event.parse().expect("an event's name"),
            headers: headers.collect(),
            signature,
            body: payload.body.clone().into(),
        }
    });
    sent.collect()
}

/// Accepts everything and keeps nothing.
struct Nothing;

#[async_trait]
impl Inbox for Nothing {
    async fn accept(&self, _: Delivery) -> Result<Accepted, InboxError> {
        Ok(Accepted::New)
    }

    async fn ready(&self) -> Result<(), InboxError> {
        Ok(())
    }
}

fn vocabulary() -> Vocabulary {
    let ping = Definition {
        name: "ping",
        aliases: &[],
        summary: "Answers.",
        permission: Permission::Read,
        examples: &["ping"],
        arguments: |command| command,
    };
    Vocabulary::new("deputy", [ping]).expect("one definition")
}

fn steps(c: &mut Criterion) {
    let secrets = Secrets::new(["secret"]).expect("one secret");
    let sent = sent(&secrets);
    let bytes: usize = sent.iter().map(|sent| sent.body.len()).sum();
    let mut group = c.benchmark_group("receive");
    group.throughput(Throughput::Bytes((bytes / COUNT) as u64));
    let mut step = |name: &str, run: &mut dyn FnMut(&Sent)| {
        let mut turn = sent.iter().cycle();
        group.bench_function(name, |b| {
            b.iter_batched(|| turn.next().expect("no end"), &mut *run, BatchSize::SmallInput);
        });
    };

    step("signature", &mut |sent| {
        secrets.verify(Some(&sent.signature), &sent.body).expect("it is ours");
    });
    step("envelope", &mut |sent| {
        black_box(Envelope::read(&sent.body)).expect("it is JSON");
    });
    step("comment", &mut |sent| {
        black_box(comment(&sent.event, &sent.body)).expect("it is a payload");
    });
    let vocabulary = vocabulary();
    step("comment and commands", &mut |sent| {
        if let Some(comment) = comment(&sent.event, &sent.body).expect("it is a payload") {
            for line in vocabulary.read(&comment.body) {
                black_box(vocabulary.parse(&line));
            }
        }
    });

    let app = Arc::new(App::new("bench", secrets.clone(), Arc::new(Nothing), Arc::new(SystemClock)));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    step("everything but HTTP and the store", &mut |sent| {
        runtime.block_on(app.receive(&sent.headers, sent.body.clone())).expect("it is accepted");
    });
    group.finish();

    // No recorded payload holds a command, so the language is measured on a comment of its own.
    let text = "Looks good to me, thank you!\n\n```\n@deputy not this one\n```\n\n@deputy ping\n";
    c.bench_function("a comment with one command", |b| {
        b.iter(|| {
            for line in vocabulary.read(black_box(text)) {
                black_box(vocabulary.parse(&line));
            }
        });
    });
}

criterion_group!(benches, steps);
criterion_main!(benches);
