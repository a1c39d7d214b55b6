//! The corpus: a case per line.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use serde_json::Value;

/// One recorded answer of AWS's, and what led to it.
#[derive(Debug, Clone)]
pub struct Case {
    /// As the corpus has it.
    pub json: Arc<Value>,
    number: usize,
}

impl Case {
    /// Its name in the corpus.
    pub fn id(&self) -> &str {
        self.json["id"].as_str().unwrap_or_default()
    }

    /// `A`, `B`, `C`, `D`, `T`, `V` or `P`.
    pub fn tier(&self) -> &str {
        self.json["tier"].as_str().unwrap_or_default()
    }

    /// One of its `names`, or one that nobody else has.
    pub fn name(&self, key: &str) -> String {
        match self.json["names"][key].as_str() {
            Some(name) => name.to_owned(),
            None => format!("case-{}-{}", self.number, key.replace('_', "-")),
        }
    }

    /// Whether an Express machine was recorded.
    pub fn is_express(&self) -> bool {
        self.json["type"] == "EXPRESS"
    }

    /// The definition as text, whichever way the corpus holds it.
    pub fn definition(&self) -> String {
        text_of(&self.json["definition"])
    }

    /// The role of the machine.
    pub fn role(&self) -> String {
        self.json["names"]["role_arn"].as_str().unwrap_or("arn:aws:iam::111111111111:role/role").to_owned()
    }
}

/// A JSON document as text; a text as it is.
pub fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Reads a corpus.
///
/// # Errors
/// If it cannot be read or a line is no JSON.
pub fn read(path: &Path) -> anyhow::Result<Vec<Case>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(number, line)| {
            let json =
                serde_json::from_str(line).with_context(|| format!("line {} is no JSON", number + 1))?;
            Ok(Case { json: Arc::new(json), number })
        })
        .collect()
}
