//! What is wrong with a file: where, what, and what to do.

use std::fmt;
use std::ops::Range;

use crate::text::line_and_column;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The line, from 1 on.
    pub line: u32,
    /// The first column, in characters from 1 on.
    pub column: u32,
    /// The line where it ends.
    pub end_line: u32,
    /// The last column.
    pub end_column: u32,
    /// What is wrong.
    pub text: String,
    /// What to do.
    pub hint: String,
}

impl Problem {
    pub(super) fn at(
        source: &str,
        span: Range<usize>,
        text: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        let (line, column) = place(source, span.start);
        // The last character that belongs to it, and not the one after.
        let (end_line, end_column) = place(source, span.end.saturating_sub(1).max(span.start));
        Self { line, column, end_line, end_column, text: text.into(), hint: hint.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}. {}", self.line, self.column, self.text, self.hint)
    }
}

fn place(source: &str, at: usize) -> (u32, u32) {
    let (line, column) = line_and_column(source, at);
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    (number(line), number(column))
}

/// All of them as Markdown, for a check or a reply.
pub fn summary(problems: &[Problem]) -> String {
    let mut text = String::new();
    for problem in problems {
        use fmt::Write as _;
        _ = writeln!(text, "* {problem}");
    }
    text
}
