//! What Deputy answered to browsers and terminals, and the secrets of its own that came with it.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

/// The answers of this process, each with what it was about.
static HEARD: Mutex<Vec<(String, Vec<u8>)>> = Mutex::new(Vec::new());
/// What Deputy gave to somebody to keep: cookies, states, sessions, handles.
static OURS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Takes note of an answer. `is_credential` where it is one of GitHub's on purpose, for an administrator: then only that it
/// is kept nowhere else can be checked.
pub(crate) fn hear(what: &str, answer: &str, is_credential: bool) {
    keep_ours(answer);
    if !is_credential {
        let entry = (format!("the answer to {what}"), answer.as_bytes().to_vec());
        HEARD.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    }
}

pub(super) fn heard() -> usize {
    HEARD.lock().unwrap_or_else(PoisonError::into_inner).len()
}

pub(super) fn since(from: usize) -> Vec<(String, Vec<u8>)> {
    HEARD.lock().unwrap_or_else(PoisonError::into_inner)[from..].to_vec()
}

pub(super) fn ours() -> BTreeSet<String> {
    OURS.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn keep_ours(answer: &str) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let mut found = BTreeSet::new();
    for line in head.lines() {
        let Some((name, value)) = line.split_once(": ") else { continue };
        match name.to_ascii_lowercase().as_str() {
            "set-cookie" => {
                let pair = value.split(';').next().unwrap_or_default();
                found.extend(pair.split_once('=').map(|(_, value)| value.to_owned()));
            }
            "location" => {
                let states = value.split(['?', '&']).filter_map(|pair| pair.strip_prefix("state="));
                found.extend(states.map(str::to_owned));
            }
            _ => {}
        }
    }
    if let Ok(Value::Object(fields)) = body.parse::<Value>() {
        for name in ["session", "handle", "token"] {
            found.extend(fields.get(name).and_then(Value::as_str).map(str::to_owned));
        }
    }
    // Shorter ones are no secrets: a cookie that was taken away, a page's anchor.
    found.retain(|text| text.len() >= 32);
    OURS.lock().unwrap_or_else(PoisonError::into_inner).append(&mut found);
}
