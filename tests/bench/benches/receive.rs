//! What checking and reading one delivery costs, step by step, over all recorded payloads.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use deputy_core::ids::EventName;
use deputy_github::{Envelope, Secrets};
use recorded_payloads::{COUNT, Recorded, all};

/// One iteration is one payload, so that a figure is the mean over them.
fn over_all(c: &mut Criterion, name: &str, mut step: impl FnMut(&'static Recorded, &EventName, &str)) {
    let secrets = Secrets::new(["secret"]).expect("one secret");
    let prepared: Vec<_> = all()
        .iter()
        .map(|payload| {
            (payload, payload.event.parse().expect("an event's name"), secrets.sign(&payload.body))
        })
        .collect();
    let mut turn = prepared.iter().cycle();
    let bytes: usize = all().iter().map(|payload| payload.body.len()).sum();
    let mut group = c.benchmark_group("receive");
    group.throughput(Throughput::Bytes((bytes / COUNT) as u64));
    group.bench_function(name, |b| {
        b.iter_batched(
            || turn.next().expect("a cycle has no end"),
            |(payload, event, signature)| step(payload, event, signature),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn steps(c: &mut Criterion) {
    let secrets = Secrets::new(["secret"]).expect("one secret");
    over_all(c, "signature", |payload, _, signature| {
        black_box(secrets.verify(Some(signature), &payload.body)).expect("it is ours");
    });
    over_all(c, "envelope", |payload, _, _| {
        black_box(Envelope::read(&payload.body)).expect("it is JSON");
    });
    over_all(c, "comment", |payload, event, _| {
        let _ = black_box(deputy_github::comment(event, &payload.body)).expect("it is a payload");
    });
}

criterion_group!(benches, steps);
criterion_main!(benches);
