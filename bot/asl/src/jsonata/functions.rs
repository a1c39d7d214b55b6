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
pub(super) const NAMES: [(&str, usize); 9] = [
    ("hash", 2),
    ("millis", 0),
    ("now", 2),
    ("parse", 1),
    ("partition", 2),
    ("random", 1),
    ("range", 3),
    ("shuffle", 1),
    ("uuid", 0),
];

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

/// `$now` is `$fromMillis` of the evaluation's time.
fn now(arguments: &[JValue], now_millis: i64) -> Answer {
    let mut context = Context::new();
    #[allow(clippy::cast_precision_loss, reason = "times of this era fit exactly")]
    context.bind("m".to_owned(), JValue::Number(now_millis as f64));
    for (name, argument) in ["p", "z"].into_iter().zip(arguments) {
        context.bind(name.to_owned(), argument.clone());
    }
    let text = ["$fromMillis($m)", "$fromMillis($m, $p)", "$fromMillis($m, $p, $z)"][arguments.len()];
    let ast = parser::parse(text).map_err(|error| EvaluatorError::EvaluationError(error.to_string()))?;
    Evaluator::with_context(context).evaluate(&ast, &JValue::Undefined)
}
