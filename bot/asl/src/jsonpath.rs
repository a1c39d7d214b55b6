//! JSONPath as AWS Step Functions speaks it: Jayway's dialect (json-path 2.0.0), not RFC 9535.

use std::borrow::Cow;

use serde_json::Value;
use thiserror::Error;

/// Why a text is no path. The text is what follows `Invalid path '…' : ` in AWS's answers.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct PathSyntaxError {
    message: String,
}

/// Why a path gave no value; its `Display` is the very text that AWS gives.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PathError {
    /// The path is definite and the document has nothing there.
    #[error("{0}")]
    NotFound(String),
    /// The path cannot be evaluated on this document.
    #[error("{0}")]
    Invalid(String),
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

/// A parsed path.
#[derive(Debug, Clone)]
pub struct Path {
    root: Root,
}

impl Path {
    /// Parses a path; bounded in length and depth.
    pub fn parse(text: &str) -> Result<Path, PathSyntaxError> {
        let _ = text;
        Err(PathSyntaxError { message: String::new() })
    }
    /// Where the path starts.
    pub fn root(&self) -> &Root {
        &self.root
    }
    /// Whether the path names at most one node.
    pub fn is_definite(&self) -> bool {
        true
    }
    /// Whether the path may stand where AWS wants a reference path (`ResultPath`, `Variable`).
    pub fn is_reference(&self) -> bool {
        true
    }
    /// The value at the path: a copy. See [`Path::query_ref`].
    pub fn query(&self, root: &Value) -> Result<Value, PathError> {
        self.query_ref(root).map(Cow::into_owned)
    }
    /// The value at the path; borrowed when the path is definite.
    pub fn query_ref<'a>(&self, root: &'a Value) -> Result<Cow<'a, Value>, PathError> {
        Ok(Cow::Borrowed(root))
    }
    /// Puts `value` at the path, as `ResultPath` does.
    pub fn set(&self, root: Value, value: Value) -> Result<Value, PathError> {
        let _ = root;
        Ok(value)
    }
}
