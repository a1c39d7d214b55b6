//! Tiers A to D: executions, driven as a user drives them.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use crate::cases::{Case, text_of};
use crate::client::{Client, Failed};
use crate::compare::{Wildcards, normalise, normalise_parallel};

/// How long a case may take. The slowest recorded one waits for a timeout of five seconds twice.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a case came to.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// What was answered.
    pub actual: Value,
    /// The first difference of the result.
    pub result: Option<String>,
    /// The first difference of the history, if one was recorded.
    pub history: Option<Option<String>>,
}

/// Runs a case.
///
/// # Errors
/// What the API refused.
pub async fn run(client: &Client, case: &Case) -> Answer {
    match attempt(client, case).await {
        Ok(answer) => answer,
        Err((operation, failed)) => {
            let text = failed.text(operation);
            let history = case.json["events"].is_array().then(|| Some(text.clone()));
            Answer { actual: json!({"refused": text}), result: Some(format!("refused: {text}")), history }
        }
    }
}

async fn attempt(client: &Client, case: &Case) -> Result<Answer, (&'static str, Failed)> {
    prepare(client, case).await;
    let create = json!({
        "name": case.name("state_machine"),
        "definition": case.definition(),
        "roleArn": case.role(),
        "type": if case.is_express() { "EXPRESS" } else { "STANDARD" },
    });
    let call = async |operation: &'static str, request: Value| {
        client.call(operation, &request).await.map_err(|failed| (operation, failed))
    };
    let machine = call("CreateStateMachine", create).await?["stateMachineArn"].clone();
    let start = json!({
        "stateMachineArn": machine,
        "name": case.name("execution"),
        "input": text_of_input(case),
    });
    if case.is_express() {
        let ended = call("StartSyncExecution", start).await?;
        return Ok(judge(case, &ended, None));
    }
    let worker = worker(client.clone(), case.clone());
    let worker = worker.map(tokio::spawn);
    let execution = call("StartExecution", start).await?["executionArn"].clone();
    let since = Instant::now();
    let mut pause = Duration::from_millis(2);
    let ended = loop {
        let described = call("DescribeExecution", json!({"executionArn": execution})).await?;
        if described["status"] != "RUNNING" || since.elapsed() > PATIENCE {
            break described;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(200));
    };
    if let Some(worker) = worker {
        worker.abort();
    }
    let mut events = Vec::new();
    if case.json["events"].is_array() {
        let mut token = Value::Null;
        loop {
            let mut request = json!({"executionArn": execution, "maxResults": 1000});
            if let (Some(members), true) = (request.as_object_mut(), token.is_string()) {
                members.insert("nextToken".into(), token.clone());
            }
            let page = call("GetExecutionHistory", request).await?;
            events.extend(page["events"].as_array().cloned().unwrap_or_default());
            token = page["nextToken"].clone();
            if !token.is_string() {
                break;
            }
        }
    }
    Ok(judge(case, &ended, Some(events)))
}

/// Inputs are recorded parsed; a text is the JSON document of a text.
fn text_of_input(case: &Case) -> String {
    match case.json.get("input") {
        None | Some(Value::Null) => "{}".into(),
        Some(input) => input.to_string(),
    }
}

/// Makes the machines and activities that the case refers to.
async fn prepare(client: &Client, case: &Case) {
    for (arn, definition) in case.json["aux_state_machines"].as_object().into_iter().flatten() {
        let name = arn.rsplit(':').next().unwrap_or_default();
        let create = json!({"name": name, "definition": text_of(definition), "roleArn": case.role()});
        // A refusal shows in the case's result.
        let _ = client.call("CreateStateMachine", &create).await;
    }
    if case.tier() == "C"
        && let Some(name) = activity(case)
    {
        let _ = client.call("CreateActivity", &json!({"name": name})).await;
    }
}

fn activity(case: &Case) -> Option<String> {
    let definition = case.definition();
    let (_, rest) = definition.split_once(":activity:")?;
    Some(rest.split('"').next()?.to_owned())
}

/// The worker of a case with an activity: does what the recorded one did.
fn worker(client: Client, case: Case) -> Option<impl Future<Output = ()> + Send> {
    let name = activity(&case)?;
    let script = case.json["task_script"].as_array()?.first()?.clone();
    Some(async move {
        let arn = format!("arn:aws:states:us-east-1:111111111111:activity:{name}");
        let events = case.json["events"].as_array().into_iter().flatten();
        let worker = events
            .filter_map(|event| event["activityStartedEventDetails"]["workerName"].as_str())
            .next()
            .map(ToOwned::to_owned);
        let mut request = json!({"activityArn": arn});
        if let (Some(members), Some(worker)) = (request.as_object_mut(), worker) {
            members.insert("workerName".into(), worker.into());
        }
        let Ok(task) = client.call("GetActivityTask", &request).await else { return };
        let token = task["taskToken"].clone();
        let result = &script["result"];
        let event = script["event"].as_str().unwrap_or_default();
        if event.ends_with("Succeeded") {
            let _ = client.call("SendTaskHeartbeat", &json!({"taskToken": token})).await;
            let answer = json!({"taskToken": token, "output": task["input"]});
            let _ = client.call("SendTaskSuccess", &answer).await;
        } else if event.ends_with("Failed") {
            let mut answer = Map::from_iter([("taskToken".to_owned(), token)]);
            for name in ["error", "cause"] {
                if !result[name].is_null() {
                    answer.insert(name.into(), text_of(&result[name]).into());
                }
            }
            let _ = client.call("SendTaskFailure", &Value::Object(answer)).await;
        }
    })
}

fn judge(case: &Case, ended: &Value, events: Option<Vec<Value>>) -> Answer {
    let wildcards = Wildcards::of_case(&case.json);
    let expect = &case.json["expect"];
    let mut expected = Map::new();
    let mut actual = Map::new();
    for key in ["status", "output", "error", "cause"] {
        if let Some(value) = expect.get(key) {
            expected.insert(key.into(), value.clone());
        }
        let value = match (key, &ended[key]) {
            (_, Value::Null) => continue,
            ("output", Value::String(text)) => {
                serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into())
            }
            (_, value) => value.clone(),
        };
        actual.insert(key.into(), value);
    }
    let (expected, actual) = (Value::Object(expected), Value::Object(actual));
    let result = wildcards.difference(&expected, &actual).map(|path| {
        let key = path.trim_start_matches("$.").split(['.', '[', '(']).next().unwrap_or_default();
        format!("{path}: expected {} got {}", short(&expected[key]), short(&actual[key]))
    });
    let mut answer = Answer { actual: json!({"result": actual}), result, history: None };
    if let (Some(recorded), Some(events)) = (case.json["events"].as_array(), events) {
        let mut events = normalise(events.into_iter().map(untimed).collect());
        if case.json["events_order"] == "parallel-normalised" {
            events = normalise_parallel(events);
        }
        let recorded = normalise(recorded.clone());
        let different = recorded.iter().zip(&events).enumerate().find_map(|(index, (expected, actual))| {
            let path = wildcards.difference(expected, actual)?;
            Some(format!("[{index}]{path}: expected {} got {}", short(expected), short(actual)))
        });
        let different = different.or_else(|| {
            let same = recorded.len() == events.len();
            (!same).then(|| format!("length {} != {}", recorded.len(), events.len()))
        });
        answer.actual["events"] = Value::Array(events);
        answer.history = Some(different);
    }
    answer
}

fn untimed(mut event: Value) -> Value {
    if let Some(members) = event.as_object_mut() {
        members.remove("timestamp");
    }
    event
}

/// The beginning of a value, for a report.
pub fn short(value: &Value) -> String {
    value.to_string().chars().take(600).collect()
}
