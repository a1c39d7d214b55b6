//! What reaches a task: the payload of `lambda:invoke`, taken apart.

use std::fmt::Write as _;

use ring::digest::{SHA256, digest};
use serde_json::Value;

use crate::job::JobId;
use crate::ports::TaskToken;

/// One call of a task.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskCall {
    /// The task's name.
    pub task: String,
    /// Whose step it is: the execution's name.
    pub job: JobId,
    /// The state's name.
    pub step: String,
    /// See [`TaskContext::effect`](super::TaskContext::effect).
    pub effect: String,
    /// How often the step failed before.
    pub attempt: u32,
    /// The task token, where it waits for one.
    pub token: Option<TaskToken>,
    /// What the definition gives it.
    pub input: Value,
}

/// A payload that is no call of a task. The text says what the definition must have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a task's payload: {0}")]
pub struct InvalidCall(String);

impl TaskCall {
    /// Reads `{"task": …, "context": $$, "input": …}`.
    pub fn read(payload: &Value) -> Result<Self, InvalidCall> {
        let text = |pointer: &str| payload.pointer(pointer).and_then(Value::as_str);
        let context = |member: &str| {
            text(&format!("/context/{member}")).ok_or_else(|| {
                InvalidCall(format!(
                    "`context` has no {}; the Payload needs \"context.$\": \"$$\"",
                    member.replace('/', ".")
                ))
            })
        };
        let task = text("/task").ok_or_else(|| InvalidCall("`task` must name one".to_owned()))?;
        let name = context("Execution/Name")?;
        let job = name.parse().map_err(|error| InvalidCall(format!("the execution `{name}` is {error}")))?;
        let step = context("State/Name")?;
        let entered = context("State/EnteredTime")?;
        let number = |pointer: &str| payload.pointer(pointer).and_then(Value::as_u64);
        let item = number("/context/Map/Item/Index");
        let redrives = number("/context/Execution/RedriveCount").unwrap_or_default();
        let attempt = number("/context/State/RetryCount").unwrap_or_default();
        Ok(Self {
            task: task.to_owned(),
            job,
            step: step.to_owned(),
            effect: effect(job, &[step, entered, &format!("{item:?}"), &redrives.to_string()]),
            attempt: u32::try_from(attempt).unwrap_or(u32::MAX),
            token: text("/context/Task/Token").map(|token| TaskToken(token.to_owned())),
            input: payload.get("input").cloned().unwrap_or_else(|| Value::Object(serde_json::Map::new())),
        })
    }
}

/// The job's name, a dash, and twelve digits of what tells this visit of a step from every other.
fn effect(job: JobId, parts: &[&str]) -> String {
    // A separator that no part holds, so that no two lists read alike.
    let hash = digest(&SHA256, parts.join("\0").as_bytes());
    let mut effect = format!("{job}-");
    for byte in &hash.as_ref()[..6] {
        _ = write!(effect, "{byte:02x}");
    }
    effect
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn payload() -> Value {
        json!({
            "task": "job.note",
            "context": {
                "Execution": {"Name": "01JE4Z8W3M5T7V9X1Z3B5D7F9H", "RedriveCount": 0},
                "State": {"Name": "Build", "EnteredTime": "2026-01-01T00:00:00.000Z", "RetryCount": 2},
                "Task": {"Token": "secret"},
            },
            "input": {"text": "Built."},
        })
    }

    fn changed(pointer: &str, value: Value) -> TaskCall {
        let mut payload = payload();
        *payload.pointer_mut(pointer).unwrap() = value;
        TaskCall::read(&payload).unwrap()
    }

    #[test]
    fn the_context_names_job_step_attempt_and_token() {
        let call = TaskCall::read(&payload()).unwrap();
        assert_eq!((call.task.as_str(), call.step.as_str(), call.attempt), ("job.note", "Build", 2));
        assert_eq!(call.job.to_string(), "01JE4Z8W3M5T7V9X1Z3B5D7F9H");
        assert_eq!(call.token, Some(TaskToken("secret".into())));
        assert_eq!(call.effect.len(), 39);
        assert!(!format!("{call:?}").contains("secret"));
    }

    #[test]
    fn an_effect_is_the_same_under_retry_and_another_for_another_visit() {
        let call = TaskCall::read(&payload()).unwrap();
        assert_eq!(changed("/context/State/RetryCount", json!(3)).effect, call.effect);
        assert_eq!(changed("/input", json!(null)).effect, call.effect);
        for (pointer, value) in [
            ("/context/State/Name", json!("Deploy")),
            ("/context/State/EnteredTime", json!("2026-01-01T00:00:00.001Z")),
            ("/context/Execution/RedriveCount", json!(1)),
            ("/context/Execution/Name", json!("01JE4Z8W3M5T7V9X1Z3B5D7F9J")),
        ] {
            assert_ne!(changed(pointer, value).effect, call.effect, "{pointer}");
        }
        let items = [0, 1].map(|index| {
            let mut payload = payload();
            payload["context"]["Map"] = json!({"Item": {"Index": index, "Value": null}});
            TaskCall::read(&payload).unwrap().effect
        });
        assert!(items[0] != items[1] && !items.contains(&call.effect));
    }

    #[test]
    fn what_is_no_call_says_what_is_missing() {
        let error = |payload: Value| TaskCall::read(&payload).unwrap_err().to_string();
        assert_eq!(error(json!({})), "not a task's payload: `task` must name one");
        assert_eq!(
            error(json!({"task": "a"})),
            "not a task's payload: `context` has no Execution.Name; the Payload needs \"context.$\": \"$$\""
        );
        let by_hand = json!({"task": "a", "context": {"Execution": {"Name": "by hand"}}});
        assert!(error(by_hand).contains("the execution `by hand` is not a job"));
    }
}
