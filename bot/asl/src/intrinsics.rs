//! The intrinsic functions of JSONPath states: `States.Format`, `States.MathAdd` and the others, nested.

use std::borrow::Cow;

use serde_json::Value;
use thiserror::Error;

use crate::jsonpath::{Path, PathError, Root};

mod functions;
mod parse;

pub use functions::Function;
pub(crate) use functions::{digest, hex, seeded_random};

/// Longest call that is parsed, in bytes.
pub const MAX_CALL_BYTES: usize = 64 * 1024;

/// Most functions in one field, as AWS documents it.
pub const MAX_FUNCTIONS: usize = 10;

/// What an expression can see: the state's input, the context object and the workflow's variables.
pub trait Scope {
    /// The document that `$` names.
    fn input(&self) -> &Value;
    /// The document that `$$` names.
    fn context(&self) -> &Value;
    /// The value of a workflow variable, named without the `$`.
    fn variable(&self, name: &str) -> Option<&Value>;
}

/// UUIDs and random numbers; the engine records what it gives, so that a replay gives the same bytes.
pub trait Entropy {
    /// A version 4 UUID in lower case with hyphens.
    fn uuid(&mut self) -> String;
    /// A number in `0.0..1.0`.
    fn random(&mut self) -> f64;
}

/// Why a text is no intrinsic function call. AWS refuses such a definition without quoting this text.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct IntrinsicSyntaxError {
    message: String,
}

impl IntrinsicSyntaxError {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

/// Why an intrinsic function gave no value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EvaluationError {
    /// A path among the arguments found nothing: `States.Runtime`.
    #[error(
        "The function '{function}' had the following error: The JsonPath argument for the field '{path}' could not be found in the input '{input}'"
    )]
    Path {
        /// The whole call as written.
        function: String,
        /// The path as written.
        path: String,
        /// The document that was searched, as compact JSON; empty for a variable that does not exist.
        input: String,
        /// Why the path gave nothing; `None` for a variable that does not exist.
        reason: Option<PathError>,
    },
    /// A function refused its arguments: `States.IntrinsicFailure`.
    #[error("The function '{function}' had the following error: {message}")]
    Failure {
        /// The whole call as written.
        function: String,
        /// What the function wants.
        message: String,
    },
}

/// A parsed call such as `States.Format('Hello {}', $.name)`.
#[derive(Debug, Clone)]
pub struct Intrinsic {
    text: String,
    call: Call,
}

#[derive(Debug, Clone)]
struct Call {
    function: Function,
    arguments: Vec<Argument>,
}

#[derive(Debug, Clone)]
enum Argument {
    Literal(Value),
    Text(Template),
    Path(Path),
    Call(Call),
}

/// A text in quotes. Only `States.Format` cares for its places, which an escaped `\{\}` is not.
#[derive(Debug, Clone)]
struct Template {
    text: String,
    /// Where in the text a `{}` stands, in bytes.
    places: Vec<usize>,
}

/// What goes wrong inside a call, before the whole call's text is added.
enum Trouble<'a> {
    Path { path: &'a Path, document: Option<&'a Value>, reason: Option<PathError> },
    Failure(String),
}

impl Intrinsic {
    /// Parses a call; bounded in length and depth.
    ///
    /// # Errors
    /// Anything but one call of a known function, an escape other than `\'`, `\\`, `\{` and `\}`, more than
    /// [`MAX_FUNCTIONS`] functions, and a text of more than [`MAX_CALL_BYTES`].
    pub fn parse(text: &str) -> Result<Self, IntrinsicSyntaxError> {
        Ok(Self { text: text.to_owned(), call: parse::call(text)? })
    }

    /// The text of the call.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The paths among the arguments, outermost first: what a validator must look at.
    pub fn paths(&self) -> Vec<&Path> {
        let mut paths = Vec::new();
        self.call.collect_paths(&mut paths);
        paths
    }

    /// Evaluates the call.
    ///
    /// # Errors
    /// A path that finds nothing, and arguments that a function refuses.
    pub fn evaluate(&self, scope: &dyn Scope, entropy: &mut dyn Entropy) -> Result<Value, EvaluationError> {
        self.call.evaluate(scope, entropy).map_err(|trouble| match trouble {
            Trouble::Path { path, document, reason } => EvaluationError::Path {
                function: self.text.clone(),
                path: path.to_string(),
                input: document.map(Value::to_string).unwrap_or_default(),
                reason,
            },
            Trouble::Failure(message) => EvaluationError::Failure { function: self.text.clone(), message },
        })
    }
}

impl Call {
    fn collect_paths<'a>(&'a self, paths: &mut Vec<&'a Path>) {
        for argument in &self.arguments {
            match argument {
                Argument::Path(path) => paths.push(path),
                Argument::Call(call) => call.collect_paths(paths),
                Argument::Literal(_) | Argument::Text(_) => {}
            }
        }
    }

    fn evaluate<'a>(&'a self, scope: &'a dyn Scope, entropy: &mut dyn Entropy) -> Result<Value, Trouble<'a>> {
        let mut values = Vec::with_capacity(self.arguments.len());
        for argument in &self.arguments {
            values.push(argument.evaluate(scope, entropy)?);
        }
        let template = match self.arguments.first() {
            Some(Argument::Text(template)) => Some(template),
            _ => None,
        };
        self.function.apply(template, values, entropy).map_err(Trouble::Failure)
    }
}

impl Argument {
    fn evaluate<'a>(
        &'a self,
        scope: &'a dyn Scope,
        entropy: &mut dyn Entropy,
    ) -> Result<Cow<'a, Value>, Trouble<'a>> {
        match self {
            Argument::Literal(value) => Ok(Cow::Borrowed(value)),
            Argument::Text(template) => Ok(Cow::Owned(Value::String(template.text.clone()))),
            Argument::Call(call) => call.evaluate(scope, entropy).map(Cow::Owned),
            Argument::Path(path) => {
                let document = match path.root() {
                    Root::Input => Some(scope.input()),
                    Root::Context => Some(scope.context()),
                    Root::Variable(name) => scope.variable(name),
                };
                let Some(found) = document else {
                    return Err(Trouble::Path { path, document, reason: None });
                };
                path.query_ref(found).map_err(|reason| Trouble::Path { path, document, reason: Some(reason) })
            }
        }
    }
}

#[cfg(test)]
mod tests;
