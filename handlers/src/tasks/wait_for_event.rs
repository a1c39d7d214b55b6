//! `wait_for_event`: waits for any event of the repository that fits a pattern.

use std::collections::BTreeMap;

use deputy_core::ids::EventName;
use deputy_core::ports::TokenAnswer;
use deputy_core::task::{Ends, Field, LookContext, Task, TaskContext, TaskEnd, TaskError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::input::{invalid, since};
use crate::topics;

/// How much of an event may come back, in bytes of JSON: it goes into the execution's history.
const LARGEST: usize = 64 * 1024;

/// Waits for an event that arrives after the step was entered; one that came before is over. An event that GitHub never
/// delivers cannot be looked up, so the state needs a `TimeoutSeconds`.
pub static TASK: Task = Task {
    name: "wait_for_event",
    summary: "Waits for an event of the repository that fits a pattern.",
    input: &[
        Field {
            name: "event",
            kind: "string",
            required: true,
            meaning: "GitHub's name for it: `push`, `deployment_status`, ….",
        },
        Field {
            name: "match",
            kind: "object",
            required: false,
            meaning: "JSON pointers into the payload, each with the value that must be there: `{\"/action\": \"created\"}`. \
                      An array lists several that are fine.",
        },
        Field {
            name: "select",
            kind: "object",
            required: false,
            meaning: "What to answer: names, each with a JSON pointer into the payload. At most 64 KB.",
        },
    ],
    output: &[
        Field { name: "delivery", kind: "string", required: true, meaning: "The delivery's GUID." },
        Field {
            name: "values",
            kind: "object",
            required: true,
            meaning: "What `select` asks for; null where the payload has nothing.",
        },
    ],
    errors: &[],
    ends: Ends::ByToken,
    run: |context| Box::pin(run(context)),
    look: Some(|context| Box::pin(std::future::ready(look(context)))),
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    event: String,
    #[serde(default, rename = "match")]
    pattern: BTreeMap<String, Value>,
    #[serde(default)]
    select: BTreeMap<String, String>,
}

async fn run(context: &TaskContext<'_>) -> Result<TaskEnd, TaskError> {
    let input: Input = context.read()?;
    input.event.parse::<EventName>().map_err(|error| invalid(format_args!("`event` is {error}")))?;
    let pointers = input.pattern.keys().chain(input.select.values());
    if let Some(odd) = pointers.into_iter().find(|pointer| !pointer.starts_with('/')) {
        return Err(invalid(format_args!(
            "`{odd}` is no JSON pointer: it must begin with a slash, as `/action` does"
        )));
    }
    let topic = topics::event(context.job.request.repository.id, &input.event);
    let mut wait = context.wait(&TASK, topic, json!(input))?;
    wait.since = since(context).await?;
    context.waits.keep(wait).await?;
    Ok(TaskEnd::Waits)
}

fn look(context: &LookContext<'_>) -> Result<Option<TokenAnswer>, TaskError> {
    let input = Input::deserialize(&context.wait.details);
    let input = input.map_err(|error| invalid(format_args!("the wait: {error}")))?;
    let Some(delivery) = context.delivery else { return Ok(None) };
    if delivery.event.as_str() != input.event || delivery.received_at < context.wait.since {
        return Ok(None);
    }
    let Ok(payload) = serde_json::from_slice::<Value>(&delivery.body) else { return Ok(None) };
    // Topics are made of payloads, but which repository it is decides what a job may see.
    let repository = context.job.request.repository.id;
    if payload.pointer("/repository/id").and_then(Value::as_u64) != Some(repository.0) {
        return Ok(None);
    }
    if !fits(&input.pattern, &payload) {
        return Ok(None);
    }
    let values: Map<String, Value> = input
        .select
        .into_iter()
        .map(|(name, pointer)| (name, payload.pointer(&pointer).cloned().unwrap_or_default()))
        .collect();
    let output = json!({"delivery": delivery.id.to_string(), "values": values});
    if output.to_string().len() > LARGEST {
        return Err(invalid(format_args!("what `select` asks for has more than {LARGEST} bytes")));
    }
    Ok(Some(TokenAnswer::Success(output)))
}

fn fits(pattern: &BTreeMap<String, Value>, payload: &Value) -> bool {
    pattern.iter().all(|(pointer, wanted)| {
        let is = payload.pointer(pointer).unwrap_or(&Value::Null);
        match wanted {
            Value::Array(any) => any.contains(is),
            one => one == is,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_what_must_be_there() {
        let payload = json!({"action": "created", "ref": "refs/heads/main", "deleted": false});
        let fits = |pattern: Value| super::fits(&serde_json::from_value(pattern).unwrap(), &payload);
        assert!(fits(json!({})));
        assert!(fits(json!({"/action": "created", "/deleted": false})));
        assert!(fits(json!({"/action": ["edited", "created"], "/nothing": null})));
        assert!(!fits(json!({"/action": "edited"})));
        assert!(!fits(json!({"/action/deeper": "created"})));
    }
}
