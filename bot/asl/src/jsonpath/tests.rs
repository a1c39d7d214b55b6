//! Facts about paths. Jayway's jar is asked in `tests/oracles`; here stands what AWS itself answered.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Path, PathError, Root};

fn query(path: &str, document: &Value) -> Result<Value, String> {
    Path::parse(path).expect("a path").query(document).map_err(|error| error.to_string())
}

#[test]
fn an_indefinite_path_over_a_missing_parent_is_an_empty_list() {
    for path in [
        "$.items[*]",
        "$.item.items[:1]",
        "$.item.items[1:5]",
        "$.items[:1].itemValue",
        "$.item.items[1:5].itemValue",
    ] {
        assert_eq!(query(path, &json!({})), Ok(json!([])), "{path}");
    }
}

#[test]
fn a_definite_path_that_leads_nowhere_says_where_it_ended() {
    let cases = [
        ("$.NoSuchInputPath", json!({}), "No results for path: $['NoSuchInputPath']"),
        ("$.no.such.result.path", json!({}), "Missing property in path $['no']"),
        ("$.list.length()", json!({"list": [1]}), "Property ['length()'] not found in path $['list']"),
        ("$.a[3]", json!({"a": [1]}), "Index out of bounds when evaluating path $['a'][3]"),
        (
            "$.a[0]",
            json!({"a": {"b": [1, "x", null]}}),
            "Filter: [0] can only be applied to arrays. Current context is: {b=[1, x, null]}",
        ),
        ("$.a", json!(null), "Unable to apply Path transformation to null or empty input."),
    ];
    for (path, document, text) in cases {
        assert_eq!(query(path, &document), Err(text.to_owned()), "{path}");
    }
}

#[test]
fn a_quoted_name_keeps_its_backslashes() {
    let document = json!({"Test\\\"\"Name\"": "found"});
    assert_eq!(query("$['Test\\\"\"Name\"']", &document), Ok(json!("found")));
}

#[test]
fn the_document_itself_may_be_null() {
    assert_eq!(query("$", &Value::Null), Ok(Value::Null));
}

#[test]
fn filters_turn_literals_into_what_the_document_has() {
    let document = json!({"jar": [{"a": 1}, {"a": 5}, {"a": 7, "ok": true}, {"a": "x"}, 3]});
    let passing = |filter: &str| query(&format!("$.jar[?({filter})].a"), &document);
    assert_eq!(passing("@.ok == true"), Ok(json!([7])));
    assert_eq!(passing("@.a =~ /X/i"), Ok(json!(["x"])));
    assert_eq!(passing("@.ok"), Ok(json!([7])));
    let numbers = json!({"jar": [{"a": 1}, {"a": 5}, {"a": 7, "ok": true}, {"b": 1}]});
    let passing = |filter: &str| query(&format!("$.jar[?({filter})].a"), &numbers);
    assert_eq!(passing("@.a >= 5 && @.a < 7"), Ok(json!([5])));
    assert_eq!(passing("@.a == 1 || @.ok == true"), Ok(json!([1, 7])));
    assert_eq!(passing("@.a == 5.0"), Ok(json!([5])));
}

#[test]
fn a_path_knows_its_document() {
    let root = |text: &str| Path::parse(text).expect("a path").root().clone();
    assert_eq!(root("$.a"), Root::Input);
    assert_eq!(root("$$.Execution.Id"), Root::Context);
    assert_eq!(root("$$"), Root::Context);
    assert_eq!(root("$answer"), Root::Variable("answer".to_owned()));
    assert_eq!(root("$answer.a[0]"), Root::Variable("answer".to_owned()));
    for text in ["", "a", "$.", "$..", "$.a b", "$1", "$a-b", "$.a[", "$.a[?]", "$.a[?(@.b in ['x'])]"] {
        assert!(Path::parse(text).is_err(), "{text}");
    }
}

#[test]
fn reference_paths_have_names_and_indices_only() {
    let is_reference = |text: &str| Path::parse(text).expect("a path").is_reference();
    for text in ["$", "$.a", "$.a.b[0]", "$['a b'].c", "$[1].x"] {
        assert!(is_reference(text), "{text}");
    }
    for text in
        ["$.*", "$..a", "$.a[:1]", "$.a[0,1]", "$['a','b']", "$.a[?(@.b)]", "$.a.length()", "$[(@.length-1)]"]
    {
        assert!(!is_reference(text), "{text}");
    }
}

#[test]
fn set_makes_missing_objects_and_replaces_what_is_there() {
    let set = |path: &str, root: Value| Path::parse(path).expect("a path").set(root, json!("new"));
    assert_eq!(set("$", json!({"a": 1})), Ok(json!("new")));
    assert_eq!(set("$.a.b", json!({"c": 1})), Ok(json!({"c": 1, "a": {"b": "new"}})));
    assert_eq!(set("$.a", json!({"a": [1], "z": 2})), Ok(json!({"a": "new", "z": 2})));
    assert_eq!(set("$[1].x", json!([{}, {"y": 1}])), Ok(json!([{}, {"y": 1, "x": "new"}])));
    let conflict = |path: &str, root: Value| set(path, root).expect_err("a conflict").to_string();
    assert_eq!(
        conflict("$.someTaskResult", json!("input1")),
        "Unable to apply ReferencePath $.someTaskResult to input \"input1\""
    );
    assert_eq!(
        conflict("$.a[2]", json!({"a": [1]})),
        "Unable to apply ReferencePath $.a[2] to input {\"a\":[1]}"
    );
}

#[test]
fn deep_texts_and_documents_are_errors_or_answers_but_never_a_crash() {
    for text in ["[", "(", "$[?(", "['a']", ".a", "..a", "[?(@.a)]"] {
        let _ = Path::parse(&format!("${}", text.repeat(20_000)));
        let _ = Path::parse(&format!("${}", text.repeat(100_000 / text.len())));
    }
    let mut deep = json!(1);
    for _ in 0..400 {
        deep = json!({"a": [deep]});
    }
    assert!(matches!(Path::parse("$..b").expect("a path").query(&deep), Err(PathError::Invalid(_))));
    let wide = json!([[[1, 2, 3, 4], [1, 2, 3, 4]], [[1, 2], [3, 4]]]);
    let scans = Path::parse(&format!("${}", "..*".repeat(60))).expect("a path");
    assert!(scans.query(&wide).is_ok() || scans.query(&wide).is_err());
}

proptest! {
    #[test]
    fn no_text_panics(text in r"\$?[$@.a-c0-2\[\]'?()*:,& |=<>!~/\\\-é]{0,40}") {
        if let Ok(path) = Path::parse(&text) {
            let document = json!({"a": [{"b": 1, "c": "x"}, [1, 2]], "b": {"a": null}, "1": true});
            let _ = path.query(&document);
            let _ = path.set(document, json!(1));
        }
    }

    #[test]
    fn borrowed_and_copied_answers_agree(text in r"\$(\.[a-c]|\[[0-2]\]|\[\*\]|\.\.[ab]){0,5}") {
        let document = json!({"a": [{"b": 1, "c": "x"}, [1, 2]], "b": {"a": [null]}});
        let path = Path::parse(&text).expect("a path");
        prop_assert_eq!(
            path.query_ref(&document).map(std::borrow::Cow::into_owned),
            path.query(&document)
        );
    }

    #[test]
    fn what_was_set_is_found(names in prop::collection::vec("[a-z]{1,3}", 1..5), value in any::<i64>()) {
        let path = Path::parse(&format!("$.{}", names.join("."))).expect("a path");
        let document = path.set(json!({}), json!(value)).expect("an empty object takes all");
        prop_assert_eq!(path.query(&document), Ok(json!(value)));
    }
}
