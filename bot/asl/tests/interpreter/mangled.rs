//! Sound definitions, mangled at random: they are refused or they run; nothing panics and nothing takes long.

use deputy_asl::{
    Event, EventKind, Execution, ExecutionType, Payload, Program, Seed, Timestamp, graph, step,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::info;

fn sample() -> Value {
    json!({"Comment": "c", "StartAt": "Pass", "TimeoutSeconds": 60, "States": {
        "Pass": {"Type": "Pass", "InputPath": "$.a", "Parameters": {"x.$": "$.b[0]", "y.$": "States.Format('{}', $$.State.Name)"},
            "ResultPath": "$.p", "OutputPath": "$", "Assign": {"v.$": "$.x"}, "Next": "Choice"},
        "Choice": {"Type": "Choice", "Default": "Wait", "Choices": [
            {"And": [{"Variable": "$.n", "NumericGreaterThan": 1}, {"Not": {"Variable": "$.s", "StringMatches": "a*"}}],
                "Next": "Map"},
            {"Variable": "$.t", "TimestampLessThanPath": "$.u", "Next": "Fail"}]},
        "Wait": {"Type": "Wait", "SecondsPath": "$.w", "Next": "Task"},
        "Task": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Parameters": {"t.$": "$$.Task.Token"}, "ResultSelector": {"r.$": "$"}, "HeartbeatSeconds": 5, "TimeoutSeconds": 9,
            "Retry": [{"ErrorEquals": ["E"], "IntervalSeconds": 2, "BackoffRate": 1.5, "MaxAttempts": 3,
                "MaxDelaySeconds": 9, "JitterStrategy": "FULL"}],
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.e", "Next": "Fail"}], "Next": "Parallel"},
        "Parallel": {"Type": "Parallel", "Branches": [
            {"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": 1, "End": true}}},
            {"StartAt": "B", "States": {"B": {"Type": "Succeed"}}}], "Next": "Jsonata"},
        "Jsonata": {"QueryLanguage": "JSONata", "Type": "Pass", "Output": {"o": "{% $states.input.a + 1 %}"}, "Next": "Map"},
        "Map": {"Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 2, "ItemSelector": {"i.$": "$$.Map.Item.Value"},
            "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}, "StartAt": "C",
                "States": {"C": {"Type": "Pass", "End": true}}},
            "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "Parameters": {"Bucket": "b", "Key.$": "$.k"},
                "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW", "MaxItems": 3}},
            "ItemBatcher": {"MaxItemsPerBatch": 2, "BatchInput": {"z.$": "$.z"}},
            "ToleratedFailurePercentage": 5, "Label": "l", "End": true},
        "Fail": {"Type": "Fail", "ErrorPath": "$.e", "Cause": "c"}}})
}

/// Strange values to put in place of sound ones.
fn strange() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        "[$.\\[\\]a-z'*?@(){}%]{0,16}".prop_map(Value::from),
        "\\{% [a-z$.+(){}\\[\\]'0-9 ]{0,20} %\\}".prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        Just(json!([[[{"a.$": "$..b"}]]])),
        Just(json!("Pass")),
        Just(json!("Map")),
        Just(json!("JSONata")),
    ]
}

#[derive(Debug, Clone)]
enum Mangling {
    Replace(prop::sample::Index, Value),
    Remove(prop::sample::Index),
    Rename(prop::sample::Index, prop::sample::Index),
}

fn mangling() -> impl Strategy<Value = Mangling> {
    prop_oneof![
        3 => (any::<prop::sample::Index>(), strange()).prop_map(|(at, value)| Mangling::Replace(at, value)),
        1 => any::<prop::sample::Index>().prop_map(Mangling::Remove),
        1 => (any::<prop::sample::Index>(), any::<prop::sample::Index>()).prop_map(|(at, to)| Mangling::Rename(at, to)),
    ]
}

/// All places of a document, as pointers.
fn places(value: &Value, at: String, into: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                places(member, format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), into);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                places(item, format!("{at}/{index}"), into);
            }
        }
        _ => {}
    }
    into.push(at);
}

fn mangle(document: &mut Value, mangling: Mangling) {
    let mut all = Vec::new();
    places(document, String::new(), &mut all);
    let parent =
        |pointer: &str| pointer.rsplit_once('/').map(|(parent, key)| (parent.to_owned(), key.to_owned()));
    match mangling {
        Mangling::Replace(at, value) => {
            if let Some(place) = document.pointer_mut(at.get::<String>(&all)) {
                *place = value;
            }
        }
        Mangling::Remove(at) => {
            let Some((parent, key)) = parent(at.get::<String>(&all)) else { return };
            if let Some(Value::Object(members)) = document.pointer_mut(&parent) {
                members.remove(&key);
            }
        }
        Mangling::Rename(at, to) => {
            let name = to.get::<String>(&all).rsplit('/').next().unwrap_or_default().to_owned();
            let Some((parent, key)) = parent(at.get::<String>(&all)) else { return };
            if let Some(Value::Object(members)) = document.pointer_mut(&parent)
                && let Some(value) = members.remove(&key)
            {
                members.insert(name, value);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mangled_definitions_are_refused_or_run(
        manglings in prop::collection::vec(mangling(), 0..4),
        input in strange(),
    ) {
        let mut definition = sample();
        for mangling in manglings {
            mangle(&mut definition, mangling);
        }
        let report = Program::parse(&definition.to_string(), ExecutionType::Standard);
        prop_assert_eq!(report.program.is_none(), report.errors().next().is_some());
        if let Some(program) = report.program {
            prop_assert!(graph::mermaid(&program, None).starts_with("flowchart"));
            prop_assert!(graph::svg(&program, None).ends_with("</svg>\n"));
            let start = Execution::new(info(Payload::from(input)));
            let event = Event { at: Timestamp(0), seed: Seed::default(), kind: EventKind::Start };
            let done = step(&program, start, &event);
            let statuses = graph::statuses_of(&done.history);
            prop_assert!(statuses.len() <= program.states().count());
        }
    }

    #[test]
    fn any_text_is_read_without_harm(text in "\\PC{0,200}") {
        let _ = Program::parse(&text, ExecutionType::Express);
        let _ = Program::parse_state(&text, "S", ExecutionType::Express);
    }
}
