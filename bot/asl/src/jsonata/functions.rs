//! The functions that AWS adds to JSONata or changes in it, as functions of the evaluator's host.

use std::cell::RefCell;
use std::rc::Rc;

use jsonata_core::evaluator::{Context, Evaluator, EvaluatorError};
use jsonata_core::parser;
use jsonata_core::value::JValue;
use serde_json::Value;

use super::numbers::Numbers;
use super::values;
use crate::intrinsics::{digest, seeded_random};

/// What a function of the host gives.
type Answer = Result<JValue, EvaluatorError>;

/// The functions that stand here, and how many parameters they have.
pub(super) const NAMES: [(&str, usize); 11] = [
    ("hash", 2),
    ("millis", 0),
    ("now", 2),
    ("pad", 3),
    ("parse", 1),
    ("partition", 2),
    ("random", 1),
    ("range", 3),
    ("shuffle", 1),
    ("toMillis", 2),
    ("uuid", 0),
];

/// The name under which a guarded `&` calls [`concatenate`]. No expression can write it.
pub(super) const CONCATENATE: &str = "\u{0}&";

/// Longest text that `$pad` and a guarded `&` make, in bytes: far more than any payload may have, and far less than the
/// memory that doubling a text a few dozen times would take.
const MAX_TEXT: usize = 16 * 1024 * 1024;

/// Most items that `$range` makes, as of jsonata-js's own range operator.
const MAX_RANGE: f64 = 1e7;

/// Time and randomness for one evaluation.
pub(super) struct Sources {
    pub(super) now_millis: i64,
    pub(super) numbers: Option<RefCell<Numbers>>,
}

/// Registers a function under the name that `register_as` gives it.
pub(super) fn register(
    evaluator: &mut Evaluator,
    name: &'static str,
    register_as: &str,
    sources: &Rc<Sources>,
) -> Result<(), EvaluatorError> {
    let sources = Rc::clone(sources);
    evaluator.register_fn_override(register_as, move |arguments: &[JValue]| call(name, arguments, &sources))
}

fn call(name: &str, arguments: &[JValue], sources: &Sources) -> Answer {
    // A missing argument and an undefined one are the same to a wrapper that passes its parameters on.
    let given = arguments.iter().rposition(|argument| !argument.is_undefined()).map_or(0, |last| last + 1);
    let arguments = &arguments[..given];
    match (name, arguments) {
        ("hash" | "parse" | "partition" | "range" | "shuffle", []) => Ok(JValue::Undefined),
        ("hash", [text, algorithm]) => hash(text, algorithm),
        #[allow(clippy::cast_precision_loss, reason = "times of this era fit exactly")]
        ("millis", []) => Ok(JValue::Number(sources.now_millis as f64)),
        ("now", [] | [_] | [_, _]) => now(arguments, sources.now_millis),
        ("pad", arguments) => pad(arguments),
        ("parse", [text]) => parse(text),
        ("partition", [items, size]) => partition(items, size),
        ("hash" | "partition", _) => Err(mismatch(2, name)),
        ("random", []) => Ok(JValue::Number(numbers(sources)?.borrow_mut().random())),
        ("random", [seed]) => {
            let seed = whole(seed).ok_or_else(|| mismatch(1, name))?;
            Ok(JValue::Number(seeded_random(seed)))
        }
        ("range", [first, last, step]) => range(first, last, step),
        ("range", arguments) => Err(mismatch(arguments.len() + 1, name)),
        ("shuffle", [items]) => Ok(shuffle(items, &mut numbers(sources)?.borrow_mut())),
        ("toMillis", arguments) => to_millis(arguments, sources.now_millis),
        (CONCATENATE, arguments) => concatenate(arguments),
        ("uuid", []) => Ok(JValue::string(numbers(sources)?.borrow_mut().uuid())),
        (_, arguments) => Err(mismatch(arguments.len(), name)),
    }
}

fn mismatch(index: usize, name: &str) -> EvaluatorError {
    EvaluatorError::TypeError(format!(
        "T0410: Argument {index} of function \"{name}\" does not match function signature"
    ))
}

fn numbers(sources: &Sources) -> Result<&RefCell<Numbers>, EvaluatorError> {
    // The text mentions the function, or it could not be called: the numbers were drawn.
    sources
        .numbers
        .as_ref()
        .ok_or_else(|| EvaluatorError::EvaluationError("U1002: No random numbers were drawn".to_owned()))
}

#[allow(clippy::cast_possible_truncation, reason = "checked to be whole")]
fn whole(value: &JValue) -> Option<i64> {
    value.as_f64().filter(|number| number.fract() == 0.0 && number.abs() < 9e15).map(|number| number as i64)
}

fn hash(text: &JValue, algorithm: &JValue) -> Answer {
    let text = text.as_str().ok_or_else(|| mismatch(1, "hash"))?;
    algorithm
        .as_str()
        .and_then(|algorithm| digest(text, algorithm))
        .map(JValue::string)
        .ok_or_else(|| mismatch(2, "hash"))
}

fn parse(text: &JValue) -> Answer {
    let text = text.as_str().ok_or_else(|| mismatch(1, "parse"))?;
    serde_json::from_str::<Value>(text).map(|value| values::to_jsonata(&value)).map_err(|error| {
        EvaluatorError::EvaluationError(format!("D3137: The text is not valid JSON: {error}"))
    })
}

fn partition(items: &JValue, size: &JValue) -> Answer {
    let size = whole(size)
        .and_then(|size| usize::try_from(size).ok())
        .filter(|size| *size > 0)
        .ok_or_else(|| mismatch(2, "partition"))?;
    let single = std::slice::from_ref(items);
    let items = items.as_array().map_or(single, Vec::as_slice);
    let parts = items.chunks(size).map(|part| JValue::array(part.to_vec()));
    Ok(JValue::array(parts.collect()))
}

/// The result is a sequence, of which one item alone is no array: AWS gives 1 for `$range(1, 9, 9)`.
fn range(first: &JValue, last: &JValue, step: &JValue) -> Answer {
    let number = |value: &JValue, index| {
        let number = value.as_f64().filter(|number| number.is_finite());
        number.ok_or_else(|| mismatch(index, "range"))
    };
    let (first, last, step) = (number(first, 1)?, number(last, 2)?, number(step, 3)?);
    if step == 0.0 {
        return Err(mismatch(3, "range"));
    }
    let steps = ((last - first) / step).floor();
    if steps >= MAX_RANGE {
        return Err(EvaluatorError::EvaluationError(format!(
            "D2014: The size of the sequence allocated by the range operator (..) must not exceed 1e6.  Attempted to allocate {}.",
            steps + 1.0
        )));
    }
    let mut items = Vec::new();
    let mut count = 0.0;
    while count <= steps {
        items.push(JValue::Number(first + count * step));
        count += 1.0;
    }
    Ok(JValue::sequence(items))
}

fn shuffle(items: &JValue, numbers: &mut Numbers) -> JValue {
    let Some(items) = items.as_array() else {
        return JValue::array(vec![items.clone()]);
    };
    let mut shuffled = items.clone();
    for i in (1..shuffled.len()).rev() {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            reason = "an index of what fits into memory"
        )]
        let other = (numbers.random() * (i + 1) as f64) as usize;
        shuffled.swap(i, other.min(i));
    }
    JValue::array(shuffled)
}

fn too_long() -> EvaluatorError {
    EvaluatorError::EvaluationError(format!("U1001: A text may have at most {MAX_TEXT} bytes"))
}

/// The language's own `$pad`, of a bounded width.
fn pad(arguments: &[JValue]) -> Answer {
    let width = arguments.get(1).and_then(JValue::as_f64).unwrap_or_default();
    #[allow(clippy::cast_precision_loss, reason = "the limit fits exactly")]
    let limit = MAX_TEXT as f64;
    if width.abs() > limit {
        return Err(too_long());
    }
    built_in("pad", arguments)
}

/// The language's own `&`, with an end.
fn concatenate(arguments: &[JValue]) -> Answer {
    let text = |index: usize| match arguments.get(index) {
        None | Some(JValue::Undefined) => Some(""),
        Some(value) => value.as_str(),
    };
    if let (Some(left), Some(right)) = (text(0), text(1)) {
        if left.len() + right.len() > MAX_TEXT {
            return Err(too_long());
        }
        return Ok(JValue::string([left, right].concat()));
    }
    let operand = |index: usize| arguments.get(index).cloned().unwrap_or(JValue::Undefined);
    run("$a & $b", [("a", operand(0)), ("b", operand(1))])
}

/// The language's own `$toMillis`, but parts of the time that the picture leaves out are those of the evaluation's time.
///
/// The evaluator would look at the machine's clock for them, and a replay would find another day. What it takes from the
/// clock are the parts before the first that the picture has, so that those are put before picture and text.
fn to_millis(arguments: &[JValue], now_millis: i64) -> Answer {
    if let [timestamp, picture] = arguments
        && let (Some(text), Some(picture)) = (timestamp.as_str(), picture.as_str())
    {
        let now = crate::time::Timestamp(now_millis).to_string();
        let (mut parts, mut values) = (String::new(), String::new());
        for (marker, range) in leading_parts(picture) {
            parts.push_str(marker);
            parts.push(' ');
            values.push_str(if marker == "[P]" {
                let afternoon = now.get(11..13).is_some_and(|hour| hour >= "12");
                if afternoon { "pm" } else { "am" }
            } else {
                now.get(range).unwrap_or_default()
            });
            values.push(' ');
        }
        let whole = [JValue::string(values + text), JValue::string(parts + picture)];
        return built_in("toMillis", &whole);
    }
    built_in("toMillis", arguments)
}

/// The parts of a time that a picture has none of, from the largest on, and where they stand in a timestamp's text.
fn leading_parts(picture: &str) -> Vec<(&'static str, std::ops::Range<usize>)> {
    const DATE: [(&str, std::ops::Range<usize>); 3] = [("[Y0001]", 0..4), ("[M01]", 5..7), ("[D01]", 8..10)];
    const TIME: [(&str, std::ops::Range<usize>); 3] =
        [("[H01]", 11..13), ("[m01]", 14..16), ("[s01]", 17..19)];
    let has = |names: &[char]| {
        // `[[` is a bracket; behind a single one stands a part's name.
        let markers = picture.replace("[[", "");
        markers.split('[').skip(1).any(|marker| marker.trim_start().starts_with(names))
    };
    let any = has(&['M', 'D', 'd', 'P', 'H', 'h', 'm', 's', 'f']);
    if !any || has(&['Y', 'X', 'x', 'W', 'w', 'F']) {
        return Vec::new();
    }
    let dates = if has(&['M', 'd']) {
        1
    } else if has(&['D']) {
        2
    } else {
        3
    };
    let mut parts = DATE[..dates].to_vec();
    if dates == 3 {
        let times = match () {
            () if has(&['H', 'P']) => 0,
            () if has(&['h']) => {
                parts.push(("[P]", 11..13));
                0
            }
            () if has(&['m']) => 1,
            () if has(&['s']) => 2,
            () => 3,
        };
        parts.extend_from_slice(&TIME[..times]);
    }
    parts
}

/// Calls a function of the language in an evaluator that has no other under its name.
fn built_in(name: &str, arguments: &[JValue]) -> Answer {
    const PARAMETERS: [&str; 3] = ["a", "b", "c"];
    let parameters = &PARAMETERS[..arguments.len().min(PARAMETERS.len())];
    let list: Vec<String> = parameters.iter().map(|parameter| format!("${parameter}")).collect();
    let bound = parameters.iter().copied().zip(arguments.iter().cloned());
    run(&format!("${name}({})", list.join(", ")), bound)
}

fn run<'a>(text: &str, bound: impl IntoIterator<Item = (&'a str, JValue)>) -> Answer {
    let mut context = Context::new();
    for (name, value) in bound {
        context.bind(name.to_owned(), value);
    }
    let ast = parser::parse(text).map_err(|error| EvaluatorError::EvaluationError(error.to_string()))?;
    Evaluator::with_context(context).evaluate(&ast, &JValue::Undefined)
}

/// `$now` is `$fromMillis` of the evaluation's time.
fn now(arguments: &[JValue], now_millis: i64) -> Answer {
    #[allow(clippy::cast_precision_loss, reason = "times of this era fit exactly")]
    let millis = JValue::Number(now_millis as f64);
    let text = ["$fromMillis($m)", "$fromMillis($m, $p)", "$fromMillis($m, $p, $z)"][arguments.len()];
    let given = ["p", "z"].into_iter().zip(arguments.iter().cloned());
    run(text, std::iter::once(("m", millis)).chain(given))
}
