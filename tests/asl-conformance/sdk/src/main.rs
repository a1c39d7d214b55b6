//! The conformance run with AWS's own SDK as the client of all that executions need: what it sends is what the server must
//! understand, and what the server answers must be what it takes apart.
//!
//! ```console
//! $ cargo run --manifest-path tests/asl-conformance/sdk/Cargo.toml -- cases.jsonl --tier ABCD
//! ```

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use asl_conformance::client::{Answering, Client as Raw, Failed, Transport};
use aws_sdk_sfn::Client;
use aws_sdk_sfn::config::{BehaviorVersion, Region};
use aws_sdk_sfn::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sfn::types::StateMachineType;
use serde_json::{Map, Value, json};

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    asl_conformance::run::run(|server| Some(transport(server))).await
}

/// Calls through the SDK, where it is known how.
fn transport(server: SocketAddr) -> Transport {
    let config = aws_sdk_sfn::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(format!("http://{server}"))
        .region(Region::new("us-east-1"))
        // On loopback the server lets everybody in.
        .allow_no_auth()
        .build();
    let sdk = Client::from_conf(config);
    let raw = Raw::new(server);
    Arc::new(move |operation, request| {
        let (sdk, raw, request) = (sdk.clone(), raw.clone(), request.clone());
        Some(match operation {
            "CreateStateMachine" if only(&request, &["name", "definition", "roleArn", "type"]) => {
                Box::pin(create(sdk, request)) as Answering
            }
            "CreateActivity" if only(&request, &["name"]) => Box::pin(create_activity(sdk, request)),
            "StartExecution" if only(&request, &["stateMachineArn", "name", "input"]) => {
                Box::pin(start(sdk, request))
            }
            // Not StartSyncExecution: the SDK would ask the host sync-127.0.0.1.
            "DescribeExecution" => Box::pin(describe(sdk, request)),
            "GetExecutionHistory" => Box::pin(history(sdk, raw, request)),
            "GetActivityTask" => Box::pin(activity_task(sdk, request)),
            "SendTaskSuccess" => Box::pin(success(sdk, request)),
            "SendTaskFailure" => Box::pin(failure(sdk, request)),
            "SendTaskHeartbeat" => Box::pin(heartbeat(sdk, request)),
            _ => return None,
        })
    })
}

/// Whether a request has texts in no other members than these.
fn only(request: &Value, names: &[&str]) -> bool {
    let members = request.as_object().into_iter().flatten();
    members.into_iter().all(|(name, value)| names.contains(&name.as_str()) && value.is_string())
}

fn text(request: &Value, name: &str) -> Option<String> {
    request[name].as_str().map(ToOwned::to_owned)
}

/// An error in the form of the run.
fn failed<E>(error: SdkError<E>) -> Failed
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let status = error.raw_response().map_or(0, |response| response.status().as_u16());
    let code = error.code().unwrap_or("Transport").to_owned();
    let message = error.message().map_or_else(|| format!("{error:?}"), ToOwned::to_owned);
    Failed::Service { code, message, status }
}

/// Those members that have a value.
fn object<const N: usize>(members: [(&str, Option<String>); N]) -> Value {
    let members =
        members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Value::String(value?))));
    Value::Object(members.collect::<Map<_, _>>())
}

async fn create(sdk: Client, request: Value) -> Result<Value, Failed> {
    let answer = sdk
        .create_state_machine()
        .set_name(text(&request, "name"))
        .set_definition(text(&request, "definition"))
        .set_role_arn(text(&request, "roleArn"))
        .set_type(text(&request, "type").map(|kind| StateMachineType::from(kind.as_str())))
        .send()
        .await
        .map_err(failed)?;
    Ok(json!({"stateMachineArn": answer.state_machine_arn()}))
}

async fn create_activity(sdk: Client, request: Value) -> Result<Value, Failed> {
    let answer = sdk.create_activity().set_name(text(&request, "name")).send().await.map_err(failed)?;
    Ok(json!({"activityArn": answer.activity_arn()}))
}

async fn start(sdk: Client, request: Value) -> Result<Value, Failed> {
    let answer = sdk
        .start_execution()
        .set_state_machine_arn(text(&request, "stateMachineArn"))
        .set_name(text(&request, "name"))
        .set_input(text(&request, "input"))
        .send()
        .await
        .map_err(failed)?;
    Ok(json!({"executionArn": answer.execution_arn()}))
}

async fn describe(sdk: Client, request: Value) -> Result<Value, Failed> {
    let answer = sdk
        .describe_execution()
        .set_execution_arn(text(&request, "executionArn"))
        .send()
        .await
        .map_err(failed)?;
    Ok(object([
        ("executionArn", Some(answer.execution_arn().to_owned())),
        ("status", Some(answer.status().as_str().to_owned())),
        ("output", answer.output().map(ToOwned::to_owned)),
        ("error", answer.error().map(ToOwned::to_owned)),
        ("cause", answer.cause().map(ToOwned::to_owned)),
    ]))
}

/// The history as the server wrote it, once the SDK has read the same page and found the same events in it.
async fn history(sdk: Client, raw: Raw, request: Value) -> Result<Value, Failed> {
    let page = sdk
        .get_execution_history()
        .set_execution_arn(text(&request, "executionArn"))
        .set_next_token(text(&request, "nextToken"))
        .max_results(1000)
        .send()
        .await
        .map_err(failed)?;
    let written = raw.call("GetExecutionHistory", &request).await?;
    let typed: Vec<Value> = page
        .events()
        .iter()
        .map(|event| json!([event.id(), event.previous_event_id(), event.r#type().as_str()]))
        .collect();
    let events = written["events"].as_array().into_iter().flatten();
    let plain: Vec<Value> =
        events.map(|event| json!([event["id"], event["previousEventId"], event["type"]])).collect();
    if typed == plain {
        return Ok(written);
    }
    let message = format!("the SDK read {} and the server wrote {}", json!(typed), json!(plain));
    Err(Failed::Service { code: "Sdk".into(), message, status: 200 })
}

async fn activity_task(sdk: Client, request: Value) -> Result<Value, Failed> {
    let answer = sdk
        .get_activity_task()
        .set_activity_arn(text(&request, "activityArn"))
        .set_worker_name(text(&request, "workerName"))
        .send()
        .await
        .map_err(failed)?;
    let (token, input) = (answer.task_token(), answer.input());
    Ok(object([("taskToken", token.map(ToOwned::to_owned)), ("input", input.map(ToOwned::to_owned))]))
}

async fn success(sdk: Client, request: Value) -> Result<Value, Failed> {
    let call = sdk.send_task_success().set_task_token(text(&request, "taskToken"));
    call.set_output(text(&request, "output")).send().await.map_err(failed)?;
    Ok(json!({}))
}

async fn failure(sdk: Client, request: Value) -> Result<Value, Failed> {
    let call = sdk.send_task_failure().set_task_token(text(&request, "taskToken"));
    let call = call.set_error(text(&request, "error")).set_cause(text(&request, "cause"));
    call.send().await.map_err(failed)?;
    Ok(json!({}))
}

async fn heartbeat(sdk: Client, request: Value) -> Result<Value, Failed> {
    let call = sdk.send_task_heartbeat().set_task_token(text(&request, "taskToken"));
    call.send().await.map_err(failed)?;
    Ok(json!({}))
}
