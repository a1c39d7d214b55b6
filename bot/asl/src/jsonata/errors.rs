//! The codes and texts of jsonata-js 2.0.6, made from the evaluator's own.

use jsonata_core::ast::BinaryOp;

use super::JsonataError;
use super::probe::Probe;
use super::values::quoted;

/// Texts without places, by code. The evaluator words many of them in its own way.
const TEXTS: [(&str, &str); 60] = [
    ("S0101", "String literal must be terminated by a matching quote"),
    ("S0104", "The escape sequence \\u must be followed by 4 hex digits"),
    ("S0105", "Quoted property name must be terminated with a backquote (`)"),
    ("S0106", "Comment has no closing tag"),
    ("S0207", "Unexpected end of expression"),
    ("S0209", "A predicate cannot follow a grouping expression in a step"),
    ("S0210", "Each step can only have one grouping expression"),
    ("S0212", "The left side of := must be a variable name (start with $)"),
    ("S0215", "A context variable binding must precede any predicates on a step"),
    ("S0216", "A context variable binding must precede the 'order-by' clause on a step"),
    ("S0217", "The object representing the 'parent' cannot be derived from this expression"),
    ("S0301", "Empty regular expressions are not allowed"),
    ("S0302", "No terminating / in regular expression"),
    ("S0401", "Type parameters can only be applied to functions and arrays"),
    ("S0402", "Choice groups containing parameterized types are not supported"),
    ("S0500", "Attempted to evaluate an expression containing syntax error(s)"),
    ("D1004", "Regular expression matches zero length string"),
    ("T1006", "Attempted to invoke a non-function"),
    ("T1008", "Attempted to partially apply a non-function"),
    ("T2003", "The left side of the range operator (..) must evaluate to an integer"),
    ("T2004", "The right side of the range operator (..) must evaluate to an integer"),
    ("D2005", "The left side of := must be a variable name (start with $)"),
    ("T2006", "The right side of the function application operator ~> must be a function"),
    ("T2008", "The expressions within an order-by clause must evaluate to numeric or string values"),
    (
        "T2013",
        "The transform expression clones the input object using the $clone() function.  This has been overridden in the current scope by a non-function.",
    ),
    ("D3001", "Attempting to invoke string function on Infinity or NaN"),
    ("D3010", "Second argument of replace function cannot be an empty string"),
    ("D3011", "Fourth argument of replace function must evaluate to a positive number"),
    ("D3012", "Attempted to replace a matched string with a non-string value"),
    ("D3020", "Third argument of split function must evaluate to a positive number"),
    ("D3040", "Third argument of match function must evaluate to a positive number"),
    ("D3050", "The second argument of reduce function must be a function with at least two arguments"),
    (
        "D3070",
        "The single argument form of the sort function can only be applied to an array of strings or an array of numbers.  Use the second argument to specify a comparison function",
    ),
    ("D3080", "The picture string must only contain a maximum of two sub-pictures"),
    ("D3081", "The sub-picture must not contain more than one instance of the 'decimal-separator' character"),
    ("D3082", "The sub-picture must not contain more than one instance of the 'percent' character"),
    ("D3083", "The sub-picture must not contain more than one instance of the 'per-mille' character"),
    ("D3084", "The sub-picture must not contain both a 'percent' and a 'per-mille' character"),
    (
        "D3085",
        "The mantissa part of a sub-picture must contain at least one character that is either an 'optional digit character' or a member of the 'decimal digit family'",
    ),
    (
        "D3086",
        "The sub-picture must not contain a passive character that is preceded by an active character and that is followed by another active character",
    ),
    (
        "D3087",
        "The sub-picture must not contain a 'grouping-separator' character that appears adjacent to a 'decimal-separator' character",
    ),
    ("D3088", "The sub-picture must not contain a 'grouping-separator' at the end of the integer part"),
    (
        "D3089",
        "The sub-picture must not contain two adjacent instances of the 'grouping-separator' character",
    ),
    (
        "D3090",
        "The integer part of the sub-picture must not contain a member of the 'decimal digit family' that is followed by an instance of the 'optional digit character'",
    ),
    (
        "D3091",
        "The fractional part of the sub-picture must not contain an instance of the 'optional digit character' that is followed by a member of the 'decimal digit family'",
    ),
    (
        "D3092",
        "A sub-picture that contains a 'percent' or 'per-mille' character must not contain a character treated as an 'exponent-separator'",
    ),
    (
        "D3093",
        "The exponent part of the sub-picture must comprise only of one or more characters that are members of the 'decimal digit family'",
    ),
    ("D3131", "In a decimal digit pattern, all digits must be from the same decimal group"),
    ("D3134", "The timezone integer format specifier cannot have more than four digits"),
    ("D3135", "No matching closing bracket ']' in date/time picture string"),
    ("D3136", "The date/time picture string is missing specifiers required to parse the timestamp"),
    ("D3138", "The $single() function expected exactly 1 matching result.  Instead it matched more."),
    ("D3139", "The $single() function expected exactly 1 matching result.  Instead it matched 0."),
    ("D1011", LOOP),
    ("U1001", LOOP),
    ("D1012", "Expression evaluation timeout: Check for infinite loop"),
    ("D2015", "A sequence of the expression is too long"),
    ("U1002", "The expression made the JSONata evaluator fail"),
    ("U1003", "The evaluation was cancelled"),
    ("D1010", "Attempted to access the Javascript object prototype"),
];

const LOOP: &str = "Stack overflow error: Check for non-terminating recursive function.  Consider rewriting as tail-recursive.";

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

/// A token as jsonata-js writes it in a text, from the name that the evaluator's parser has for it.
fn token(name: &str) -> String {
    if let Some(number) = between(name, "Number(", ")") {
        return number.strip_suffix(".0").unwrap_or(number).to_owned();
    }
    // Texts and names are already in quotes: `Identifier("b")`.
    if let Some((_, rest)) = name.split_once('(') {
        return rest.strip_suffix(')').unwrap_or(rest).to_owned();
    }
    quote(match name {
        "True" => return "true".to_owned(),
        "False" => return "false".to_owned(),
        "Null" => return "null".to_owned(),
        "Plus" => "+",
        "Minus" => "-",
        "Star" => "*",
        "StarStar" => "**",
        "Slash" => "/",
        "Percent" => "%",
        "Equal" => "=",
        "NotEqual" => "!=",
        "LessThan" => "<",
        "LessThanOrEqual" => "<=",
        "GreaterThan" => ">",
        "GreaterThanOrEqual" => ">=",
        "And" => "and",
        "Or" => "or",
        "In" => "in",
        "Ampersand" => "&",
        "Dot" => ".",
        "DotDot" => "..",
        "Question" | "QuestionQuestion" | "QuestionColon" => "?",
        "Colon" => ":",
        "ColonEqual" => ":=",
        "TildeArrow" => "~>",
        "LeftParen" => "(",
        "RightParen" => ")",
        "LeftBracket" => "[",
        "RightBracket" => "]",
        "LeftBrace" => "{",
        "RightBrace" => "}",
        "Comma" => ",",
        "Semicolon" => ";",
        "Caret" => "^",
        "Pipe" => "|",
        "Hash" => "#",
        "At" => "@",
        "Eof" => "(end)",
        other => other,
    })
}

/// The error of an evaluation that failed.
pub(super) fn of_evaluator(message: &str, probe: Probe<'_>) -> JsonataError {
    let Some((code, detail)) = split(message) else {
        return JsonataError::new("U1002", message);
    };
    let text = fixed(code).unwrap_or_else(|| with_values(code, detail, &probe));
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

fn fixed(code: &str) -> Option<String> {
    TEXTS.iter().find(|(known, _)| *known == code).map(|(_, text)| (*text).to_owned())
}

fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn after<'a>(text: &'a str, sign: &str) -> &'a str {
    text.split_once(sign).map_or(text, |(_, rest)| rest)
}

/// The text between two others.
fn between<'a>(text: &'a str, before: &str, behind: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(behind).map(|(inner, _)| inner)
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
