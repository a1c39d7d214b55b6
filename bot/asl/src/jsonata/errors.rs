//! The codes and texts of jsonata-js 2.0.6, made from the evaluator's own.

use jsonata_core::ast::BinaryOp;

use super::JsonataError;
use super::probe::Probe;
use super::texts::{between, fixed, quote, token};
use super::values::quoted;

/// The error of a text that does not parse.
pub(super) fn of_parser(message: &str) -> JsonataError {
    // Some errors come wrapped: "Invalid syntax: S0201: …".
    let message = ["Invalid syntax: ", "Invalid number: "]
        .iter()
        .find_map(|prefix| message.strip_prefix(prefix))
        .unwrap_or(message);
    if message == "Unclosed comment" {
        return JsonataError::new("S0106", "Comment has no closing tag");
    }
    let (code, detail) = split(message).unwrap_or(("S0201", message));
    let text = fixed(code).unwrap_or_else(|| match code {
        "S0102" => format!("Number out of range: {}", quote(after(detail, ": "))),
        "S0103" => format!("Unsupported escape sequence: \\{}", quote(after(detail, "\\"))),
        "S0201" => format!("Syntax error: {}", token(after(detail, "Syntax error: "))),
        "S0202" => {
            let (expected, found) = after(detail, "Expected ").split_once(", got ").unwrap_or_default();
            format!("Expected {}, got {}", token(expected), token(found))
        }
        "S0203" => {
            let expected = between(detail, "Expected ", " before").unwrap_or_default();
            format!("Expected {} before end of expression", token(expected))
        }
        "S0204" => format!("Unknown operator: {}", quote(after(detail, "operator: "))),
        "S0208" => "Parameter 1 of function definition must be a variable name (start with $)".to_owned(),
        "S0211" => {
            let symbol = between(detail, "The symbol ", " cannot").unwrap_or_default();
            format!("The symbol {} cannot be used as a unary operator", token(symbol))
        }
        "S0214" => {
            let sign = if detail.ends_with('#') { "#" } else { "@" };
            format!("The right side of {} must be a variable name (start with $)", quote(sign))
        }
        _ => detail.to_owned(),
    });
    JsonataError::new(code, text)
}

/// The error of an evaluation that failed.
pub(super) fn of_evaluator(message: &str, probe: &Probe<'_>) -> JsonataError {
    let Some((code, detail)) = split(message) else {
        return JsonataError::new("U1002", message);
    };
    let text = fixed(code).unwrap_or_else(|| with_values(code, detail, probe));
    // A limit has one code, whichever it is.
    let code = match code {
        "D1011" | "D1012" | "D2015" => "U1001",
        code => code,
    };
    JsonataError::new(code, text)
}

fn split(message: &str) -> Option<(&str, &str)> {
    let code = jsonata_core::evaluator::error_code_prefix(message)?;
    Some((code, message[code.len() + 1..].trim_start()))
}

fn after<'a>(text: &'a str, sign: &str) -> &'a str {
    text.split_once(sign).map_or(text, |(_, rest)| rest)
}

fn is_comparison(operator: BinaryOp) -> bool {
    matches!(
        operator,
        BinaryOp::LessThan | BinaryOp::LessThanOrEqual | BinaryOp::GreaterThan | BinaryOp::GreaterThanOrEqual
    )
}

fn with_values(code: &str, detail: &str, probe: &Probe<'_>) -> String {
    match code {
        "T0410" | "T0411" | "T0412" => signature_mismatch(code, detail, probe),
        "T2001" | "T2002" => {
            let side = if code == "T2001" { "left" } else { "right" };
            let operator = between(detail, "side of the ", " operator").unwrap_or("+");
            format!(
                "The {side} side of the {} operator must evaluate to a number",
                quote(operator.trim_matches('"'))
            )
        }
        "T2009" => {
            let operator = between(detail, "operator \"", "\"").unwrap_or_default();
            let operands = probe.operands(code, is_comparison);
            let (left, right) = operands.unwrap_or_default();
            format!(
                "The values {} and {} either side of operator {} must be of the same data type",
                quoted(left.as_ref()),
                quoted(right.as_ref()),
                quote(operator)
            )
        }
        "T2010" => format!(
            "The expressions either side of operator {} must evaluate to numeric or string values",
            quote(probe.operator(code, is_comparison).map_or("<", sign))
        ),
        "D1002" => format!("Cannot negate a non-numeric value: {}", quoted(probe.negated().as_ref())),
        "T2011" => format!(
            "The insert/update clause of the transform expression must evaluate to an object: {}",
            quoted(probe.transform().and_then(|(update, _)| probe.value(update)).as_ref())
        ),
        "T2012" => format!(
            "The delete clause of the transform expression must evaluate to a string or array of strings: {}",
            quoted(probe.transform().and_then(|(_, delete)| probe.value(delete?)).as_ref())
        ),
        "D2014" if !detail.contains("Attempted") => {
            let operands = probe.operands(code, |operator| operator == BinaryOp::Range);
            let size = operands.and_then(|(first, last)| Some(last?.as_f64()? - first?.as_f64()? + 1.0));
            format!(
                "The size of the sequence allocated by the range operator (..) must not exceed 1e6.  Attempted to allocate {}.",
                size.map_or_else(|| "undefined".to_owned(), |size| size.to_string())
            )
        }
        "D3030" => {
            let value = probe.call(code).and_then(|(_, arguments)| probe.value(arguments.first()?));
            let value = match (value, between(detail, "'", "'")) {
                (None, Some(text)) => quote(text),
                (value, _) => quoted(value.as_ref()).into_owned(),
            };
            format!("Unable to cast value to a number: {value}")
        }
        "D1009" => format!(
            "Multiple key definitions evaluate to same key: {}",
            quote(after(detail, "key: ").trim_matches('"'))
        ),
        "D3100" => {
            let radix = detail.rsplit(' ').next().unwrap_or_default();
            format!("The radix of the formatBase function must be between 2 and 36.  It was given {radix}")
        }
        "D3110" => {
            let given = probe.call(code).and_then(|(_, arguments)| probe.value(arguments.first()?));
            format!(
                "The argument of the toMillis function must be an ISO 8601 formatted timestamp. Given {}",
                quoted(given.as_ref())
            )
        }
        "D3130" => format!(
            "Formatting or parsing an integer as a sequence starting with {} is not supported by this implementation",
            quote(detail)
        ),
        "D3132" => format!("Unknown component specifier {} in date/time picture string", quote(detail)),
        "D3133" => format!(
            "The 'name' modifier can only be applied to months and days in the date/time picture string, not {}",
            quote(detail)
        ),
        _ => detail.to_owned(),
    }
}

fn sign(operator: BinaryOp) -> &'static str {
    match operator {
        BinaryOp::LessThanOrEqual => "<=",
        BinaryOp::GreaterThan => ">",
        BinaryOp::GreaterThanOrEqual => ">=",
        _ => "<",
    }
}

/// Functions with one parameter, whose second argument the evaluator calls the first.
const ONE_PARAMETER: [&str; 19] = [
    "abs",
    "average",
    "boolean",
    "ceil",
    "count",
    "distinct",
    "exists",
    "floor",
    "keys",
    "length",
    "lowercase",
    "max",
    "merge",
    "min",
    "not",
    "number",
    "spread",
    "sqrt",
    "uppercase",
];

/// The number of the argument. Where their count is wrong, jsonata-js names the first one too many or missing.
fn argument_index(detail: &str) -> usize {
    let number = |text: &str| text.trim_end_matches(',').parse::<usize>().ok();
    let word_after = |sign: &str| after(detail, sign).split(' ').next().and_then(number);
    if detail.contains("count mismatch") {
        let (expected, actual) = (word_after("expected "), word_after("got "));
        return expected.min(actual).unwrap_or_default() + 1;
    }
    word_after("rgument ").unwrap_or(1)
}

fn signature_mismatch(code: &str, detail: &str, probe: &Probe<'_>) -> String {
    let call = probe.call(code);
    let one_too_many = call.is_some_and(|(name, arguments)| {
        arguments.len() > 1 && ONE_PARAMETER.contains(&name) && code == "T0410"
    });
    let index = if one_too_many { 2 } else { argument_index(detail) };
    let named = between(detail, "of function \"", "\"");
    let name = named.or(call.map(|(name, _)| name));
    let name = name.map_or_else(|| "undefined".to_owned(), quote);
    match code {
        "T0411" => format!("Context value is not a compatible type with argument {index} of function {name}"),
        "T0412" => {
            let expected = detail.rsplit(' ').next().unwrap_or_default().to_lowercase();
            format!(
                "Argument {index} of function {name} must be an array of {}",
                quote(&format!("{expected}s"))
            )
        }
        _ => format!("Argument {index} of function {name} does not match function signature"),
    }
}
