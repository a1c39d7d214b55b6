//! From the text of a path to its tokens, with the scanning rules of json-path 2.0.0.
//!
//! Jayway's compiler is a character scanner, not a grammar: `["a1"]` is the index 1, `[1 2]` is the index 12,
//! and brackets inside a quoted name end it. Those rules are kept, because a definition that AWS admits must
//! mean here what it means there.

use std::fmt;

use serde_json::Value;

use super::PathSyntaxError;
use super::filter::Filter;
use super::fragment::Fragment;

/// Filters inside filters are refused anyway (they are not definite); this bounds the way to that answer.
const MAX_NESTING: usize = 4;

/// Most steps of a path.
const MAX_TOKENS: usize = 1_000;

/// One step of a path.
#[derive(Debug, Clone)]
pub(super) enum Token {
    /// `$`, also where Jayway admits it in the middle of a path.
    Root,
    /// `.name`, `['name']`, `['a', 'b']`.
    Properties(Vec<String>),
    /// `[3]`
    Index(i32),
    /// `[1,3]`
    Indices(Vec<i32>),
    /// `[(@.length-1)]`: the offset, negative.
    FromEnd(i32),
    /// `[2:]`
    SliceFrom(i32),
    /// `[:2]`
    SliceTo(i32),
    /// `[1:2]`
    SliceBetween(i32, i32),
    /// `[*]`, `.*`
    Wildcard,
    /// `..`
    Scan,
    /// `[?(…)]`
    Filter(Filter),
}

impl Token {
    pub(super) fn is_definite(&self) -> bool {
        matches!(self, Token::Root | Token::Properties(_) | Token::Index(_) | Token::FromEnd(_))
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Root => f.write_str("$"),
            Token::Properties(names) => {
                f.write_str("[")?;
                for (i, name) in names.iter().enumerate() {
                    write!(f, "{}'{name}'", if i == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
            Token::Index(index) => write!(f, "[{index}]"),
            Token::Indices(indices) => {
                f.write_str("[")?;
                for (i, index) in indices.iter().enumerate() {
                    write!(f, "{}{index}", if i == 0 { "" } else { "," })?;
                }
                f.write_str("]")
            }
            Token::FromEnd(offset) => write!(f, "[@.size(){offset}]"),
            Token::SliceFrom(from) => write!(f, "[{from}:]"),
            Token::SliceTo(to) => write!(f, "[:{to}]"),
            Token::SliceBetween(from, to) => write!(f, "[{from}:{to}]"),
            Token::Wildcard => f.write_str("[*]"),
            Token::Scan => f.write_str(".."),
            Token::Filter(_) => f.write_str("[?]"),
        }
    }
}

/// The steps of a path; the first is [`Token::Root`].
#[derive(Debug, Clone)]
pub(super) struct Tokens {
    pub(super) list: Vec<Token>,
    /// From this step on, every step is definite.
    definite_from: usize,
    /// Whether the path begins with `$` (and not with `@`, inside a filter).
    pub(super) from_root: bool,
}

impl Tokens {
    pub(super) fn compile(text: &str, nesting: usize) -> Result<Self, PathSyntaxError> {
        if nesting > MAX_NESTING {
            return Err(PathSyntaxError::new("Filters are nested too deeply"));
        }
        let mut text: Vec<char> = super::java::trim(text).chars().collect();
        let from_root = match text.first() {
            Some('$') => true,
            Some('@') => {
                text[0] = '$';
                false
            }
            _ => return Err(PathSyntaxError::new("Path may not be null empty")),
        };
        if text.ends_with(&['.', '.']) {
            return Err(PathSyntaxError::new("A path can not end with a scan."));
        }
        if text.get(1).is_some_and(|c| *c != '.' && *c != '[') {
            let text: String = text.iter().collect();
            return Err(PathSyntaxError::new(format!("Invalid path {text}")));
        }
        let list = scan(&text, nesting)?;
        let definite_from = list.iter().rposition(|token| !token.is_definite()).map_or(0, |last| last + 1);
        Ok(Self { list, definite_from, from_root })
    }

    pub(super) fn is_definite(&self) -> bool {
        self.definite_from == 0
    }

    /// Jayway's `isUpstreamDefinite` of a definite step: the step before it and all that follow are definite.
    pub(super) fn is_upstream_definite(&self, index: usize) -> bool {
        index == 0 || index > self.definite_from
    }

    /// The path from this step on, as Jayway writes it.
    pub(super) fn tail(&self, index: usize) -> String {
        self.list[index..].iter().map(ToString::to_string).collect()
    }

    /// The node of a path of single names and indices; `None` where there is none or the path is another.
    pub(super) fn lookup<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        self.list[1..].iter().try_fold(document, |node, token| match (token, node) {
            (Token::Properties(names), Value::Object(members)) if names.len() == 1 => members.get(&names[0]),
            (Token::Index(index), Value::Array(items)) => items.get(usize::try_from(*index).ok()?),
            _ => None,
        })
    }
}

fn scan(text: &[char], nesting: usize) -> Result<Vec<Token>, PathSyntaxError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let token = match text[at] {
            ' ' => return Err(PathSyntaxError::new("Space not allowed in path")),
            '$' => {
                at += 1;
                Token::Root
            }
            '*' => {
                at += 1;
                Token::Wildcard
            }
            '[' => {
                let fragment = &text[at..at + until_closed(&text[at..])];
                at += fragment.len();
                Fragment::new(fragment).token(nesting)?
            }
            first => {
                if first == '.' {
                    at += 1;
                    match text.get(at) {
                        None => return Err(PathSyntaxError::new("A path can not end with a dot")),
                        Some('.') => {
                            at += 1;
                            tokens.push(Token::Scan);
                            continue;
                        }
                        Some(_) => {}
                    }
                }
                let name = &text[at..at + name_length(&text[at..])];
                if name.is_empty() {
                    continue;
                }
                at += name.len();
                if first == '.' && name == ['*'] { Token::Wildcard } else { named(name, nesting)? }
            }
        };
        tokens.push(token);
        if tokens.len() > MAX_TOKENS {
            return Err(PathSyntaxError::new(format!("A path may have at most {MAX_TOKENS} steps")));
        }
    }
    Ok(tokens)
}

/// A name in dot notation. Jayway rewrites it as `['name']` and analyses that, which matters for names that
/// hold what its scanner looks for.
fn named(name: &[char], nesting: usize) -> Result<Token, PathSyntaxError> {
    let mut fragment = vec!['[', '\''];
    fragment.extend_from_slice(name);
    fragment.extend(['\'', ']']);
    Fragment::new(&fragment).token(nesting)
}

fn name_length(text: &[char]) -> usize {
    text.iter().position(|c| matches!(c, '.' | '[' | ' ')).unwrap_or(text.len())
}

/// The length of a bracket with what it holds, or of the rest if it never closes.
fn until_closed(text: &[char]) -> usize {
    let mut open = 0_usize;
    for (i, c) in text.iter().enumerate().skip(1) {
        match c {
            ']' if open == 0 => return i + 1,
            ']' => open -= 1,
            '[' => open += 1,
            _ => {}
        }
    }
    text.len()
}
