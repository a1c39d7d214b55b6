//! Facts about intrinsic functions: AWS's recorded answers, its documentation's examples, and limits.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{Entropy, EvaluationError, Intrinsic, Scope};

struct Given {
    input: Value,
    context: Value,
    variables: Map<String, Value>,
}

impl Scope for Given {
    fn input(&self) -> &Value {
        &self.input
    }

    fn context(&self) -> &Value {
        &self.context
    }

    fn variable(&self, name: &str) -> Option<&Value> {
        self.variables.get(name)
    }
}

struct Fixed;

impl Entropy for Fixed {
    fn uuid(&mut self) -> String {
        "00000000-0000-4000-8000-000000000000".to_owned()
    }

    fn random(&mut self) -> f64 {
        0.999_999
    }
}

fn evaluate_on(call: &str, input: Value) -> Result<Value, EvaluationError> {
    let given = Given {
        input,
        context: json!({"StateMachine": {"Id": "arn:x", "Name": "m-1"}}),
        variables: Map::from_iter([("name".to_owned(), json!("Ada"))]),
    };
    Intrinsic::parse(call).expect("a call").evaluate(&given, &mut Fixed)
}

fn evaluate(call: &str) -> Value {
    evaluate_on(call, json!({"array": [1, 2, 2, "x", {"a": 1, "b": 2}, {"b": 2, "a": 1}]})).expect("a value")
}

#[test]
fn math_add_rounds_halves_up_before_it_adds() {
    let cases = [
        (json!(-9), json!(3), -6),
        (json!(1.49), json!(1.5), 3),
        (json!(1.5), json!(1.51), 4),
        (json!(-1.49), json!(-1.5), -2),
        (json!(-1.5), json!(-1.51), -3),
        (json!(-0.5), json!(0.5), 1),
        (json!(-3.5), json!(0), -3),
        (json!(2.5), json!(0), 3),
    ];
    for (first, second, sum) in cases {
        let input = json!({"a": first, "b": second});
        assert_eq!(evaluate_on("States.MathAdd($.a, $.b)", input).expect("a sum"), json!(sum));
    }
}

#[test]
fn format_prints_values_as_java_does() {
    assert_eq!(
        evaluate("States.Format('fst={} and snd={}.', $name, $$.StateMachine)"),
        json!("fst=Ada and snd={Id=arn:x, Name=m-1}.")
    );
    assert_eq!(evaluate("States.Format('{} {} {} {}', 101, null, true, 1.5)"), json!("101 null true 1.5"));
    assert_eq!(evaluate(r"States.Format('it\'s \{\} a {} \\', 1)"), json!(r"it's {} a 1 \"));
    assert!(evaluate_on("States.Format('{} {}', 1)", json!({})).is_err());
}

#[test]
fn arrays() {
    assert_eq!(evaluate("States.Array()"), json!([]));
    assert_eq!(evaluate("States.Array(1, 'a', null)"), json!([1, "a", null]));
    assert_eq!(evaluate("States.ArrayPartition($.array[:3], 2)"), json!([[1, 2], [2]]));
    assert_eq!(evaluate("States.ArrayContains($.array, 'x')"), json!(true));
    assert_eq!(evaluate("States.ArrayRange(0, 3, 1)"), json!([0, 1, 2, 3]));
    assert_eq!(evaluate("States.ArrayRange(9, 1, -4)"), json!([9, 5, 1]));
    assert_eq!(evaluate("States.ArrayRange(3, 1, 1)"), json!([]));
    assert_eq!(evaluate("States.ArrayGetItem($.array, 3)"), json!("x"));
    assert_eq!(evaluate("States.ArrayLength($.array)"), json!(6));
    assert_eq!(evaluate("States.ArrayUnique($.array)"), json!([1, 2, "x", {"a": 1, "b": 2}]));
    for refused in [
        "States.ArrayRange(0, 1001, 1)",
        "States.ArrayRange(0, 1, 0)",
        "States.ArrayPartition($.array, 0)",
        "States.ArrayGetItem($.array, 6)",
        "States.ArrayGetItem($.array, -1)",
        "States.ArrayLength('x')",
    ] {
        let error = evaluate_on(refused, json!({"array": [1]})).expect_err(refused);
        assert!(matches!(error, EvaluationError::Failure { .. }), "{refused}");
    }
}

#[test]
fn texts_codes_and_hashes() {
    assert_eq!(
        evaluate("States.StringSplit('This.is+a,test=string', '.+,=')"),
        json!(["This", "is", "a", "test", "string"])
    );
    assert_eq!(evaluate("States.Base64Decode('SGVsbG8gV29ybGQ=')"), json!("Hello World"));
    assert_eq!(evaluate("States.Base64Encode('Hello World')"), json!("SGVsbG8gV29ybGQ="));
    assert_eq!(
        evaluate("States.Hash('input data', 'SHA-1')"),
        json!("aaff4a450a104cd177d28d18d74485e8cae074b7")
    );
    assert_eq!(evaluate("States.Hash('input data', 'MD5')"), json!("812f45842bc6d66ee14572ce20db8e86"));
    assert_eq!(evaluate("States.UUID()"), json!("00000000-0000-4000-8000-000000000000"));
    assert!(evaluate_on("States.Hash('a', 'MD4')", json!({})).is_err());
    let long = json!({"text": "x".repeat(10_001)});
    assert!(evaluate_on("States.Base64Encode($.text)", long).is_err());
}

#[test]
fn json_texts() {
    let parsed = |text: &str| evaluate_on("States.StringToJson($)", json!(text)).ok();
    assert_eq!(parsed(""), Some(json!(null)));
    assert_eq!(parsed(" "), Some(json!(null)));
    assert_eq!(parsed("-0"), Some(json!(0)));
    assert_eq!(parsed("[1, 2, \"x\"]"), Some(json!([1, 2, "x"])));
    assert_eq!(parsed("{"), None);
    let text = evaluate_on("States.JsonToString($)", json!({"b": 1, "a": []}));
    assert_eq!(text, Ok(json!(r#"{"b":1,"a":[]}"#)));
    let merged =
        evaluate_on("States.JsonMerge($.x, $.y, false)", json!({"x": {"a": {"p": 1}}, "y": {"a": {"q": 2}}}));
    assert_eq!(merged, Ok(json!({"a": {"q": 2}})));
    assert!(evaluate_on("States.JsonMerge($, $, true)", json!({})).is_err());
}

#[test]
fn random_numbers_stay_below_the_end_and_follow_their_seed() {
    assert_eq!(evaluate("States.MathRandom(1, 999)"), json!(998));
    assert_eq!(evaluate("States.MathRandom(1, 999, 42)"), evaluate("States.MathRandom(1, 999, 42)"));
    assert!(evaluate_on("States.MathRandom(5, 5)", json!({})).is_err());
}

#[test]
fn calls_nest() {
    assert_eq!(
        evaluate(
            "States.ArrayGetItem(States.StringSplit($$.StateMachine.Name, '-'), States.MathAdd(States.ArrayLength(States.StringSplit($$.StateMachine.Name, '-')), -1))"
        ),
        json!("1")
    );
    let nested = |depth: usize| format!("{}1{}", "States.Array(".repeat(depth), ")".repeat(depth));
    assert!(Intrinsic::parse(&nested(10)).is_ok());
    assert!(Intrinsic::parse(&nested(11)).is_err());
    assert!(Intrinsic::parse(&nested(4_000)).is_err());
}

#[test]
fn a_path_that_finds_nothing_is_named_with_the_document() {
    let error = evaluate_on("States.Format('{}', $.a)", json!({"b": 1})).expect_err("no such path");
    assert_eq!(
        error.to_string(),
        "The function 'States.Format('{}', $.a)' had the following error: The JsonPath argument for the field '$.a' could not be found in the input '{\"b\":1}'"
    );
}

#[test]
fn what_is_no_call_is_refused() {
    for text in [
        "",
        "States.Nothing()",
        "States.Format('a'",
        "States.Format('a'))",
        "States.Format('a' 'b')",
        "States.Format(a)",
        r#"States.Format('He said, \"Hello, {}!\"', 'x')"#,
        "States.Array(,)",
        "States.Array([1])",
        "States.Array($.)",
        "States.Array('a)",
    ] {
        assert!(Intrinsic::parse(text).is_err(), "{text}");
    }
}

#[test]
fn a_path_argument_may_hold_commas_and_brackets() {
    let input = json!({"a": [{"b": "x)"}], "c,d": 2});
    assert_eq!(evaluate_on("States.Array($.a[?(@.b == 'x)')].b, $['c,d'])", input), Ok(json!([["x)"], 2])));
}

proptest! {
    #[test]
    fn no_text_panics(text in r"(States\.(Array|Format|MathAdd|StringSplit|JsonMerge)\()?[$.a-c0-9'\\{}(), \-é]{0,40}\)?") {
        if let Ok(call) = Intrinsic::parse(&text) {
            let given = Given { input: json!({"a": [1]}), context: json!({}), variables: Map::new() };
            let _ = call.evaluate(&given, &mut Fixed);
        }
    }

    #[test]
    fn sums_never_overflow(a in any::<f64>(), b in any::<i64>()) {
        let input = json!({"a": a, "b": b});
        let _ = evaluate_on("States.MathAdd($.a, $.b)", input.clone());
        let _ = evaluate_on("States.ArrayRange($.a, $.b, 1)", input.clone());
        let _ = evaluate_on("States.MathRandom($.a, $.b)", input);
    }
}
