//! Between `serde_json`'s values and those of the evaluator.

use std::borrow::Cow;

use jsonata_core::value::{JValue, with_stack};
use serde_json::{Map, Number, Value};

/// A copy for the evaluator, whose numbers are all doubles, as in JavaScript.
pub(super) fn to_jsonata(value: &Value) -> JValue {
    match value {
        Value::Null => JValue::Null,
        Value::Bool(flag) => JValue::Bool(*flag),
        Value::Number(number) => JValue::Number(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => JValue::string(text.as_str()),
        Value::Array(items) => with_stack(|| JValue::array(items.iter().map(to_jsonata).collect())),
        Value::Object(members) => with_stack(|| {
            JValue::object(members.iter().map(|(name, member)| (name.clone(), to_jsonata(member))).collect())
        }),
    }
}

/// What `JSON.stringify` would make of a result: undefined and functions vanish, or are null in an array.
pub(super) fn from_jsonata(value: &JValue) -> Option<Value> {
    Some(match value {
        JValue::Null => Value::Null,
        JValue::Bool(flag) => Value::Bool(*flag),
        JValue::Number(number) => number_value(*number),
        JValue::String(text) => Value::String(text.to_string()),
        JValue::Array(items) => {
            with_stack(|| items.iter().map(|item| from_jsonata(item).unwrap_or_default()).collect())
        }
        JValue::Object(_) => with_stack(|| {
            let members = value.as_object().into_iter().flatten();
            let members: Map<String, Value> =
                members.filter_map(|(name, member)| Some((name.clone(), from_jsonata(member)?))).collect();
            Value::Object(members)
        }),
        JValue::Undefined | JValue::Lambda(_) | JValue::Builtin { .. } | JValue::Regex { .. } => return None,
    })
}

/// A double as JSON; whole numbers print without a point, as in JavaScript.
fn number_value(number: f64) -> Value {
    // 2^63 is exact; the comparison excludes it and everything that would saturate.
    #[allow(clippy::cast_precision_loss, reason = "a power of two")]
    let bound = i64::MAX as f64;
    if number.fract() == 0.0 && number.abs() < bound {
        #[allow(clippy::cast_possible_truncation, reason = "whole and in range")]
        return Value::from(number as i64);
    }
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}

/// What a value becomes by passing through the evaluator unchanged.
pub(super) fn normalized(value: &Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().map_or(Value::Null, number_value),
        Value::Array(items) => items.iter().map(normalized).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, member)| (name.clone(), normalized(member))).collect()
        }
        other => other.clone(),
    }
}

/// A value inside a text of jsonata-js: `JSON.stringify`, and `undefined` for what has no JSON.
pub(super) fn quoted(value: Option<&JValue>) -> Cow<'static, str> {
    match value.and_then(from_jsonata) {
        Some(value) => Cow::Owned(value.to_string()),
        None => Cow::Borrowed("undefined"),
    }
}
