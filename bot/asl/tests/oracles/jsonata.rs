//! Generated expressions over generated documents, against jsonata-js 2.0.6.

use std::process::Command;

use deputy_asl::intrinsics::Entropy;
use deputy_asl::jsonata::{Bindings, Expression, Limits, States};
use serde_json::{Map, Value, json};

use crate::generate::{Dice, container, document};
use crate::{Tally, ask, setting, work_folder};

struct NoEntropy;

impl Entropy for NoEntropy {
    fn uuid(&mut self) -> String {
        unreachable!("no generated expression is random")
    }

    fn random(&mut self) -> f64 {
        unreachable!("no generated expression is random")
    }
}

/// Expressions, a line for each, that call for the texts of jsonata-js's table, or for what differs between its
/// versions.
const FIXED: &str = include_str!("jsonata/expressions.txt");

fn operand(dice: &mut Dice, depth: usize) -> String {
    match dice.below(if depth == 0 { 10 } else { 16 }) {
        0 => "1".to_owned(),
        1 => "2.5".to_owned(),
        2 => "'a'".to_owned(),
        3 => "true".to_owned(),
        4 => "null".to_owned(),
        5 => "$states.input".to_owned(),
        6 => format!("$states.input.{}", dice.pick(&["a", "b", "c", "a1", "`x y`"])),
        7 => format!("$v.{}", dice.pick(&["a", "b", "c.a", "a.b"])),
        8 => "$nothing".to_owned(),
        9 => "$v".to_owned(),
        10 => format!("[{}, {}]", expression(dice, depth - 1), expression(dice, depth - 1)),
        11 => format!("{{'k': {}}}", expression(dice, depth - 1)),
        12 => format!("({})", expression(dice, depth - 1)),
        13 => format!("{}[{}]", operand(dice, depth - 1), expression(dice, depth - 1)),
        14 => format!(
            "{}.{}",
            operand(dice, depth - 1),
            dice.pick(&["a", "b", "*", "$", "($)", "{'z': $}", "[a]"])
        ),
        _ => call(dice, depth - 1),
    }
}

fn call(dice: &mut Dice, depth: usize) -> String {
    let name = dice.pick(&[
        "sum",
        "count",
        "max",
        "average",
        "string",
        "number",
        "boolean",
        "not",
        "keys",
        "length",
        "uppercase",
        "join",
        "append",
        "reverse",
        "distinct",
        "exists",
        "type",
        "floor",
        "abs",
        "merge",
        "spread",
        "sort",
        "substring",
        "contains",
        "lookup",
        "zip",
    ]);
    let arguments: Vec<String> = (0..=dice.below(2)).map(|_| expression(dice, depth)).collect();
    if dice.one_in(6) {
        let function = dice.pick(&["map", "filter"]);
        let body = dice.pick(&["$x", "$x.a", "$x = 1", "$string($x)", "$x + 1", "$type($x)"]);
        return format!("${function}({}, function($x) {{ {body} }})", arguments[0]);
    }
    format!("${name}({})", arguments.join(", "))
}

fn expression(dice: &mut Dice, depth: usize) -> String {
    if depth == 0 || dice.one_in(3) {
        return operand(dice, depth);
    }
    match dice.below(9) {
        0 => format!("-{}", operand(dice, depth - 1)),
        1 => format!(
            "{} ? {} : {}",
            expression(dice, depth - 1),
            operand(dice, depth - 1),
            operand(dice, depth - 1)
        ),
        2 => format!("({}) ~> $string", expression(dice, depth - 1)),
        _ => {
            let operator = dice
                .pick(&["+", "-", "*", "&", "=", "!=", "<", "<=", ">", ">=", "and", "or", "in", "/", "%"]);
            format!("{} {operator} {}", operand(dice, depth - 1), operand(dice, depth - 1))
        }
    }
}

fn soup(dice: &mut Dice) -> String {
    (0..=dice.below(9))
        .map(|_| {
            dice.pick(&[
                "a", "1", "'s'", "(", ")", "[", "]", "{", "}", ".", ",", ":", "?", "+", "-", "*", "/", "%",
                "&", "=", "<", "$x", "$", "..", "^", "~>", ":=", "|", "@", "#", ";", "and", "in", "function",
                " ", "!", "!=", "**", "`b`", "\"t\"",
            ])
        })
        .collect()
}

fn answer(text: &str, input: &Value, variables: &Map<String, Value>) -> String {
    let expression = match Expression::parse(text) {
        Ok(expression) => expression,
        Err(error) => return format!("S {error}"),
    };
    let bindings = Bindings {
        states: States { input, context: &Value::Null, result: None, error_output: None },
        variables,
        now_millis: 0,
    };
    match expression.evaluate(&bindings, &mut NoEntropy, Limits::default()) {
        Ok(Some(value)) => format!("V {value}"),
        Ok(None) => "U".to_owned(),
        Err(error) => format!("E {error}").replace('\n', "\\n"),
    }
}

/// Equal JSON, numbers by value: `1e21` may be written in many ways.
fn same(ours: &str, theirs: &str) -> bool {
    match (ours.strip_prefix("V "), theirs.strip_prefix("V ")) {
        (Some(ours), Some(theirs)) => {
            let read = |text| serde_json::from_str::<Value>(text).expect("JSON");
            equal(&read(ours), &read(theirs))
        }
        _ => ours == theirs,
    }
}

fn equal(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(ours), Value::Number(theirs)) => ours.as_f64() == theirs.as_f64(),
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| equal(a, b))
        }
        (Value::Object(ours), Value::Object(theirs)) => {
            ours.len() == theirs.len()
                && ours.iter().zip(theirs).all(|((n, a), (m, b))| n == m && equal(a, b))
        }
        _ => ours == theirs,
    }
}

/// Differences that are meant or known, with the reason.
fn allowed(text: &str, ours: &str, theirs: &str) -> Option<&'static str> {
    let (ours_kind, theirs_kind) = (&ours[..1], &theirs[..1]);
    let code = |answer: &str| answer[2..].split(':').next().unwrap_or_default().to_owned();
    if text.contains("$eval") {
        return Some("AWS has no $eval");
    }
    if theirs.starts_with("E undefined: ") {
        return Some("jsonata-js fails with an error of JavaScript's own");
    }
    if theirs.contains("_jsonata_") {
        return Some("a function is no result");
    }
    if theirs.contains("900719925474099") {
        return Some("a whole number beyond 2^53 prints with all its digits");
    }
    if ours_kind == "S" && theirs_kind == "S" {
        return Some("both refuse the expression, for another reason or in other words");
    }
    if ours_kind == "E" && theirs_kind == "E" {
        if ours.contains("U1001") {
            return Some("sequences are limited to a million items");
        }
        if code(ours) == code(theirs) {
            return Some("same code, other text: a value or a name is not known outside its function");
        }
        return Some("of two errors in one expression, the other one");
    }
    if theirs_kind == "E" && text.contains('[') {
        return Some("jsonata-js applies a predicate to undefined, too");
    }
    if text.contains("$sort(") || text.contains("$filter(") {
        return Some("$sort and $filter of a single value");
    }
    if ["[(", "[[", "['", "[$states.input", "[$v"].iter().any(|sign| text.contains(sign)) {
        return Some("a predicate that gives a list or a text, over undefined");
    }
    if ["1(2)", "'a'(1)", "$decodeUrl('%')"].contains(&text) {
        return Some("the crate's own answer to what nobody writes");
    }
    if ours_kind == "S" || theirs_kind == "S" {
        return Some("an operator's name used as a field's, which only one of the two admits");
    }
    None
}

#[test]
#[ignore = "needs Node; see tests/oracles/run.sh"]
fn expressions_answer_as_jsonata_js_does() {
    let mut dice = Dice::new(setting("ORACLE_SEED", 1));
    let count = setting("ORACLE_COUNT", 100_000) / 2;
    let generated = (0..count).map(|i| {
        let text = if i % 10 == 0 { soup(&mut dice) } else { expression(&mut dice, 3) };
        let variables = Map::from_iter([("v".to_owned(), document(&mut dice, 3))]);
        (text, container(&mut dice), variables)
    });
    let fixed =
        FIXED.lines().map(|text| (text.to_owned(), json!({"a": 1, "b": [1, {"c": "x"}]}), Map::new()));
    let cases: Vec<(String, Value, Map<String, Value>)> = fixed.chain(generated).collect();
    let questions: Vec<String> = cases
        .iter()
        .map(|(expression, input, variables)| {
            json!({"expression": expression, "states": {"input": input, "context": null}, "variables": variables}).to_string()
        })
        .collect();
    let answers = ask(Command::new("node").arg(work_folder().join("jsonata/driver.mjs")), &questions);
    let mut tally = Tally::default();
    for ((text, input, variables), theirs) in cases.iter().zip(&answers) {
        let ours = answer(text, input, variables);
        if same(&ours, theirs) {
            tally.equal += 1;
        } else if let Some(reason) = allowed(text, &ours, theirs) {
            *tally.allowed.entry(reason).or_default() += 1;
            if std::env::var("ORACLE_SHOW").is_ok_and(|wanted| reason.contains(&wanted)) {
                tally.shown.push(format!("{text}\n    ours   {ours}\n    theirs {theirs}"));
            }
        } else {
            let v = Value::Object(variables.clone());
            tally.different.push(format!("{text}  on {input} {v}\n    ours   {ours}\n    theirs {theirs}"));
        }
    }
    tally.report("JSONata against jsonata-js 2.0.6");
}
