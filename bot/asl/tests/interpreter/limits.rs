//! AWS's limits: 256 KiB a payload, 25,000 events, bounded steps, the machine's own time-out.

use deputy_asl::{
    Effect, EventKind, Execution, ExecutionType, MAX_HISTORY_EVENTS, MAX_PAYLOAD_BYTES, Payload, Status,
    TaskRequest, Timestamp,
};
use serde_json::json;

use crate::support::{compile, drive, info, run, succeed};

fn nothing(_: &TaskRequest) -> Vec<(i64, EventKind)> {
    Vec::new()
}

fn endless() -> serde_json::Value {
    json!({"StartAt": "A", "States": {
        "A": {"Type": "Pass", "Next": "C"},
        "C": {"Type": "Choice", "Choices": [{"Variable": "$.go", "BooleanEquals": true, "Next": "A"}], "Default": "S"},
        "S": {"Type": "Succeed"}}})
}

#[test]
fn the_25000th_event_is_the_failure() {
    let course = run(&endless(), json!({"go": true}), &mut nothing);
    assert_eq!(course.history.len() as u64, MAX_HISTORY_EVENTS);
    let last = course.history.last().unwrap();
    assert_eq!((last.id, last.type_name()), (MAX_HISTORY_EVENTS, "ExecutionFailed"));
    let (_, cause) = course.error();
    assert_eq!(cause, Some("The execution reached the maximum number of history events (25000)."));
    assert!(course.history.iter().zip(1..).all(|(event, id)| event.id == id));
}

#[test]
fn what_waits_when_the_history_is_full_is_cancelled() {
    let definition = json!({"StartAt": "P", "States": {"P": {"Type": "Parallel", "End": true, "Branches": [
        {"StartAt": "T", "States": {"T": {"Type": "Task", "End": true, "TimeoutSeconds": 9,
            "Resource": "arn:aws:lambda:us-east-1:111111111111:function:f"}}},
        endless(),
    ]}}});
    let course = run(&definition, json!({"go": true}), &mut nothing);
    assert_eq!(course.execution.status(), Status::Failed);
    assert!(course.effects.iter().any(|effect| matches!(effect, Effect::CancelTask { .. })));
    assert_eq!(course.execution.open_tasks().count() + course.execution.open_timers().count(), 0);
    assert!(!course.execution.is_redrivable(), "a full history cannot go on");
}

#[test]
fn an_express_execution_yields_instead() {
    let program = compile(&endless());
    let mut info = info(Payload::from(json!({"go": true})));
    info.execution_type = ExecutionType::Express;
    let event =
        deputy_asl::Event { at: Timestamp(0), seed: deputy_asl::Seed::default(), kind: EventKind::Start };
    let mut step = deputy_asl::step(&program, Execution::new(info), &event);
    for _ in 0..3 {
        assert_eq!(step.effects, [Effect::Continue]);
        assert_eq!(step.execution.status(), Status::Running);
        let event = deputy_asl::Event { kind: EventKind::Continue, ..event.clone() };
        step = deputy_asl::step(&program, step.execution, &event);
    }
}

#[test]
fn a_result_over_the_limit_fails_its_task_and_only_its_own_name_catches_it() {
    let machine = |error: &str| {
        json!({"StartAt": "T", "States": {
            "T": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:111111111111:function:f", "End": true,
                "Catch": [{"ErrorEquals": [error], "Next": "C"}]},
            "C": {"Type": "Pass", "End": true}}})
    };
    let mut large = |request: &TaskRequest| succeed(request, json!("x".repeat(MAX_PAYLOAD_BYTES)));
    let course = run(&machine("States.ALL"), json!({}), &mut large);
    let (error, cause) = course.error();
    assert_eq!(error, Some("States.DataLimitExceeded"));
    assert_eq!(
        cause,
        Some(
            "The state/task 'arn:aws:lambda:us-east-1:111111111111:function:f' returned a result with a size exceeding the \
             maximum number of bytes service limit."
        )
    );
    let course = run(&machine("States.DataLimitExceeded"), json!({}), &mut large);
    assert_eq!(course.output().unwrap().value()["Error"], "States.DataLimitExceeded");
    let mut fits = |request: &TaskRequest| succeed(request, json!("x".repeat(MAX_PAYLOAD_BYTES - 2)));
    assert!(run(&machine("States.ALL"), json!({}), &mut fits).output().is_some());
}

#[test]
fn an_output_over_the_limit_fails_the_state() {
    let definition = json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true,
        "Parameters": {"a.$": "$.x", "b.$": "$.x"}}}});
    let course = run(&definition, json!({"x": "y".repeat(200_000)}), &mut nothing);
    assert_eq!(course.error().0, Some("States.DataLimitExceeded"));
}

#[test]
fn the_machine_times_out_whatever_it_does() {
    let definition = json!({"TimeoutSeconds": 30, "StartAt": "W", "States": {
        "W": {"Type": "Wait", "Seconds": 20, "Next": "V"},
        "V": {"Type": "Wait", "Seconds": 20, "End": true}}});
    let course = run(&definition, json!({}), &mut nothing);
    assert_eq!(course.execution.status(), Status::TimedOut);
    assert_eq!(course.end.0 - course.log[0].at.0, 30_000);
    assert_eq!(course.history.last().unwrap().type_name(), "ExecutionTimedOut");
    assert!(course.effects.iter().any(|effect| matches!(effect, Effect::CancelTimer { .. })));
}

#[test]
fn waits_end_at_their_time() {
    let definition = json!({"StartAt": "W", "States": {
        "W": {"Type": "Wait", "SecondsPath": "$.s", "Next": "U"},
        "U": {"Type": "Wait", "TimestampPath": "$.t", "Next": "N"},
        "N": {"Type": "Wait", "Timestamp": "2001-01-01T00:00:00Z", "End": true}}});
    let program = compile(&definition);
    let start = Timestamp::parse("2024-01-01T00:00:00Z").unwrap();
    let input = Payload::from(json!({"s": 90, "t": "2024-01-01T01:00:00+00:30"}));
    let course = drive(&program, Execution::new(info(input)), start, &mut nothing);
    assert_eq!(course.end, Timestamp::parse("2024-01-01T00:30:00Z").unwrap());
    assert_eq!(course.execution.status(), Status::Succeeded);
}
