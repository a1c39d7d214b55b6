//! GraphQL, for the few operations that REST does not have: <https://docs.github.com/en/graphql>.

mod node;
mod operations;
mod parse;

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::http::auth::Caller;
use crate::http::pipeline::Received;
use crate::http::reply::{Refusal, Reply};
use crate::hub::Hub;
use crate::state::State;
use parse::Field;

/// Why a field has no value, in GitHub's shape.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: &'static str,
    message: String,
    /// The double or the client does not know the operation: the test must not pass.
    is_violation: bool,
}

impl Failure {
    fn not_found(id: &str) -> Self {
        let message = format!("Could not resolve to a node with the global id of '{id}'");
        Self { kind: "NOT_FOUND", message, is_violation: false }
    }

    fn unknown_field(name: &str, of: &str) -> Self {
        let message = format!("Field '{name}' doesn't exist on type '{of}'");
        Self { kind: "undefinedField", message, is_violation: true }
    }

    fn invalid(message: String) -> Self {
        Self { kind: "argumentLiteralsIncompatible", message, is_violation: true }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let kind = match refusal.status {
            404 => "NOT_FOUND",
            422 => "UNPROCESSABLE",
            _ => "FORBIDDEN",
        };
        Self { kind, message: refusal.message, is_violation: false }
    }
}

pub(crate) fn answer(hub: &Arc<Hub>, caller: &Caller, received: &Received) -> Reply {
    let documentation = "https://docs.github.com/graphql";
    if matches!(caller, Caller::Anonymous | Caller::App(_) | Caller::Client(_)) {
        return Refusal::new(401, "This endpoint requires you to be authenticated.")
            .into_reply(documentation);
    }
    let body: Value = serde_json::from_slice(&received.body).unwrap_or_default();
    let Some(query) = body["query"].as_str() else {
        return Refusal::new(400, "A query attribute must be specified and must be a string.")
            .into_reply(documentation);
    };
    hub.change(|state| {
        let operation = match parse::parse(query, &body["variables"]) {
            Ok(operation) => operation,
            Err(message) => {
                state.violation(format!("GraphQL: {message}: {query}"));
                return Reply::ok(json!({ "errors": [{ "message": message }] }));
            }
        };
        let (mut data, mut errors) = (Map::new(), Vec::new());
        for field in &operation.fields {
            let found = if operation.is_mutation {
                operations::mutate(state, caller, field)
            } else {
                operations::query(state, caller, field)
            };
            let value = found.and_then(|value| select(&value, &field.fields));
            let who = state.caller_name(caller);
            match value {
                Ok(value) => {
                    state.tell(format!("→ GraphQL {} by {who} → ok", field.name));
                    data.insert(field.alias.clone(), value);
                }
                Err(failure) => {
                    state.tell(format!("→ GraphQL {} by {who} → {}", field.name, failure.message));
                    errors.push(report(state, field, &failure));
                    data.insert(field.alias.clone(), Value::Null);
                }
            }
        }
        let mut answer = json!({ "data": data });
        if !errors.is_empty() {
            answer["errors"] = json!(errors);
        }
        Reply::ok(answer)
    })
}

fn report(state: &mut State, field: &Field, failure: &Failure) -> Value {
    if failure.is_violation {
        state.violation(format!("GraphQL {}: {}", field.name, failure.message));
    }
    json!({
        "type": failure.kind,
        "path": [field.alias],
        "locations": [{ "line": 1, "column": 1 }],
        "message": failure.message,
    })
}

/// Of a value, what was asked for. Objects carry all their fields, and their type as `__typename`.
fn select(value: &Value, fields: &[Field]) -> Result<Value, Failure> {
    match value {
        Value::Array(items) => items.iter().map(|item| select(item, fields)).collect(),
        Value::Object(object) => {
            let of = object.get("__typename").and_then(Value::as_str).unwrap_or("Object");
            if fields.is_empty() {
                return Err(Failure::invalid(format!("Objects of type {of} must have selections")));
            }
            let mut selected = Map::new();
            for field in fields.iter().filter(|field| field.on.as_deref().is_none_or(|on| on == of)) {
                let value = object.get(&field.name);
                let value = value.ok_or_else(|| Failure::unknown_field(&field.name, of))?;
                selected.insert(field.alias.clone(), select(value, &field.fields)?);
            }
            Ok(Value::Object(selected))
        }
        plain if fields.is_empty() || plain.is_null() => Ok(plain.clone()),
        _ => Err(Failure::invalid("Selections can't be made on scalars".to_owned())),
    }
}
