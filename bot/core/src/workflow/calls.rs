//! Whether a definition calls tasks that there are, in a way that lets them work.

use serde_json::Value;

use super::DEFINITION;
use super::problem::Problem;
use crate::task::{Ends, Task};
use crate::text::line_and_column;

const FUNCTION: &str = "${DeputyTask}";

/// Everything that is wrong with the calls of a definition. `source` is its text, to tell places by.
pub(super) fn check(definition: &Value, source: &str, tasks: &[&Task]) -> Vec<Problem> {
    let mut problems = Vec::new();
    each_state(definition, &mut |name, state| {
        let Some(parameters) = state.get("Parameters").or_else(|| state.get("Arguments")) else { return };
        if parameters.get("FunctionName").and_then(Value::as_str) != Some(FUNCTION) {
            return;
        }
        let mut problem = |text: String, hint: String| {
            let at = place_of(source, name);
            let (line, column) = line_and_column(source, at);
            problems.push(Problem {
                file: DEFINITION.to_owned(),
                line,
                column,
                text: format!("state `{name}`: {text}"),
                hint,
            });
        };
        let payload = parameters.get("Payload").unwrap_or(&Value::Null);
        let has_context = payload.get("context.$").and_then(Value::as_str) == Some("$$")
            || payload
                .get("context")
                .and_then(Value::as_str)
                .is_some_and(|text| text.contains("$states.context"));
        if !has_context {
            problem(
                "the task would not know its job".to_owned(),
                "give the Payload \"context.$\": \"$$\", or in JSONata \"context\": \"{% $states.context %}\"".to_owned(),
            );
        }
        let Some(called) = payload.get("task").and_then(Value::as_str) else {
            problem(
                "its Payload names no task".to_owned(),
                "give it \"task\": one of the vocabulary".to_owned(),
            );
            return;
        };
        let Some(task) = tasks.iter().find(|task| task.name == called) else {
            let known: Vec<_> = tasks.iter().map(|task| task.name).collect();
            problem(format!("there is no task `{called}`"), format!("there are {}", known.join(", ")));
            return;
        };
        let waits = state
            .get("Resource")
            .and_then(Value::as_str)
            .is_some_and(|resource| resource.ends_with(".waitForTaskToken"));
        match (task.ends, waits) {
            (Ends::AtOnce, true) => problem(
                format!("`{called}` ends at once"),
                "its Resource is arn:aws:states:::lambda:invoke".to_owned(),
            ),
            (Ends::ByToken, false) => problem(
                format!("`{called}` waits"),
                "its Resource is arn:aws:states:::lambda:invoke.waitForTaskToken".to_owned(),
            ),
            _ => {}
        }
    });
    problems
}

/// Where a state begins: its name, and then a colon. Elsewhere its name is a value.
fn place_of(source: &str, name: &str) -> usize {
    let quoted = format!("\"{name}\"");
    let mut found = source.match_indices(&quoted);
    let key = found.find(|(at, _)| source[at + quoted.len()..].trim_start().starts_with(':'));
    key.map_or(0, |(at, _)| at)
}

/// Every state, those in branches and iterations included.
fn each_state(value: &Value, visit: &mut impl FnMut(&str, &Value)) {
    for (name, state) in value.get("States").and_then(Value::as_object).into_iter().flatten() {
        visit(name, state);
        for branch in state.get("Branches").and_then(Value::as_array).into_iter().flatten() {
            each_state(branch, visit);
        }
        for member in ["ItemProcessor", "Iterator"] {
            if let Some(inner) = state.get(member) {
                each_state(inner, visit);
            }
        }
    }
}
