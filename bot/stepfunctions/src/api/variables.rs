//! Which variables which state refers to, as descriptions of a state machine list them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// Variables by state, both sorted. States without are left out.
pub(super) fn references(definition: &str) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    if let Ok(Value::Object(machine)) = serde_json::from_str(definition) {
        let jsonata = is_jsonata(&machine, false);
        workflow(&machine, jsonata, &mut found);
    }
    found
}

fn is_jsonata(members: &Map<String, Value>, outer: bool) -> bool {
    match members.get("QueryLanguage").and_then(Value::as_str) {
        Some(language) => language == "JSONata",
        None => outer,
    }
}

fn workflow(members: &Map<String, Value>, jsonata: bool, found: &mut BTreeMap<String, Vec<String>>) {
    let Some(Value::Object(states)) = members.get("States") else { return };
    for (name, state) in states {
        let Value::Object(state) = state else { continue };
        let jsonata = is_jsonata(state, jsonata);
        let mut names = BTreeSet::new();
        for (field, value) in state {
            match (field.as_str(), value) {
                ("Iterator" | "ItemProcessor", Value::Object(inner)) => workflow(inner, jsonata, found),
                ("Branches", Value::Array(branches)) => {
                    for branch in branches.iter().filter_map(Value::as_object) {
                        workflow(branch, jsonata, found);
                    }
                }
                ("Comment" | "Next" | "Default" | "Resource" | "Type" | "Result", _) => {}
                _ if jsonata => expressions(value, &mut names),
                _ => paths(field, value, &mut names),
            }
        }
        if !names.is_empty() {
            found.insert(name.clone(), names.into_iter().collect());
        }
    }
}

/// JSONata: every text between `{%` and `%}`.
fn expressions(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            let inner = text.trim().strip_prefix("{%").and_then(|text| text.strip_suffix("%}"));
            if let Some(expression) = inner {
                scan(expression, true, names);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| expressions(item, names)),
        Value::Object(members) => members.values().for_each(|member| expressions(member, names)),
        _ => {}
    }
}

/// JSONPath: fields whose name says that they hold a path, and members that end in `.$`.
fn paths(field: &str, value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if field.ends_with("Path") || field.ends_with(".$") || field == "Variable" => {
            scan(text, false, names);
        }
        Value::Array(items) => items.iter().for_each(|item| paths("", item, names)),
        Value::Object(members) => members.iter().for_each(|(field, member)| paths(field, member, names)),
        _ => {}
    }
}

/// Finds `$name` outside of string literals. In JSONata, functions, `$states` and what the expression binds do not count.
fn scan(text: &str, jsonata: bool, names: &mut BTreeSet<String>) {
    let mut bound = BTreeSet::new();
    let mut used = BTreeSet::new();
    let characters: Vec<char> = text.chars().collect();
    let mut at = 0;
    let mut quote = None;
    while let Some(character) = characters.get(at).copied() {
        at += 1;
        match (quote, character) {
            (Some(_), '\\') => at += 1,
            (Some(open), _) if open == character => quote = None,
            (None, '\'' | '"' | '`') => quote = Some(character),
            (None, '$') => {
                let start = at;
                while characters.get(at).is_some_and(|next| next.is_alphanumeric() || *next == '_') {
                    at += 1;
                }
                let name: String = characters[start..at].iter().collect();
                let rest: String = characters[at..].iter().collect();
                let rest = rest.trim_start();
                let begins = name.starts_with(|first: char| first.is_alphabetic() || first == '_');
                if !begins || (start >= 2 && characters[start - 2] == '$') {
                    continue;
                }
                if jsonata && rest.starts_with(":=") {
                    bound.insert(name);
                } else if !(jsonata && (rest.starts_with('(') || name == "states")) {
                    used.insert(name);
                }
            }
            _ => {}
        }
    }
    names.extend(used.into_iter().filter(|name| !bound.contains(name)));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_are_found_in_paths_and_expressions() {
        let definition = json!({"States": {
            "A": {"Type": "Pass", "OutputPath": "$answer", "Parameters": {"a.$": "States.Format('$no {}', $b.c)", "d": "$d"}},
            "B": {"Type": "Pass", "InputPath": "$.x", "Parameters": {"c.$": "$$.State"}},
            "C": {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% ($x := 1; $sum($y) + $x + $states.input.z) %}"},
        }});
        let found = references(&definition.to_string());
        assert_eq!(found["A"], ["answer", "b"]);
        assert_eq!(found["C"], ["y"]);
        assert!(!found.contains_key("B"));
    }
}
