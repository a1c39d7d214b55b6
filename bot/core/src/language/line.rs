//! A command line as somebody typed it, before anybody knows what it means.

use std::ops::Range;

/// One command line of a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What stands behind the mention, as typed.
    pub text: String,
    /// Its words, quotes resolved.
    pub words: Result<Vec<String>, Unclosed>,
    /// Where it stands in the comment, in bytes, from the mention on.
    pub range: Range<usize>,
    /// The number of its source line, from 1.
    pub number: usize,
    /// How many command lines, this one included, are past what one comment may hold; 0 for all that count.
    pub(super) excess: usize,
}

/// A quote that was opened and never closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unclosed {
    /// The character that opened it.
    pub quote: char,
    /// Whether it stands within a word, as an apostrophe does.
    pub within_word: bool,
}

impl Line {
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
