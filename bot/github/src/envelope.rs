//! The first look at a payload: is it JSON, and what does a listing show of it. One pass, nothing kept.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use deputy_core::delivery::About;
use deputy_core::ids::InstallationId;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Reads what every payload has in common.
#[derive(Debug, Clone, Copy)]
pub struct Envelope;

/// Not a JSON object in UTF-8, as a whole.
#[derive(Debug, thiserror::Error)]
#[error("the payload is not a JSON object: {0}")]
pub struct NotJson(String);

impl Envelope {
    /// Checks that the whole body is one JSON object, and reads [`About`] on the way.
    ///
    /// A field of an unexpected type is left out rather than refused: an event that GitHub adds tomorrow is
    /// archived all the same. Nesting costs no stack, however deep: serde_json skips values in a loop.
    pub fn read(body: &[u8]) -> Result<About, NotJson> {
        // serde_json does not look at the bytes of strings that it skips, and JSON is UTF-8 throughout.
        let text = std::str::from_utf8(body).map_err(|error| NotJson(error.to_string()))?;
        let mut input = serde_json::Deserializer::from_str(text);
        let shape = input.deserialize_map(Top).and_then(|shape| input.end().map(|()| shape));
        let Shape { action, repository, installation } = shape.map_err(|error| NotJson(error.to_string()))?;
        Ok(About {
            action: action.map(Into::into),
            repository: repository.map(Into::into),
            installation: installation.map(InstallationId),
        })
    }
}

/// The JSON inside GitHub's form encoding, `application/x-www-form-urlencoded` with one field `payload`.
///
/// The signature covers the encoded body, so it is checked before this.
pub fn decode_form(body: &[u8]) -> Result<Bytes, NotAPayloadForm> {
    let value = body
        .split(|byte| *byte == b'&')
        .find_map(|field| field.strip_prefix(b"payload="))
        .ok_or(NotAPayloadForm::NoPayload)?;
    let mut decoded = Vec::with_capacity(value.len());
    let mut rest = value.iter();
    while let Some(byte) = rest.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(*rest.next()?).to_digit(16);
                let high = digit().ok_or(NotAPayloadForm::BadEscape)?;
                let low = digit().ok_or(NotAPayloadForm::BadEscape)?;
                u8::try_from(high << 4 | low).map_err(|_| NotAPayloadForm::BadEscape)?
            }
            plain => *plain,
        });
    }
    Ok(decoded.into())
}

/// Not a form as GitHub sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAPayloadForm {
    /// No field `payload`.
    #[error("the form has no field `payload`")]
    NoPayload,
    /// A `%` without two hexadecimal digits behind it.
    #[error("the form has a `%` that two hexadecimal digits do not follow")]
    BadEscape,
}

#[derive(Default)]
struct Shape<'a> {
    action: Option<Cow<'a, str>>,
    repository: Option<Cow<'a, str>>,
    installation: Option<u64>,
}

/// The payload itself: an object, or it is no payload.
struct Top;

impl<'de> Visitor<'de> for Top {
    type Value = Shape<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape<'de>, A::Error> {
        let mut shape = Shape::default();
        // A repeated key counts as it does for every JavaScript reader: the last one.
        while let Some(Key(key)) = map.next_key()? {
            match &*key {
                "action" => shape.action = map.next_value_seed(Look::At)?.text,
                "repository" => shape.repository = map.next_value_seed(Look::At)?.full_name,
                "installation" => shape.installation = map.next_value_seed(Look::At)?.id,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(shape)
    }
}

struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Look::Inside.deserialize(deserializer).map(|loose| Self(loose.text.unwrap_or_default()))
    }
}

/// A value of any type, with what is wanted of it where it has that.
#[derive(Default)]
struct Loose<'a> {
    /// The value, if it is a string.
    text: Option<Cow<'a, str>>,
    /// The value, or its `id` if it is an object.
    id: Option<u64>,
    /// Its `full_name`, if it is an object.
    full_name: Option<Cow<'a, str>>,
}

/// How closely to look at a value. What is inside an object is not looked into, so nothing can recurse.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    At,
    Inside,
}

impl<'de> DeserializeSeed<'de> for Look {
    type Value = Loose<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Loose<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Look {
    type Value = Loose<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Loose<'de>, E> {
        Ok(Loose { text: Some(Cow::Borrowed(text)), ..Loose::default() })
    }

    fn visit_str<E>(self, text: &str) -> Result<Loose<'de>, E> {
        Ok(Loose { text: Some(Cow::Owned(text.to_owned())), ..Loose::default() })
    }

    fn visit_u64<E>(self, id: u64) -> Result<Loose<'de>, E> {
        Ok(Loose { id: Some(id), ..Loose::default() })
    }

    fn visit_i64<E>(self, _: i64) -> Result<Loose<'de>, E> {
        Ok(Loose::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Loose<'de>, E> {
        Ok(Loose::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Loose<'de>, E> {
        Ok(Loose::default())
    }

    fn visit_unit<E>(self) -> Result<Loose<'de>, E> {
        Ok(Loose::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Loose<'de>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Loose::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Loose<'de>, A::Error> {
        let mut loose = Loose::default();
        while let Some(Key(key)) = map.next_key()? {
            match &*key {
                "id" if self == Self::At => loose.id = map.next_value_seed(Self::Inside)?.id,
                "full_name" if self == Self::At => loose.full_name = map.next_value_seed(Self::Inside)?.text,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(loose)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(action: Option<&str>, repository: Option<&str>, installation: Option<u64>) -> About {
        About {
            action: action.map(Into::into),
            repository: repository.map(Into::into),
            installation: installation.map(InstallationId),
        }
    }

    #[test]
    fn what_a_listing_shows_is_read_wherever_it_stands() {
        let body = br#" {"sender":{"action":"no","full_name":"no"},"installation":{"node_id":"x","id":7},
            "repository":{"owner":{"id":1,"full_name":"no"},"full_name":"o/r"},"action":"created"} "#;
        assert_eq!(Envelope::read(body).unwrap(), about(Some("created"), Some("o/r"), Some(7)));
        let escaped = br#"{"acti\u006fn":"a\u0062"}"#;
        assert_eq!(Envelope::read(escaped).unwrap(), about(Some("ab"), None, None));
        assert_eq!(Envelope::read(b"{}").unwrap(), About::default());
    }

    #[test]
    fn fields_of_another_type_are_left_out() {
        for body in [
            r#"{"action":null,"repository":null,"installation":null}"#,
            r#"{"action":{"a":[1]},"repository":["o/r"],"installation":-7}"#,
            r#"{"action":true,"repository":{"full_name":{"x":[]}},"installation":{"id":"7"}}"#,
        ] {
            assert_eq!(Envelope::read(body.as_bytes()).unwrap(), About::default(), "{body}");
        }
    }

    #[test]
    fn what_is_not_one_json_object_is_refused() {
        for body in [
            &b""[..],
            b"null",
            b"[]",
            b"\"text\"",
            b"{",
            b"{}{}",
            b"{}x",
            br#"{"a":tru}"#,
            br#"{"a":"\x"}"#,
            b"{\"a\":\"\n\"}",
            b"{\"a\":\"\xff\"}",
            b"payload=%7B%7D",
        ] {
            Envelope::read(body).expect_err(&String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn no_depth_of_nesting_exhausts_the_stack() {
        let deep = 1_000_000;
        let skipped = format!(r#"{{"x":{}{}}}"#, "[".repeat(deep), "]".repeat(deep));
        assert_eq!(Envelope::read(skipped.as_bytes()).unwrap(), About::default());
        let followed = format!(r#"{{"installation":{}1{}}}"#, r#"{"id":"#.repeat(deep), "}".repeat(deep));
        assert_eq!(Envelope::read(followed.as_bytes()).unwrap(), About::default());
    }

    #[test]
    fn every_recorded_payload_is_read() {
        for recorded in recorded_payloads::all() {
            let whole: serde_json::Value = serde_json::from_slice(&recorded.body).unwrap();
            let expected = about(
                whole["action"].as_str(),
                whole["repository"]["full_name"].as_str(),
                whole["installation"]["id"].as_u64(),
            );
            assert_eq!(Envelope::read(&recorded.body).unwrap(), expected, "{}", recorded.name);
        }
    }

    #[test]
    fn githubs_form_encoding_is_undone() {
        let form = b"other=1&payload=%7B%22a%22%3A%22b+%2B%C3%A9%22%7D";
        assert_eq!(decode_form(form).unwrap(), r#"{"a":"b +é"}"#.as_bytes());
        assert_eq!(decode_form(b"a=1").unwrap_err(), NotAPayloadForm::NoPayload);
        for bad in [&b"payload=%"[..], b"payload=%7", b"payload=%7g", b"payload=%+1"] {
            assert_eq!(decode_form(bad).unwrap_err(), NotAPayloadForm::BadEscape);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_input_panics(body: Vec<u8>, text: String) {
            let _ = (Envelope::read(&body), Envelope::read(text.as_bytes()), decode_form(&body));
        }

        #[test]
        fn a_form_holds_what_was_put_in(payload: Vec<u8>) {
            let mut form = b"payload=".to_vec();
            for byte in &payload {
                form.extend(format!("%{byte:02X}").bytes());
            }
            assert_eq!(decode_form(&form).unwrap(), payload);
        }
    }
}
