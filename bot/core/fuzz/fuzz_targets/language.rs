//! Any text through the whole command language: no panic, and what it promises of every text holds.
//!
//! In `bot/core`, after `cargo install cargo-fuzz` and `mkdir -p fuzz/corpus/language`:
//!
//! ```text
//! cargo +nightly fuzz run language fuzz/corpus/language fuzz/seeds/language -- -max_len=65536 -timeout=5
//! ```
//!
//! What is slow is a finding too, hence the timeout.

#![no_main]

use std::sync::LazyLock;

use clap::{Arg, ArgAction, Command, value_parser};
use deputy_core::language::{Definition, MAX_COMMANDS, Parsed, Vocabulary, quote};
use deputy_core::permission::Permission;
use libfuzzer_sys::fuzz_target;

/// Commands with every kind of argument, so that every kind of complaint can come.
static VOCABULARY: LazyLock<Vocabulary> = LazyLock::new(|| {
    let definition = |name, arguments| Definition {
        name,
        aliases: &[],
        summary: "Does it.",
        permission: Permission::Write,
        examples: &[],
        arguments,
    };
    Vocabulary::new(
        "deputy",
        [
            definition("echo", |command| command.arg(Arg::new("text").num_args(1..).required(true))),
            definition("deploy", |command| {
                command
                    .arg(Arg::new("to").required(true).value_parser(["staging", "production"]))
                    .arg(
                        Arg::new("n").short('n').long("number").value_parser(value_parser!(u8).range(1..=20)),
                    )
                    .arg(Arg::new("f").long("force").action(ArgAction::SetTrue).conflicts_with("pair"))
                    .arg(Arg::new("pair").long("pair").num_args(2))
                    .arg(Arg::new("some").long("some").num_args(2..=3).require_equals(false))
                    .arg(Arg::new("eq").long("eq").require_equals(true))
            }),
            definition("lock", |command| {
                command
                    .subcommand_required(true)
                    .subcommand(Command::new("acquire").arg(Arg::new("what").required(true)))
                    .subcommand(Command::new("release"))
            }),
        ],
    )
    .expect("the definitions fit together")
});

fuzz_target!(|body: &str| {
    let lines = VOCABULARY.read(body);
    assert!(lines.len() <= MAX_COMMANDS + 1);
    for line in &lines {
        assert!(body[line.range.clone()].starts_with(['@', '/']));
        match VOCABULARY.parse(line) {
            Parsed::UsageError { message, .. } | Parsed::Unknown { message, .. } => {
                assert!(message.chars().count() < 5_000, "{message}");
                assert!(!message.contains("<!--") && !message.contains('\u{1b}'), "{message}");
            }
            Parsed::Run { .. } | Parsed::Help { .. } | Parsed::Version { .. } => {}
        }
        if let Ok(words) = &line.words
            && !words.iter().any(|word| word.contains(['\n', '\r']))
        {
            let written = words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ");
            let again = VOCABULARY.read(&format!("@deputy {written}"));
            assert_eq!(again[0].words.as_ref(), Ok(words), "{written}");
        }
    }
    assert!(VOCABULARY.added(body, body).is_empty());
});
