//! Whether every state can be reached and some state ends the workflow.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::Parser;
use crate::diagnostics::{Code, Severity};

impl Parser {
    /// Works on the definition as written, so that it answers whatever else is wrong.
    pub(super) fn check_reach(
        &mut self,
        states: &Map<String, Value>,
        start: Option<&str>,
        pointer: &str,
        is_nested: bool,
    ) {
        if !states.values().any(ends) {
            // AWS gives no place, and says nothing about reachability besides.
            let place = is_nested.then_some(pointer);
            self.report(Severity::Error, Code::MissingEndState, place, "Workflow has no terminal state");
            return;
        }
        // Without a beginning nothing could be reached, which is no news.
        let Some(start) = start else { return };
        let mut reached: HashSet<&str> = HashSet::new();
        let mut open: Vec<&str> = vec![start];
        while let Some(name) = open.pop() {
            let Some((name, state)) = states.get_key_value(name) else { continue };
            if reached.insert(name) {
                targets(state, &mut open);
            }
        }
        for name in states.keys().filter(|name| !reached.contains(name.as_str())) {
            let message = format!("State \"{name}\" is not reachable.");
            let place = format!("{pointer}/{name}");
            self.report(Severity::Error, Code::MissingTransitionTarget, Some(&place), message);
        }
    }
}

/// Whether a state ends its workflow. A Choice state does too when no rule matches, but that is no design.
fn ends(state: &Value) -> bool {
    state.get("End").and_then(Value::as_bool) == Some(true)
        || matches!(state.get("Type").and_then(Value::as_str), Some("Succeed" | "Fail"))
}

pub(super) fn targets<'d>(state: &'d Value, into: &mut Vec<&'d str>) {
    let single = ["Next", "Default"].into_iter().filter_map(|field| state.get(field));
    let listed = ["Choices", "Catch"]
        .into_iter()
        .filter_map(|field| state.get(field)?.as_array())
        .flatten()
        .filter_map(|entry| entry.get("Next"));
    into.extend(single.chain(listed).filter_map(Value::as_str));
}
