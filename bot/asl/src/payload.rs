//! A JSON document on its way through an execution: shared, never copied, measured once.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// What AWS allows an input or output to weigh: bytes of UTF-8 JSON text.
pub const MAX_PAYLOAD_BYTES: usize = 262_144;

/// An immutable JSON document. Cloning shares it.
///
/// The text of a document that arrived as text is kept, because AWS hands an input on byte for byte, blanks included,
/// as long as no state changes it. It serialises as that text.
#[derive(Clone)]
pub struct Payload(Arc<Document>);

struct Document {
    value: Value,
    text: Option<Box<str>>,
    bytes: OnceLock<usize>,
}

impl Payload {
    /// Parses `text` and keeps it.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        let value: Value = serde_json::from_str(text)?;
        Ok(Self::with_text(value, text.trim()))
    }

    fn with_text(value: Value, text: &str) -> Self {
        // Canonical text is not worth its memory: it can be written again at will.
        let canonical = value.to_string();
        let bytes = OnceLock::from(text.len());
        let text = (canonical != text).then(|| text.into());
        Self(Arc::new(Document { value, text, bytes }))
    }

    /// The document `{}`.
    pub fn empty_object() -> Self {
        Self::from(Value::Object(serde_json::Map::new()))
    }

    /// An array of documents; keeps their texts.
    pub fn array(items: &[Payload]) -> Self {
        let value = Value::Array(items.iter().map(|item| item.value().clone()).collect());
        if items.iter().all(|item| item.0.text.is_none()) {
            return Self::from(value);
        }
        let mut text = String::from("[");
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            text.push_str(&item.text());
        }
        text.push(']');
        Self::with_text(value, &text)
    }

    /// The document.
    pub fn value(&self) -> &Value {
        &self.0.value
    }

    /// The document's text: as it arrived, else compact JSON.
    pub fn text(&self) -> Cow<'_, str> {
        match &self.0.text {
            Some(text) => Cow::Borrowed(text),
            None => Cow::Owned(self.0.value.to_string()),
        }
    }

    /// Appends the document's [text](Payload::text).
    pub fn write_text(&self, to: &mut Vec<u8>) {
        match &self.0.text {
            Some(text) => to.extend_from_slice(text.as_bytes()),
            // Writing a `Value` to memory cannot fail.
            None => drop(serde_json::to_writer(to, &self.0.value)),
        }
    }

    /// How many bytes of UTF-8 the text has. Computed at most once.
    pub fn bytes(&self) -> usize {
        *self.0.bytes.get_or_init(|| text_bytes(&self.0.value))
    }

    /// Whether the document is heavier than AWS allows.
    pub fn is_too_large(&self) -> bool {
        self.bytes() > MAX_PAYLOAD_BYTES
    }

    /// Whether both are the very same document in memory.
    pub fn is_same(&self, other: &Payload) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The document itself; copied only while somebody else shares it.
    pub fn into_value(self) -> Value {
        match Arc::try_unwrap(self.0) {
            Ok(document) => document.value,
            Err(shared) => shared.value.clone(),
        }
    }
}

impl From<Value> for Payload {
    fn from(value: Value) -> Self {
        Self(Arc::new(Document { value, text: None, bytes: OnceLock::new() }))
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.is_same(other) || self.value() == other.value()
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Payload::parse(&text).map_err(D::Error::custom)
    }
}

/// The length of a value's compact JSON text, without writing it.
fn text_bytes(value: &Value) -> usize {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // Writing a `Value` to a sink that never refuses cannot fail.
    let _ = serde_json::to_writer(&mut count, value);
    count.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_survives_the_log_byte_for_byte() {
        let payload = Payload::parse("[[1, 2], {\"a\" : \"é\"}]").unwrap();
        let logged = serde_json::to_string(&payload).unwrap();
        let again: Payload = serde_json::from_str(&logged).unwrap();
        assert_eq!(again.text(), "[[1, 2], {\"a\" : \"é\"}]");
        assert_eq!(again.bytes(), again.text().len());
    }

    #[test]
    fn an_array_of_texts_keeps_them() {
        let items = [Payload::parse("[1, 2]").unwrap(), Payload::from(serde_json::json!({"a": 1}))];
        assert_eq!(Payload::array(&items).text(), "[[1, 2],{\"a\":1}]");
    }

    #[test]
    fn the_limit_counts_bytes_not_characters() {
        let payload = Payload::from(Value::String("é".repeat(MAX_PAYLOAD_BYTES / 2 - 1)));
        assert_eq!(payload.bytes(), MAX_PAYLOAD_BYTES);
        assert!(!payload.is_too_large());
        assert!(Payload::from(Value::String("é".repeat(MAX_PAYLOAD_BYTES / 2))).is_too_large());
    }
}
