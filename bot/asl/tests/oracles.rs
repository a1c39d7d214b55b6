//! Comparison with the programs whose answers AWS gives: Jayway's json-path and jsonata-js.
//!
//! Ignored by default, because they need Java and Node; `tests/oracles/run.sh` prepares and runs them.
//! `ORACLE_SEED` and `ORACLE_COUNT` choose the generated cases.

#[path = "oracles/generate.rs"]
mod generate;
#[path = "oracles/jayway.rs"]
mod jayway;
#[path = "oracles/jsonata.rs"]
mod jsonata;

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Where `run.sh` puts what it compiles and installs; ignored by git.
fn work_folder() -> PathBuf {
    PathBuf::from(std::env::var("ORACLE_WORK").expect("run tests/oracles/run.sh"))
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// Feeds lines to a program and gives its answers, a line for each.
fn ask(command: &mut Command, questions: &[String]) -> Vec<String> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the oracle starts");
    let mut input = child.stdin.take().expect("a pipe");
    let text = questions.join("\n") + "\n";
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = child.wait_with_output().expect("the oracle ends");
    writer.join().expect("no panic").expect("the oracle reads");
    assert!(output.status.success(), "the oracle failed");
    let answers: Vec<String> =
        String::from_utf8(output.stdout).expect("UTF-8").lines().map(str::to_owned).collect();
    assert_eq!(answers.len(), questions.len(), "an answer for each question");
    answers
}

/// What a comparison found.
#[derive(Default)]
struct Tally {
    equal: usize,
    allowed: std::collections::BTreeMap<&'static str, usize>,
    different: Vec<String>,
    /// Allowed ones that were asked for with `ORACLE_SHOW`.
    shown: Vec<String>,
}

impl Tally {
    fn report(&self, name: &str) {
        let mut out = std::io::stderr().lock();
        let total = self.equal + self.allowed.values().sum::<usize>() + self.different.len();
        writeln!(out, "{name}: {} of {total} equal", self.equal).expect("stderr");
        for (reason, count) in &self.allowed {
            writeln!(out, "  {count} allowed: {reason}").expect("stderr");
        }
        for difference in self.shown.iter().chain(&self.different).take(60) {
            writeln!(out, "  {difference}").expect("stderr");
        }
        assert!(self.different.is_empty(), "{} different", self.different.len());
    }
}
