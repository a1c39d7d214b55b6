//! Task states: tokens, patterns, clocks, late answers.

use deputy_asl::{Effect, Event, EventKind, Integration, Payload, Status, TaskId, TaskRequest};
use serde_json::json;

use crate::support::{compile, go_on, info, replay, run};

fn callback() -> serde_json::Value {
    json!({"StartAt": "T", "States": {"T": {"Type": "Task", "End": true,
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Parameters": {"FunctionName": "f", "Payload": {"token.$": "$$.Task.Token"}}}}})
}

#[test]
fn a_callback_gets_its_token_and_shows_all_four_events() {
    let mut seen = None;
    let course = run(&callback(), json!({}), &mut |request: &TaskRequest| {
        let token = request.token.clone().unwrap();
        assert_eq!(request.parameters.value()["Payload"]["token"], *token.0);
        assert!(!format!("{request:?}").contains("TaskToken(\""));
        seen = Some(token);
        let task = request.task;
        vec![
            (1, EventKind::TaskStarted { task, worker: None }),
            (2, EventKind::TaskSubmitted { task, output: Payload::from(json!({"StatusCode": 200})) }),
            (3, EventKind::TaskSucceeded { task, output: Payload::from(json!("answer")) }),
        ]
    });
    assert!(seen.is_some());
    assert_eq!(
        course.chain()[2..6],
        ["3<2 TaskScheduled", "4<3 TaskStarted", "5<4 TaskSubmitted", "6<5 TaskSucceeded"]
    );
    let scheduled = course.history[2].to_json();
    assert_eq!(scheduled["taskScheduledEventDetails"]["resourceType"], "lambda");
    assert_eq!(scheduled["taskScheduledEventDetails"]["resource"], "invoke.waitForTaskToken");
    assert_eq!(course.output().unwrap().value(), &json!("answer"));
}

#[test]
fn a_start_that_nobody_reported_is_recorded_before_the_result() {
    let course = run(&callback(), json!({}), &mut |request: &TaskRequest| {
        vec![(0, EventKind::TaskSucceeded { task: request.task, output: Payload::from(json!(1)) })]
    });
    assert_eq!(course.chain()[2..5], ["3<2 TaskScheduled", "4<3 TaskStarted", "5<4 TaskSucceeded"]);
}

#[test]
fn an_answer_that_comes_late_or_twice_changes_nothing() {
    let definition = json!({"StartAt": "T", "States": {
        "T": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:111111111111:function:f", "TimeoutSeconds": 5,
            "Catch": [{"ErrorEquals": ["States.Timeout"], "Next": "W"}], "End": true},
        "W": {"Type": "Wait", "Seconds": 60, "End": true}}});
    let course = run(&definition, json!({}), &mut |request: &TaskRequest| {
        let late = EventKind::TaskSucceeded { task: request.task, output: Payload::from(json!("late")) };
        vec![(9000, late.clone()), (9001, late)]
    });
    assert_eq!(course.output().unwrap().value(), &json!({"Error": "States.Timeout", "Cause": ""}));
    let cancelled = course
        .effects
        .iter()
        .any(|effect| matches!(effect, Effect::CancelTask { task } if *task == TaskId(3)));
    assert!(cancelled);
}

#[test]
fn the_clocks_of_an_activity_begin_when_a_worker_takes_it() {
    let definition = json!({"StartAt": "T", "States": {"T": {"Type": "Task", "TimeoutSeconds": 5, "End": true,
        "Resource": "arn:aws:states:us-east-1:111111111111:activity:a"}}});
    let course = run(&definition, json!({}), &mut |request: &TaskRequest| {
        assert_eq!(request.integration, Integration::Activity);
        assert!(request.token.is_some());
        vec![(60_000, EventKind::TaskStarted { task: request.task, worker: Some("w".into()) })]
    });
    assert_eq!(course.end.0 - course.log[0].at.0, 65_000);
    assert_eq!(
        course.chain()[2..6],
        ["3<2 ActivityScheduled", "4<3 ActivityStarted", "5<4 ActivityTimedOut", "6<5 ExecutionFailed"]
    );
    assert_eq!(
        course.history[4].to_json()["activityTimedOutEventDetails"],
        json!({"error": "States.Timeout"})
    );
}

#[test]
fn timeouts_can_come_from_the_input() {
    let definition = json!({"StartAt": "T", "States": {"T": {"Type": "Task", "End": true,
        "Resource": "arn:aws:lambda:us-east-1:111111111111:function:f",
        "TimeoutSecondsPath": "$.t", "HeartbeatSecondsPath": "$.h"}}});
    let course = run(&definition, json!({"t": 50, "h": 7}), &mut |request: &TaskRequest| {
        assert_eq!((request.timeout_seconds, request.heartbeat_seconds), (Some(50), Some(7)));
        Vec::new()
    });
    assert_eq!(course.end.0 - course.log[0].at.0, 7000);
}

#[test]
fn stopping_cancels_what_is_under_way() {
    let program = compile(&callback());
    let mut course = crate::support::drive(
        &program,
        deputy_asl::Execution::new(info(Payload::from(json!({})))),
        deputy_asl::Timestamp(0),
        &mut |_: &TaskRequest| Vec::new(),
    );
    assert_eq!(course.execution.status(), Status::Running);
    let stop = EventKind::Stop { error: Some("Enough".into()), cause: None };
    go_on(&program, &mut course, deputy_asl::Timestamp(10), stop, &mut |_: &TaskRequest| Vec::new());
    assert_eq!(course.execution.status(), Status::Aborted);
    assert_eq!(course.chain().last().unwrap(), "4<0 ExecutionAborted");
    assert_eq!(course.error(), (Some("Enough"), None));
    assert!(course.effects.contains(&Effect::CancelTask { task: TaskId(3) }));
}

#[test]
fn a_snapshot_goes_on_like_the_original() {
    let program = compile(&callback());
    let execution = deputy_asl::Execution::new(info(Payload::parse("{ \"kept\": 1.50 }").unwrap()));
    let start =
        Event { at: deputy_asl::Timestamp(5), seed: deputy_asl::Seed([3; 32]), kind: EventKind::Start };
    let (execution, _, _) = replay(&program, execution, &[start]);
    let text = serde_json::to_string(&execution).unwrap();
    let again: deputy_asl::Execution = serde_json::from_str(&text).unwrap();
    assert_eq!(again, execution);
    let answer = EventKind::TaskSucceeded { task: TaskId(3), output: Payload::from(json!(1)) };
    let event = Event { at: deputy_asl::Timestamp(6), seed: deputy_asl::Seed([4; 32]), kind: answer };
    let (left, left_history, _) = replay(&program, execution, std::slice::from_ref(&event));
    let (right, right_history, _) = replay(&program, again, &[event]);
    assert_eq!((left, left_history), (right, right_history));
}

#[test]
fn paths_tell_branches_and_iterations_apart() {
    let definition = json!({"StartAt": "P", "States": {"P": {"Type": "Parallel", "End": true, "Branches": [
        {"StartAt": "M", "States": {"M": {"Type": "Map", "End": true, "ItemProcessor": {"StartAt": "T", "States": {
            "T": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:111111111111:function:f", "End": true}}}}}}]}}});
    let mut paths = Vec::new();
    run(&definition, json!([1, 2]), &mut |request: &TaskRequest| {
        paths.push(request.path.clone());
        crate::support::succeed(request, json!(null))
    });
    assert_eq!(paths, ["P/0/M/0/T", "P/0/M/1/T"]);
}
