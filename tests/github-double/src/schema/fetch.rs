//! Gets the descriptions from npm when they are not there yet, so that `cargo test` alone is enough.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// The REST description; its neighbour describes the webhooks.
pub(super) fn rest_file() -> PathBuf {
    Path::new(HERE).join("node_modules/@octokit/openapi/generated/api.github.com.json")
}

/// The webhook description.
pub(super) fn webhook_file() -> PathBuf {
    Path::new(HERE).join("node_modules/@octokit/openapi-webhooks/generated/api.github.com.json")
}

/// Runs `fetch-schemas` if it has not run, or ran for other versions than package-lock.json pins.
///
/// Panics with what to do when that fails: a check that is silently skipped is worth nothing.
pub(crate) fn ensure_fetched() {
    static FETCHED: OnceLock<Result<(), String>> = OnceLock::new();
    if let Err(why) = FETCHED.get_or_init(fetch) {
        panic!(
            "GitHub's descriptions are missing, so that nothing could be checked: {why}\n\
             Run `tests/github-double/fetch-schemas` (needs npm and a package registry)."
        );
    }
}

fn fetch() -> Result<(), String> {
    let folder = crate::keys::folder();
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    // Test binaries run at once: the first fetches, the others wait for it.
    let lock = File::create(folder.join("fetch.lock")).map_err(|error| format!("fetch.lock: {error}"))?;
    lock.lock().map_err(|error| format!("fetch.lock: {error}"))?;
    if is_current() {
        return Ok(());
    }
    let output = Command::new(Path::new(HERE).join("fetch-schemas"))
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("fetch-schemas did not start: {error}"))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(format!("fetch-schemas ended with {}:\n{text}", output.status));
    }
    if is_current() { Ok(()) } else { Err("fetch-schemas left no description behind".to_owned()) }
}

/// npm writes what it installed beside it; that must not be older than what we pin.
fn is_current() -> bool {
    let modified = |path: PathBuf| fs::metadata(path).and_then(|meta| meta.modified()).ok();
    let pinned = fs::read_to_string(Path::new(HERE).join("package-lock.json")).unwrap_or_default();
    let pinned: serde_json::Value = pinned.parse().unwrap_or_default();
    let installed = |package: &str| {
        let path = Path::new(HERE).join("node_modules").join(package).join("package.json");
        let text = fs::read_to_string(path).unwrap_or_default();
        let json: serde_json::Value = text.parse().unwrap_or_default();
        let wanted = &pinned["packages"][format!("node_modules/{package}")]["version"];
        wanted.is_string() && json["version"] == *wanted
    };
    installed("@octokit/openapi")
        && installed("@octokit/openapi-webhooks")
        && modified(rest_file()).is_some()
        && modified(webhook_file()).is_some()
}
