//! The inside of a bracket: names, indices, slices or a filter, with the scanning rules of json-path 2.0.0.

use super::PathSyntaxError;
use super::filter::Filter;
use super::tokens::Token;

/// A bracket with what it holds, and a cursor in it.
pub(super) struct Fragment<'a> {
    text: &'a [char],
    at: usize,
}

impl<'a> Fragment<'a> {
    pub(super) fn new(text: &'a [char]) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn token(mut self, nesting: usize) -> Result<Token, PathSyntaxError> {
        if self.text == ['[', '*', ']'] {
            return Ok(Token::Wildcard);
        }
        if self.is_placeholder() {
            return Err(PathSyntaxError::new("A filter needs a condition: [?(…)]"));
        }
        while let Some(c) = self.text.get(self.at) {
            match c {
                '?' => {
                    let filter: String = self.filter_bounds()?.iter().collect();
                    return Filter::parse(&filter, nesting).map(Token::Filter);
                }
                '\'' => return self.properties(),
                '@' => return self.offset(),
                ':' | '-' | '0'..='9' => return self.indices(),
                _ => self.at += 1,
            }
        }
        let text: String = self.text.iter().collect();
        Err(PathSyntaxError::new(format!("Could not analyze path component: {text}")))
    }

    /// `[?]`, `[?, ?]`: places for filters that a Java program would supply.
    fn is_placeholder(&self) -> bool {
        self.text.contains(&'?')
            && self.text.first() == Some(&'[')
            && self.text.last() == Some(&']')
            && self.text[1..self.text.len() - 1]
                .iter()
                .all(|c| matches!(c, '?' | ',' | '*') || c.is_ascii_whitespace())
    }

    fn current(&self) -> Result<char, PathSyntaxError> {
        self.text.get(self.at).copied().ok_or_else(|| {
            let text: String = self.text.iter().collect();
            PathSyntaxError::new(format!("Unclosed path component: {text}"))
        })
    }

    fn advance(&mut self) -> Result<char, PathSyntaxError> {
        self.at += 1;
        self.current()
    }

    /// The filter's brackets with what they hold; quotes and round brackets count here.
    fn filter_bounds(&self) -> Result<&'a [char], PathSyntaxError> {
        let start = self.text[..self.at].iter().rposition(|c| *c == '[').unwrap_or_default();
        let (mut round, mut square) = (0_i64, 0_i64);
        let mut quoted = false;
        let mut before = ' ';
        for (i, c) in self.text.iter().enumerate().skip(start) {
            match c {
                '\'' if before != '\\' => quoted = !quoted,
                '(' if !quoted => round += 1,
                ')' if !quoted => round -= 1,
                '[' if !quoted => square += 1,
                ']' if !quoted => {
                    square -= 1;
                    if round == 0 {
                        if square != 0 {
                            break;
                        }
                        return Ok(&self.text[start..=i]);
                    }
                }
                _ => {}
            }
            before = *c;
        }
        Err(PathSyntaxError::new("Filter brackets are not balanced"))
    }

    fn properties(&mut self) -> Result<Token, PathSyntaxError> {
        let mut names = Vec::new();
        let mut name = None::<String>;
        let mut current = self.current()?;
        while current != ']' {
            if current == '\'' {
                match name.take() {
                    Some(finished) => names.push(finished),
                    None => name = Some(String::new()),
                }
            } else if let Some(name) = &mut name {
                name.push(current);
            }
            current = self.advance()?;
        }
        Ok(Token::Properties(names))
    }

    fn offset(&mut self) -> Result<Token, PathSyntaxError> {
        self.advance()?;
        let mut current = self.advance()?;
        let mut function = String::new();
        while current != '-' {
            if !matches!(current, ' ' | '(' | ')') {
                function.push(current);
            }
            current = self.advance()?;
        }
        if function != "size" && function != "length" {
            return Err(PathSyntaxError::new(format!(
                "Invalid function: @.{function}. Supported functions are: [(@.length - n)] and [(@.size() - n)]"
            )));
        }
        let mut number = String::new();
        while current != ')' {
            if current != ' ' {
                number.push(current);
            }
            current = self.advance()?;
        }
        parse_int(&number).map(Token::FromEnd)
    }

    /// `[1]`, `[1,2]` and the three slices. Spaces inside a number vanish, as in Jayway's scanner.
    fn indices(&mut self) -> Result<Token, PathSyntaxError> {
        let mut number = String::new();
        let mut numbers = Vec::new();
        let (mut to, mut from, mut between, mut sequence) = (false, false, false, false);
        let mut current = self.current()?;
        while matches!(current, '0'..='9' | ',' | ' ' | ':' | '-') {
            match current {
                ' ' => {}
                ',' => {
                    numbers.push(parse_int(&number)?);
                    number.clear();
                    sequence = true;
                }
                ':' => {
                    if number.is_empty() {
                        to = true;
                        numbers.push(parse_int(&self.bound()?)?);
                    } else {
                        numbers.push(parse_int(&number)?);
                        number.clear();
                        let bound = self.bound()?;
                        if bound.is_empty() {
                            from = true;
                        } else {
                            between = true;
                            numbers.push(parse_int(&bound)?);
                        }
                    }
                }
                c => number.push(c),
            }
            if self.current()? == ']' {
                break;
            }
            current = self.advance()?;
        }
        if !number.is_empty() {
            numbers.push(parse_int(&number)?);
        }
        let first = numbers.first().copied();
        match (first, numbers.get(1).copied()) {
            (Some(index), None) if !to && !from => Ok(Token::Index(index)),
            (Some(_), _) if sequence => Ok(Token::Indices(numbers)),
            (Some(start), _) if from => Ok(Token::SliceFrom(start)),
            (Some(end), _) if to => Ok(Token::SliceTo(end)),
            (Some(start), Some(end)) if between => Ok(Token::SliceBetween(start, end)),
            _ => Err(PathSyntaxError::new("An index must be a number")),
        }
    }

    /// The number after a slice's colon; leaves the cursor on what follows it.
    fn bound(&mut self) -> Result<String, PathSyntaxError> {
        let mut number = String::new();
        loop {
            match self.advance()? {
                ' ' => {}
                c @ ('0'..='9' | '-') => number.push(c),
                _ => return Ok(number),
            }
        }
    }
}

fn parse_int(text: &str) -> Result<i32, PathSyntaxError> {
    text.parse().map_err(|_| PathSyntaxError::new(format!("For input string: \"{text}\"")))
}
