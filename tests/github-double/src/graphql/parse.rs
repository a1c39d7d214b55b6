//! Reads a GraphQL document: enough of the language for what clients of GitHub send.

use serde_json::{Map, Value};

/// The one operation of a document.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) is_mutation: bool,
    pub(super) fields: Vec<Field>,
}

/// A selected field, with arguments already filled in from the variables.
#[derive(Debug)]
pub(super) struct Field {
    /// What it is called in the answer.
    pub(super) alias: String,
    pub(super) name: String,
    pub(super) arguments: Map<String, Value>,
    pub(super) fields: Vec<Field>,
    /// Selected only on this type, by `... on Type`.
    pub(super) on: Option<String>,
}

pub(super) fn parse(text: &str, variables: &Value) -> Result<Operation, String> {
    let mut reader = Reader { tokens: tokens(text)?, at: 0, variables };
    let mut is_mutation = false;
    match reader.peek() {
        Some("{") => {}
        Some(word @ ("query" | "mutation")) => {
            is_mutation = word == "mutation";
            reader.skip();
            while reader.peek().is_some_and(|token| token != "{" && token != "(") {
                reader.skip();
            }
            if reader.peek() == Some("(") {
                reader.declarations()?;
            }
        }
        other => return Err(format!("Expected an operation, not {other:?}")),
    }
    let fields = reader.selection(None)?;
    match reader.peek() {
        None => Ok(Operation { is_mutation, fields }),
        Some(token) => Err(format!("Unexpected {token} after the operation: one operation, no fragments")),
    }
}

struct Reader<'a> {
    tokens: Vec<&'a str>,
    at: usize,
    variables: &'a Value,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.tokens.get(self.at).copied()
    }

    fn skip(&mut self) {
        self.at += 1;
    }

    fn next(&mut self) -> Result<&'a str, String> {
        let token = self.peek().ok_or("Unexpected end of document")?;
        self.skip();
        Ok(token)
    }

    fn expect(&mut self, wanted: &str) -> Result<(), String> {
        let token = self.next()?;
        if token == wanted { Ok(()) } else { Err(format!("Expected {wanted}, not {token}")) }
    }

    /// `($id: ID!, $body: String = "x")`: a required variable must be there; types are not looked at.
    fn declarations(&mut self) -> Result<(), String> {
        self.expect("(")?;
        while self.peek() != Some(")") {
            self.expect("$")?;
            let name = self.next()?;
            self.expect(":")?;
            let mut last = "";
            while let Some(token) = self.peek() {
                if token == "$" || token == ")" {
                    break;
                }
                last = token;
                self.skip();
            }
            if last == "!" && self.variables.get(name).is_none_or(Value::is_null) {
                return Err(format!("Variable ${name} was provided invalid value"));
            }
        }
        self.expect(")")
    }

    fn selection(&mut self, on: Option<&str>) -> Result<Vec<Field>, String> {
        self.expect("{")?;
        let mut fields = Vec::new();
        while self.peek() != Some("}") {
            if self.peek() == Some("...") {
                self.skip();
                self.expect("on")?;
                let name = self.next()?;
                fields.extend(self.selection(Some(name))?);
            } else {
                fields.push(self.field(on)?);
            }
        }
        self.expect("}")?;
        Ok(fields)
    }

    fn field(&mut self, on: Option<&str>) -> Result<Field, String> {
        let mut name = self.next()?;
        let alias = name;
        if self.peek() == Some(":") {
            self.skip();
            name = self.next()?;
        }
        let mut arguments = Map::new();
        if self.peek() == Some("(") {
            self.skip();
            while self.peek() != Some(")") {
                let argument = self.next()?;
                self.expect(":")?;
                arguments.insert(argument.to_owned(), self.value()?);
            }
            self.skip();
        }
        let fields = if self.peek() == Some("{") { self.selection(None)? } else { Vec::new() };
        Ok(Field {
            alias: alias.to_owned(),
            name: name.to_owned(),
            arguments,
            fields,
            on: on.map(str::to_owned),
        })
    }

    fn value(&mut self) -> Result<Value, String> {
        match self.next()? {
            "$" => {
                let name = self.next()?;
                Ok(self.variables.get(name).cloned().unwrap_or(Value::Null))
            }
            "[" => {
                let mut items = Vec::new();
                while self.peek() != Some("]") {
                    items.push(self.value()?);
                }
                self.skip();
                Ok(Value::Array(items))
            }
            "{" => {
                let mut object = Map::new();
                while self.peek() != Some("}") {
                    let name = self.next()?;
                    self.expect(":")?;
                    object.insert(name.to_owned(), self.value()?);
                }
                self.skip();
                Ok(Value::Object(object))
            }
            // Numbers, strings, true, false and null are written as in JSON; what is left is an enum.
            token => Ok(token.parse().unwrap_or_else(|_| Value::String(token.to_owned()))),
        }
    }
}

fn tokens(text: &str) -> Result<Vec<&str>, String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        // Commas are blanks in GraphQL.
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
        let Some(first) = rest.chars().next() else { return Ok(tokens) };
        let length = match first {
            '#' => {
                rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
                continue;
            }
            '"' => string_length(rest)?,
            '.' if rest.starts_with("...") => 3,
            '{' | '}' | '(' | ')' | '[' | ']' | ':' | '$' | '!' | '=' | '@' => 1,
            c if c.is_ascii_alphanumeric() || c == '_' || c == '-' => {
                let end = |c: char| !(c.is_ascii_alphanumeric() || "_-+.".contains(c));
                rest.find(end).unwrap_or(rest.len())
            }
            c => return Err(format!("Unexpected character {c:?}")),
        };
        let (token, after) = rest.split_at(length);
        tokens.push(token);
        rest = after;
    }
}

/// The length of a string with its quotes; `"""blocks"""` are left to those who need them.
fn string_length(text: &str) -> Result<usize, String> {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '\\' if !escaped => escaped = true,
            '"' if !escaped => return Ok(at + 1),
            _ => escaped = false,
        }
    }
    Err("A string does not end".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn variables_literals_and_aliases_are_read() {
        let text = r#"mutation M($id: ID!, $in: X) {
            a: addReaction(input: {subjectId: $id, content: EYES}) { reaction { content } } # why
            b(x: "q\"", y: [1, true], z: $in) { ... on IssueComment { id } }
        }"#;
        let operation = parse(text, &json!({ "id": "N", "in": { "k": 1 } })).expect("a document");
        assert!(operation.is_mutation);
        let [a, b] = operation.fields.as_slice() else { panic!("{operation:?}") };
        assert_eq!((a.alias.as_str(), a.name.as_str()), ("a", "addReaction"));
        assert_eq!(a.arguments["input"], json!({ "subjectId": "N", "content": "EYES" }));
        assert_eq!(b.arguments["x"], "q\"");
        assert_eq!(b.arguments["z"], json!({ "k": 1 }));
        assert_eq!(b.fields[0].on.as_deref(), Some("IssueComment"));
    }

    #[test]
    fn a_missing_variable_and_broken_text_are_errors() {
        for text in ["query($id: ID!) { node(id: $id) { id } }", "{ a", "query { \"", "{ a } fragment X"] {
            assert!(parse(text, &json!({})).is_err(), "{text}");
        }
    }
}
