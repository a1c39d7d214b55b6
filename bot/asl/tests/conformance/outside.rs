//! The services of a case: recorded answers, or what the Lambda stubs would have answered.

use std::collections::HashMap;

use deputy_asl::{EventKind, FailureStage, Integration, Payload, ReaderRequest, TaskRequest};
use serde_json::{Value, json};

use crate::support::Outside;

pub struct Recorded<'c> {
    case: &'c Value,
    /// How many answers of a state have been used.
    used: HashMap<String, usize>,
}

impl<'c> Recorded<'c> {
    pub fn of_case(case: &'c Value) -> Self {
        Self { case, used: HashMap::new() }
    }

    fn next_answer(&mut self, state: &str) -> Option<&'c Value> {
        let used = self.used.entry(state.to_owned()).or_default();
        let mut answers =
            self.case["task_script"].as_array()?.iter().filter(|answer| answer["state"] == state).skip(*used);
        *used += 1;
        answers.next()
    }

    fn worker(&self) -> Option<String> {
        let events = self.case["events"].as_array()?;
        let started = events.iter().find(|event| event["type"] == "ActivityStarted")?;
        started["activityStartedEventDetails"]["workerName"].as_str().map(str::to_owned)
    }

    fn scripted(&self, request: &TaskRequest, answer: &Value) -> Vec<(i64, EventKind)> {
        let task = request.task;
        let mut reports = vec![(0, EventKind::TaskStarted { task, worker: self.worker() })];
        if answer["submitted"].is_object() {
            let output = payload(&answer["submitted"]["output"]);
            reports.push((0, EventKind::TaskSubmitted { task, output }));
        }
        let result = &answer["result"];
        let event = answer["event"].as_str().unwrap_or_default();
        // Lambda's own service answers compactly; Python functions called directly put blanks after separators.
        let python = request.integration == Integration::LambdaFunction;
        let error = result["error"].as_str().map(Into::into);
        let cause = text(&result["cause"], python).map(Into::into);
        if event.ends_with("Succeeded") {
            reports.push((0, EventKind::TaskSucceeded { task, output: payload(&result["output"]) }));
        } else if event.ends_with("TimedOut") {
            // The execution's own clock has to notice.
            if request.timeout_seconds.is_none() && request.heartbeat_seconds.is_none() {
                reports.push((0, EventKind::TaskTimedOut { task, error, cause }));
            }
        } else {
            reports.push((0, EventKind::TaskFailed { task, stage: FailureStage::Run, error, cause }));
        }
        reports
    }

    /// The stub of the function that the request names.
    fn stub(&self, request: &TaskRequest) -> Option<&'c Value> {
        let stubs = self.case["lambdas"].as_object()?;
        let named = match request.integration {
            Integration::LambdaFunction => request.resource.to_string(),
            _ => request.parameters.value()["FunctionName"].as_str()?.to_owned(),
        };
        stubs.iter().find(|(name, _)| named.ends_with(name.as_str())).map(|(_, stub)| stub)
    }

    fn stubbed(&self, request: &TaskRequest) -> Vec<(i64, EventKind)> {
        let task = request.task;
        let is_service = request.integration != Integration::LambdaFunction;
        let failed = |error: &str, cause: String| EventKind::TaskFailed {
            task,
            stage: FailureStage::Run,
            error: Some(error.into()),
            cause: Some(cause.into()),
        };
        let Some(stub) = self.stub(request) else {
            return vec![(0, failed("Lambda.ResourceNotFoundException", "Function not found".into()))];
        };
        let input =
            if is_service { &request.parameters.value()["Payload"] } else { request.parameters.value() };
        let kind = match stub["stub"].as_str() {
            Some("sleep") => return vec![(0, EventKind::TaskStarted { task, worker: None })],
            Some("raise") => {
                let error = stub["errorType"].as_str().unwrap_or_default();
                let cause = json!({
                    "errorMessage": stub["errorMessage"],
                    "errorType": error,
                    "requestId": "<uuid:1>",
                    "stackTrace": ["  File \"/var/task/handler.py\", line 2, in handler\n    raise Exception(\"Some exception was raised.\")\n"],
                });
                failed(error, text(&cause, !is_service).unwrap_or_default())
            }
            _ => {
                let output = if is_service { invocation(input) } else { input.clone() };
                EventKind::TaskSucceeded { task, output: Payload::from(output) }
            }
        };
        vec![(0, kind)]
    }
}

impl Outside for Recorded<'_> {
    fn task(&mut self, request: &TaskRequest) -> Vec<(i64, EventKind)> {
        match self.next_answer(&request.state) {
            Some(answer) => self.scripted(request, answer),
            None => self.stubbed(request),
        }
    }

    fn file(&mut self, request: &ReaderRequest) -> Vec<u8> {
        let calls = self.case["setup_calls"].as_array().into_iter().flatten();
        let put = calls.map(|call| &call[2]).find(|put| {
            let asked = request.parameters.value();
            put["Bucket"] == asked["Bucket"] && put["Key"] == asked["Key"]
        });
        put.and_then(|put| put["Body"].as_str()).unwrap_or_default().as_bytes().to_vec()
    }
}

/// What `lambda:invoke` answers around a function's result.
fn invocation(payload: &Value) -> Value {
    let length = python_dumps(payload).len().to_string();
    json!({
        "ExecutedVersion": "$LATEST",
        "Payload": payload,
        "SdkHttpMetadata": {
            "AllHttpHeaders": {
                "X-Amz-Executed-Version": ["$LATEST"], "x-amzn-Remapped-Content-Length": ["0"],
                "Connection": ["keep-alive"], "x-amzn-RequestId": "x-amzn-RequestId", "Content-Length": [length],
                "Date": "date", "X-Amzn-Trace-Id": "X-Amzn-Trace-Id", "Content-Type": ["application/json"],
            },
            "HttpHeaders": {
                "Connection": "keep-alive", "Content-Length": length, "Content-Type": "application/json",
                "Date": "date", "X-Amz-Executed-Version": "$LATEST", "x-amzn-Remapped-Content-Length": "0",
                "x-amzn-RequestId": "x-amzn-RequestId", "X-Amzn-Trace-Id": "X-Amzn-Trace-Id",
            },
            "HttpStatusCode": 200,
        },
        "SdkResponseMetadata": {"RequestId": "RequestId"},
        "StatusCode": 200,
    })
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
