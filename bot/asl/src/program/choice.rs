//! Choice rules: compiled, and evaluated without building anything.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::StateId;
use super::template::{PathText, Template};
use crate::evaluate::{Environment, Fault};
use crate::time::Timestamp;

/// One entry of `Choices`.
#[derive(Debug)]
pub struct ChoiceRule {
    /// When it applies.
    pub condition: Condition,
    /// Where it leads.
    pub next: StateId,
    /// Its `Assign`.
    pub assign: Option<Template>,
    /// Its `Output`.
    pub output: Option<Template>,
}

/// When a rule applies.
#[derive(Debug)]
#[allow(missing_docs)] // As in the language.
pub enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    /// A JSONPath comparison.
    Test {
        variable: PathText,
        test: Test,
    },
    /// A JSONata expression; its template holds it.
    Expression(Template),
}

/// A comparison of the value that `Variable` finds.
#[derive(Debug)]
pub enum Test {
    /// `IsNull`, `IsString`, …: whether the answer must be yes.
    Is(Type, bool),
    /// `IsPresent`.
    IsPresent(bool),
    /// `StringEquals`, …
    Compare(Comparable, Relation, Operand),
    /// `StringMatches`
    Matches(Arc<str>),
}

/// What `Is…` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // As in the language.
pub enum Type {
    Null,
    String,
    Numeric,
    Boolean,
    Timestamp,
}

/// What is compared; a value of another type never matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // As in the language.
pub enum Comparable {
    String,
    Numeric,
    Boolean,
    Timestamp,
}

/// How it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // As in the language.
pub enum Relation {
    Equals,
    LessThan,
    LessThanEquals,
    GreaterThan,
    GreaterThanEquals,
}

/// What it is compared with.
#[derive(Debug)]
pub enum Operand {
    /// As written.
    Literal(Value),
    /// `…Path`.
    Path(PathText),
}

impl Condition {
    pub(crate) fn holds(&self, environment: &mut Environment<'_>) -> Result<bool, Fault> {
        match self {
            Self::And(conditions) => {
                for condition in conditions {
                    if !condition.holds(environment)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Or(conditions) => {
                for condition in conditions {
                    if condition.holds(environment)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Not(condition) => Ok(!condition.holds(environment)?),
            Self::Test { variable, test } => test.holds(variable, environment),
            Self::Expression(template) => {
                let value = template.evaluate(environment)?;
                value.value().as_bool().ok_or_else(|| {
                    let (location, text) = template.as_jsonata().unwrap_or_default();
                    Fault::unexpected_type(text, location, "boolean", value.value())
                })
            }
        }
    }
}

impl Test {
    fn holds(&self, variable: &PathText, environment: &Environment<'_>) -> Result<bool, Fault> {
        let found = environment.query(variable);
        if let Self::IsPresent(expected) = self {
            return Ok(found.is_ok() == *expected);
        }
        let found = found.map_err(|_| invalid_reference(variable))?;
        let found = found.as_ref();
        Ok(match self {
            Self::IsPresent(_) => unreachable!("answered above"),
            Self::Is(kind, expected) => kind.fits(found) == *expected,
            Self::Matches(pattern) => found.as_str().is_some_and(|text| matches(pattern, text)),
            Self::Compare(comparable, relation, Operand::Literal(operand)) => {
                comparable.compare(found, operand).is_some_and(|order| relation.accepts(order))
            }
            Self::Compare(comparable, relation, Operand::Path(path)) => {
                let operand = environment.query(path).map_err(|_| invalid_reference(path))?;
                comparable.compare(found, &operand).is_some_and(|order| relation.accepts(order))
            }
        })
    }
}

fn invalid_reference(path: &PathText) -> Fault {
    Fault::runtime(format!(
        "Invalid path '{}': The choice state's condition path references an invalid value.",
        path.text
    ))
}

impl Type {
    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Null => value.is_null(),
            Self::String => value.is_string(),
            Self::Numeric => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::Timestamp => value.as_str().is_some_and(|text| Timestamp::parse(text).is_some()),
        }
    }
}

impl Comparable {
    fn compare(self, found: &Value, operand: &Value) -> Option<Ordering> {
        match self {
            Self::String => Some(utf16_order(found.as_str()?, operand.as_str()?)),
            Self::Numeric => match (found.as_i64(), operand.as_i64()) {
                (Some(found), Some(operand)) => Some(found.cmp(&operand)),
                _ => found.as_f64()?.partial_cmp(&operand.as_f64()?),
            },
            Self::Boolean => Some(found.as_bool()?.cmp(&operand.as_bool()?)),
            Self::Timestamp => {
                Some(Timestamp::parse(found.as_str()?)?.cmp(&Timestamp::parse(operand.as_str()?)?))
            }
        }
    }
}

/// Strings order by UTF-16 unit, as in Java.
fn utf16_order(left: &str, right: &str) -> Ordering {
    if left.is_ascii() && right.is_ascii() {
        return left.cmp(right);
    }
    left.encode_utf16().cmp(right.encode_utf16())
}

impl Relation {
    fn accepts(self, order: Ordering) -> bool {
        match self {
            Self::Equals => order.is_eq(),
            Self::LessThan => order.is_lt(),
            Self::LessThanEquals => order.is_le(),
            Self::GreaterThan => order.is_gt(),
            Self::GreaterThanEquals => order.is_ge(),
        }
    }
}

/// `StringMatches`: `*` is any run of characters, `\*` a star, `\\` a backslash.
///
/// Goes back to the latest star only, so that time is bounded by the product of both lengths.
fn matches(pattern: &str, text: &str) -> bool {
    let mut tokens = Vec::with_capacity(pattern.len());
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        tokens.push(match character {
            '*' => None,
            '\\' => Some(characters.next().unwrap_or('\\')),
            other => Some(other),
        });
    }
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut token) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while at < text.len() {
        match tokens.get(token) {
            Some(None) => {
                star = Some((token, at));
                token += 1;
            }
            Some(Some(character)) if *character == text[at] => {
                token += 1;
                at += 1;
            }
            _ => match star {
                Some((starred, from)) => {
                    star = Some((starred, from + 1));
                    token = starred + 1;
                    at = from + 1;
                }
                None => return false,
            },
        }
    }
    tokens[token..].iter().all(Option::is_none)
}

/// In few words, for pictures: `> 3`, `is null`.
impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is(kind, true) => write!(f, "is {kind:?}"),
            Self::Is(kind, false) => write!(f, "is not {kind:?}"),
            Self::IsPresent(true) => f.write_str("is present"),
            Self::IsPresent(false) => f.write_str("is absent"),
            Self::Matches(pattern) => write!(f, "matches {pattern}"),
            Self::Compare(_, relation, operand) => {
                let sign = match relation {
                    Relation::Equals => "=",
                    Relation::LessThan => "<",
                    Relation::LessThanEquals => "≤",
                    Relation::GreaterThan => ">",
                    Relation::GreaterThanEquals => "≥",
                };
                match operand {
                    Operand::Literal(value) => write!(f, "{sign} {value}"),
                    Operand::Path(path) => write!(f, "{sign} {}", path.text),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_match_runs_and_escapes_do_not() {
        assert!(matches("foo*.log", "foo23.log"));
        assert!(matches("foo*", "foo"));
        assert!(matches("*.log", "a.log.log"));
        assert!(matches("foo*.*", "foobar.zebra"));
        assert!(matches("a\\*b", "a*b"));
        assert!(matches("a\\\\*", "a\\xyz"));
        assert!(!matches("a\\*b", "axb"));
        assert!(!matches("*.log", "log"));
        assert!(!matches("", "x"));
        assert!(matches("", ""));
    }

    #[test]
    fn many_stars_stay_quick() {
        assert!(!matches(&"*a".repeat(200), &"a".repeat(150)));
        assert!(!matches(&format!("{}b", "*".repeat(500)), &"a".repeat(5000)));
    }
}
