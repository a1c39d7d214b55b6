//! Loads a description, makes JSON Schema of it, and hands out compiled validators.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, Registry, ValidationError, Validator};
use serde_json::{Value, json};

use crate::hub::lock;

/// One description: the document, and what was compiled of it so far.
pub(super) struct Description {
    pub(super) document: &'static Value,
    uri: &'static str,
    draft: Draft,
    registry: Registry<'static>,
    compiled: Mutex<HashMap<String, Arc<Validator>>>,
}

/// The REST API: OpenAPI 3.0, whose schemas are JSON Schema as of draft 4 and `nullable`.
pub(super) fn rest() -> &'static Description {
    static REST: OnceLock<Description> = OnceLock::new();
    REST.get_or_init(|| {
        super::ensure_fetched();
        let mut document = read(&super::fetch::rest_file());
        if let Some(document) = document.as_object_mut() {
            document.retain(|key, _| key == "paths" || key == "components");
        }
        rewrite_nullable(&mut document);
        mend(&mut document);
        Description::new("mem:///rest", Draft::Draft4, document)
    })
}

/// The webhooks: OpenAPI 3.1, whose schemas are plain JSON Schema.
pub(super) fn webhooks() -> &'static Description {
    static WEBHOOKS: OnceLock<Description> = OnceLock::new();
    WEBHOOKS.get_or_init(|| {
        super::ensure_fetched();
        Description::new("mem:///webhooks", Draft::Draft202012, read(&super::fetch::webhook_file()))
    })
}

fn read(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    // `parse` is compiled in serde_json's own crate, which is optimized also in tests.
    text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

impl Description {
    fn new(uri: &'static str, draft: Draft, document: Value) -> Self {
        // It lives as long as the process anyhow, and validators may borrow it.
        let document: &'static Value = Box::leak(Box::new(document));
        let registry = Registry::new()
            .draft(draft)
            .add(uri, document)
            .and_then(jsonschema::RegistryBuilder::prepare)
            .expect("GitHub's description is a document that can be referred into");
        Self { document, uri, draft, registry, compiled: Mutex::default() }
    }

    /// What breaks the schema at `pointer`: empty if nothing does.
    pub(super) fn faults(&self, pointer: &str, instance: &Value) -> Vec<String> {
        let validator = self.validator(pointer);
        validator.iter_errors(instance).take(10).map(|error| explain(&error)).collect()
    }

    fn validator(&self, pointer: &str) -> Arc<Validator> {
        if let Some(known) = lock(&self.compiled).get(pointer) {
            return Arc::clone(known);
        }
        let fragment = pointer.replace('%', "%25").replace('{', "%7B").replace('}', "%7D");
        let validator = jsonschema::options()
            .with_draft(self.draft)
            .with_registry(&self.registry)
            .should_validate_formats(true)
            .build(&json!({ "$ref": format!("{}#{fragment}", self.uri) }))
            .unwrap_or_else(|error| panic!("GitHub's schema at {pointer} does not compile: {error}"));
        let validator = Arc::new(validator);
        lock(&self.compiled).insert(pointer.to_owned(), Arc::clone(&validator));
        validator
    }

    /// Follows a `$ref` at `pointer`, if there is one.
    pub(super) fn resolve(&self, pointer: String) -> String {
        match self.document.pointer(&pointer).and_then(|value| value.get("$ref")).and_then(Value::as_str) {
            Some(reference) => reference.trim_start_matches('#').to_owned(),
            None => pointer,
        }
    }
}

/// Where and why, in one short line. Of several alternatives, the one that fits best.
fn explain(error: &ValidationError<'_>) -> String {
    if let ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } =
        error.kind()
    {
        let nearest = context
            .iter()
            // That it could also be null helps nobody.
            .filter(|branch| {
                !branch.iter().any(|error| matches!(error.kind(), ValidationErrorKind::Enum { .. }))
            })
            .min_by_key(|branch| branch.len());
        if let Some(error) = nearest.and_then(|branch| branch.first()) {
            return explain(error);
        }
    }
    let place = error.instance_path().to_string();
    let place = if place.is_empty() { "(top)" } else { place.as_str() };
    let text: String =
        error.to_string().chars().rev().take(300).collect::<Vec<_>>().into_iter().rev().collect();
    format!("{place}: {text}")
}

/// Where the description contradicts itself, and GitHub's real answers with it.
fn mend(document: &mut Value) {
    // The list's copy of `installation` wants an account that is a user *and* an enterprise.
    let items = "/paths/~1app~1installations/get/responses/200/content/application~1json/schema/items";
    if let Some(items) = document.pointer_mut(items) {
        *items = json!({ "$ref": "#/components/schemas/installation" });
    }
}

/// `nullable: true` is OpenAPI's; JSON Schema says it with a type.
fn rewrite_nullable(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(rewrite_nullable),
        Value::Object(object) => {
            // Examples are not schemas, and a third of the document.
            object.retain(|key, value| {
                !(key == "examples" || key == "example" || key == "description" && value.is_string())
            });
            object.values_mut().for_each(rewrite_nullable);
            // "No address" is written as an empty one, which is no URI; the default gives it away.
            if object.get("format").is_some_and(|f| f == "uri")
                && object.get("default").is_some_and(|d| d == "")
            {
                object.remove("format");
            }
            if object.get("nullable") == Some(&Value::Bool(true)) {
                object.remove("nullable");
                let schema = Value::Object(std::mem::take(object));
                *value = json!({ "anyOf": [{ "enum": [null] }, schema] });
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
