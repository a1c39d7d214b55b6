//! Tiers P, T and V: single requests, on a server that was brought into the state that they presuppose.

use serde_json::{Map, Value, json};

use crate::cases::{Case, text_of};
use crate::client::{Client, Failed, operation_of, with_metadata};
use crate::compare::Wildcards;
use crate::executions::{Answer, short};
use crate::setup;

/// Runs a case on a server of its own.
pub async fn run(client: &Client, case: &Case) -> Answer {
    let (operation, request) = match case.tier() {
        "T" => ("TestState".to_owned(), test_state(case)),
        "V" => refused(case),
        _ => (operation_of(case.json["op"].as_str().unwrap_or_default()), case.json["request"].clone()),
    };
    let request = setup::before(client, case, &operation, request).await;
    let outcome = client.call(&operation, &request).await;
    let expect = &case.json["expect"];
    let actual = shape(&operation, outcome, expect);
    let expected = without_metadata(expect, case.tier());
    let result = Wildcards::of_case(&case.json)
        .difference(&expected, &actual)
        .map(|path| format!("{path}: expected {} got {}", short(&expected), short(&actual)));
    Answer { actual, result, history: None }
}

/// TestState was recorded without the metadata.
fn without_metadata(expect: &Value, tier: &str) -> Value {
    let mut expect = expect.clone();
    if tier == "T"
        && let Some(members) = expect.as_object_mut()
    {
        members.remove("ResponseMetadata");
    }
    expect
}

/// The answer in the form in which the expected one was recorded.
fn shape(operation: &str, outcome: Result<Value, Failed>, expect: &Value) -> Value {
    let metadata = expect.get("ResponseMetadata").is_some();
    match outcome {
        Ok(answer) if metadata => with_metadata(answer, 200),
        Ok(answer) => answer,
        Err(failed) if expect.is_string() => failed.text(operation).into(),
        Err(failed) if expect.get("exception_typename").is_some() => {
            json!({"exception_typename": failed.name(), "exception_value": failed.text(operation)})
        }
        Err(Failed::Service { code, message, status }) => {
            let body = json!({"Error": {"Code": code, "Message": message}, "message": message});
            if metadata { with_metadata(body, status) } else { body }
        }
        Err(failed @ Failed::Parameters(_)) => failed.text(operation).into(),
    }
}

fn test_state(case: &Case) -> Value {
    let mut request = case.json["request"].as_object().cloned().unwrap_or_default();
    for name in ["definition", "input", "context"] {
        if let Some(value) = request.get_mut(name) {
            *value = text_of(value).into();
        }
    }
    if let Some(result) = request.get_mut("mock").and_then(|mock| mock.get_mut("result")) {
        *result = result.to_string().into();
    }
    if let Some(data) = request.get_mut("stateConfiguration").and_then(|it| it.get_mut("mapItemReaderData")) {
        *data = text_of(data).into();
    }
    request.entry("roleArn").or_insert_with(|| "arn:aws:iam::111111111111:role/test".into());
    Value::Object(request)
}

fn refused(case: &Case) -> (String, Value) {
    let mut request = case.json["request"].as_object().cloned().unwrap_or_else(Map::new);
    let definition = case.definition();
    if case.json["kind"] == "validate" {
        request.insert("definition".into(), definition.into());
        let express = case.is_express() || case.id().contains("type_express");
        request.insert("type".into(), if express { "EXPRESS" } else { "STANDARD" }.into());
        return ("ValidateStateMachineDefinition".into(), Value::Object(request));
    }
    if request.contains_key("stateMachineArn") {
        return ("UpdateStateMachine".into(), Value::Object(request));
    }
    request.insert("definition".into(), definition.into());
    request.insert("roleArn".into(), case.role().into());
    ("CreateStateMachine".into(), Value::Object(request))
}
