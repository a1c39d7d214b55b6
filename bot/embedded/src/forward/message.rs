//! What a smee channel says of a webhook, and the bytes that GitHub signed.
//!
//! smee parses the body that GitHub sent, and writes it anew with JavaScript's `JSON.stringify`, as a part of its
//! message; its client parses and writes it once more. GitHub's payloads have the very form that `JSON.stringify`
//! gives, so that the bytes are mostly the same. We cut the body out of the message as it stands there, and parse
//! nothing that the signature is over: our own writer could only add differences (numbers, escapes). Where smee has
//! changed something all the same, a number like `1.0` say, the signature does not match and the delivery is refused,
//! as it must be. Channels that pass the raw body on (`rawbody`, or `bodyB` in base64) have no such trouble.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Deserializer, Value};

/// A webhook as GitHub sent it, as far as the channel kept it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// In lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// Not a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoWebhook {
    #[error("the channel's message is not a JSON object")]
    Form,
    #[error("the channel's message has no body")]
    NoBody,
    #[error(
        "the channel took the webhook's form apart; set the content type to application/json in the App's settings on GitHub"
    )]
    FormEncoded,
}

impl Message {
    /// Reads a message's data.
    pub(super) fn parse(data: &str) -> Result<Self, NoWebhook> {
        let mut headers = Vec::new();
        let (mut body, mut raw) = (None, None);
        for (name, value) in fields(data).ok_or(NoWebhook::Form)? {
            let text = || match serde_json::from_str(value) {
                Ok(Value::String(text)) => Some(text),
                _ => None,
            };
            match name.as_str() {
                "body" => body = Some(value),
                "rawbody" => raw = text().map(String::into_bytes),
                "bodyB" => raw = text().and_then(|text| STANDARD.decode(text).ok()),
                _ => headers.extend(text().map(|text| (name.to_ascii_lowercase(), text))),
            }
        }
        headers.retain(|(name, _)| is_passed_on(name));
        let is_form = headers.iter().any(|(name, value)| {
            name == "content-type"
                && value.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded")
        });
        let body = match (raw, body) {
            (Some(raw), _) => raw,
            (None, Some(_)) if is_form => return Err(NoWebhook::FormEncoded),
            (None, Some(body)) => body.as_bytes().to_vec(),
            (None, None) => return Err(NoWebhook::NoBody),
        };
        Ok(Self { headers, body })
    }

    /// A header's value.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// GitHub's own headers. What the channel's proxies added is nobody's concern here.
fn is_passed_on(name: &str) -> bool {
    name.starts_with("x-github-") || matches!(name, "x-hub-signature-256" | "content-type" | "user-agent")
}

/// An object's fields, each value as it stands there, byte for byte. `None` where it is no object.
fn fields(text: &str) -> Option<Vec<(String, &str)>> {
    let mut rest = text.trim_start().strip_prefix('{')?;
    let mut fields = Vec::new();
    if rest.trim().strip_prefix('}').is_some_and(str::is_empty) {
        return Some(fields);
    }
    loop {
        let (key, length) = value(rest)?;
        let key: String = serde_json::from_str(key).ok()?;
        rest = rest[length..].trim_start().strip_prefix(':')?;
        let (shown, length) = value(rest)?;
        fields.push((key, shown));
        rest = rest[length..].trim_start();
        match rest.strip_prefix(',') {
            Some(next) => rest = next,
            None => return rest.strip_prefix('}')?.trim().is_empty().then_some(fields),
        }
    }
}

/// The JSON value at the beginning, and where it ends.
fn value(text: &str) -> Option<(&str, usize)> {
    let begin = text.len() - text.trim_start().len();
    let mut values = Deserializer::from_str(text).into_iter::<serde::de::IgnoredAny>();
    values.next()?.ok()?;
    let end = values.byte_offset();
    Some((&text[begin..end], end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_what_stands_in_the_message() {
        let body = r#"{"a":1.50,"b":[1e3,"\u00e9é\"}{"],"c":null,"d":{"e":-0}}"#;
        let data = format!(
            r#" {{"host":"smee.io","x-github-event":"push","X-Hub-Signature-256":"sha256=0","content-type":"application/json","timestamp":17,"query":{{}},"body":{body} , "x-forwarded-for":"192.0.2.1"}} "#
        );
        let message = Message::parse(&data).unwrap();
        assert_eq!(message.body, body.as_bytes());
        let headers: Vec<_> =
            message.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(
            headers,
            [
                ("x-github-event", "push"),
                ("x-hub-signature-256", "sha256=0"),
                ("content-type", "application/json")
            ]
        );
        assert_eq!(message.header("x-github-event"), Some("push"));
    }

    #[test]
    fn a_raw_body_goes_before() {
        for raw in [r#""rawbody":"{\"a\": 1.0}""#, r#""bodyB":"eyJhIjogMS4wfQ==""#] {
            for data in [format!(r#"{{"body":{{"a":1}},{raw}}}"#), format!(r#"{{{raw},"body":{{"a":1}}}}"#)] {
                assert_eq!(Message::parse(&data).unwrap().body, br#"{"a": 1.0}"#, "{data}");
            }
        }
    }

    #[test]
    fn what_is_no_webhook_is_named() {
        for data in
            ["", "[]", "{", "{\"a\"}", "{\"a\":}", "{\"a\":1", "{\"a\":1}}", "{a:1}", "{\"a\":1,}", "null"]
        {
            assert_eq!(Message::parse(data), Err(NoWebhook::Form), "{data}");
        }
        assert_eq!(Message::parse("{ }"), Err(NoWebhook::NoBody));
        let form = r#"{"content-type":"application/x-www-form-urlencoded","body":{"payload":"{}"}}"#;
        assert_eq!(Message::parse(form), Err(NoWebhook::FormEncoded));
    }
}
