//! Bytes of any kind through everything that reads deliveries: nothing panics, and no mention is overlooked.
//!
//! `cargo +nightly fuzz run --fuzz-dir bot/github/fuzz payload`, with tests/recorded's payloads as a good corpus.

#![no_main]

use deputy_github::{Envelope, MentionFinder, Secrets, comment, decode_form};
use libfuzzer_sys::fuzz_target;

const EVENTS: [&str; 9] = [
    "issue_comment",
    "pull_request_review_comment",
    "pull_request_review",
    "commit_comment",
    "issues",
    "pull_request",
    "discussion",
    "discussion_comment",
    "push",
];

fuzz_target!(|body: &[u8]| {
    let _ = Secrets::new(["s"]).expect("a secret").verify(Some(body), body);
    if let Ok(decoded) = decode_form(body) {
        let _ = Envelope::read(&decoded);
    }
    let about = Envelope::read(body);
    let may_hold = MentionFinder::new("deputy").may_hold_command(body);
    for event in EVENTS {
        let event = event.parse().expect("an event's name");
        let Ok(Some(comment)) = comment(&event, body) else { continue };
        assert!(may_hold || !comment.body.to_ascii_lowercase().contains("deputy"));
        // What was decoded is JSON, unless bytes that decoding skipped are no UTF-8.
        assert!(about.is_ok() || std::str::from_utf8(body).is_err());
    }
});
