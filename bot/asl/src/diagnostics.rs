//! What is wrong or doubtful in a definition, with AWS's codes, texts and places.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::program::Program;

/// The outcome of reading a definition.
#[derive(Debug)]
pub struct Report {
    /// The program, if there is no error.
    pub program: Option<Arc<Program>>,
    /// Errors first, then warnings; each in the order of the definition.
    pub diagnostics: Vec<Diagnostic>,
}

impl Report {
    /// The errors.
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics.iter().filter(|diagnostic| diagnostic.is_error())
    }

    /// The text of AWS's `InvalidDefinition` error, when there are errors: all of them, comma-separated.
    pub fn invalid_definition(&self) -> Option<String> {
        let errors: Vec<String> = self.errors().map(ToString::to_string).collect();
        (!errors.is_empty()).then(|| format!("Invalid State Machine Definition: '{}'", errors.join(", ")))
    }
}

/// One thing that is wrong or doubtful.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// Whether it hinders.
    pub severity: Severity,
    /// AWS's code, such as `SCHEMA_VALIDATION_FAILED`.
    pub code: Code,
    /// Where in the definition, as AWS writes it (`/States/A/Choices[0]/Next`); `/` for the machine itself. AWS gives no
    /// place for a workflow without a terminal state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// AWS's text.
    pub message: String,
}

impl Diagnostic {
    /// Whether it keeps the definition from being accepted.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// As in AWS's `InvalidDefinition`: `CODE: message at /place`.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.message.trim_end())?;
        match &self.location {
            Some(location) => write!(f, " at {location}"),
            None => Ok(()),
        }
    }
}

/// Whether a diagnostic hinders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Severity {
    /// The definition is refused.
    Error,
    /// The definition is accepted, and probably not what its author meant.
    Warning,
}

/// What kind of thing is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum Code {
    /// The text is no JSON.
    InvalidJsonDescription,
    /// A field is missing, unknown, misplaced or of the wrong type.
    SchemaValidationFailed,
    /// A `Next`, `Default` or `StartAt` names no state, or nothing leads to a state.
    MissingTransitionTarget,
    /// A state's name is too long.
    InvalidStateName,
    /// No state of a workflow ends it.
    MissingEndState,
    /// A value ends in `.$` or looks like an expression, where it is taken literally.
    LiteralExpression,
    /// AWS accepts it, other engines or later versions may not.
    NotPortable,
}

impl Code {
    /// As AWS writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidJsonDescription => "INVALID_JSON_DESCRIPTION",
            Self::SchemaValidationFailed => "SCHEMA_VALIDATION_FAILED",
            Self::MissingTransitionTarget => "MISSING_TRANSITION_TARGET",
            Self::InvalidStateName => "INVALID_STATE_NAME",
            Self::MissingEndState => "MISSING_END_STATE",
            Self::LiteralExpression => "LITERAL_EXPRESSION",
            Self::NotPortable => "NOT_PORTABLE",
        }
    }
}
