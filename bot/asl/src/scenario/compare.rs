//! What came against what was expected, and how to say where they differ.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::play::shortened;
use super::{About, Expectation, Failure, Report};

/// How many differences of one document are told.
const TOLD: usize = 10;
/// How many states a side-by-side listing may have; longer ones are told by their first difference.
const LISTED: usize = 2_000;

/// Compares all that was expected.
pub(super) fn all(expect: &Expectation, report: &Report, failures: &mut Vec<Failure>) {
    let mut fail = |about, message: String| failures.push(Failure { about, message });
    if report.status != expect.status {
        let mut lines = vec![format!("expected {}, got {}", expect.status, report.status)];
        lines.extend(report.error.iter().map(|error| format!("error {error}")));
        lines.extend(report.cause.iter().map(|cause| format!("cause {cause}")));
        lines.extend(report.output.iter().map(|output| format!("output {}", shortened(output))));
        fail(About::Status, lines.join("\n"));
    }
    if let (Some(expected), Some(output)) = (&expect.output, &report.output) {
        let found = told(differences(expected, output));
        if !found.is_empty() {
            fail(About::Output, found.join("\n"));
        }
    }
    if let (Some(expected), Some(output)) = (&expect.output_includes, &report.output) {
        let found = told(missing(expected, output));
        if !found.is_empty() {
            fail(About::Output, found.join("\n"));
        }
    }
    let texts = [("error", &expect.error, &report.error), ("cause", &expect.cause, &report.cause)];
    // A success where a failure was expected has been told.
    if report.status == expect.status {
        for (name, expected, actual) in texts {
            if let Some(expected) = expected
                && actual.as_deref() != Some(expected.as_str())
            {
                fail(About::Error, format!("{name}: expected {expected:?}, got {}", quoted(actual.as_ref())));
            }
        }
        if let Some(part) = &expect.cause_includes
            && !report.cause.as_ref().is_some_and(|cause| cause.contains(part.as_str()))
        {
            let got = quoted(report.cause.as_ref());
            fail(About::Error, format!("cause: expected to find {part:?} in it, got {got}"));
        }
    }
    if let Some(expected) = &expect.states
        && let Some(message) = states(expected, &report.states)
    {
        fail(About::States, message);
    }
    if let Some(expected) = expect.took
        && expected != report.took
    {
        fail(About::Took, format!("expected {}, got {}", span(expected), span(report.took)));
    }
}

fn quoted(text: Option<&Arc<str>>) -> String {
    text.map_or_else(|| "none".to_owned(), |text| format!("{text:?}"))
}

/// Cuts a list that grows long.
fn told(mut found: Vec<String>) -> Vec<String> {
    if found.len() > TOLD {
        let more = found.len() - TOLD;
        found.truncate(TOLD);
        found.push(format!("and {more} more differences"));
    }
    found
}

/// Whether `actual` has all that `expected` has: members of objects besides it are allowed, elements of arrays are not.
pub(super) fn includes(expected: &Value, actual: &Value) -> bool {
    missing(expected, actual).is_empty()
}

/// Where `actual` lacks something of `expected`.
pub(super) fn missing(expected: &Value, actual: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk(expected, actual, true, "$", &mut found);
    found
}

/// Where they differ.
fn differences(expected: &Value, actual: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk(expected, actual, false, "$", &mut found);
    found
}

fn walk(expected: &Value, actual: &Value, partly: bool, path: &str, found: &mut Vec<String>) {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            for (name, wanted) in expected {
                let path = format!("{path}.{name}");
                match actual.get(name) {
                    Some(got) => walk(wanted, got, partly, &path, found),
                    None => found.push(format!("{path}: expected {}, it is not there", shortened(wanted))),
                }
            }
            if !partly {
                for (name, got) in actual.iter().filter(|(name, _)| !expected.contains_key(*name)) {
                    found.push(format!("{path}.{name}: not expected, got {}", shortened(got)));
                }
            }
        }
        (Value::Array(expected), Value::Array(actual)) => {
            for (index, (wanted, got)) in expected.iter().zip(actual).enumerate() {
                walk(wanted, got, partly, &format!("{path}[{index}]"), found);
            }
            if expected.len() != actual.len() {
                found.push(format!("{path}: expected {} elements, got {}", expected.len(), actual.len()));
            }
        }
        // Integers beyond the precision of doubles are compared as what they are.
        (Value::Number(wanted), Value::Number(got))
            if (wanted.is_f64() || got.is_f64()) && wanted.as_f64() == got.as_f64() => {}
        (wanted, got) if wanted == got => {}
        (wanted, got) => {
            found.push(format!("{path}: expected {}, got {}", shortened(wanted), shortened(got)));
        }
    }
}

/// What is wrong with the order of states, if anything is.
fn states(expected: &[String], actual: &[Arc<str>]) -> Option<String> {
    if fits(expected, actual) {
        return None;
    }
    if expected.iter().any(|state| state == GAP) {
        let got: Vec<&str> = actual.iter().map(AsRef::as_ref).collect();
        return Some(format!("expected {}\ngot      {}", expected.join(", "), got.join(", ")));
    }
    if expected.len().max(actual.len()) > LISTED {
        let index =
            expected.iter().zip(actual).take_while(|(one, other)| one.as_str() == other.as_ref()).count();
        let at = |states: Option<&str>| states.unwrap_or("the end").to_owned();
        return Some(format!(
            "state {} of {}: expected {}, got {}",
            index + 1,
            actual.len(),
            at(expected.get(index).map(String::as_str)),
            at(actual.get(index).map(AsRef::as_ref))
        ));
    }
    Some(side_by_side(expected, actual))
}

/// Any number of states.
const GAP: &str = "...";

/// Whether a sequence with gaps fits.
fn fits(expected: &[String], actual: &[Arc<str>]) -> bool {
    // Between gaps stand runs of states: the first run must begin the sequence, the last end it, and each of the others
    // may be taken where it first occurs.
    let mut runs: Vec<&[String]> = expected.split(|state| state == GAP).collect();
    let is = |run: &[String], states: &[Arc<str>]| {
        run.len() == states.len() && run.iter().zip(states).all(|(one, other)| one.as_str() == other.as_ref())
    };
    if runs.len() == 1 {
        return is(runs[0], actual);
    }
    let (first, last) = (runs.remove(0), runs.pop().unwrap_or_default());
    let Some(rest) = actual.get(..first.len()).filter(|head| is(first, head)).and(actual.get(first.len()..))
    else {
        return false;
    };
    let Some(split) = rest.len().checked_sub(last.len()) else { return false };
    let (mut middle, end) = rest.split_at(split);
    if !is(last, end) {
        return false;
    }
    for run in runs {
        let Some(at) = (0..=middle.len().saturating_sub(run.len()))
            .find(|at| middle.get(*at..at + run.len()).is_some_and(|states| is(run, states)))
        else {
            return false;
        };
        middle = &middle[at + run.len()..];
    }
    true
}

/// Both sequences as one listing: `-` expected and missing, `+` came unexpectedly.
fn side_by_side(expected: &[String], actual: &[Arc<str>]) -> String {
    let (rows, columns) = (expected.len(), actual.len());
    // The longest common subsequence, from the end.
    let mut common = vec![vec![0_u16; columns + 1]; rows + 1];
    for row in (0..rows).rev() {
        for column in (0..columns).rev() {
            common[row][column] = if expected[row].as_str() == actual[column].as_ref() {
                common[row + 1][column + 1] + 1
            } else {
                common[row + 1][column].max(common[row][column + 1])
            };
        }
    }
    let mut lines = vec!["- expected, + got:".to_owned()];
    let (mut row, mut column) = (0, 0);
    while row < rows || column < columns {
        if row < rows && column < columns && expected[row].as_str() == actual[column].as_ref() {
            lines.push(format!("  {}", expected[row]));
            (row, column) = (row + 1, column + 1);
        } else if row < rows && (column == columns || common[row + 1][column] >= common[row][column + 1]) {
            lines.push(format!("- {}", expected[row]));
            row += 1;
        } else {
            lines.push(format!("+ {}", actual[column]));
            column += 1;
        }
    }
    lines.join("\n")
}

/// A duration as scenarios write it.
pub(super) fn span(duration: Duration) -> String {
    let mut millis = duration.as_millis();
    if millis == 0 {
        return "0s".to_owned();
    }
    let mut parts = Vec::new();
    for (unit, length) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)] {
        if millis >= length {
            parts.push(format!("{}{unit}", millis / length));
            millis %= length;
        }
    }
    parts.concat()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn documents_are_compared_by_their_meaning() {
        assert!(differences(&json!({"a": 1, "b": [1, 2]}), &json!({"b": [1.0, 2], "a": 1})).is_empty());
        assert_eq!(
            differences(&json!({"a": 1, "b": [1]}), &json!({"b": [2, 3], "c": null})),
            [
                "$.a: expected 1, it is not there",
                "$.b[0]: expected 1, got 2",
                "$.b: expected 1 elements, got 2",
                "$.c: not expected, got null",
            ]
        );
        assert!(includes(&json!({"a": {"b": 1}}), &json!({"a": {"b": 1, "c": 2}, "d": 3})));
        assert!(!includes(&json!([1]), &json!([1, 2])));
    }

    #[test]
    fn states_may_be_left_out_where_dots_say_so() {
        let fits = |expected: &str, actual: &str| {
            let expected: Vec<String> = expected.split_whitespace().map(ToOwned::to_owned).collect();
            let actual: Vec<Arc<str>> = actual.split_whitespace().map(Arc::from).collect();
            fits(&expected, &actual)
        };
        assert!(fits("A B C", "A B C"));
        assert!(!fits("A B", "A B C"));
        for expected in
            ["...", "A ...", "... C", "A ... C", "... B ...", "A ... B C", "A ... ... C", "A B C ..."]
        {
            assert!(fits(expected, "A B C"), "{expected}");
        }
        for expected in ["B ...", "... B", "A ... A", "... C B ...", "A B C ... C", "... D ..."] {
            assert!(!fits(expected, "A B C"), "{expected}");
        }
    }

    #[test]
    fn two_orders_are_shown_as_one() {
        let expected: Vec<String> = ["A", "B", "C"].map(ToOwned::to_owned).into();
        let actual: Vec<Arc<str>> = ["A", "C", "D"].map(Arc::from).into();
        assert_eq!(states(&expected, &actual).unwrap(), "- expected, + got:\n  A\n- B\n  C\n+ D");
    }

    #[test]
    fn a_span_is_written_as_it_is_read() {
        assert_eq!(span(Duration::from_millis(5_430_250)), "1h30m30s250ms");
        assert_eq!(span(Duration::ZERO), "0s");
    }
}
