//! What Jayway's library inherits from Java: how values print and how decimals compare.

use std::cmp::Ordering;
use std::fmt::Write;

use serde_json::{Number, Value};

/// `String.trim`: control characters and spaces, no other white space.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches(|c| c <= ' ')
}

/// `Object.toString`: `{name=value, list=[1, 2]}`, strings bare.
pub(crate) fn to_string(value: &Value) -> String {
    let mut text = String::new();
    write_value(value, &mut text);
    text
}

fn write_value(value: &Value, text: &mut String) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(flag) => text.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => text.push_str(&number_to_string(number)),
        Value::String(content) => text.push_str(content),
        Value::Array(items) => {
            text.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    text.push_str(", ");
                }
                write_value(item, text);
            }
            text.push(']');
        }
        Value::Object(members) => {
            text.push('{');
            for (i, (name, member)) in members.iter().enumerate() {
                if i > 0 {
                    text.push_str(", ");
                }
                text.push_str(name);
                text.push('=');
                write_value(member, text);
            }
            text.push('}');
        }
    }
}

/// `Long.toString` or `Double.toString`: `1.0E10` from ten million on, `1.0E-4` below a thousandth.
pub(crate) fn number_to_string(number: &Number) -> String {
    let Some(double) = number.as_f64().filter(|_| number.is_f64()) else {
        return number.to_string();
    };
    let magnitude = double.abs();
    if magnitude == 0.0 || (1e-3..1e7).contains(&magnitude) {
        return format!("{double:?}");
    }
    let scientific = format!("{double:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let mut text = mantissa.to_owned();
    if !mantissa.contains('.') {
        text.push_str(".0");
    }
    let _ = write!(text, "E{exponent}");
    text
}

/// `String.compareTo`: by UTF-16 code units.
pub(crate) fn compare_strings(left: &str, right: &str) -> Ordering {
    left.encode_utf16().cmp(right.encode_utf16())
}

/// A decimal number as `BigDecimal` reads it, for comparison only.
#[derive(Debug)]
pub(crate) struct Decimal {
    negative: bool,
    /// Without leading or trailing zeros; empty for zero.
    digits: Vec<u8>,
    /// Power of ten of the first digit.
    exponent: i64,
}

impl Decimal {
    /// Reads a number; `None` for what makes `BigDecimal` throw.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (negative, unsigned) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
            Some(at) => {
                let exponent = &unsigned[at + 1..];
                // Eleven digits and a sign cannot overflow the sums below.
                if exponent.len() > 11 {
                    return None;
                }
                (&unsigned[..at], exponent.parse::<i64>().ok()?)
            }
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let all: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        if !all.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let leading = all.iter().take_while(|d| **d == b'0').count();
        let trailing = all.iter().rev().take_while(|d| **d == b'0').count();
        let digits = all.get(leading..all.len() - trailing).unwrap_or_default().to_vec();
        let shift = i64::try_from(whole.len()).ok()? - i64::try_from(leading).ok()?;
        Some(Self { negative: negative && !digits.is_empty(), digits, exponent: exponent + shift })
    }

    fn of(number: &Number) -> Option<Self> {
        Self::parse(&number.to_string())
    }

    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => self.compare_magnitude(other),
            (true, true) => other.compare_magnitude(self),
        }
    }

    fn compare_magnitude(&self, other: &Self) -> Ordering {
        match (self.digits.is_empty(), other.digits.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => self
                .exponent
                .cmp(&other.exponent)
                // Trailing zeros are gone, so that a longer number with the same beginning is greater.
                .then_with(|| self.digits.cmp(&other.digits)),
        }
    }
}

/// Compares two JSON numbers exactly; `None` never happens for numbers that JSON can hold.
pub(crate) fn compare_numbers(left: &Number, right: &Number) -> Option<Ordering> {
    if let (Some(left), Some(right)) = (left.as_i64(), right.as_i64()) {
        return Some(left.cmp(&right));
    }
    Some(Decimal::of(left)?.compare(&Decimal::of(right)?))
}

/// Compares a text with a number; `None` if the text is no number.
pub(crate) fn compare_text_with_number(text: &str, number: &Number) -> Option<Ordering> {
    Some(Decimal::parse(text)?.compare(&Decimal::of(number)?))
}
