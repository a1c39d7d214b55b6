//! Payload templates: JSON in which some values are paths, intrinsic functions or JSONata expressions.

use serde_json::{Map, Value};

use crate::evaluate::{Environment, Fault};
use crate::intrinsics::Intrinsic;
use crate::jsonata::Expression;
use crate::jsonpath::Path;
use crate::payload::Payload;

/// A compiled path and its text, which errors quote.
#[derive(Debug, Clone)]
pub struct PathText {
    /// As written.
    pub text: Box<str>,
    /// Compiled.
    pub path: Path,
}

/// A compiled template.
#[derive(Debug, Clone)]
pub enum Template {
    /// No expression inside: shared, not built anew.
    Literal(Payload),
    /// An object with expressions inside.
    Object(Vec<(Box<str>, Template)>),
    /// An array with expressions inside.
    Array(Vec<Template>),
    /// `"field.$": "$.path"`
    Path {
        /// The field with its `.$`.
        field: Box<str>,
        /// The path.
        path: PathText,
    },
    /// `"field.$": "States.Function(…)"`
    Intrinsic {
        /// The field with its `.$`.
        field: Box<str>,
        /// The call as written.
        text: Box<str>,
        /// The call.
        call: Box<Intrinsic>,
    },
    /// `{% expression %}`
    Jsonata {
        /// Where it stands in the state: `Output/result`, `Assign/list[0]`.
        location: Box<str>,
        /// The expression.
        expression: Box<Expression>,
        /// Whether it may look at the context object, which is built only then.
        sees_context: bool,
    },
}

impl Template {
    /// Builds the value.
    pub(crate) fn evaluate(&self, environment: &mut Environment<'_>) -> Result<Payload, Fault> {
        match self {
            Self::Literal(payload) => Ok(payload.clone()),
            // `"$"` alone hands the very document on.
            other => other.value(environment).map(Payload::from),
        }
    }

    fn value(&self, environment: &mut Environment<'_>) -> Result<Value, Fault> {
        Ok(match self {
            Self::Literal(payload) => payload.value().clone(),
            Self::Object(members) => {
                let mut object = Map::with_capacity(members.len());
                for (name, member) in members {
                    object.insert(name.to_string(), member.value(environment)?);
                }
                Value::Object(object)
            }
            Self::Array(items) => {
                let mut array = Vec::with_capacity(items.len());
                for item in items {
                    array.push(item.value(environment)?);
                }
                Value::Array(array)
            }
            Self::Path { field, path } => environment.template_path(field, path)?,
            Self::Intrinsic { field, text, call } => environment.intrinsic(field, text, call)?,
            Self::Jsonata { location, expression, sees_context } => {
                environment.jsonata(location, expression, *sees_context)?
            }
        })
    }

    /// The members of an `Assign`, each evaluated on the values from before it.
    pub(crate) fn members(&self, environment: &mut Environment<'_>) -> Result<Vec<(String, Payload)>, Fault> {
        match self {
            Self::Object(members) => members
                .iter()
                .map(|(name, member)| Ok((name.to_string(), member.evaluate(environment)?)))
                .collect(),
            other => match other.evaluate(environment)?.into_value() {
                Value::Object(members) => {
                    Ok(members.into_iter().map(|(name, value)| (name, Payload::from(value))).collect())
                }
                _ => Ok(Vec::new()),
            },
        }
    }

    /// The JSONata text and place, if the whole template is one expression.
    pub(crate) fn as_jsonata(&self) -> Option<(&str, &str)> {
        match self {
            Self::Jsonata { location, expression, .. } => Some((location, expression.text())),
            _ => None,
        }
    }
}
