//! From the text of a call to its parts.

use serde_json::Value;

use super::{Argument, Call, Function, IntrinsicSyntaxError, MAX_CALL_BYTES, MAX_FUNCTIONS, Template};
use crate::jsonpath::Path;

pub(super) fn call(text: &str) -> Result<Call, IntrinsicSyntaxError> {
    if text.len() > MAX_CALL_BYTES {
        return Err(IntrinsicSyntaxError::new(format!("A call may have at most {MAX_CALL_BYTES} bytes")));
    }
    let mut parser = Parser { rest: text, functions: 0 };
    parser.skip_space();
    let call = parser.call()?;
    parser.skip_space();
    if parser.rest.is_empty() {
        return Ok(call);
    }
    Err(parser.unexpected("the end"))
}

struct Parser<'a> {
    rest: &'a str,
    /// Counted as they open, so that the recursion below is bounded, too.
    functions: usize,
}

impl Parser<'_> {
    fn unexpected(&self, expected: &str) -> IntrinsicSyntaxError {
        let found = self.rest.chars().next();
        IntrinsicSyntaxError::new(match found {
            Some(c) => format!("Expected {expected}, found {c:?}"),
            None => format!("Expected {expected}"),
        })
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn accept(&mut self, sign: char) -> bool {
        match self.rest.strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn call(&mut self) -> Result<Call, IntrinsicSyntaxError> {
        self.functions += 1;
        if self.functions > MAX_FUNCTIONS {
            return Err(IntrinsicSyntaxError::new(format!(
                "A field may have at most {MAX_FUNCTIONS} intrinsic functions"
            )));
        }
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.').unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        let function = Function::named(name)
            .ok_or_else(|| IntrinsicSyntaxError::new(format!("Unknown function {name}")))?;
        self.rest = rest;
        self.skip_space();
        if !self.accept('(') {
            return Err(self.unexpected("'('"));
        }
        let mut arguments = Vec::new();
        self.skip_space();
        if !self.accept(')') {
            loop {
                self.skip_space();
                arguments.push(self.argument()?);
                self.skip_space();
                if self.accept(')') {
                    break;
                }
                if !self.accept(',') {
                    return Err(self.unexpected("',' or ')'"));
                }
            }
        }
        Ok(Call { function, arguments })
    }

    fn argument(&mut self) -> Result<Argument, IntrinsicSyntaxError> {
        match self.rest.chars().next() {
            Some('\'') => self.text().map(Argument::Text),
            Some('$') => self.path().map(Argument::Path),
            Some('S') => self.call().map(Argument::Call),
            _ => self.literal().map(Argument::Literal),
        }
    }

    fn text(&mut self) -> Result<Template, IntrinsicSyntaxError> {
        let mut template = Template { text: String::new(), places: Vec::new() };
        let mut chars = self.rest.char_indices().skip(1).peekable();
        while let Some((at, c)) = chars.next() {
            match c {
                '\'' => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(template);
                }
                '\\' => match chars.next() {
                    Some((_, escaped @ ('\'' | '\\' | '{' | '}'))) => template.text.push(escaped),
                    other => {
                        let escape = other.map(|(_, c)| c).unwrap_or_default();
                        return Err(IntrinsicSyntaxError::new(format!("Unknown escape \\{escape}")));
                    }
                },
                '{' => {
                    if chars.next_if(|(_, next)| *next == '}').is_some() {
                        template.places.push(template.text.len());
                        template.text.push_str("{}");
                    } else {
                        template.text.push('{');
                    }
                }
                c => template.text.push(c),
            }
        }
        Err(IntrinsicSyntaxError::new("Unclosed text"))
    }

    /// A path ends at a comma or a round bracket of the call; its own stand inside square brackets or quotes.
    fn path(&mut self) -> Result<Path, IntrinsicSyntaxError> {
        let (mut square, mut quoted) = (0_usize, false);
        let mut end = self.rest.len();
        for (at, c) in self.rest.char_indices() {
            match c {
                '\'' if square > 0 => quoted = !quoted,
                '[' if !quoted => square += 1,
                ']' if !quoted => square = square.saturating_sub(1),
                ',' | ')' if square == 0 => {
                    end = at;
                    break;
                }
                _ => {}
            }
        }
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        Path::parse(text.trim_end()).map_err(|error| IntrinsicSyntaxError::new(error.to_string()))
    }

    fn literal(&mut self) -> Result<Value, IntrinsicSyntaxError> {
        let end = self
            .rest
            .find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '+' | '-' | '.'))
            .unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(end);
        let Ok(value @ (Value::Null | Value::Bool(_) | Value::Number(_))) = serde_json::from_str(text) else {
            return Err(self.unexpected("an argument"));
        };
        self.rest = rest;
        Ok(value)
    }
}
