//! Where in a text a place of the document stands: from AWS's `/States/A/Choices[0]/Next` to line and column.

use deputy_core::text::line_and_column;
use serde_json::Value;

/// Line and column, from 1, of what `location` names; of what is nearest around it if that is not there.
pub(super) fn find(text: &str, location: &str) -> Option<(usize, usize)> {
    let document: Value = serde_json::from_str(text).ok()?;
    let steps = steps(&document, location);
    let mut scanner = Scanner { bytes: text.as_bytes(), at: 0 };
    let offset = scanner.follow(&steps)?;
    Some(line_and_column(text, offset))
}

#[derive(Debug, PartialEq)]
enum Step {
    Member(String),
    Element(usize),
}

/// The steps of a location that the document has. Names of states may hold slashes and brackets, so the document decides
/// where a name ends.
fn steps(document: &Value, location: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let (mut value, mut rest) = (document, location);
    loop {
        if let Some(index) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'))
            && let Ok(number) = index.0.parse::<usize>()
            && let Some(element) = value.get(number)
        {
            steps.push(Step::Element(number));
            (value, rest) = (element, index.1);
            continue;
        }
        let Some(names) = rest.strip_prefix('/') else { return steps };
        let Value::Object(members) = value else { return steps };
        let fits = |name: &&String| {
            names
                .strip_prefix(name.as_str())
                .is_some_and(|after| after.is_empty() || after.starts_with(['/', '[']))
        };
        let Some(name) = members.keys().filter(fits).max_by_key(|name| name.len()) else { return steps };
        steps.push(Step::Member(name.clone()));
        (value, rest) = (&members[name], &names[name.len()..]);
    }
}

/// Reads a text that is known to be JSON.
struct Scanner<'t> {
    bytes: &'t [u8],
    at: usize,
}

impl Scanner<'_> {
    /// The offset of the value that the steps lead to: of its name, if it is a member.
    fn follow(&mut self, steps: &[Step]) -> Option<usize> {
        self.blank();
        let mut found = self.at;
        for step in steps {
            found = match step {
                Step::Member(name) => self.member(name)?,
                Step::Element(index) => self.element(*index)?,
            };
        }
        Some(found)
    }

    /// Goes to the value of a member; says where its name stands. Of several of one name the last counts, as it does to
    /// the parser.
    fn member(&mut self, wanted: &str) -> Option<usize> {
        self.at += 1;
        let mut found = None;
        loop {
            self.blank();
            if self.bytes.get(self.at)? == &b'}' {
                break;
            }
            let start = self.at;
            self.skip()?;
            let name: String = serde_json::from_slice(self.bytes.get(start..self.at)?).ok()?;
            self.blank();
            self.at += 1;
            self.blank();
            if name == wanted {
                found = Some((start, self.at));
            }
            self.skip()?;
            self.blank();
            if self.bytes.get(self.at)? == &b',' {
                self.at += 1;
            }
        }
        let (name, value) = found?;
        self.at = value;
        Some(name)
    }

    fn element(&mut self, index: usize) -> Option<usize> {
        self.at += 1;
        for _ in 0..index {
            self.blank();
            self.skip()?;
            self.blank();
            self.at += 1;
        }
        self.blank();
        Some(self.at)
    }

    /// Passes a value.
    fn skip(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.bytes.get(self.at)? {
                b'"' => self.text()?,
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    self.at += 1;
                }
                b',' | b':' | b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                _ => {
                    while self.bytes.get(self.at).is_some_and(|byte| !b",:]} \n\r\t".contains(byte)) {
                        self.at += 1;
                    }
                }
            }
            if depth == 0 {
                return Some(());
            }
        }
    }

    fn text(&mut self) -> Option<()> {
        self.at += 1;
        loop {
            match self.bytes.get(self.at)? {
                b'\\' => self.at += 2,
                b'"' => {
                    self.at += 1;
                    return Some(());
                }
                _ => self.at += 1,
            }
        }
    }

    fn blank(&mut self) {
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{
  "StartAt": "A",
  "States": {
    "A/B": {"Type": "Choice", "Choices": [
      {"Next": "x\"}"},
      {"é": 1, "Next": "Nowhere"}
    ]},
    "A": {"Type": "Pass"}
  }
}"#;

    #[test]
    fn places_are_found() {
        for (location, place) in [
            ("/", (1, 1)),
            ("/StartAt", (2, 3)),
            ("/States/A", (8, 5)),
            ("/States/A/Type", (8, 11)),
            ("/States/A/B/Choices[0]/Next", (5, 8)),
            ("/States/A/B/Choices[1]", (6, 7)),
            ("/States/A/B/Choices[1]/Next", (6, 16)),
            // What is missing is told where it is missed.
            ("/States/A/Next", (8, 5)),
            ("/States/A/B/Choices[7]", (4, 31)),
            ("nonsense", (1, 1)),
        ] {
            assert_eq!(find(TEXT, location), Some(place), "{location}");
        }
        assert_eq!(find("{", "/"), None);
    }
}
