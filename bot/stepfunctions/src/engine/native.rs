//! Tasks that the engine does itself: starting executions, and calling its own API as an SDK integration.

use deputy_asl::{Integration, Pattern, Payload};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::core::Answered;
use super::instance::Parent;
use super::start::uuid_text;
use super::{Engine, WeakEngine};
use crate::error::ApiError;
use crate::tasks::{TaskCall, TaskError, TaskResult};

/// AWS's code for a name that is taken.
const EXISTS: &str = "ExecutionAlreadyExists";

/// Does a task of the engine's own.
pub(crate) async fn run(engine: WeakEngine, call: TaskCall) -> Answered {
    let Some(engine) = engine.upgrade() else { return Answered::Elsewhere };
    let Integration::Service { name, pattern } = &call.request.integration else {
        return Answered::Elsewhere;
    };
    let action = name.resource.split('.').next().unwrap_or_default().to_owned();
    if name.resource_type.as_ref() == "states" {
        if action != "startExecution" {
            return Answered::With(Err(TaskError::new(
                "States.Runtime",
                format!("states:{action} is not known."),
            )));
        }
        return match start_execution(&engine, &call, *pattern, name.resource.ends_with(".sync:2")).await {
            Ok(answer) if *pattern == Pattern::Sync => {
                call.submitted(answer);
                Answered::Elsewhere
            }
            result => Answered::With(result),
        };
    }
    Answered::With(sdk(&engine, &action, &call).await)
}

/// `states:startExecution`, with AWS's envelope around the answer.
async fn start_execution(
    engine: &Engine,
    call: &TaskCall,
    pattern: Pattern,
    output_as_json: bool,
) -> TaskResult {
    let mut request = lower(call.input().value());
    let derived = name_it(&mut request, call);
    let parent = (pattern == Pattern::Sync).then(|| Parent::Task {
        execution: call.id,
        task: call.request.task,
        output_as_json,
    });
    let started = match crate::api::start_execution(engine, &request, parent).await {
        Err(error) if derived && error.code == EXISTS => started_before(engine, &request, call).await,
        result => result,
    };
    let started = started.map_err(|error| failed("StepFunctions", "AWSStepFunctions", &error))?;
    let answer = upper(&started, true);
    Ok(Payload::from(envelope(answer)))
}

/// `aws-sdk:sfn:…`
async fn sdk(engine: &Engine, action: &str, call: &TaskCall) -> TaskResult {
    let mut operation = action.to_owned();
    if let Some(first) = operation.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let mut request = lower(call.input().value());
    let derived = operation == "StartExecution" && name_it(&mut request, call);
    let answer = match Box::pin(crate::api::call(engine, &operation, &request)).await {
        Err(error) if derived && error.code == EXISTS => started_before(engine, &request, call).await,
        answer => answer,
    };
    answer.map(|answer| Payload::from(upper(&answer, false))).map_err(|error| {
        let mut name = error.code.to_owned();
        if !name.ends_with("Exception") {
            name.push_str("Exception");
        }
        let cause = format!(
            "{} (Service: Sfn, Status Code: {}, Request ID: {}) (SDK Attempt Count: 1)",
            error.message,
            error.status,
            super::random_uuid()
        );
        TaskError::new(&format!("Sfn.{name}"), cause)
    })
}

/// Gives the execution to start a name, if the request has none. The name is derived, so that a repetition after a crash
/// finds the execution that it started before. Says whether it was needed.
fn name_it(request: &mut Value, call: &TaskCall) -> bool {
    let Some(members) = request.as_object_mut() else { return false };
    let derived = !members.contains_key("name");
    members.entry("name").or_insert_with(|| derived_name(call).into());
    derived
}

/// The answer to a request that was carried out before a crash. What it started is over already: nobody else has that name.
async fn started_before(engine: &Engine, request: &Value, call: &TaskCall) -> Result<Value, ApiError> {
    let machine = request.get("stateMachineArn").and_then(Value::as_str).unwrap_or_default();
    let name = derived_name(call);
    let arn = format!("{}:{name}", machine.replacen(":stateMachine:", ":execution:", 1));
    let described =
        Box::pin(crate::api::call(engine, "DescribeExecution", &json!({"executionArn": arn}))).await?;
    Ok(json!({"executionArn": arn, "startDate": described["startDate"]}))
}

fn derived_name(call: &TaskCall) -> String {
    uuid_text(&Sha256::digest(call.idempotency_key().as_bytes()))
}

fn failed(prefix: &str, service: &str, error: &ApiError) -> TaskError {
    let mut name = error.code.to_owned();
    if !name.ends_with("Exception") {
        name.push_str("Exception");
    }
    let cause = format!(
        "{} (Service: {service}; Status Code: {}; Error Code: {}; Request ID: {}; Proxy: null)",
        error.message,
        error.status,
        error.code,
        super::random_uuid()
    );
    TaskError::new(&format!("{prefix}.{name}"), cause)
}

/// The request as the API wants it: names in lower camel case, documents as texts.
fn lower(request: &Value) -> Value {
    let Value::Object(members) = request else { return request.clone() };
    let lowered = members.iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| {
        let name = recase(name, char::to_ascii_lowercase);
        let document = matches!(name.as_str(), "input" | "output") && !value.is_string();
        let value = if document { Value::String(value.to_string()) } else { value.clone() };
        (name, value)
    });
    Value::Object(lowered.collect())
}

/// The answer as a state machine sees it: names in upper camel case, times in milliseconds or as text.
fn upper(answer: &Value, millis: bool) -> Value {
    match answer {
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(name, value)| {
                    let is_date = name.ends_with("Date") || name == "timestamp";
                    let value = match value.as_f64() {
                        #[allow(clippy::cast_possible_truncation)] // Seconds of this millennium.
                        Some(seconds) if is_date => {
                            let at = deputy_asl::Timestamp((seconds * 1000.0).round() as i64);
                            if millis { at.0.into() } else { at.to_string().into() }
                        }
                        _ => upper(value, millis),
                    };
                    (recase(name, char::to_ascii_uppercase), value)
                })
                .collect::<Map<_, _>>(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(|item| upper(item, millis)).collect()),
        other => other.clone(),
    }
}

fn recase(name: &str, case: impl Fn(&char) -> char) -> String {
    let mut characters = name.chars();
    characters.next().map(|first| case(&first)).into_iter().chain(characters).collect()
}

/// What optimised integrations wrap around an answer.
fn envelope(answer: Value) -> Value {
    let id = super::random_uuid();
    let length = answer.to_string().len().to_string();
    let date = crate::tasks::aws::http_date();
    let mut members = match answer {
        Value::Object(members) => members,
        other => return other,
    };
    members.insert(
        "SdkHttpMetadata".into(),
        json!({
            "AllHttpHeaders": {
                "connection": ["keep-alive"],
                "Content-Length": [length],
                "Content-Type": ["application/x-amz-json-1.0"],
                "Date": [date],
                "x-amzn-RequestId": [id],
            },
            "HttpHeaders": {
                "connection": "keep-alive",
                "Content-Length": length,
                "Content-Type": "application/x-amz-json-1.0",
                "Date": date,
                "x-amzn-RequestId": id,
            },
            "HttpStatusCode": 200,
        }),
    );
    members.insert("SdkResponseMetadata".into(), json!({"RequestId": id}));
    Value::Object(members)
}
