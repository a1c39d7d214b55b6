//! The corpus's reference comparator, `compare.py`, in Rust: what counts as the same answer.
//!
//! The interpreter's own conformance test includes this file: depending on the package would build the runner first.

use std::collections::BTreeSet;

use fancy_regex::Regex;
use serde_json::{Map, Value};

/// Texts of a case that match anything.
pub struct Wildcards {
    bare: BTreeSet<String>,
    angle: Regex,
}

impl Wildcards {
    /// Those that the case declares.
    pub fn of_case(case: &Value) -> Self {
        let mut bare: BTreeSet<String> =
            ["snf_role_arn", "sfn_role_arn"].into_iter().map(str::to_owned).collect();
        for key in ["wildcards", "events_wildcards"] {
            let texts = case[key].as_array().into_iter().flatten().filter_map(Value::as_str);
            bare.extend(texts.filter(|text| !text.starts_with('<')).map(str::to_owned));
        }
        Self {
            bare,
            angle: Regex::new(r"<[A-Za-z_][A-Za-z0-9_ .-]*(?::\d+)?>").expect("the pattern is valid"),
        }
    }

    /// `None` when equal, else the first path that differs.
    pub fn difference(&self, expected: &Value, actual: &Value) -> Option<String> {
        self.at(expected, actual, "$")
    }

    fn at(&self, expected: &Value, actual: &Value, path: &str) -> Option<String> {
        let differs = || Some(path.to_owned());
        let same = |same: bool| if same { None } else { differs() };
        if let Value::String(text) = expected {
            return self.text(text, actual, path);
        }
        let parsed;
        let actual = match actual {
            Value::String(text) if expected.is_object() || expected.is_array() => {
                parsed = loads(text);
                &parsed
            }
            other => other,
        };
        match (expected, actual) {
            (Value::Bool(_), _) | (_, Value::Bool(_)) => same(expected == actual),
            (Value::Object(expected), Value::Object(actual)) => {
                for (key, value) in expected {
                    let inner = format!("{path}.{key}");
                    match actual.get(key) {
                        None => return Some(format!("{inner}(missing)")),
                        Some(other) => {
                            if let Some(found) = self.at(value, other, &inner) {
                                return Some(found);
                            }
                        }
                    }
                }
                actual
                    .keys()
                    .find(|key| !expected.contains_key(*key))
                    .map(|key| format!("{path}.{key}(extra)"))
            }
            (Value::Array(expected), Value::Array(actual)) => {
                if expected.len() != actual.len() {
                    return Some(format!("{path}(len {}!={})", expected.len(), actual.len()));
                }
                let mut pairs = expected.iter().zip(actual).enumerate();
                pairs.find_map(|(index, (expected, actual))| {
                    self.at(expected, actual, &format!("{path}[{index}]"))
                })
            }
            _ => same(equal(expected, actual)),
        }
    }

    fn text(&self, expected: &str, actual: &Value, path: &str) -> Option<String> {
        if self.bare.contains(expected) {
            return None;
        }
        let differs = || Some(path.to_owned());
        let mut tokens: Vec<String> =
            self.angle.find_iter(expected).flatten().map(|found| found.as_str().to_owned()).collect();
        let whole = tokens.first().is_some_and(|token| token == expected);
        tokens.extend(self.bare.iter().filter(|text| text.len() > 8 && expected.contains(*text)).cloned());
        if !tokens.is_empty() {
            let Value::String(actual) = actual else { return if whole { None } else { differs() } };
            let mut pattern = fancy_regex::escape(expected).into_owned();
            for token in &tokens {
                pattern = pattern.replace(fancy_regex::escape(token).as_ref(), ".*");
            }
            let matches = Regex::new(&format!("(?s)\\A(?:{pattern})\\z"))
                .is_ok_and(|pattern| pattern.is_match(actual).unwrap_or(false));
            return if matches { None } else { differs() };
        }
        let opens = |set: &str| expected.starts_with(|first| set.contains(first));
        let equals = match actual {
            Value::String(actual) => {
                actual == expected
                    || opens("[{\"") && {
                        let (left, right) = (loads(expected), loads(actual));
                        !left.is_string() && equal(&left, &right)
                    }
            }
            other => opens("[{") && equal(&loads(expected), other),
        };
        if equals { None } else { differs() }
    }
}

fn loads(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

/// Python's `==` on JSON: numbers by value, members in any order.
fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left == right || left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equal(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, value)| right.get(key).is_some_and(|other| equal(value, other)))
        }
        _ => left == right,
    }
}

/// A history as the recordings show it: without what they left out, JSON objects in texts parsed one level deep.
pub fn normalise(events: Vec<Value>) -> Vec<Value> {
    let parse = |details: Map<String, Value>| -> Map<String, Value> {
        details
            .into_iter()
            .filter(|(key, _)| !matches!(key.as_str(), "inputDetails" | "outputDetails" | "roleArn"))
            .map(|(key, value)| match value {
                Value::String(text) if text.starts_with('{') => (key, loads(&text)),
                other => (key, other),
            })
            .collect()
    };
    events
        .into_iter()
        .map(|event| match event {
            Value::Object(members) => members
                .into_iter()
                .map(|(key, value)| match value {
                    Value::Object(details) => (key, Value::Object(parse(details))),
                    other => (key, other),
                })
                .collect(),
            other => other,
        })
        .collect()
}

/// What the recorder did to histories with Parallel states to make them independent of order. It walks the list while it
/// shortens it, and so drops some events; this does the same.
pub fn normalise_parallel(mut events: Vec<Value>) -> Vec<Value> {
    let (mut start, mut inside) = (0, false);
    let mut sorted: Vec<Value> = Vec::new();
    let mut index = 0;
    while index < events.len() {
        match events[index]["type"].as_str().unwrap_or_default() {
            "ParallelStateSucceeded"
            | "ParallelStateAborted"
            | "ParallelStateExited"
            | "ParallelStateFailed" => {
                sorted.sort_by_key(canonical);
                events.splice(start..index.max(start), sorted.iter().cloned());
                inside = false;
            }
            "ParallelStateStarted" => {
                inside = true;
                sorted.clear();
                start = index + 1;
            }
            _ if inside => {
                events[index]["id"] = serde_json::json!([0]);
                events[index]["previousEventId"] = 0.into();
                sorted.push(events[index].clone());
            }
            _ => {}
        }
        index += 1;
    }
    events
}

/// JSON with sorted members.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(key, _)| key.as_str());
            let members: Vec<String> = members
                .into_iter()
                .map(|(key, value)| format!("{}: {}", Value::String(key.clone()), canonical(value)))
                .collect();
            format!("{{{}}}", members.join(", "))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(", "))
        }
        other => other.to_string(),
    }
}
