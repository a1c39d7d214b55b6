//! Mermaid text of a program: a flowchart, Parallel and Map states as subgraphs.

use std::fmt::Write as _;

use super::{StateStatus, Statuses, edges, ends, inner};
use crate::program::{Program, StateDefinition, StateId, StateType, WorkflowId};

/// The program as a Mermaid flowchart, coloured when `statuses` are given.
pub fn mermaid(program: &Program, statuses: Option<&Statuses>) -> String {
    let mut text = String::from("flowchart TD\n");
    workflow(program, WorkflowId::ROOT, 1, &mut text);
    if let Some(statuses) = statuses {
        colours(program, statuses, &mut text);
    }
    text
}

fn workflow(program: &Program, id: WorkflowId, depth: usize, text: &mut String) {
    let workflow_definition = program.workflow(id);
    let indent = "  ".repeat(depth);
    let start = format!("w{}_start", id.0);
    let end = format!("w{}_end", id.0);
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{indent}{start}((\"Start\"))");
    for (index, state) in (0..).map(StateId).zip(&workflow_definition.states) {
        let node = node(id, index);
        let label = escape(&state.name);
        let nested = inner(program, state);
        if nested.is_empty() {
            let _ = writeln!(text, "{indent}{node}{}", shape(state, &label));
            continue;
        }
        let _ = writeln!(text, "{indent}subgraph {node}[\"{label}\"]");
        for (inner_id, title) in nested {
            let _ = writeln!(text, "{indent}  subgraph w{}[\"{title}\"]", inner_id.0);
            workflow(program, inner_id, depth + 2, text);
            let _ = writeln!(text, "{indent}  end");
        }
        let _ = writeln!(text, "{indent}end");
    }
    let _ = writeln!(text, "{indent}{start} --> {}", node(id, workflow_definition.start));
    for edge in edges(workflow_definition) {
        let (from, to) = (node(id, edge.from), node(id, edge.to));
        let arrow = if edge.is_error { "-.->" } else { "-->" };
        let label =
            if edge.label.is_empty() { String::new() } else { format!("|\"{}\"|", escape(&edge.label)) };
        let _ = writeln!(text, "{indent}{from} {arrow}{label} {to}");
    }
    let mut has_end = false;
    for (index, state) in (0..).map(StateId).zip(&workflow_definition.states) {
        if ends(state) {
            if !has_end {
                let _ = writeln!(text, "{indent}{end}((\"End\"))");
                has_end = true;
            }
            let _ = writeln!(text, "{indent}{} --> {end}", node(id, index));
        }
    }
}

fn node(workflow: WorkflowId, state: StateId) -> String {
    format!("w{}s{}", workflow.0, state.0)
}

fn shape(state: &StateDefinition, label: &str) -> String {
    match state.state_type() {
        StateType::Choice => format!("{{\"{label}\"}}"),
        StateType::Wait => format!("([\"{label}\"])"),
        StateType::Pass => format!("(\"{label}\")"),
        StateType::Succeed | StateType::Fail => format!("[[\"{label}\"]]"),
        _ => format!("[\"{label}\"]"),
    }
}

fn colours(program: &Program, statuses: &Statuses, text: &mut String) {
    let all = [
        StateStatus::Running,
        StateStatus::Succeeded,
        StateStatus::Failed,
        StateStatus::Caught,
        StateStatus::Aborted,
    ];
    for status in all {
        let _ = writeln!(text, "  classDef {} fill:{}", status.class(), status.colour());
    }
    for (id, workflow) in (0..).map(WorkflowId).zip(&program.workflows) {
        for (index, state) in (0..).map(StateId).zip(&workflow.states) {
            if let Some(status) = statuses.get(state.name.as_ref()) {
                let _ = writeln!(text, "  class {} {}", node(id, index), status.class());
            }
        }
    }
}

/// Mermaid's entities for what would end a quoted label.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' => escaped.push_str("#quot;"),
            '#' => escaped.push_str("#35;"),
            '<' => escaped.push_str("#lt;"),
            '>' => escaped.push_str("#gt;"),
            control if control.is_control() => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}
