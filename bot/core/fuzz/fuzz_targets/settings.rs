//! Any bytes as `.github/deputy.toml`: no panic, problems with places that exist, and lines read as what was set says.
//!
//! In `bot/core`, after `cargo install cargo-fuzz` and `mkdir -p fuzz/corpus/settings`:
//!
//! ```text
//! cargo +nightly fuzz run settings fuzz/corpus/settings fuzz/seeds/settings -- -max_len=65536 -timeout=5
//! ```

#![no_main]

use deputy_core::settings::{Settings, explain, matches, read};
use libfuzzer_sys::fuzz_target;

const COMMANDS: &[&str] = &["config", "deploy", "help"];

fuzz_target!(|source: &[u8]| {
    let settings = match read(source, COMMANDS) {
        Ok(settings) => settings,
        Err(problems) => {
            assert!(!problems.is_empty());
            let lines = source.iter().filter(|byte| **byte == b'\n').count() + 1;
            for problem in problems {
                assert!(
                    problem.line >= 1 && problem.column >= 1 && problem.line as usize <= lines,
                    "{problem:?}"
                );
            }
            return;
        }
    };
    assert!(explain(&settings).len() < 1024 * 1024);
    let known = |word: &str| COMMANDS.iter().find(|known| **known == word).copied();
    for alias in settings.aliases.keys().map(String::as_str).chain(["deploy"]) {
        let words = [alias.to_owned(), "staging".to_owned()];
        let applied = settings.apply(&words, &known);
        assert_eq!(applied.words.last(), words.last());
    }
    for environment in settings.environments.values() {
        for pattern in environment.branches.iter().chain(&environment.paths) {
            matches(pattern, "release/a/b.rs");
        }
    }
    // Laying a file over itself changes nothing.
    let once = Settings::default().under(settings.clone());
    assert_eq!(once.clone().under(settings), once);
});
