//! One state by itself: its end, and the stages of its data.

use deputy_asl::{
    ErrorDetails, ExecutionType, Inspection, Mock, Payload, Probe, Program, Seed, Timestamp, Verdict, inspect,
};
use serde_json::{Value, json};

use crate::support::info;

fn try_state(definition: &Value, input: Value, mock: Option<Mock>, retry_count: u32) -> Inspection {
    let report = Program::parse_state(&definition.to_string(), "State", ExecutionType::Standard);
    let program = report.program.unwrap_or_else(|| panic!("{:?}", report.diagnostics));
    let (workflow, state) = program.find_state("State").unwrap();
    let probe = Probe {
        workflow,
        state,
        info: info(Payload::from(input)),
        context: None,
        variables: serde_json::Map::new(),
        mock,
        retry_count,
        at: Timestamp(0),
        failed_iterations: 0,
        seed: Seed::default(),
    };
    inspect(&program, &probe)
}

fn failing(error: &str) -> Mock {
    Mock::Error(ErrorDetails { error: Some(error.into()), cause: Some("c".into()) })
}

fn task() -> Value {
    json!({"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "InputPath": "$.in",
        "Parameters": {"FunctionName": "f", "Payload.$": "$"}, "ResultSelector": {"got.$": "$.Payload"},
        "ResultPath": "$.out", "OutputPath": "$.out.got", "Next": "Later",
        "Retry": [{"ErrorEquals": ["Again"], "MaxAttempts": 2, "IntervalSeconds": 3}],
        "Catch": [{"ErrorEquals": ["Other"], "Next": "X"}, {"ErrorEquals": ["States.ALL"], "Next": "Handler"}]})
}

#[test]
fn a_mocked_task_shows_every_stage() {
    let mock = Mock::Result(Payload::from(json!({"Payload": 5})));
    let Inspection { verdict, trace } = try_state(&task(), json!({"in": 1}), Some(mock), 0);
    assert_eq!(verdict, Verdict::Succeeded { output: Payload::from(json!(5)), next: Some("Later".into()) });
    let value = |payload: &Option<Payload>| payload.as_ref().map(|payload| payload.value().clone());
    assert_eq!(value(&trace.after_input_path), Some(json!(1)));
    assert_eq!(value(&trace.after_parameters), Some(json!({"FunctionName": "f", "Payload": 1})));
    assert_eq!(value(&trace.result), Some(json!({"Payload": 5})));
    assert_eq!(value(&trace.after_result_selector), Some(json!({"got": 5})));
    assert_eq!(value(&trace.after_result_path), Some(json!({"in": 1, "out": {"got": 5}})));
}

#[test]
fn errors_are_retried_then_caught() {
    let tried = |count| try_state(&task(), json!({"in": 1}), Some(failing("Again")), count);
    let first = tried(0);
    assert!(matches!(first.verdict, Verdict::Retriable(_)));
    assert_eq!((first.trace.retry_index, first.trace.retry_backoff_seconds), (Some(0), Some(3.0)));
    assert_eq!(tried(1).trace.retry_backoff_seconds, Some(6.0));
    let last = tried(2);
    assert_eq!(last.trace.catch_index, Some(1));
    let Verdict::Caught { output, next, .. } = last.verdict else { panic!("{:?}", last.verdict) };
    assert_eq!(output.value(), &json!({"Error": "Again", "Cause": "c"}));
    assert_eq!(next.as_deref(), Some("Handler"));
}

#[test]
fn without_a_mock_the_task_is_handed_out() {
    let Verdict::Task(request) = try_state(&task(), json!({"in": 1}), None, 0).verdict else { panic!() };
    assert_eq!(request.parameters.value(), &json!({"FunctionName": "f", "Payload": 1}));
}

#[test]
fn states_that_need_nobody_are_done() {
    let choice = json!({"Type": "Choice", "Default": "Low",
        "Choices": [{"Variable": "$.n", "NumericGreaterThan": 3, "Next": "High"}]});
    let Verdict::Succeeded { next, .. } = try_state(&choice, json!({"n": 4}), None, 0).verdict else {
        panic!()
    };
    assert_eq!(next.as_deref(), Some("High"));
    let fail = json!({"Type": "Fail", "Error": "E"});
    assert!(matches!(try_state(&fail, json!({}), None, 0).verdict, Verdict::Failed(_)));
    let wait = json!({"Type": "Wait", "Seconds": 1000, "End": true});
    assert!(matches!(try_state(&wait, json!({}), None, 0).verdict, Verdict::Succeeded { next: None, .. }));
}

#[test]
fn maps_show_their_items_and_limits() {
    let map = json!({"Type": "Map", "End": true, "ItemsPath": "$.list", "MaxConcurrency": 4,
        "ItemProcessor": {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}});
    let mock = Mock::Result(Payload::from(json!([1])));
    let Inspection { verdict, trace } = try_state(&map, json!({"list": [7]}), Some(mock), 0);
    assert_eq!(verdict, Verdict::Succeeded { output: Payload::from(json!([1])), next: None });
    assert_eq!(trace.after_items_path.unwrap().value(), &json!([7]));
    assert_eq!(trace.max_concurrency, Some(4));
}

#[test]
fn places_are_those_of_the_state() {
    let report = Program::parse_state(
        r#"{"Type": "Wait", "Seconds": -1, "End": true}"#,
        "State",
        ExecutionType::Standard,
    );
    assert_eq!(report.diagnostics[0].location.as_deref(), Some("/Seconds"));
}
