//! `Retry` and `Catch`: when tries happen, which retrier counts, what the catcher sees.

use deputy_asl::{EventKind, FailureStage, TaskRequest};
use serde_json::{Value, json};

use crate::support::{fail, run, succeed};

const LAMBDA: &str = "arn:aws:lambda:us-east-1:111111111111:function:f";

fn machine(retry: Value, catch: Value) -> Value {
    json!({"StartAt": "T", "States": {
        "T": {"Type": "Task", "Resource": LAMBDA, "Retry": retry, "Catch": catch, "End": true},
        "Caught": {"Type": "Pass", "End": true},
    }})
}

/// The milliseconds between the tries of a task that fails `failures` times.
fn gaps(retry: Value, failures: usize) -> Vec<i64> {
    let mut tries = 0;
    let definition = json!({"StartAt": "T", "States": {
        "T": {"Type": "Task", "Resource": LAMBDA, "Retry": retry, "End": true}}});
    let course = run(&definition, json!({}), &mut |request: &TaskRequest| {
        tries += 1;
        if tries <= failures { fail(request, "E", "why") } else { succeed(request, json!(tries)) }
    });
    let scheduled: Vec<i64> = course
        .history
        .iter()
        .zip(&course.times)
        .filter(|(event, _)| event.type_name() == "LambdaFunctionScheduled")
        .map(|(_, at)| at.0)
        .collect();
    scheduled.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

#[test]
fn intervals_grow_by_the_rate_up_to_the_longest_delay() {
    let retry = json!([{"ErrorEquals": ["E"], "IntervalSeconds": 2, "BackoffRate": 1.5, "MaxAttempts": 5}]);
    assert_eq!(gaps(retry, 9), [2000, 3000, 4500, 6750, 10_125]);
    let retry =
        json!([{"ErrorEquals": ["E"], "IntervalSeconds": 3, "MaxAttempts": 4, "MaxDelaySeconds": 10}]);
    assert_eq!(gaps(retry, 9), [3000, 6000, 10_000, 10_000]);
}

#[test]
fn defaults_are_three_tries_after_one_two_and_four_seconds() {
    assert_eq!(gaps(json!([{"ErrorEquals": ["States.ALL"]}]), 9), [1000, 2000, 4000]);
}

#[test]
fn full_jitter_stays_within_the_interval() {
    let retry = json!([{"ErrorEquals": ["E"], "IntervalSeconds": 8, "BackoffRate": 1, "MaxAttempts": 20,
        "JitterStrategy": "FULL"}]);
    let gaps = gaps(retry, 20);
    assert!(gaps.iter().all(|gap| (0..=8000).contains(gap)), "{gaps:?}");
    assert!(gaps.iter().any(|gap| *gap != gaps[0]), "{gaps:?}");
}

#[test]
fn no_tries_means_none() {
    assert!(gaps(json!([{"ErrorEquals": ["E"], "MaxAttempts": 0}]), 1).is_empty());
}

#[test]
fn each_retrier_counts_for_itself() {
    let mut tries = 0;
    let retry = json!([
        {"ErrorEquals": ["A"], "MaxAttempts": 1},
        {"ErrorEquals": ["B"], "MaxAttempts": 2},
    ]);
    let catch = json!([{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]);
    let course = run(&machine(retry, catch), json!({}), &mut |request: &TaskRequest| {
        tries += 1;
        assert_eq!(request.attempt, tries - 1);
        fail(request, ["A", "B", "B", "A"][tries as usize - 1], "")
    });
    assert_eq!(tries, 4);
    assert_eq!(course.output().unwrap().value()["Error"], "A");
}

#[test]
fn a_try_hangs_on_the_failure_before_it() {
    let course = run(
        &machine(
            json!([{"ErrorEquals": ["E"], "MaxAttempts": 1}]),
            json!([{"ErrorEquals": ["E"], "Next": "Caught"}]),
        ),
        json!({}),
        &mut |request: &TaskRequest| fail(request, "E", "c"),
    );
    assert_eq!(
        course.chain()[2..9],
        [
            "3<2 LambdaFunctionScheduled",
            "4<3 LambdaFunctionStarted",
            "5<4 LambdaFunctionFailed",
            "6<5 LambdaFunctionScheduled",
            "7<6 LambdaFunctionStarted",
            "8<7 LambdaFunctionFailed",
            "9<8 TaskStateExited",
        ]
    );
}

/// The state that catches an error of that name with that `ErrorEquals`.
fn catches(error: &str, equals: &str) -> bool {
    let catch = json!([{"ErrorEquals": [equals], "Next": "Caught"}]);
    let course =
        run(&machine(json!([]), catch), json!({}), &mut |request: &TaskRequest| fail(request, error, ""));
    course.output().is_some()
}

#[test]
fn names_and_wildcards_match_as_documented() {
    assert!(catches("Custom", "Custom"));
    assert!(!catches("Custom", "Other"));
    assert!(catches("Custom", "States.ALL"));
    assert!(catches("Custom", "States.TaskFailed"));
    assert!(!catches("States.Timeout", "States.TaskFailed"));
    assert!(catches("States.Timeout", "States.ALL"));
    assert!(!catches("States.DataLimitExceeded", "States.ALL"));
    assert!(catches("States.DataLimitExceeded", "States.DataLimitExceeded"));
    assert!(!catches("States.Runtime", "States.ALL"));
    assert!(!catches("States.Runtime", "States.Runtime"));
}

#[test]
fn a_missing_heartbeat_is_caught_by_its_own_name_too() {
    for name in ["States.HeartbeatTimeout", "States.Timeout", "States.ALL"] {
        let definition = json!({"StartAt": "T", "States": {
            "T": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
                "Parameters": {"Token.$": "$$.Task.Token"}, "TimeoutSeconds": 100, "HeartbeatSeconds": 10,
                "Catch": [{"ErrorEquals": [name], "Next": "Caught"}], "End": true},
            "Caught": {"Type": "Pass", "End": true}}});
        let course = run(&definition, json!({}), &mut |request: &TaskRequest| {
            let task = request.task;
            vec![(9000, EventKind::TaskHeartbeat { task }), (18_000, EventKind::TaskHeartbeat { task })]
        });
        assert_eq!(course.end.0 - course.log[0].at.0, 28_000, "the last heartbeat moved the deadline");
        assert!(course.output().is_some(), "{name}");
    }
}

#[test]
fn a_catcher_places_the_error_in_the_raw_input() {
    let definition = json!({"StartAt": "T", "States": {
        "T": {"Type": "Task", "Resource": LAMBDA, "InputPath": "$.inner", "End": true,
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Caught",
                "Assign": {"cause.$": "$.Cause"}}]},
        "Caught": {"Type": "Pass", "Parameters": {"all.$": "$", "cause.$": "$cause"}, "End": true}}});
    let course = run(&definition, json!({"inner": 1, "outer": 2}), &mut |request: &TaskRequest| {
        assert_eq!(request.parameters.value(), &json!(1));
        fail(request, "E", "C")
    });
    assert_eq!(
        course.output().unwrap().value(),
        &json!({"all": {"inner": 1, "outer": 2, "error": {"Error": "E", "Cause": "C"}}, "cause": "C"})
    );
}

#[test]
fn the_stage_of_a_failure_names_its_event() {
    let stages = [
        (FailureStage::Schedule, "LambdaFunctionScheduleFailed"),
        (FailureStage::Start, "LambdaFunctionStartFailed"),
        (FailureStage::Run, "LambdaFunctionFailed"),
    ];
    for (stage, name) in stages {
        let definition =
            json!({"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": LAMBDA, "End": true}}});
        let course = run(&definition, json!({}), &mut |request: &TaskRequest| {
            vec![(0, EventKind::TaskFailed { task: request.task, stage, error: None, cause: None })]
        });
        assert!(course.chain().iter().any(|entry| entry.ends_with(name)), "{name}: {:?}", course.chain());
    }
}
