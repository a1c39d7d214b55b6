//! Which variables and functions an expression mentions, so that only those are handed to the evaluator.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Bindings;

/// The `$names` in a text. Names in texts, comments and regular expressions count, too: one too many costs a
/// copy, one too few would be wrong.
#[derive(Debug)]
pub(super) struct References {
    names: BTreeMap<String, Mention>,
    /// The members of `$states` that are mentioned; `None` for all of them.
    states: Option<Vec<String>>,
    /// The names of `$a.b.c`, if the expression is no more than that.
    plain: Option<Vec<String>>,
}

/// How a name is mentioned.
#[derive(Debug, Clone, Copy, Default)]
struct Mention {
    /// Somewhere other than right before an opening bracket: as a value.
    as_value: bool,
}

impl References {
    pub(super) fn of(text: &str) -> Self {
        let mut names: BTreeMap<String, Mention> = BTreeMap::new();
        let mut states = Some(Vec::new());
        // A partial application uses a function as a value although a bracket follows.
        let partial = text.contains('?');
        for (at, _) in text.match_indices('$') {
            let after = &text[at + 1..];
            let name = leading_name(after);
            let rest = after[name.len()..].trim_start();
            let mention = names.entry(name.to_owned()).or_default();
            mention.as_value |= partial || !rest.starts_with('(');
            if name == "states" {
                let member = rest.strip_prefix('.').map(str::trim_start).map(leading_name);
                match (member, &mut states) {
                    (Some(member), Some(members)) if !member.is_empty() => {
                        members.push(member.to_owned());
                    }
                    _ => states = None,
                }
            }
        }
        Self { names, states, plain: plain_path(text) }
    }

    pub(super) fn mentions(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    pub(super) fn mentions_as_value(&self, name: &str) -> bool {
        self.names.get(name).is_some_and(|mention| mention.as_value)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    pub(super) fn mentions_state(&self, member: &str) -> bool {
        match &self.states {
            Some(members) => members.iter().any(|mentioned| mentioned == member),
            None => true,
        }
    }

    /// The answer of an expression such as `$states.input.a.b` that meets only objects on its way; `None` if
    /// it is another kind of expression or meets something else: ask the evaluator.
    pub(super) fn lookup<'a>(&self, bindings: &Bindings<'a>) -> Option<&'a Value> {
        let (name, mut members) = self.plain.as_ref()?.split_first()?;
        let mut value = if name == "states" {
            let (member, rest) = members.split_first()?;
            members = rest;
            match member.as_str() {
                "input" => bindings.states.input,
                "context" => bindings.states.context,
                "result" => bindings.states.result?,
                "errorOutput" => bindings.states.error_output?,
                _ => return None,
            }
        } else {
            bindings.variables.variable(name)?
        };
        for member in members {
            value = value.as_object()?.get(member)?;
        }
        Some(value)
    }
}

fn leading_name(text: &str) -> &str {
    let end = text.find(|c: char| !is_name_character(c)).unwrap_or(text.len());
    &text[..end]
}

fn is_name_character(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn plain_path(text: &str) -> Option<Vec<String>> {
    let steps: Vec<String> = text.strip_prefix('$')?.split('.').map(str::to_owned).collect();
    let well_formed = steps.iter().all(|step| {
        // Words that are operators or literals elsewhere are left to the evaluator.
        step.chars().all(is_name_character)
            && step.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && !matches!(step.as_str(), "and" | "or" | "in" | "true" | "false" | "null")
    });
    well_formed.then_some(steps)
}
