//! JSONPath as AWS Step Functions speaks it: Jayway's dialect (json-path 2.0.0), not RFC 9535.
//!
//! A definite path gives a value or an error; an indefinite one gives a list, which may be empty. What AWS
//! answered in recorded executions singles out version 2.0.0 of Jayway's library among its many dialects:
//! `$.items[:1].id` over a missing `items` is `[]`, `$['a\"b']` keeps its backslash, and functions such as
//! `length()` are unknown, so that `$.items.length()` looks for a property of that name.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Map, Value};
use thiserror::Error;

use evaluate::Evaluation;
use tokens::{Token, Tokens};

mod evaluate;
mod filter;
mod fragment;
pub(crate) mod java;
mod scan;
mod tokens;

/// Longest path that is parsed, in bytes.
pub const MAX_PATH_BYTES: usize = 64 * 1024;

/// Why a text is no path.
///
/// AWS refuses such a definition without quoting this text, so that it may say more than Jayway does.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct PathSyntaxError {
    message: String,
}

impl PathSyntaxError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

/// Why a path gave no value; its `Display` is the very text that AWS gives.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PathError {
    /// The document has nothing at the path.
    #[error("{0}")]
    NotFound(String),
    /// The path cannot be evaluated on this document, for example an index on an object.
    #[error("{0}")]
    Invalid(String),
    /// The document is null and the path asks for something inside it.
    #[error("Unable to apply Path transformation to null or empty input.")]
    NullInput,
    /// [`Path::set`] met something that is no object or array: AWS's `States.ResultPathMatchFailure`.
    #[error("Unable to apply ReferencePath {path} to input {input}")]
    Unappliable {
        /// The path as written.
        path: String,
        /// The document, as compact JSON.
        input: String,
    },
    /// The evaluation visited more nodes than any payload that AWS admits could need.
    #[error("The path visits more than {0} nodes")]
    TooComplex(u32),
}

/// Which document a path starts in; the caller supplies it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Root {
    /// `$`: the input (or output) of the state.
    Input,
    /// `$$`: the context object.
    Context,
    /// `$name`: the workflow variable of that name.
    Variable(String),
}

/// A parsed path; its `Display` is the text it was parsed from.
#[derive(Debug, Clone)]
pub struct Path {
    text: String,
    root: Root,
    tokens: Tokens,
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Path {
    /// Parses a path; bounded in length and depth.
    ///
    /// # Errors
    /// Whatever Jayway's compiler refuses, a text that does not start with `$`, one with a variable's name that
    /// cannot be one, and one of more than [`MAX_PATH_BYTES`].
    pub fn parse(text: &str) -> Result<Path, PathSyntaxError> {
        if text.len() > MAX_PATH_BYTES {
            return Err(PathSyntaxError::new(format!("A path may have at most {MAX_PATH_BYTES} bytes")));
        }
        let trimmed = java::trim(text);
        let Some(rest) = trimmed.strip_prefix('$') else {
            return Err(PathSyntaxError::new("A path must start with '$'"));
        };
        let (root, rest) = split_root(rest)?;
        Ok(Path { text: trimmed.to_owned(), root, tokens: Tokens::compile(&format!("${rest}"), 0)? })
    }

    /// The text of the path.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where the path starts.
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// Whether the path names the document itself, as `$` does.
    pub fn is_root(&self) -> bool {
        self.tokens.list.len() == 1
    }

    /// Whether the path names at most one node.
    pub fn is_definite(&self) -> bool {
        self.tokens.is_definite()
    }

    /// Whether the path may stand where AWS wants a reference path (`ResultPath`, `Variable`): names and
    /// indices only.
    pub fn is_reference(&self) -> bool {
        self.tokens.list[1..].iter().all(|token| match token {
            Token::Properties(names) => names.len() == 1 && !names[0].ends_with("()"),
            Token::Index(index) => *index >= 0,
            _ => false,
        })
    }

    /// The value at the path: a copy. See [`Path::query_ref`].
    pub fn query(&self, root: &Value) -> Result<Value, PathError> {
        self.query_ref(root).map(Cow::into_owned)
    }

    /// The value at the path: borrowed where the path is definite, a new list where it is not.
    ///
    /// # Errors
    /// A definite path that leads nowhere, and a path that does not fit the document's shape.
    pub fn query_ref<'a>(&self, root: &'a Value) -> Result<Cow<'a, Value>, PathError> {
        if let Some(found) = self.tokens.lookup(root) {
            return Ok(Cow::Borrowed(found));
        }
        if root.is_null() {
            return Err(PathError::NullInput);
        }
        Evaluation::new(root).value(&self.tokens, root)
    }

    /// Puts `value` at the path and gives the document back, as `ResultPath` does: missing objects on the way
    /// are made, everything else on the way must be an object or an array that has the index.
    pub fn set(&self, root: Value, value: Value) -> Result<Value, PathError> {
        if !self.is_reference() || !can_set(&self.tokens.list[1..], &root) {
            return Err(PathError::Unappliable { path: self.text.clone(), input: root.to_string() });
        }
        let mut root = root;
        *slot(&self.tokens.list[1..], &mut root) = value;
        Ok(root)
    }
}

fn split_root(rest: &str) -> Result<(Root, &str), PathSyntaxError> {
    if let Some(rest) = rest.strip_prefix('$') {
        return Ok((Root::Context, rest));
    }
    let end = rest.find(['.', '[']).unwrap_or(rest.len());
    if end == 0 {
        return Ok((Root::Input, rest));
    }
    let (name, rest) = rest.split_at(end);
    let mut letters = name.chars();
    let starts_well = letters.next().is_some_and(|c| c.is_alphabetic() || c == '_');
    if !starts_well || !letters.all(|c| c.is_alphanumeric() || c == '_') {
        return Err(PathSyntaxError::new(format!("Invalid path ${name}")));
    }
    Ok((Root::Variable(name.to_owned()), rest))
}

/// Whether [`slot`] will find its way; checked first so that the document is still whole in the error.
fn can_set(tokens: &[Token], document: &Value) -> bool {
    let mut node = Some(document);
    for token in tokens {
        node = match (token, node) {
            (Token::Properties(names), Some(Value::Object(members))) => members.get(&names[0]),
            (Token::Index(index), Some(Value::Array(items))) => {
                let item = usize::try_from(*index).ok().and_then(|i| items.get(i));
                if item.is_none() {
                    return false;
                }
                item
            }
            (Token::Properties(_), None) => None,
            _ => return false,
        };
    }
    true
}

fn slot<'a>(tokens: &[Token], document: &'a mut Value) -> &'a mut Value {
    let mut node = document;
    for token in tokens {
        node = match token {
            Token::Properties(names) => {
                if !node.is_object() {
                    *node = Value::Object(Map::new());
                }
                &mut node[names[0].as_str()]
            }
            Token::Index(index) => &mut node[usize::try_from(*index).unwrap_or_default()],
            _ => unreachable!("a reference path has only names and indices"),
        };
    }
    node
}

#[cfg(test)]
mod tests;
