//! Facts about JSONata expressions. jsonata-js itself is asked in `tests/oracles`; here stands what AWS adds,
//! what it answered, and the limits.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{Bindings, Expression, JsonataError, Limits, States, embedded};
use crate::intrinsics::Entropy;

/// Gives a new number and UUID at each call.
#[derive(Default)]
struct Counting(u32);

impl Entropy for Counting {
    fn uuid(&mut self) -> String {
        self.0 += 1;
        format!("00000000-0000-4000-8000-{:012}", self.0)
    }

    fn random(&mut self) -> f64 {
        self.0 += 1;
        f64::from(self.0) / 1000.0
    }
}

fn evaluate_on(text: &str, input: &Value) -> Result<Option<Value>, JsonataError> {
    let variables = Map::from_iter([
        ("answer".to_owned(), json!(42)),
        ("varname".to_owned(), json!({"varfield": [1, 2], "big": 1.0})),
    ]);
    let bindings = Bindings {
        states: States {
            input,
            context: &json!({"Execution": {"Id": "arn:x"}}),
            result: None,
            error_output: None,
        },
        variables: &variables,
        now_millis: 1_510_067_557_121,
    };
    Expression::parse(text)?.evaluate(&bindings, &mut Counting::default(), Limits::default())
}

fn evaluate(text: &str) -> Option<Value> {
    evaluate_on(text, &json!({"fst": [0, 1, 2, 3], "a": {"b": "x"}, "items": []})).expect("a value")
}

fn failure(text: &str) -> String {
    evaluate_on(text, &json!({"fst": "s"})).expect_err(text).to_string()
}

#[test]
fn only_a_whole_text_in_its_signs_is_an_expression() {
    assert_eq!(embedded("{% 1 + 1 %}"), Some("1 + 1"));
    assert_eq!(embedded("{%$a%}"), Some("$a"));
    assert_eq!(embedded(" {% $states.input %} "), None);
    assert_eq!(embedded("{%}"), None);
}

#[test]
fn states_and_variables_are_bound() {
    assert_eq!(evaluate("$states.input.a.b"), Some(json!("x")));
    assert_eq!(evaluate("$states.context.Execution.Id & '!'"), Some(json!("arn:x!")));
    assert_eq!(evaluate("$answer"), Some(json!(42)));
    assert_eq!(evaluate("$varname.varfield"), Some(json!([1, 2])));
    assert_eq!(evaluate("$varname.big"), Some(json!(1)));
    assert_eq!(evaluate("$states.input.items"), Some(json!([])));
    assert_eq!(evaluate("$keys($states)"), Some(json!(["input", "context"])));
    assert_eq!(evaluate("$variable := 1"), Some(json!(1)));
    assert_eq!(evaluate("[1, 'two', 3]"), Some(json!([1, "two", 3])));
}

#[test]
fn what_is_not_there_is_undefined() {
    for text in ["$doesNotExist", "$states.input.no.such", "$states.result", "$answer.x", "$varname.no"] {
        assert_eq!(evaluate(text), None, "{text}");
    }
}

#[test]
fn partition_and_range_are_as_aws_answers() {
    let partition = |size: u32| evaluate(&format!("$partition($states.input.fst, {size})"));
    assert_eq!(partition(1), Some(json!([[0], [1], [2], [3]])));
    assert_eq!(partition(3), Some(json!([[0, 1, 2], [3]])));
    assert_eq!(partition(5), Some(json!([[0, 1, 2, 3]])));
    assert_eq!(evaluate("$partition([0], 1)"), Some(json!([[0]])));
    assert_eq!(evaluate("$range(0, 10, 3)"), Some(json!([0, 3, 6, 9])));
    assert_eq!(evaluate("$range(3, 1, -1)"), Some(json!([3, 2, 1])));
    // One item alone is no array, as anywhere in JSONata.
    assert_eq!(evaluate("$range(1, 9, 9)"), Some(json!(1)));
}

#[test]
fn hashes_and_texts() {
    assert_eq!(evaluate("$hash('input data', 'MD5')"), Some(json!("812f45842bc6d66ee14572ce20db8e86")));
    assert_eq!(evaluate("$parse('{\"a\": [1]}').a"), Some(json!([1])));
    assert_eq!(evaluate("$map(['1', '[2]'], $parse)"), Some(json!([1, [2]])));
    assert_eq!(evaluate("['1', '2'] ~> $map($parse) ~> $sum"), Some(json!(3)));
    assert_eq!(
        evaluate("($md5 := $hash(?, 'MD5'); $md5('input data'))"),
        Some(json!("812f45842bc6d66ee14572ce20db8e86"))
    );
}

#[test]
fn time_and_randomness_come_from_outside() {
    assert_eq!(evaluate("$millis()"), Some(json!(1_510_067_557_121_i64)));
    assert_eq!(evaluate("$now()"), Some(json!("2017-11-07T15:12:37.121Z")));
    assert_eq!(evaluate("$now('[Y]/[M01]')"), Some(json!("2017/11")));
    assert_eq!(evaluate("$now(undefined, '+0100')"), evaluate("$now($nothing, '+0100')"));
    assert_eq!(evaluate("$uuid()"), Some(json!("00000000-0000-4000-8000-000000000001")));
    let many = "[[1..3].$uuid(), $random(), $random(), $shuffle([1..9])]";
    assert_eq!(evaluate(many), evaluate(many));
    assert_eq!(evaluate("$random(7) = $random(7)"), Some(json!(true)));
    assert_eq!(evaluate("$count($distinct([1..50].$uuid()))"), Some(json!(50)));
    assert_eq!(evaluate("$count($distinct([1..50].$random()))"), Some(json!(50)));
}

#[test]
fn failures_have_the_texts_of_jsonata_js() {
    let cases = [
        ("$randomSeeded($states.input.fst)", "T1006: Attempted to invoke a non-function"),
        ("$eval('1')", "T1006: Attempted to invoke a non-function"),
        ("sum(1)", "T1005: Attempted to invoke a non-function. Did you mean $sum?"),
        ("1 + $states.input.fst", "T2002: The right side of the \"+\" operator must evaluate to a number"),
        (
            "$states.input.fst > 5",
            "T2009: The values \"s\" and 5 either side of operator \">\" must be of the same data type",
        ),
        (
            "null >= 5",
            "T2010: The expressions either side of operator \">=\" must evaluate to numeric or string values",
        ),
        ("-$states.input.fst", "D1002: Cannot negate a non-numeric value: \"s\""),
        ("$number($states.input.fst)", "D3030: Unable to cast value to a number: \"s\""),
        ("$sum($states.input.fst)", "T0412: Argument 1 of function \"sum\" must be an array of \"numbers\""),
        ("$uppercase(1)", "T0410: Argument 1 of function \"uppercase\" does not match function signature"),
        ("$error('mine')", "D3137: mine"),
        ("{'a': 1, 'a': 2}", "D1009: Multiple key definitions evaluate to same key: \"a\""),
    ];
    for (text, expected) in cases {
        assert_eq!(failure(text), expected, "{text}");
    }
}

#[test]
fn what_later_versions_added_is_refused() {
    for (text, sign) in [("$a ?? 1", "?"), ("[{'x': ($a ?: 1)}]", ":")] {
        assert_eq!(failure(text), format!("S0211: The symbol \"{sign}\" cannot be used as a unary operator"));
    }
    assert_eq!(evaluate("'a ?? b ?: c'"), Some(json!("a ?? b ?: c")));
    assert!(Expression::parse("1..2").is_err());
    assert!(Expression::parse("a := 1").is_err());
}

#[test]
fn expressions_may_cross_threads() {
    fn shared<T: Send + Sync + Clone>() {}
    shared::<Expression>();
}

#[test]
fn depth_and_time_are_bounded() {
    for text in ["(", "[", "{", "-", "$f(", "'a'&", "a.", "a[", "function($x){", "1?", "|a|", "/*", "$x:="] {
        let _ = Expression::parse(&text.repeat(20_000));
    }
    let brackets = format!("{}1{}", "(".repeat(20_000), ")".repeat(20_000));
    assert!(Expression::parse(&brackets).is_err());
    assert!(failure("($f := function($x){ 1 + $f($x) }; $f(1))").starts_with("U1001: Stack overflow"));

    let quick = Limits { time: Duration::from_millis(100), ..Limits::default() };
    let endless = Expression::parse("($f := function($x){ $f($x + 1) }; $f(1))").expect("an expression");
    let variables = Map::new();
    let bindings = Bindings {
        states: States { input: &Value::Null, context: &Value::Null, result: None, error_output: None },
        variables: &variables,
        now_millis: 0,
    };
    let start = Instant::now();
    let error = endless.evaluate(&bindings, &mut Counting::default(), quick).expect_err("endless");
    assert_eq!(error.code, "U1001");
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn deep_documents_pass() {
    let mut deep = json!(1);
    for _ in 0..120 {
        deep = json!([deep]);
    }
    assert!(evaluate_on("$count($states.input.x)", &json!({"x": deep})).is_ok());
}

proptest! {
    #[test]
    fn no_text_panics(text in r"[$a-c0-2'\[\](){}.,:;?+*/%&=<>!~|^@#` \-]{0,30}") {
        let _ = evaluate_on(&text, &json!({"a": [1, {"b": "x"}]}));
    }

    #[test]
    fn no_picture_panics(picture in r"[\[\]YMDdFWwHhPmsfZzNnI01#.,%e;()*\-]{0,16}") {
        let picture = json!({ "p": picture });
        let _ = evaluate_on("$fromMillis(1510067557121, $states.input.p)", &picture);
        let _ = evaluate_on("$toMillis('2017', $states.input.p)", &picture);
        let _ = evaluate_on("$formatNumber(1234.5, $states.input.p)", &picture);
        let _ = evaluate_on("$formatInteger(1234, $states.input.p)", &picture);
    }

    #[test]
    fn a_plain_path_answers_as_the_evaluator_does(
        path in r"(\.[ab]){0,3}",
        document in json_value(),
    ) {
        let plain = evaluate_on(&format!("$states.input{path}"), &document);
        let evaluated = evaluate_on(&format!("($states.input{path})"), &document);
        prop_assert_eq!(plain, evaluated);
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        Just(json!(1.0)),
        Just(json!("x")),
        Just(json!([])),
        Just(json!({})),
        any::<i32>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::hash_map("[ab]", inner, 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

#[test]
fn what_a_picture_leaves_out_is_of_the_evaluations_time_and_not_of_the_machines() {
    // `evaluate` stands at its own time; whatever the machine's is, the answers are these.
    let at = |text: &str| {
        let expression = Expression::parse(text).unwrap();
        let variables = serde_json::Map::new();
        let null = Value::Null;
        let states = States { input: &null, context: &null, result: None, error_output: None };
        // 2001-02-03T16:05:06Z
        let bindings = Bindings { states, variables: &variables, now_millis: 981_216_306_000 };
        let mut entropy = crate::entropy::Derived::new(crate::Seed([0; 32]));
        expression.evaluate(&bindings, &mut entropy, Limits::default()).unwrap().unwrap_or_default()
    };
    for (text, expected) in [
        ("$toMillis('10:30', '[H01]:[m01]')", "2001-02-03T10:30:00.000Z"),
        ("$toMillis('30:15', '[m01]:[s01]')", "2001-02-03T16:30:15.000Z"),
        ("$toMillis('07-04', '[M01]-[D01]')", "2001-07-04T00:00:00.000Z"),
        ("$toMillis('09', '[D01]')", "2001-02-09T00:00:00.000Z"),
        ("$toMillis('3', '[h]')", "2001-02-03T15:00:00.000Z"),
        ("$toMillis('1999', '[Y0001]')", "1999-01-01T00:00:00.000Z"),
        ("$toMillis('1999-05-06T07:08:09.000Z')", "1999-05-06T07:08:09.000Z"),
    ] {
        assert_eq!(at(&format!("$fromMillis({text})")), expected, "{text}");
    }
}

#[test]
fn a_text_cannot_grow_without_end() {
    let code = |text: &str| {
        let expression = Expression::parse(text).unwrap();
        let variables = serde_json::Map::new();
        let null = Value::Null;
        let states = States { input: &null, context: &null, result: None, error_output: None };
        let bindings = Bindings { states, variables: &variables, now_millis: 0 };
        let mut entropy = crate::entropy::Derived::new(crate::Seed([0; 32]));
        expression.evaluate(&bindings, &mut entropy, Limits::default()).map_err(|error| error.code)
    };
    let doubling = "$a := $a & $a; ".repeat(60);
    assert_eq!(code(&format!("($a := 'x'; {doubling} $length($a))")), Err("U1001".to_owned()));
    let folding = "$reduce([1..60], function($t, $n) { $t & $t }, 'x')";
    assert_eq!(code(&format!("$length({folding})")), Err("U1001".to_owned()));
    assert_eq!(code("$length($pad('x', 2000000000))"), Err("U1001".to_owned()));
    assert_eq!(code("$length($pad('x', -2000000000, '#'))"), Err("U1001".to_owned()));
    // What ends stays what it is.
    assert_eq!(
        code("($a := 'x'; $a & 1 & true & null & $nothing & [1, 2])"),
        Ok(Some("x1truenull[1,2]".into()))
    );
    assert_eq!(code("$pad('x', 3, '#') & $pad('y', -3)"), Ok(Some("x##  y".into())));
}
