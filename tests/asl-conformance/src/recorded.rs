//! The services of the cases: recorded answers where there are some, else what the stubs would have answered.

use std::collections::HashMap;
use std::future::pending;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use deputy_asl::{Integration, Pattern, Payload};
use deputy_stepfunctions::tasks::functions::Functions;
use deputy_stepfunctions::{TaskCall, TaskError, TaskFuture, TaskResult, TaskService};
use serde_json::{Value, json};

use crate::cases::Case;
use crate::client::Client;

/// Answers of services by case.
#[derive(Clone, Default)]
pub struct Recorded(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// By the name of the state machine.
    cases: HashMap<String, Case>,
    /// How many answers of a state of an execution have been used.
    used: Mutex<HashMap<(Arc<str>, String), usize>>,
    /// Who returns task tokens: over the API, as a worker would.
    client: OnceLock<Client>,
}

impl Recorded {
    /// Those of the cases.
    pub fn of(cases: &[Case]) -> Self {
        let named = cases.iter().map(|case| (case.name("state_machine"), case.clone()));
        Self(Arc::new(Shared { cases: named.collect(), ..Shared::default() }))
    }

    /// Where task tokens are returned.
    pub fn answer_through(&self, client: Client) {
        // A second server of the same cases does not come up.
        let _ = self.0.client.set(client);
    }

    fn case(&self, call: &TaskCall) -> Option<&Case> {
        self.0.cases.get(call.state_machine.rsplit(':').next()?)
    }

    fn answers(&self, call: &TaskCall) -> Vec<Value> {
        let Some(case) = self.case(call) else { return Vec::new() };
        let script = case.json["task_script"].as_array().into_iter().flatten();
        script.filter(|answer| answer["state"] == call.request.state.as_ref()).cloned().collect()
    }

    fn next(&self, call: &TaskCall) -> Option<Value> {
        let key = (Arc::clone(&call.execution), call.request.state.to_string());
        let mut used = self.0.used.lock().unwrap_or_else(PoisonError::into_inner);
        let used = used.entry(key).or_default();
        *used += 1;
        self.answers(call).into_iter().nth(*used - 1)
    }

    async fn scripted(self, call: TaskCall, answer: Value) -> TaskResult {
        let result = &answer["result"];
        let event = answer["event"].as_str().unwrap_or_default();
        let plain = call.request.integration == Integration::LambdaFunction;
        let waits = matches!(
            &call.request.integration,
            Integration::Service { pattern: Pattern::WaitForTaskToken, .. }
        );
        if answer["submitted"].is_object() {
            call.submitted(payload(&answer["submitted"]["output"]));
        }
        let error = result["error"].as_str().map(ToOwned::to_owned);
        let cause = text(&result["cause"], plain);
        if event.ends_with("TimedOut") {
            if call.request.timeout_seconds.is_some() || call.request.heartbeat_seconds.is_some() {
                return pending().await;
            }
            return Err(TaskError::new("States.Timeout", ""));
        }
        let submitted = answer["submitted"].is_object();
        if waits && submitted {
            let token = call.token().map(|token| token.0.to_string());
            let (operation, request) = if event.ends_with("Succeeded") {
                let output = payload(&result["output"]).text().into_owned();
                ("SendTaskSuccess", json!({"taskToken": token, "output": output}))
            } else {
                let mut request = json!({"taskToken": token});
                for (name, text) in [("error", &error), ("cause", &cause)] {
                    if let (Some(members), Some(text)) = (request.as_object_mut(), text) {
                        members.insert(name.into(), text.as_str().into());
                    }
                }
                ("SendTaskFailure", request)
            };
            if let Some(client) = self.0.client.get() {
                // A refusal shows in the case's result.
                let _ = client.call(operation, &request).await;
            }
            return pending().await;
        }
        if event.ends_with("Succeeded") {
            Ok(payload(&result["output"]))
        } else {
            Err(TaskError {
                error: error.map(Into::into),
                cause: cause.map(Into::into),
                ..TaskError::default()
            })
        }
    }
}

impl TaskService for Recorded {
    fn accepts(&self, _: &str, _: &Integration) -> bool {
        true
    }

    fn accepts_call(&self, call: &TaskCall) -> bool {
        !self.answers(call).is_empty() || call.request.resource.starts_with("arn:aws:states:::s3:")
    }

    fn call(&self, call: TaskCall) -> TaskFuture {
        let recorded = self.clone();
        Box::pin(async move {
            if call.request.resource.starts_with("arn:aws:states:::s3:")
                && let Some(body) = recorded.case(&call).and_then(|case| file(case, call.input()))
            {
                return Ok(Payload::from(json!({"Body": body})));
            }
            match recorded.next(&call) {
                Some(answer) => recorded.scripted(call, answer).await,
                None => Err(TaskError::new("States.Runtime", "The script has no further answer.")),
            }
        })
    }
}

/// The file that an `ItemReader` reads, from the calls that set the case up.
fn file(case: &Case, parameters: &Payload) -> Option<String> {
    let asked = parameters.value();
    let mut calls = case.json["setup_calls"].as_array()?.iter().map(|call| &call[2]);
    let put = calls.find(|put| put["Bucket"] == asked["Bucket"] && put["Key"] == asked["Key"])?;
    put["Body"].as_str().map(ToOwned::to_owned)
}

/// The Lambda stubs of all cases, by function name.
pub fn functions(cases: &[Case]) -> Functions {
    let mut functions = Functions::new();
    for case in cases {
        for (name, stub) in case.json["lambdas"].as_object().into_iter().flatten() {
            let stub = stub.clone();
            functions = functions.with(name, move |payload, call| stubbed(stub.clone(), payload, call));
        }
    }
    functions
}

async fn stubbed(stub: Value, payload: Payload, call: TaskCall) -> TaskResult {
    let plain = call.request.integration == Integration::LambdaFunction;
    match stub["stub"].as_str().unwrap_or_default() {
        "sleep" => pending().await,
        "raise" => {
            let error = stub["errorType"].as_str().unwrap_or_default();
            let cause = json!({
                "errorMessage": stub["errorMessage"],
                "errorType": error,
                "requestId": "00000000-0000-0000-0000-000000000000",
                "stackTrace": [
                    "  File \"/var/task/handler.py\", line 2, in handler\n    \
                     raise Exception(\"Some exception was raised.\")\n"
                ],
            });
            Err(TaskError::new(error, text(&cause, plain).unwrap_or_default()))
        }
        "const" => Ok(Payload::from(stub["value"].clone())),
        // The runtime writes what Python returns; the length that the headers show is of that text.
        _ => Ok(Payload::parse(&python_dumps(payload.value())).unwrap_or(payload)),
    }
}

/// A recorded output: parsed already, or still a text.
fn payload(value: &Value) -> Payload {
    match value {
        Value::String(text) => Payload::parse(text).unwrap_or_else(|_| Payload::from(value.clone())),
        other => Payload::from(other.clone()),
    }
}

/// A recorded text that may have been parsed, as a text again.
fn text(value: &Value, python: bool) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other if python => Some(python_dumps(other)),
        other => Some(other.to_string()),
    }
}

/// As Python's `json.dumps` writes it, with blanks after separators.
fn python_dumps(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members: Vec<String> = members
                .iter()
                .map(|(key, value)| format!("{}: {}", Value::String(key.clone()), python_dumps(value)))
                .collect();
            format!("{{{}}}", members.join(", "))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(python_dumps).collect();
            format!("[{}]", items.join(", "))
        }
        other => other.to_string(),
    }
}
