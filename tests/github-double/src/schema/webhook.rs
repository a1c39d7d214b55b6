//! Checks what the double sends as a webhook.

use serde_json::Value;

use super::load::webhooks;

/// What is wrong with a payload: empty if nothing is.
pub(crate) fn check_webhook(event: &str, action: Option<&str>, payload: &Value) -> Vec<String> {
    let name = match action {
        Some(action) => format!("{event}-{action}"),
        None => event.to_owned(),
    };
    let pointer =
        format!("/webhooks/{}/post/requestBody/content/application~1json/schema", name.replace('_', "-"));
    if webhooks().document.pointer(&pointer).is_none() {
        return vec!["GitHub sends no such event".to_owned()];
    }
    webhooks().faults(&pointer, payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_github_does_not_have_is_a_fault() {
        assert!(!check_webhook("issue_comment", Some("sung"), &Value::Null).is_empty());
    }

    #[test]
    fn a_payload_without_its_fields_is_a_fault() {
        assert!(!check_webhook("issue_comment", Some("created"), &serde_json::json!({})).is_empty());
    }
}
