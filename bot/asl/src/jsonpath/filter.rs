//! Filters: `[?(@.price < 10 && @.title =~ /.*x.*/i)]`, as json-path 2.0.0 reads and decides them.
//!
//! That version splits the text at `&&` and `||`, drops every bracket around a condition, and knows seven
//! operators and the test for existence. An operand without quotes is a string, too; the comparison turns it
//! into a number or a flag when the other side is one.

use std::borrow::Cow;
use std::cmp::Ordering;

use fancy_regex::Regex;
use serde_json::Value;

use super::evaluate::Evaluation;
use super::java;
use super::tokens::Tokens;
use super::{PathError, PathSyntaxError};

/// Steps that a regular expression may take back before it counts as failed.
const BACKTRACK_LIMIT: usize = 100_000;

/// A filter: an item passes if all conditions of one alternative hold.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    /// In Jayway's order of evaluation, which is from right to left.
    alternatives: Vec<Vec<Condition>>,
}

#[derive(Debug, Clone)]
enum Condition {
    Exists { path: Tokens, expected: bool },
    Compare { left: Operand, operator: Operator, right: Operand },
}

#[derive(Debug, Clone)]
enum Operand {
    Path(Tokens),
    Text(String),
    Pattern { regex: Box<Regex>, source: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Eq,
    Ge,
    Le,
    Ne,
    Lt,
    Gt,
    Matches,
}

/// Jayway looks for operators in this order, anywhere in the condition.
const OPERATORS: [(&str, Operator); 7] = [
    ("==", Operator::Eq),
    (">=", Operator::Ge),
    ("<=", Operator::Le),
    ("!=", Operator::Ne),
    ("<", Operator::Lt),
    (">", Operator::Gt),
    ("=~", Operator::Matches),
];

/// What an operand stands for while a condition is decided.
enum Datum<'a> {
    Value(Cow<'a, Value>),
    Text(&'a str),
    Pattern { regex: &'a Regex, source: &'a str },
}

impl Filter {
    /// Parses `[?(…)]`, brackets included.
    pub(super) fn parse(text: &str, nesting: usize) -> Result<Self, PathSyntaxError> {
        let inner = strip(text, "[", "]").ok_or_else(|| {
            PathSyntaxError::new(format!("Filter must start with '[' and end with ']'. {text}"))
        })?;
        let inner = inner.strip_prefix('?').map(java::trim).ok_or_else(|| {
            PathSyntaxError::new(format!("Filter must start with '[?' and end with ']'. {inner}"))
        })?;
        let inner = strip(inner, "(", ")").ok_or_else(|| {
            PathSyntaxError::new(format!("Filter must start with '[?(' and end with ')]'. {inner}"))
        })?;
        let mut alternatives = vec![Vec::new()];
        // Conditions and operators are collected apart, as Jayway does: only their numbers must fit.
        let (mut conditions, mut operators) = (Vec::new(), Vec::new());
        for piece in split_at_connectives(inner) {
            match java::trim(&piece) {
                connective @ ("&&" | "||") => operators.push(connective == "&&"),
                condition => conditions.push(Condition::parse(clean(condition)?, nesting)?),
            }
        }
        if conditions.len() != operators.len() + 1 {
            return Err(PathSyntaxError::new(format!("Invalid operators {inner}")));
        }
        for condition in conditions.into_iter().rev() {
            if let Some(alternative) = alternatives.last_mut() {
                alternative.push(condition);
            }
            if operators.pop() == Some(false) {
                alternatives.push(Vec::new());
            }
        }
        Ok(Self { alternatives })
    }

    pub(super) fn accepts(&self, item: &Value, evaluation: &Evaluation<'_>) -> Result<bool, PathError> {
        for alternative in &self.alternatives {
            let mut holds = true;
            for condition in alternative {
                if !condition.holds(item, evaluation)? {
                    holds = false;
                    break;
                }
            }
            if holds {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn strip<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    java::trim(text).strip_prefix(open)?.strip_suffix(close).map(java::trim)
}

/// Cuts before and after each `&&` and `||`, also inside quotes: so does Jayway.
fn split_at_connectives(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let connective = |at: usize| matches!(chars.get(at..at + 2), Some(['&', '&'] | ['|', '|']));
    let mut pieces = Vec::new();
    let mut start = 0;
    for at in 1..chars.len() {
        if connective(at) || (at >= 2 && connective(at - 2)) {
            pieces.push(chars[start..at].iter().collect());
            start = at;
        }
    }
    pieces.push(chars[start..].iter().collect());
    pieces
}

fn clean(condition: &str) -> Result<&str, PathSyntaxError> {
    let cleaned = condition.trim_start_matches(['[', '?', '(', ' ']).trim_end_matches([')', ' ']);
    if cleaned.is_empty() {
        return Err(PathSyntaxError::new("A filter's condition is empty"));
    }
    Ok(cleaned)
}

impl Condition {
    fn parse(text: &str, nesting: usize) -> Result<Self, PathSyntaxError> {
        let found = OPERATORS
            .iter()
            .find_map(|(sign, operator)| text.find(sign).map(|at| (at, sign.len(), *operator)));
        let Some((at, length, operator)) = found else {
            let left = java::trim(text);
            let (path, expected) = match left.strip_prefix('!') {
                Some(path) => (path, false),
                None => (left, true),
            };
            return match Operand::path(path, nesting)? {
                Some(path) if expected || path_starts(path_text(left)) => {
                    Ok(Condition::Exists { path, expected })
                }
                _ => Err(PathSyntaxError::new(format!("The condition {left} has no operator"))),
            };
        };
        let left = java::trim(&text[..at]);
        let right = java::trim(&text[at + length..]);
        if right.starts_with("!@") {
            return Err(PathSyntaxError::new(
                "Invalid negation! Can only be used for existence check e.g [?(!@.foo)]",
            ));
        }
        Ok(Condition::Compare {
            left: Operand::parse(path_text(left), nesting)?,
            operator,
            right: Operand::parse(right, nesting)?,
        })
    }

    fn holds(&self, item: &Value, evaluation: &Evaluation<'_>) -> Result<bool, PathError> {
        match self {
            Condition::Exists { path, expected } => {
                // Jayway starts at the item even where the path begins with `$`.
                match evaluation.requiring_properties().value(path, item) {
                    Ok(value) => Ok(value.is_null() != *expected),
                    Err(PathError::NotFound(_)) => Ok(!expected),
                    Err(other) => Err(other),
                }
            }
            Condition::Compare { left, operator, right } => {
                let decided = left.datum(item, evaluation).and_then(|left| {
                    let right = right.datum(item, evaluation)?;
                    operator.decide(&left, &right)
                });
                match decided {
                    Err(PathError::NotFound(_)) => Ok(false),
                    other => other,
                }
            }
        }
    }
}

/// A negated path without its `!`; Jayway ignores the negation in a comparison.
fn path_text(text: &str) -> &str {
    match text.strip_prefix('!') {
        Some(path) if path.starts_with('@') => path,
        _ => text,
    }
}

fn path_starts(text: &str) -> bool {
    text.starts_with(['$', '@'])
}

impl Operand {
    fn path(text: &str, nesting: usize) -> Result<Option<Tokens>, PathSyntaxError> {
        if !path_starts(text) {
            return Ok(None);
        }
        let tokens = Tokens::compile(text, nesting + 1)?;
        if !tokens.is_definite() {
            return Err(PathSyntaxError::new(format!("the predicate path: {text} is not definite")));
        }
        Ok(Some(tokens))
    }

    fn parse(text: &str, nesting: usize) -> Result<Self, PathSyntaxError> {
        if let Some(path) = Self::path(text, nesting)? {
            return Ok(Operand::Path(path));
        }
        let unclosed = || PathSyntaxError::new(format!("Unclosed operand {text}"));
        if text.starts_with('\'') && text.ends_with('\'') {
            let inner = text.get(1..text.len() - 1).ok_or_else(unclosed)?;
            return Ok(Operand::Text(inner.to_owned()));
        }
        if text.starts_with('/') && (text.ends_with('/') || text.ends_with("/i")) {
            let end = text.rfind('/').unwrap_or_default();
            let source = text.get(1..end).ok_or_else(unclosed)?;
            return Self::pattern(source, text.ends_with('i'));
        }
        Ok(Operand::Text(text.to_owned()))
    }

    fn pattern(source: &str, ignore_case: bool) -> Result<Self, PathSyntaxError> {
        // The whole text must match, as with Java's `matches`; without the flag `i`, case counts. Java folds
        // only ASCII letters, which the difference list of the oracle names.
        let flag = if ignore_case { "(?i)" } else { "" };
        let regex = fancy_regex::RegexBuilder::new(&format!(r"\A{flag}(?:{source})\z"))
            .backtrack_limit(BACKTRACK_LIMIT)
            .build()
            .map_err(|error| PathSyntaxError::new(format!("Invalid pattern {source}: {error}")))?;
        Ok(Operand::Pattern { regex: Box::new(regex), source: source.to_owned() })
    }

    fn datum<'a>(&'a self, item: &'a Value, evaluation: &Evaluation<'a>) -> Result<Datum<'a>, PathError> {
        Ok(match self {
            Operand::Text(text) => Datum::Text(text),
            Operand::Pattern { regex, source } => Datum::Pattern { regex, source },
            Operand::Path(path) => {
                let document = if path.from_root { evaluation.root() } else { item };
                Datum::Value(match path.lookup(document) {
                    Some(found) => Cow::Borrowed(found),
                    None => evaluation.value(path, document)?,
                })
            }
        })
    }
}

impl Operator {
    /// Decides `model <operator> expected`. What cannot be compared does not pass.
    fn decide(self, model: &Datum<'_>, expected: &Datum<'_>) -> Result<bool, PathError> {
        if self == Operator::Matches {
            return matches(model, expected);
        }
        if !matches!(self, Operator::Eq | Operator::Ne) && expected.is_null() != model.is_null() {
            return Ok(false);
        }
        let Some(ordering) = compare(expected, model)? else {
            return Ok(false);
        };
        Ok(match self {
            Operator::Eq => ordering.is_eq(),
            Operator::Ne => ordering.is_ne(),
            Operator::Gt => ordering.is_lt(),
            Operator::Ge => ordering.is_le(),
            Operator::Lt => ordering.is_gt(),
            Operator::Le => ordering.is_ge(),
            Operator::Matches => false,
        })
    }
}

fn matches(model: &Datum<'_>, expected: &Datum<'_>) -> Result<bool, PathError> {
    let ((Datum::Pattern { regex, .. }, target) | (target, Datum::Pattern { regex, .. })) = (model, expected)
    else {
        return Err(PathError::Invalid(
            "class java.lang.String cannot be cast to class java.util.regex.Pattern".to_owned(),
        ));
    };
    let target = match target {
        Datum::Value(value) if value.is_null() => return Ok(false),
        Datum::Value(value) => Cow::Owned(java::to_string(value)),
        Datum::Text(text) => Cow::Borrowed(*text),
        Datum::Pattern { source, .. } => Cow::Borrowed(*source),
    };
    regex.is_match(&target).map_err(|error| PathError::Invalid(error.to_string()))
}

impl Datum<'_> {
    fn is_null(&self) -> bool {
        matches!(self, Datum::Value(value) if value.is_null())
    }

    /// Null, or the text `null`, which is how a filter writes it.
    fn is_nullish(&self) -> bool {
        self.is_null() || self.text() == Some("null")
    }

    fn text(&self) -> Option<&str> {
        match self {
            Datum::Value(value) => value.as_str(),
            Datum::Text(text) => Some(text),
            Datum::Pattern { .. } => None,
        }
    }

    fn value(&self) -> Option<&Value> {
        match self {
            Datum::Value(value) => Some(value),
            _ => None,
        }
    }
}

/// Jayway's comparison; `None` for kinds that it does not compare. It is not symmetric: a text on the expected
/// side is turned into what the document has, never the other way round.
fn compare(expected: &Datum<'_>, model: &Datum<'_>) -> Result<Option<Ordering>, PathError> {
    if let (Datum::Value(Cow::Borrowed(left)), Datum::Value(Cow::Borrowed(right))) = (expected, model)
        && std::ptr::eq(*left, *right)
    {
        return Ok(Some(Ordering::Equal));
    }
    match (expected.is_nullish(), model.is_nullish()) {
        (true, true) => return Ok(Some(Ordering::Equal)),
        (true, false) => return Ok(Some(Ordering::Less)),
        (false, true) => return Ok(Some(Ordering::Greater)),
        (false, false) => {}
    }
    if let Some(expected) = expected.text() {
        if let Some(model) = model.text() {
            let expected = expected.replace("\\'", "'");
            return Ok(Some(java::compare_strings(&expected, model)));
        }
        return match model.value() {
            Some(Value::Number(number)) => java::compare_text_with_number(expected, number)
                .map(Some)
                .ok_or_else(|| not_a_number(expected)),
            Some(Value::Bool(flag)) => Ok(Some(expected.eq_ignore_ascii_case("true").cmp(flag))),
            _ => Ok(None),
        };
    }
    Ok(match (expected.value(), model.value()) {
        (Some(Value::Number(left)), Some(Value::Number(right))) => java::compare_numbers(left, right),
        (Some(Value::Bool(left)), Some(Value::Bool(right))) => Some(left.cmp(right)),
        _ => None,
    })
}

/// What `BigDecimal` says of a text that is no number.
fn not_a_number(text: &str) -> PathError {
    let odd = text.chars().find(|c| !c.is_ascii_digit() && !matches!(c, '.' | '+' | '-'));
    PathError::Invalid(match odd {
        Some(c) => format!(
            "Character {c} is neither a decimal digit number, decimal point, nor \"e\" notation exponential mark."
        ),
        None => "No digits found.".to_owned(),
    })
}
