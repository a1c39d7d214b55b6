//! Redrive: only what did not succeed runs again, on the same input.

use deputy_asl::{EventKind, Execution, Payload, Status, TaskRequest, Timestamp};
use serde_json::json;

use crate::support::{compile, drive, fail, go_on, info, succeed};

const LAMBDA: &str = "arn:aws:lambda:us-east-1:111111111111:function:f";

#[test]
fn a_failed_task_is_scheduled_again_without_entering_anew() {
    let program = compile(&json!({"StartAt": "A", "States": {
        "A": {"Type": "Task", "Resource": LAMBDA, "Next": "B"},
        "B": {"Type": "Task", "Resource": LAMBDA, "End": true}}}));
    let mut calls: Vec<String> = Vec::new();
    let mut works = false;
    let start = Timestamp(0);
    let mut course = drive(
        &program,
        Execution::new(info(Payload::from(json!(1)))),
        start,
        &mut |request: &TaskRequest| {
            calls.push(request.state.to_string());
            if &*request.state == "B" { fail(request, "E", "C") } else { succeed(request, json!(2)) }
        },
    );
    assert_eq!(course.execution.status(), Status::Failed);
    assert!(course.execution.is_redrivable());
    go_on(&program, &mut course, Timestamp(9), EventKind::Redrive, &mut |request: &TaskRequest| {
        calls.push(request.state.to_string());
        works = true;
        assert_eq!(request.parameters.value(), &json!(2));
        succeed(request, json!(3))
    });
    assert_eq!(calls, ["A", "B", "B"]);
    assert_eq!(course.output().unwrap().value(), &json!(3));
    assert_eq!(course.execution.redrive_count(), 1);
    assert_eq!(
        course.chain()[10..],
        [
            "11<10 ExecutionFailed",
            "12<11 ExecutionRedriven",
            "13<12 LambdaFunctionScheduled",
            "14<13 LambdaFunctionStarted",
            "15<14 LambdaFunctionSucceeded",
            "16<15 TaskStateExited",
            "17<16 ExecutionSucceeded",
        ]
    );
}

#[test]
fn only_failed_and_aborted_branches_run_again() {
    let task = |name: &str| json!({"StartAt": name, "States": {name: {"Type": "Task", "Resource": LAMBDA, "End": true}}});
    let program = compile(&json!({"StartAt": "P", "States": {"P": {"Type": "Parallel", "End": true,
        "Branches": [task("Good"), task("Bad"), task("Slow")]}}}));
    let mut course = drive(
        &program,
        Execution::new(info(Payload::from(json!({})))),
        Timestamp(0),
        &mut |request: &TaskRequest| match &*request.state {
            "Good" => succeed(request, json!("first")),
            "Bad" => {
                let mut reports = fail(request, "E", "C");
                reports[0].0 = 50;
                reports
            }
            _ => Vec::new(),
        },
    );
    assert_eq!(course.execution.status(), Status::Failed);
    let mut again = Vec::new();
    go_on(&program, &mut course, Timestamp(100), EventKind::Redrive, &mut |request: &TaskRequest| {
        again.push(request.state.to_string());
        succeed(request, json!("again"))
    });
    assert_eq!(again, ["Bad", "Slow"]);
    assert_eq!(course.output().unwrap().value(), &json!(["first", "again", "again"]));
}

#[test]
fn only_failed_iterations_run_again_and_the_rest_begins() {
    let program = compile(
        &json!({"StartAt": "M", "States": {"M": {"Type": "Map", "End": true, "MaxConcurrency": 1,
        "ItemProcessor": {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": LAMBDA, "End": true}}}}}}),
    );
    let input = Payload::from(json!([0, 1, 2]));
    let mut course =
        drive(&program, Execution::new(info(input)), Timestamp(0), &mut |request: &TaskRequest| {
            let item = request.parameters.value().clone();
            if item == json!(1) { fail(request, "E", "C") } else { succeed(request, item) }
        });
    assert_eq!(course.execution.status(), Status::Failed);
    let mut again = Vec::new();
    go_on(&program, &mut course, Timestamp(1), EventKind::Redrive, &mut |request: &TaskRequest| {
        again.push(request.parameters.value().clone());
        succeed(request, request.parameters.value().clone())
    });
    assert_eq!(again, [json!(1), json!(2)]);
    assert_eq!(course.output().unwrap().value(), &json!([0, 1, 2]));
}

#[test]
fn retries_begin_anew() {
    let program =
        compile(&json!({"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": LAMBDA, "End": true,
        "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 2}]}}}));
    let mut tries = 0;
    let mut always = |request: &TaskRequest| {
        tries += 1;
        fail(request, "E", "C")
    };
    let mut course =
        drive(&program, Execution::new(info(Payload::from(json!({})))), Timestamp(0), &mut always);
    let end = course.end;
    go_on(&program, &mut course, end, EventKind::Redrive, &mut always);
    assert_eq!(tries, 6);
}

#[test]
fn stopped_and_timed_out_executions_can_be_redriven_and_succeeded_ones_cannot() {
    let program = compile(&json!({"TimeoutSeconds": 5, "StartAt": "W", "States": {
        "W": {"Type": "Wait", "Seconds": 9, "Next": "S"}, "S": {"Type": "Succeed"}}}));
    let nothing = |_: &TaskRequest| Vec::new();
    let mut course =
        drive(&program, Execution::new(info(Payload::from(json!({})))), Timestamp(0), &mut { nothing });
    assert_eq!(course.execution.status(), Status::TimedOut);
    assert!(course.execution.is_redrivable());
    let end = course.end;
    go_on(&program, &mut course, end, EventKind::Redrive, &mut { nothing });
    assert_eq!(course.execution.status(), Status::TimedOut, "the wait is as long as it was");
    assert_eq!(course.execution.redrive_count(), 2 - 1);

    let quick = compile(&json!({"StartAt": "S", "States": {"S": {"Type": "Succeed"}}}));
    let mut course =
        drive(&quick, Execution::new(info(Payload::from(json!({})))), Timestamp(0), &mut { nothing });
    assert!(!course.execution.is_redrivable());
    let before = course.execution.clone();
    go_on(&quick, &mut course, Timestamp(1), EventKind::Redrive, &mut { nothing });
    assert_eq!(course.execution, before);
}

#[test]
fn a_failed_map_run_goes_on_under_its_own_name() {
    let program = compile(&json!({"StartAt": "M", "States": {"M": {"Type": "Map", "End": true,
        "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "T", "States": {"T": {"Type": "Task", "Resource": LAMBDA, "End": true}}}}}}));
    let mut course = drive(
        &program,
        Execution::new(info(Payload::from(json!([1])))),
        Timestamp(0),
        &mut |request: &TaskRequest| fail(request, "E", "C"),
    );
    assert_eq!(course.error().0, Some("States.ExceedToleratedFailureThreshold"));
    assert_eq!(
        course.chain()[2..],
        [
            "3<2 MapStateStarted",
            "4<3 MapRunStarted",
            "5<4 MapRunFailed",
            "6<5 MapStateFailed",
            "7<6 ExecutionFailed",
        ]
    );
    let mut nothing = |_: &TaskRequest| Vec::new();
    go_on(&program, &mut course, Timestamp(1), EventKind::Redrive, &mut nothing);
    let map_run = deputy_asl::MapRunId(4);
    assert_eq!(course.effects.last(), Some(&deputy_asl::Effect::RedriveMapRun { map_run }));
    let done = EventKind::MapRunSucceeded { map_run, output: Payload::from(json!(["x"])) };
    go_on(&program, &mut course, Timestamp(2), done, &mut nothing);
    assert_eq!(course.output().unwrap().value(), &json!(["x"]));
    assert_eq!(
        course.chain()[7..],
        [
            "8<7 ExecutionRedriven",
            "9<8 MapRunRedriven",
            "10<9 MapRunSucceeded",
            "11<10 MapStateSucceeded",
            "12<10 MapStateExited",
            "13<12 ExecutionSucceeded",
        ]
    );
}
