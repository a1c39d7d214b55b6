//! What a single request presupposes: the recordings hold the request only, and its answer tells what was there.

use serde_json::{Map, Value, json};

use crate::cases::{Case, text_of};
use crate::client::Client;

const PASS: &str = r#"{"StartAt":"S","States":{"S":{"Type":"Pass","End":true}}}"#;
const OTHER: &str = r#"{"Comment":"earlier","StartAt":"S","States":{"S":{"Type":"Pass","End":true}}}"#;
const WAIT: &str = r#"{"StartAt":"S","States":{"S":{"Type":"Wait","Seconds":3600,"End":true}}}"#;
const ROLE: &str = "arn:aws:iam::111111111111:role/role";

/// Brings the server into the state before the request; says the request as it is to be sent.
pub async fn before(client: &Client, case: &Case, operation: &str, request: Value) -> Value {
    let expect = &case.json["expect"];
    let mut request = request;
    let arn = |name: &str| request[name].as_str().unwrap_or_default().to_owned();
    let machine = name_of(&arn("stateMachineArn"));
    // An answer that says that something is missing wants it missing.
    let missing = expect.to_string().contains("DoesNotExist");
    match operation {
        "CreateStateMachine" => {
            if expect.to_string().contains("AlreadyExists") {
                create(client, request["name"].as_str().unwrap_or_default(), OTHER, ROLE, &Value::Null).await;
            }
            put(&mut request, "roleArn", ROLE.into());
        }
        "UpdateStateMachine" => {
            create(client, &machine, OTHER, ROLE, &Value::Null).await;
            // The recordings leave roles out.
            if request.as_object().is_some_and(|members| members.len() == 1) {
                put(&mut request, "roleArn", format!("{ROLE}-2").into());
            }
        }
        "DescribeStateMachine" if !missing => described(client, &arn("stateMachineArn"), expect).await,
        "DescribeStateMachineForExecution" if !missing => {
            let machine = expect["stateMachineArn"].as_str().unwrap_or_default().to_owned();
            described(client, &machine, expect).await;
            start(client, &arn("executionArn")).await;
        }
        "CreateStateMachineAlias" => {
            let routes = request["routingConfiguration"].as_array().cloned().unwrap_or_default();
            for route in routes {
                versions(client, route["stateMachineVersionArn"].as_str().unwrap_or_default()).await;
            }
        }
        "DescribeStateMachineAlias" if !missing => {
            let routes = expect["routingConfiguration"].as_array().cloned().unwrap_or_default();
            for route in &routes {
                versions(client, route["stateMachineVersionArn"].as_str().unwrap_or_default()).await;
            }
            let alias = json!({
                "name": expect["name"], "description": expect["description"], "routingConfiguration": routes,
            });
            quietly(client, "CreateStateMachineAlias", &alias).await;
        }
        "TagResource" | "UntagResource" | "ListTagsForResource" | "PublishStateMachineVersion" => {
            let resource = format!("{}{}", arn("resourceArn"), arn("stateMachineArn"));
            create(client, &name_of(&resource), PASS, ROLE, &expect["tags"]).await;
        }
        "StartExecution" | "StartSyncExecution" => {
            let express = operation == "StartSyncExecution" && !expect.to_string().contains("NotSupported");
            let kind = if express { "EXPRESS" } else { "STANDARD" };
            let create = json!({"name": machine, "definition": PASS, "roleArn": ROLE, "type": kind});
            quietly(client, "CreateStateMachine", &create).await;
            if request.get("name").is_none()
                && let Some(name) = expect["executionArn"].as_str().and_then(|arn| arn.rsplit(':').next())
                && !name.contains('<')
            {
                put(&mut request, "name", name.into());
            }
        }
        "StopExecution" | "DescribeExecution" if !missing => {
            let execution = arn("executionArn");
            let machine = execution.split(':').nth(6).unwrap_or_default().to_owned();
            create(client, &machine, WAIT, ROLE, &Value::Null).await;
            start(client, &execution).await;
        }
        "ListExecutions" => {
            create(client, &machine, PASS, ROLE, &Value::Null).await;
            for execution in expect["executions"].as_array().into_iter().flatten() {
                let execution = execution["executionArn"].as_str().unwrap_or_default();
                start(client, execution).await;
                settled(client, execution).await;
            }
        }
        "DescribeActivity" | "DeleteActivity" | "GetActivityTask" if !missing => {
            let name = name_of(&arn("activityArn"));
            quietly(client, "CreateActivity", &json!({"name": name})).await;
        }
        _ => {}
    }
    request
}

/// Calls; what goes wrong here shows in the request that follows.
async fn quietly(client: &Client, operation: &str, request: &Value) {
    let request: Map<String, Value> = request
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let _ = client.call(operation, &Value::Object(request)).await;
}

async fn create(client: &Client, name: &str, definition: &str, role: &str, tags: &Value) {
    let create = json!({"name": name, "definition": definition, "roleArn": role, "tags": tags});
    quietly(client, "CreateStateMachine", &create).await;
}

/// A machine that will be described as `expect` says.
async fn described(client: &Client, arn: &str, expect: &Value) {
    let create = json!({
        "name": name_of(arn),
        "definition": text_of(&expect["definition"]),
        "roleArn": expect["roleArn"],
        "type": expect["type"],
        "loggingConfiguration": logging(&expect["loggingConfiguration"]),
        "tracingConfiguration": expect["tracingConfiguration"],
    });
    if expect.get("revisionId").is_some() {
        let mut earlier = create.clone();
        earlier["roleArn"] = format!("{ROLE}-0").into();
        quietly(client, "CreateStateMachine", &earlier).await;
        let plain = format!("arn:aws:states:us-east-1:111111111111:stateMachine:{}", name_of(arn));
        let update = json!({"stateMachineArn": plain, "roleArn": expect["roleArn"]});
        quietly(client, "UpdateStateMachine", &update).await;
    } else {
        quietly(client, "CreateStateMachine", &create).await;
    }
    if arn.split(':').count() == 8 {
        let plain = arn.rsplit_once(':').map_or(arn, |(plain, _)| plain);
        quietly(client, "PublishStateMachineVersion", &json!({"stateMachineArn": plain})).await;
    }
}

/// What the request had said, where the answer shows what was filled in.
fn logging(shown: &Value) -> Value {
    let plain = json!({"includeExecutionData": false, "level": "OFF"});
    if *shown == plain { Value::Null } else { shown.clone() }
}

/// The machine of a version's ARN with all versions up to that one.
async fn versions(client: &Client, arn: &str) {
    let name = name_of(arn);
    create(client, &name, PASS, ROLE, &Value::Null).await;
    let last: u64 = arn.split(':').nth(7).and_then(|number| number.parse().ok()).unwrap_or(1);
    let plain = format!("arn:aws:states:us-east-1:111111111111:stateMachine:{name}");
    for number in 1..=last {
        let definition = PASS.replacen('{', &format!("{{\"Comment\":\"{number}\","), 1);
        let update = json!({"stateMachineArn": plain, "definition": definition, "publish": true});
        let listed = client.call("ListStateMachineVersions", &json!({"stateMachineArn": plain})).await;
        let known = listed.ok().and_then(|answer| answer["stateMachineVersions"].as_array().map(Vec::len));
        if known.unwrap_or(0) < usize::try_from(number).unwrap_or(0) {
            quietly(client, "UpdateStateMachine", &update).await;
        }
    }
}

/// Starts the execution of that ARN.
async fn start(client: &Client, arn: &str) {
    let parts: Vec<&str> = arn.split(':').collect();
    let (machine, name) = match parts[..] {
        [_, _, _, _, _, _, machine, version, name] => {
            let plain = format!("arn:aws:states:us-east-1:111111111111:stateMachine:{machine}");
            quietly(client, "PublishStateMachineVersion", &json!({"stateMachineArn": plain})).await;
            (format!("{machine}:{version}"), name)
        }
        [_, _, _, _, _, _, machine, name] => (machine.to_owned(), name),
        _ => return,
    };
    let machine = format!("arn:aws:states:us-east-1:111111111111:stateMachine:{machine}");
    quietly(client, "StartExecution", &json!({"stateMachineArn": machine, "name": name})).await;
}

/// Waits until an execution is over.
async fn settled(client: &Client, arn: &str) {
    for _ in 0..500 {
        match client.call("DescribeExecution", &json!({"executionArn": arn})).await {
            Ok(described) if described["status"] == "RUNNING" => {
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            }
            _ => return,
        }
    }
}

fn name_of(arn: &str) -> String {
    arn.split(':').nth(6).unwrap_or_default().to_owned()
}

fn put(request: &mut Value, name: &str, value: Value) {
    if let Some(members) = request.as_object_mut() {
        members.entry(name).or_insert(value);
    }
}
