//! What the receiver's side of GitHub costs per recorded payload: `cargo run --release -p deputy-github --example measure`.

#![allow(clippy::print_stdout, reason = "this is what it is for")]

use std::hint::black_box;
use std::time::Instant;

use deputy_core::ids::EventName;
use deputy_github::{Envelope, MentionFinder, Secrets, comment};
use recorded_payloads::Recorded;

const ROUNDS: usize = 100;

fn main() {
    let payloads = recorded_payloads::all();
    let bytes: usize = payloads.iter().map(|recorded| recorded.body.len()).sum();
    println!("{} payloads, mean {} bytes", payloads.len(), bytes / payloads.len());

    let secrets = Secrets::new(["It's a Secret to Everybody"]).expect("a secret");
    let signed: Vec<_> = payloads.iter().map(|recorded| (recorded, secrets.sign(&recorded.body))).collect();
    time("signature", &signed, |(recorded, header)| {
        secrets.verify(Some(header), &recorded.body).expect("just signed");
    });
    let all: Vec<_> = payloads.iter().collect();
    time("envelope", &all, |recorded| {
        black_box(Envelope::read(&recorded.body).expect("JSON"));
    });
    let finder = MentionFinder::new("deputy");
    time("mention", &all, |recorded| {
        black_box(finder.may_hold_command(&recorded.body));
    });
    let comments: Vec<(EventName, &Recorded)> = payloads
        .iter()
        .map(|recorded| (recorded.event.parse::<EventName>().expect("an event"), recorded))
        .filter(|(event, recorded)| comment(event, &recorded.body).is_ok_and(|comment| comment.is_some()))
        .collect();
    time("comment", &comments, |(event, recorded)| {
        black_box(comment(event, &recorded.body).expect("decodes"));
    });
}

fn time<T>(what: &str, items: &[T], mut work: impl FnMut(&T)) {
    // The best of the rounds: other work on the machine only ever adds.
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        items.iter().for_each(&mut work);
        best = best.min(start.elapsed().as_secs_f64());
    }
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    let each = best * 1e6 / items.len() as f64;
    println!("{what:10} {each:6.2} µs each over {} payloads", items.len());
}
