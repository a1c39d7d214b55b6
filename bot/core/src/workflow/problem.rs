//! What is wrong with a workflow's folder: where, what, and what to do.

use std::fmt;
use std::ops::Range;

use super::MANIFEST;
use crate::text::line_and_column;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file in the folder; empty for the folder itself.
    pub file: String,
    /// The line, from 1 on; 0 for the whole file.
    pub line: usize,
    /// The column, from 1 on.
    pub column: usize,
    /// What is wrong.
    pub text: String,
    /// What to do.
    pub hint: String,
}

impl Problem {
    pub(super) fn of_folder(text: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { file: String::new(), line: 0, column: 0, text: text.into(), hint: hint.into() }
    }

    /// One in `workflow.toml`, whose text is `source`.
    pub(super) fn of_manifest(
        source: &str,
        span: Range<usize>,
        text: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        let (line, column) = line_and_column(source, span.start);
        Self { file: MANIFEST.to_owned(), line, column, text: text.into(), hint: hint.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, text, hint } = self;
        match (file.is_empty(), line) {
            (true, _) => write!(f, "{text}; {hint}"),
            (false, 0) => write!(f, "{file}: {text}; {hint}"),
            (false, _) => write!(f, "{file}:{line}:{column}: {text}; {hint}"),
        }
    }
}
