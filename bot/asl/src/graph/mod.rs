//! Pictures of a program: Mermaid text and SVG, with the colours of an execution if wanted.

mod layout;
mod mermaid;
mod statuses;
mod svg;

use std::collections::BTreeMap;

pub use mermaid::mermaid;
pub use statuses::{statuses_of, statuses_of_json};
pub use svg::svg;

use crate::program::{Condition, Kind, Program, StateDefinition, StateId, Workflow};

/// How the states of an execution stand, by name.
pub type Statuses = BTreeMap<String, StateStatus>;

/// How a state stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateStatus {
    /// Entered and not left.
    Running,
    /// Left.
    Succeeded,
    /// Its error ended the execution, its branch or its iteration.
    Failed,
    /// Its error was caught.
    Caught,
    /// Stopped because of others.
    Aborted,
}

impl StateStatus {
    /// The fill colour, as in AWS's console.
    fn colour(self) -> &'static str {
        match self {
            Self::Running => "#99ccff",
            Self::Succeeded => "#99dd99",
            Self::Failed => "#ff9999",
            Self::Caught => "#ffdd99",
            Self::Aborted => "#cccccc",
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Caught => "caught",
            Self::Aborted => "aborted",
        }
    }
}

/// A way from one state to another.
struct Edge {
    from: StateId,
    to: StateId,
    label: String,
    /// A catcher's.
    is_error: bool,
}

fn edges(workflow: &Workflow) -> Vec<Edge> {
    let mut edges = Vec::new();
    for (from, state) in (0..).map(StateId).zip(&workflow.states) {
        let mut add = |to: StateId, label: String, is_error| edges.push(Edge { from, to, label, is_error });
        if let Some(next) = state.next {
            add(next, String::new(), false);
        }
        if let Kind::Choice { rules, default } = &state.kind {
            for rule in rules {
                add(rule.next, describe(&rule.condition), false);
            }
            if let Some(default) = default {
                add(*default, "Default".to_owned(), false);
            }
        }
        for catcher in &state.catch {
            let names: Vec<&str> = catcher.errors.iter().map(AsRef::as_ref).collect();
            add(catcher.next, names.join(", "), true);
        }
    }
    edges
}

/// Whether a state ends its workflow.
fn ends(state: &StateDefinition) -> bool {
    match state.kind {
        Kind::Succeed | Kind::Fail { .. } => true,
        Kind::Choice { .. } => false,
        _ => state.next.is_none(),
    }
}

/// A condition in few words.
fn describe(condition: &Condition) -> String {
    let text = match condition {
        Condition::And(conditions) => conditions.iter().map(describe).collect::<Vec<_>>().join(" and "),
        Condition::Or(conditions) => conditions.iter().map(describe).collect::<Vec<_>>().join(" or "),
        Condition::Not(condition) => format!("not ({})", describe(condition)),
        Condition::Test { variable, test } => format!("{} {test}", variable.text),
        Condition::Expression(template) => {
            template.as_jsonata().map(|(_, text)| text.to_owned()).unwrap_or_default()
        }
    };
    shorten(&text, 40)
}

fn shorten(text: &str, length: usize) -> String {
    if text.chars().count() <= length {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(length - 1).collect();
    short.push('…');
    short
}

/// The workflows inside a state, with a title for each.
fn inner(program: &Program, state: &StateDefinition) -> Vec<(crate::WorkflowId, String)> {
    match &state.kind {
        Kind::Parallel { branches } => {
            (1..).zip(branches).map(|(number, id): (u32, _)| (*id, format!("branch {number}"))).collect()
        }
        Kind::Map(map) => {
            debug_assert!((map.processor.0 as usize) < program.workflows.len());
            vec![(map.processor, "for each item".to_owned())]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
