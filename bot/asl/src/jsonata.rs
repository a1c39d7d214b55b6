//! JSONata as AWS Step Functions speaks it: jsonata-js 2.0.6 plus AWS's functions.

use std::time::Duration;

use serde_json::Value;
use thiserror::Error;

use crate::intrinsics::Entropy;

/// The members of `$states`.
#[derive(Debug, Clone, Copy)]
pub struct States<'a> {
    /// `$states.input`
    pub input: &'a Value,
    /// `$states.context`
    pub context: &'a Value,
    /// `$states.result`: what the task, map or parallel state gave, where there is one.
    pub result: Option<&'a Value>,
    /// `$states.errorOutput`: the caught error, inside a `Catch`.
    pub error_output: Option<&'a Value>,
}

/// Workflow variables by name.
pub trait Variables {
    /// The value of a variable, named without the `$`.
    fn variable(&self, name: &str) -> Option<&Value>;
}

impl Variables for serde_json::Map<String, Value> {
    fn variable(&self, name: &str) -> Option<&Value> {
        self.get(name)
    }
}

/// What an expression can see.
pub struct Bindings<'a> {
    /// `$states`
    pub states: States<'a>,
    /// `$name` for each variable in scope.
    pub variables: &'a dyn Variables,
    /// What `$now()` and `$millis()` answer: milliseconds since 1970-01-01 UTC.
    pub now_millis: i64,
}

/// How far one evaluation may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Wall-clock time.
    pub time: Duration,
    /// Depth of nested calls.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { time: Duration::from_secs(5), depth: 500 }
    }
}

/// What went wrong, with the code and text of jsonata-js: `T1006: Attempted to invoke a non-function`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{code}: {message}")]
pub struct JsonataError {
    /// jsonata-js's code, such as `T1006`.
    pub code: String,
    /// jsonata-js's text for it.
    pub message: String,
}

/// A checked expression, without its `{%` and `%}`.
#[derive(Debug, Clone)]
pub struct Expression {
    text: String,
}

/// The inside of `{% … %}`, trimmed, if the text is one whole JSONata expression.
pub fn embedded(text: &str) -> Option<&str> {
    Some(text.strip_prefix("{%")?.strip_suffix("%}")?.trim())
}

impl Expression {
    /// Parses the text between `{%` and `%}`.
    pub fn parse(text: &str) -> Result<Self, JsonataError> {
        Ok(Self { text: text.to_owned() })
    }
    /// The text as parsed.
    pub fn text(&self) -> &str {
        &self.text
    }
    /// Evaluates the expression; `None` is JSONata's undefined.
    pub fn evaluate(
        &self,
        bindings: &Bindings<'_>,
        entropy: &mut dyn Entropy,
        limits: Limits,
    ) -> Result<Option<Value>, JsonataError> {
        let _ = (bindings, entropy, limits);
        Ok(None)
    }
}
