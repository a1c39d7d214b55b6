//! Evaluating paths, templates and expressions of one state, and what AWS says when that fails.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::sync::Arc;

use serde_json::Value;

use crate::context::ContextSource;
use crate::entropy::Derived;
use crate::execution::Variables;
use crate::intrinsics::{EvaluationError, Intrinsic, Scope};
use crate::jsonata::{Bindings, Expression, Limits, States, Variables as JsonataVariables};
use crate::jsonpath::{PathError, Root};
use crate::program::PathText;
use crate::time::Timestamp;

/// An evaluation that failed. The cause lacks AWS's opening sentence, which names the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) error: &'static str,
    pub(crate) cause: String,
    /// The field, for `EvaluationFailed`.
    pub(crate) location: Option<String>,
    /// Whether it shows only after the state's entry has been recorded, which decides the chain of history events.
    pub(crate) after_entry: bool,
}

pub(crate) const RUNTIME: &str = "States.Runtime";
pub(crate) const QUERY_EVALUATION_ERROR: &str = "States.QueryEvaluationError";
pub(crate) const INTRINSIC_FAILURE: &str = "States.IntrinsicFailure";
pub(crate) const DATA_LIMIT_EXCEEDED: &str = "States.DataLimitExceeded";
pub(crate) const NO_CHOICE_MATCHED: &str = "States.NoChoiceMatched";
pub(crate) const TIMEOUT: &str = "States.Timeout";
pub(crate) const HEARTBEAT_TIMEOUT: &str = "States.HeartbeatTimeout";

impl Fault {
    pub(crate) fn runtime(cause: impl Into<String>) -> Self {
        Self { error: RUNTIME, cause: cause.into(), location: None, after_entry: true }
    }

    pub(crate) fn query(location: impl Into<String>, cause: impl Into<String>) -> Self {
        Self {
            error: QUERY_EVALUATION_ERROR,
            cause: cause.into(),
            location: Some(location.into()),
            after_entry: false,
        }
    }

    /// A JSONata field whose value is of the wrong type.
    pub(crate) fn unexpected_type(expression: &str, location: &str, expected: &str, value: &Value) -> Self {
        let found = type_name(value);
        Self::query(
            location,
            format!(
                "The JSONata expression '{expression}' specified for the field '{location}' returned an unexpected result \
                 type. Expected '{expected}', but was '{found}' for value: {value}"
            ),
        )
    }

    /// AWS's whole text.
    pub(crate) fn sentence(&self, state: &str, entered: u64) -> Arc<str> {
        format!(
            "An error occurred while executing the state '{state}' (entered at the event id #{entered}). {}",
            self.cause
        )
        .into()
    }
}

/// The JSON type's name as AWS writes it.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The context object, built when first looked at.
pub(crate) struct LazyContext<'a> {
    source: Option<ContextSource<'a>>,
    built: OnceCell<Value>,
}

impl<'a> LazyContext<'a> {
    pub(crate) fn new(source: ContextSource<'a>) -> Self {
        Self { source: Some(source), built: OnceCell::new() }
    }

    pub(crate) fn built(context: Value) -> Self {
        Self { source: None, built: OnceCell::from(context) }
    }

    pub(crate) fn value(&self) -> &Value {
        self.built.get_or_init(|| self.source.as_ref().map_or(Value::Null, ContextSource::build))
    }
}

/// What the expressions of a state see.
pub(crate) struct Environment<'a> {
    pub(crate) input: &'a Value,
    pub(crate) context: &'a LazyContext<'a>,
    pub(crate) variables: &'a Variables,
    pub(crate) result: Option<&'a Value>,
    pub(crate) error_output: Option<&'a Value>,
    pub(crate) now: Timestamp,
    pub(crate) entropy: &'a mut Derived,
}

impl Environment<'_> {
    /// The document that a path starts in; `None` when it starts in a variable that nobody assigned.
    fn document(&self, path: &PathText) -> Option<&Value> {
        match path.path.root() {
            Root::Input => Some(self.input),
            Root::Context => Some(self.context.value()),
            Root::Variable(name) => self.variables.get(name).map(crate::Payload::value),
        }
    }

    /// What the path finds.
    pub(crate) fn query(&self, path: &PathText) -> Result<Cow<'_, Value>, PathError> {
        match self.document(path) {
            Some(document) => path.path.query_ref(document),
            None => Err(PathError::NotFound(format!("No results for path: {}", path.text))),
        }
    }

    /// `InputPath`, `OutputPath`, `ItemsPath`.
    pub(crate) fn select(&self, path: &PathText) -> Result<Cow<'_, Value>, Fault> {
        self.query(path).map_err(|error| Fault::runtime(format!("Invalid path '{}' : {error}", path.text)))
    }

    pub(crate) fn template_path(&self, field: &str, path: &PathText) -> Result<Value, Fault> {
        self.query(path).map(Cow::into_owned).map_err(|_| self.not_found(field, &path.text))
    }

    /// What AWS says about a path in a template that finds nothing.
    pub(crate) fn not_found(&self, field: &str, path: &str) -> Fault {
        let searched = if path.starts_with("$$") { self.context.value() } else { self.input };
        Fault::runtime(format!(
            "The JSONPath '{path}' specified for the field '{field}' could not be found in the input '{searched}'"
        ))
    }

    pub(crate) fn intrinsic(&mut self, field: &str, text: &str, call: &Intrinsic) -> Result<Value, Fault> {
        let scope = IntrinsicScope { input: self.input, context: self.context, variables: self.variables };
        call.evaluate(&scope, self.entropy).map_err(|error| match error {
            EvaluationError::Path { path, .. } => self.not_found(field, &path),
            other => Fault {
                error: INTRINSIC_FAILURE,
                cause: format!("The function '{text}' had the following error: {other}"),
                location: None,
                after_entry: true,
            },
        })
    }

    pub(crate) fn jsonata(
        &mut self,
        location: &str,
        expression: &Expression,
        sees_context: bool,
    ) -> Result<Value, Fault> {
        let context = if sees_context { self.context.value() } else { &Value::Null };
        let states =
            States { input: self.input, context, result: self.result, error_output: self.error_output };
        let bindings = Bindings { states, variables: self.variables, now_millis: self.now.0 };
        let text = expression.text();
        match expression.evaluate(&bindings, self.entropy, Limits::default()) {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(Fault::query(
                location,
                format!(
                    "The JSONata expression '{text}' specified for the field '{location}' returned nothing (undefined)."
                ),
            )),
            Err(error) => Err(Fault::query(
                location,
                format!(
                    "The JSONata expression '{text}' specified for the field '{location}' threw an error during \
                     evaluation. {error}"
                ),
            )),
        }
    }
}

struct IntrinsicScope<'a> {
    input: &'a Value,
    context: &'a LazyContext<'a>,
    variables: &'a Variables,
}

impl Scope for IntrinsicScope<'_> {
    fn input(&self) -> &Value {
        self.input
    }
    fn context(&self) -> &Value {
        self.context.value()
    }
    fn variable(&self, name: &str) -> Option<&Value> {
        self.variables.get(name).map(crate::Payload::value)
    }
}

impl JsonataVariables for Variables {
    fn variable(&self, name: &str) -> Option<&Value> {
        self.get(name).map(crate::Payload::value)
    }
}
