//! JSONata as AWS Step Functions speaks it: jsonata-js 2.0.6 plus AWS's functions.
//!
//! The crate `jsonata-core` evaluates; this module is the only place that knows it. Around it stand what AWS
//! has and it has not (`$partition`, `$range`, `$hash`, `$random` with a seed, `$uuid`, `$parse`), what it has
//! and AWS has not (`$eval`, `??`, `?:`), time and randomness from outside, limits, and jsonata-js's texts.
//!
//! A panic inside the crate becomes an error here, which needs a build with `panic = "unwind"`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jsonata_core::ast::AstNode;
use serde_json::Value;
use thiserror::Error;

use crate::intrinsics::Entropy;
use references::References;

mod errors;
mod functions;
mod numbers;
mod probe;
mod references;
mod runtime;
mod texts;
mod tree;
mod values;

/// Longest expression that is parsed, in bytes.
pub const MAX_EXPRESSION_BYTES: usize = 256 * 1024;

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
#[derive(Clone, Copy)]
pub struct Bindings<'a> {
    /// `$states`
    pub states: States<'a>,
    /// `$name` for each variable in scope.
    pub variables: &'a dyn Variables,
    /// What `$now()` and `$millis()` answer: milliseconds since 1970-01-01 UTC.
    pub now_millis: i64,
}

/// How far one evaluation may go. Beyond a limit it fails with code `U1001`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Wall-clock time. It guards against endless loops only: no expression with an answer should reach it,
    /// because whether it does cannot be replayed.
    pub time: Duration,
    /// Depth of nested evaluation; a call of a function takes about three levels.
    pub depth: usize,
    /// Items of one sequence.
    pub sequence: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { time: Duration::from_secs(5), depth: 10_000, sequence: 1_000_000 }
    }
}

/// What went wrong, with the code and text of jsonata-js: `T1006: Attempted to invoke a non-function`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{code}: {message}")]
pub struct JsonataError {
    /// jsonata-js's code, such as `T1006`; `U1001` for a limit, `U1002` for a panic of the evaluator.
    pub code: String,
    /// jsonata-js's text for it.
    pub message: String,
}

impl JsonataError {
    fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into() }
    }
}

/// A parsed expression, without its `{%` and `%}`; cheap to clone.
#[derive(Clone)]
pub struct Expression {
    parsed: Arc<Parsed>,
}

struct Parsed {
    text: String,
    ast: AstNode,
    /// The tree to evaluate instead, if it needs a guard.
    guarded: Option<AstNode>,
    references: References,
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.text()).finish()
    }
}

/// The inside of `{% … %}`, trimmed, if the text is one whole JSONata expression. No space may stand outside.
pub fn embedded(text: &str) -> Option<&str> {
    Some(text.strip_prefix("{%")?.strip_suffix("%}")?.trim())
}

impl Expression {
    /// Parses the text between `{%` and `%}`.
    ///
    /// # Errors
    /// What jsonata-js 2.0.6 refuses, with its text, and a text of more than [`MAX_EXPRESSION_BYTES`].
    pub fn parse(text: &str) -> Result<Self, JsonataError> {
        if text.len() > MAX_EXPRESSION_BYTES {
            return Err(JsonataError::new(
                "U1001",
                format!("An expression may have at most {MAX_EXPRESSION_BYTES} bytes"),
            ));
        }
        let ast = runtime::parse(text)?;
        let guarded = runtime::guard(text, &ast);
        let (text, references) = (text.to_owned(), References::of(text));
        Ok(Self { parsed: Arc::new(Parsed { text, ast, guarded, references }) })
    }

    /// The text as parsed.
    pub fn text(&self) -> &str {
        &self.parsed.text
    }

    /// Whether the text mentions the variable or function of that name, without `$`; a mention in a text or a
    /// comment counts, too.
    pub fn mentions(&self, name: &str) -> bool {
        self.parsed.references.mentions(name)
    }

    /// Evaluates the expression; `None` is JSONata's undefined.
    ///
    /// # Errors
    /// What jsonata-js throws, with its code and text; a limit; a panic inside the evaluator.
    pub fn evaluate(
        &self,
        bindings: &Bindings<'_>,
        entropy: &mut dyn Entropy,
        limits: Limits,
    ) -> Result<Option<Value>, JsonataError> {
        if let Some(found) = self.parsed.references.lookup(bindings) {
            return Ok(Some(values::normalized(found)));
        }
        runtime::evaluate(&self.parsed, bindings, entropy, limits)
    }
}

#[cfg(test)]
mod tests;
