//! GitHub's recorded webhook payloads: npm `@octokit/webhooks-examples`, fetched once, at a pinned version.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

/// How many payloads the pinned version holds.
pub const COUNT: usize = 329;

/// One recorded payload.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The event, as `X-GitHub-Event` names it.
    pub event: String,
    /// What to call it in a test's message: `issue_comment/0 created`.
    pub name: String,
    /// The payload, compact as GitHub sends it, with its keys in the recorded order.
    pub body: Vec<u8>,
}

/// All of them, in the package's order. Fetches the package with `npm ci` where it is not there yet.
///
/// # Panics
///
/// When npm is missing or cannot fetch, or when the package is not what it was: nothing could be tested.
pub fn all() -> &'static [Recorded] {
    static ALL: OnceLock<Vec<Recorded>> = OnceLock::new();
    ALL.get_or_init(read)
}

/// Those of one event.
pub fn of(event: &str) -> impl Iterator<Item = &'static Recorded> {
    all().iter().filter(move |recorded| recorded.event == event)
}

fn read() -> Vec<Recorded> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let index = here.join("node_modules/@octokit/webhooks-examples/api.github.com/index.json");
    fetch_once(here, &index);
    let text = fs::read(&index).unwrap_or_else(|error| panic!("{}: {error}", index.display()));
    let events: Vec<Value> = serde_json::from_slice(&text).expect("the package's index is JSON");
    let mut all = Vec::with_capacity(COUNT);
    for event in events {
        let name = event["name"].as_str().expect("every event has a name");
        for (number, payload) in event["examples"].as_array().into_iter().flatten().enumerate() {
            let action = payload["action"].as_str().unwrap_or_default();
            all.push(Recorded {
                event: name.to_owned(),
                name: format!("{name}/{number} {action}").trim_end().to_owned(),
                body: payload.to_string().into_bytes(),
            });
        }
    }
    assert_eq!(all.len(), COUNT, "the pinned package changed under its version");
    all
}

/// Test binaries run side by side, so one of them fetches under a file lock while the others wait.
fn fetch_once(here: &Path, index: &Path) {
    if index.exists() {
        return;
    }
    let lock = File::create(here.join(".fetching")).expect("this crate's folder can be written");
    lock.lock().expect("file locks work here");
    if index.exists() {
        return;
    }
    let done = Command::new("npm")
        .args(["ci", "--silent"])
        .current_dir(here)
        .status()
        .expect("tests need npm (Node 20 or later) to fetch GitHub's recorded payloads");
    assert!(done.success(), "`npm ci` in tests/recorded failed: {done}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_objects_in_their_recorded_order() {
        let first = of("issue_comment").next().expect("comments were recorded");
        assert!(first.body.starts_with(br#"{"action":""#), "{}", first.name);
    }
}
