//! Reading requests, with AWS's complaints about what is missing or out of bounds.

use deputy_asl::Timestamp;
use serde_json::{Map, Value};

use crate::error::ApiError;

/// The members of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Params<'a>(pub(crate) &'a Map<String, Value>);

impl<'a> Params<'a> {
    pub(crate) fn new(request: &'a Value) -> Result<Self, ApiError> {
        match request {
            Value::Object(members) => Ok(Self(members)),
            _ => Err(serialization("the request is no JSON object")),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    pub(crate) fn text(&self, name: &str) -> Result<Option<&'a str>, ApiError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(serialization(&format!("{name} is no string"))),
        }
    }

    pub(crate) fn flag(&self, name: &str) -> Result<bool, ApiError> {
        match self.get(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(serialization(&format!("{name} is no boolean"))),
        }
    }

    pub(crate) fn number(&self, name: &str) -> Result<Option<f64>, ApiError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Number(number)) => Ok(number.as_f64()),
            Some(_) => Err(serialization(&format!("{name} is no number"))),
        }
    }

    pub(crate) fn list(&self, name: &str) -> Result<Option<&'a Vec<Value>>, ApiError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items)),
            Some(_) => Err(serialization(&format!("{name} is no list"))),
        }
    }

    /// A text that must be there and, where `max` is given, no longer than that.
    pub(crate) fn required(&self, name: &str) -> Result<&'a str, ApiError> {
        self.text(name)?.ok_or_else(|| missing(name))
    }

    /// A text of `min` to `max` characters that may be absent.
    pub(crate) fn bounded(&self, name: &str, max: usize) -> Result<Option<&'a str>, ApiError> {
        let text = self.text(name)?;
        match text {
            Some(text) if text.chars().count() > max => Err(constraint(
                &format!("'{text}'"),
                name,
                &format!("Member must have length less than or equal to {max}"),
            )),
            text => Ok(text),
        }
    }

    /// One of a set of words that may be absent.
    pub(crate) fn one_of(&self, name: &str, words: &[&str]) -> Result<Option<&'a str>, ApiError> {
        match self.text(name)? {
            Some(word) if !words.contains(&word) => Err(constraint(
                &format!("'{word}'"),
                name,
                &format!("Member must satisfy enum value set: [{}]", words.join(", ")),
            )),
            word => Ok(word),
        }
    }
}

/// `SerializationException`: the request is of the wrong shape.
fn serialization(what: &str) -> ApiError {
    ApiError::new("SerializationException", what)
}

fn missing(name: &str) -> ApiError {
    ApiError::validation(format!(
        "1 validation error detected: Value null at '{name}' failed to satisfy constraint: Member must not be null"
    ))
}

/// A `ValidationException` about one member; `value` as AWS shows it, strings in quotes.
pub(crate) fn constraint(value: &str, name: &str, what: &str) -> ApiError {
    ApiError::validation(format!(
        "1 validation error detected: Value {value} at '{name}' failed to satisfy constraint: {what}"
    ))
}

/// A time as the API writes it: seconds since 1970 with milliseconds.
pub(crate) fn date(at: Timestamp) -> Value {
    #[allow(clippy::cast_precision_loss)] // Milliseconds fit a double until the year 287,396.
    let seconds = at.0 as f64 / 1000.0;
    seconds.into()
}
