//! What each intrinsic function does with its arguments.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use serde_json::{Map, Value};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};

use super::{Entropy, Template};
use crate::jsonpath::java;

/// Most characters that `Base64Encode`, `Base64Decode` and `Hash` take.
const MAX_CODED_CHARACTERS: usize = 10_000;

/// Most items that `ArrayRange` makes.
const MAX_RANGE: i64 = 1_000;

/// An intrinsic function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "they bear AWS's names")]
pub enum Function {
    Array,
    ArrayContains,
    ArrayGetItem,
    ArrayLength,
    ArrayPartition,
    ArrayRange,
    ArrayUnique,
    Base64Decode,
    Base64Encode,
    Format,
    Hash,
    JsonMerge,
    JsonToString,
    MathAdd,
    MathRandom,
    StringSplit,
    StringToJson,
    Uuid,
}

type Arguments<'a> = Vec<Cow<'a, Value>>;

impl Function {
    /// The function of that name, such as `States.Format`.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name.strip_prefix("States.")? {
            "Array" => Self::Array,
            "ArrayContains" => Self::ArrayContains,
            "ArrayGetItem" => Self::ArrayGetItem,
            "ArrayLength" => Self::ArrayLength,
            "ArrayPartition" => Self::ArrayPartition,
            "ArrayRange" => Self::ArrayRange,
            "ArrayUnique" => Self::ArrayUnique,
            "Base64Decode" => Self::Base64Decode,
            "Base64Encode" => Self::Base64Encode,
            "Format" => Self::Format,
            "Hash" => Self::Hash,
            "JsonMerge" => Self::JsonMerge,
            "JsonToString" => Self::JsonToString,
            "MathAdd" => Self::MathAdd,
            "MathRandom" => Self::MathRandom,
            "StringSplit" => Self::StringSplit,
            "StringToJson" => Self::StringToJson,
            "UUID" => Self::Uuid,
            _ => return None,
        })
    }

    pub(super) fn apply(
        self,
        template: Option<&Template>,
        arguments: Arguments<'_>,
        entropy: &mut dyn Entropy,
    ) -> Result<Value, String> {
        match self {
            Self::Array => Ok(arguments.into_iter().map(Cow::into_owned).collect()),
            Self::Format => format(template, &arguments),
            Self::Uuid => {
                let [] = exactly(arguments)?;
                Ok(Value::String(entropy.uuid()))
            }
            Self::MathRandom => math_random(&arguments, entropy),
            Self::ArrayContains => {
                let [array, item] = exactly(arguments)?;
                Ok(Value::Bool(items(&array)?.contains(&item)))
            }
            Self::ArrayGetItem => {
                let [array, index] = exactly(arguments)?;
                let position = usize::try_from(integer(&index)?).ok();
                position
                    .and_then(|position| items(&array).ok()?.get(position).cloned())
                    .map_or_else(|| items(&array).and(Err(out_of_bounds(&index))), Ok)
            }
            Self::ArrayLength => {
                let [array] = exactly(arguments)?;
                Ok(Value::from(items(&array)?.len()))
            }
            Self::ArrayPartition => {
                let [array, size] = exactly(arguments)?;
                let size = usize::try_from(integer(&size)?)
                    .ok()
                    .filter(|size| *size > 0)
                    .ok_or("The chunk size must be a positive integer")?;
                let chunks = items(&array)?.chunks(size);
                Ok(chunks.map(|chunk| Value::Array(chunk.to_vec())).collect())
            }
            Self::ArrayRange => {
                let [first, last, step] = exactly(arguments)?;
                array_range(integer(&first)?, integer(&last)?, integer(&step)?)
            }
            Self::ArrayUnique => {
                let [array] = exactly(arguments)?;
                Ok(unique(items(&array)?))
            }
            Self::Base64Decode => {
                let [text] = exactly(arguments)?;
                let bytes = STANDARD
                    .decode(coded(text_of(&text)?)?)
                    .map_err(|_| "The argument is not valid Base64")?;
                Ok(Value::String(String::from_utf8_lossy(&bytes).into_owned()))
            }
            Self::Base64Encode => {
                let [text] = exactly(arguments)?;
                Ok(Value::String(STANDARD.encode(coded(text_of(&text)?)?)))
            }
            Self::Hash => {
                let [data, algorithm] = exactly(arguments)?;
                hash(&data, text_of(&algorithm)?)
            }
            Self::JsonMerge => {
                let [first, second, deep] = exactly(arguments)?;
                json_merge(first, second, &deep)
            }
            Self::JsonToString => {
                let [value] = exactly(arguments)?;
                Ok(Value::String(value.to_string()))
            }
            Self::MathAdd => {
                let [first, second] = exactly(arguments)?;
                integer(&first)?
                    .checked_add(integer(&second)?)
                    .map(Value::from)
                    .ok_or_else(|| "The sum is out of range".to_owned())
            }
            Self::StringSplit => {
                let [text, separators] = exactly(arguments)?;
                Ok(string_split(text_of(&text)?, text_of(&separators)?))
            }
            Self::StringToJson => {
                let [text] = exactly(arguments)?;
                string_to_json(text_of(&text)?)
            }
        }
    }
}

fn exactly<const N: usize>(arguments: Arguments<'_>) -> Result<[Cow<'_, Value>; N], String> {
    let given = arguments.len();
    arguments.try_into().map_err(|_| format!("Expected {N} arguments but received {given}"))
}

fn items(value: &Value) -> Result<&[Value], String> {
    value.as_array().map(Vec::as_slice).ok_or_else(|| format!("Expected an array but received {value}"))
}

fn text_of(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| format!("Expected a string but received {value}"))
}

/// A number rounded as Java's `Math.round` does: halves go up, so that -1.5 is -1.
fn integer(value: &Value) -> Result<i64, String> {
    let number = value.as_number().ok_or_else(|| format!("Expected a number but received {value}"))?;
    if let Some(whole) = number.as_i64() {
        return Ok(whole);
    }
    let rounded = number.as_f64().map(|number| (number + 0.5).floor());
    #[allow(clippy::cast_possible_truncation, reason = "Math.round saturates, too")]
    rounded.map(|number| number as i64).ok_or_else(|| format!("{number} is out of range"))
}

fn out_of_bounds(index: &Value) -> String {
    format!("The index {index} is out of bounds")
}

fn coded(text: &str) -> Result<&str, String> {
    if text.chars().count() > MAX_CODED_CHARACTERS {
        return Err(format!("The argument may have at most {MAX_CODED_CHARACTERS} characters"));
    }
    Ok(text)
}

/// The texts between the places alternate with the arguments, which print as in Java: `{name=value}`.
fn format(template: Option<&Template>, arguments: &Arguments<'_>) -> Result<Value, String> {
    let [first, values @ ..] = arguments.as_slice() else {
        return Err("Expected a template".to_owned());
    };
    let text = text_of(first)?;
    let places: Cow<'_, [usize]> = match template {
        Some(template) => Cow::Borrowed(&template.places),
        None => Cow::Owned(text.match_indices("{}").map(|(at, _)| at).collect()),
    };
    if places.len() != values.len() {
        return Err(format!(
            "Number of arguments do not match the occurrences of {{}}: expected {} but received {}",
            places.len(),
            values.len()
        ));
    }
    let mut formatted = String::with_capacity(text.len());
    let mut from = 0;
    for (place, value) in places.iter().zip(values) {
        formatted.push_str(&text[from..*place]);
        formatted.push_str(&java::to_string(value));
        from = place + 2;
    }
    formatted.push_str(&text[from..]);
    Ok(Value::String(formatted))
}

fn array_range(first: i64, last: i64, step: i64) -> Result<Value, String> {
    if step == 0 {
        return Err("The step must not be zero".to_owned());
    }
    let distance = i128::from(last) - i128::from(first);
    let step = i128::from(step);
    if distance.signum() * step.signum() < 0 {
        return Ok(Value::Array(Vec::new()));
    }
    let count = distance / step + 1;
    if count > i128::from(MAX_RANGE) {
        return Err(format!("A range may have at most {MAX_RANGE} items"));
    }
    (0..count)
        .map(|i| i64::try_from(i128::from(first) + i * step).map(Value::from))
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())
}

fn unique(items: &[Value]) -> Value {
    let mut seen = HashSet::new();
    let first = items.iter().filter(|item| seen.insert(canonical(item)));
    first.cloned().collect()
}

/// A text that equal values share, whatever the order of their members.
fn canonical(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(members) => {
            let sorted: BTreeMap<&String, String> =
                members.iter().map(|(name, member)| (name, canonical(member))).collect();
            format!("{sorted:?}")
        }
        scalar => scalar.to_string(),
    }
}

fn hash(data: &Value, algorithm: &str) -> Result<Value, String> {
    let text = match data {
        Value::String(text) => Cow::Borrowed(text.as_str()),
        other => Cow::Owned(other.to_string()),
    };
    let digest = digest(coded(&text)?, algorithm)
        .ok_or_else(|| format!("{algorithm} is no algorithm. Use MD5, SHA-1, SHA-256, SHA-384 or SHA-512"))?;
    Ok(Value::String(digest))
}

/// Hexadecimal in lower case.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The digest as hexadecimal text; `None` for an algorithm that is not AWS's.
pub(crate) fn digest(text: &str, algorithm: &str) -> Option<String> {
    Some(match algorithm {
        "MD5" => hex(&Md5::digest(text)),
        "SHA-1" => hex(&Sha1::digest(text)),
        "SHA-256" => hex(&Sha256::digest(text)),
        "SHA-384" => hex(&Sha384::digest(text)),
        "SHA-512" => hex(&Sha512::digest(text)),
        _ => return None,
    })
}

fn json_merge(first: Cow<'_, Value>, second: Cow<'_, Value>, deep: &Value) -> Result<Value, String> {
    match deep {
        Value::Bool(false) => {}
        Value::Bool(true) => return Err("Deep merge is not supported".to_owned()),
        other => return Err(format!("Expected a boolean but received {other}")),
    }
    let members = |value: Cow<'_, Value>| -> Result<Map<String, Value>, String> {
        match value.into_owned() {
            Value::Object(members) => Ok(members),
            other => Err(format!("Expected an object but received {other}")),
        }
    };
    let mut merged = members(first)?;
    merged.extend(members(second)?);
    Ok(Value::Object(merged))
}

fn math_random(arguments: &Arguments<'_>, entropy: &mut dyn Entropy) -> Result<Value, String> {
    let (first, last, seed) = match arguments.as_slice() {
        [first, last] => (first, last, None),
        [first, last, seed] => (first, last, Some(integer(seed)?)),
        other => {
            return Err(format!("Expected 2 or 3 arguments but received {}", other.len()));
        }
    };
    let (first, last) = (integer(first)?, integer(last)?);
    let span =
        last.checked_sub(first).filter(|span| *span > 0).ok_or("The start must be less than the end")?;
    let random = match seed {
        Some(seed) => seeded_random(seed),
        None => entropy.random(),
    };
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "a random offset need not be exact"
    )]
    let offset = (random * span as f64).floor() as i64;
    Ok(Value::from(first + offset.clamp(0, span - 1)))
}

/// The first `nextDouble` of a `java.util.Random` with this seed: AWS promises only that a seed gives the same
/// number each time.
pub(crate) fn seeded_random(seed: i64) -> f64 {
    const MULTIPLIER: u64 = 0x0005_DEEC_E66D;
    const MASK: u64 = (1 << 48) - 1;
    let mut state = (seed.cast_unsigned() ^ MULTIPLIER) & MASK;
    let mut next = |bits: u32| {
        state = state.wrapping_mul(MULTIPLIER).wrapping_add(0xB) & MASK;
        state >> (48 - bits)
    };
    let bits = (next(26) << 27) + next(27);
    #[allow(clippy::cast_precision_loss, reason = "53 bits fit exactly")]
    let number = bits as f64 / (1_u64 << 53) as f64;
    number
}

/// Every character of the second text separates, and neighbours separate once.
fn string_split(text: &str, separators: &str) -> Value {
    text.split(|c| separators.contains(c)).filter(|part| !part.is_empty()).map(Value::from).collect()
}

fn string_to_json(text: &str) -> Result<Value, String> {
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    let value: Value = serde_json::from_str(text).map_err(|error| format!("Invalid JSON: {error}"))?;
    // A lone minus zero is the integer 0 to Java.
    Ok(if value.as_f64() == Some(0.0) && !text.contains('.') { Value::from(0) } else { value })
}
