//! A command line as somebody typed it, before anybody knows what it means.

use std::ops::Range;

/// One command line of a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What stands behind the mention, as typed.
    pub text: String,
    /// Its words, quotes resolved.
    pub words: Result<Vec<String>, Misquoted>,
    /// Where it stands in the comment, in bytes, from the mention on.
    pub range: Range<usize>,
    /// The number of its source line, from 1.
    pub number: usize,
    /// How many command lines, this one included, are past what one comment may hold; 0 for all that count.
    pub(super) excess: usize,
}

/// A quote that never closes, or an apostrophe that would begin one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Misquoted {
    /// The character that opened it.
    pub quote: char,
    /// Whether it stands right behind a letter or digit: an apostrophe, `don't`, and refused even if another one
    /// would close it. A shell would drop both, and change what the person said.
    pub apostrophe: bool,
}

impl Line {
    /// The same line, read as these words.
    pub(crate) fn read_as(&self, words: Vec<String>) -> Self {
        Self { words: Ok(words), ..self.clone() }
    }

    /// What makes two lines the same command, wherever and however they are written.
    pub(super) fn key(&self) -> Vec<String> {
        match &self.words {
            Ok(words) => {
                let mut key = words.clone();
                // Commands are found whatever their case, so that a changed case is no new command.
                if let Some(first) = key.first_mut() {
                    first.make_ascii_lowercase();
                }
                key
            }
            Err(_) => self.text.split_whitespace().map(str::to_owned).collect(),
        }
    }
}
