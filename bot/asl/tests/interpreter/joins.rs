//! Parallel and Map states: order, chains, failures, concurrency, variables.

use deputy_asl::{Effect, EventKind, Payload, TaskRequest};
use serde_json::{Value, json};

use crate::support::{fail, run, succeed};

const LAMBDA: &str = "arn:aws:lambda:us-east-1:111111111111:function:f";

fn branch(name: &str, state: Value) -> Value {
    json!({"StartAt": name, "States": {name: state}})
}

fn nothing(_: &TaskRequest) -> Vec<(i64, EventKind)> {
    Vec::new()
}

#[test]
fn branches_of_a_parallel_state_chain_to_its_start() {
    let definition = json!({"StartAt": "P", "States": {"P": {"Type": "Parallel", "End": true, "Branches": [
        branch("A", json!({"Type": "Pass", "End": true})),
        branch("B", json!({"Type": "Pass", "End": true})),
    ]}}});
    let course = run(&definition, json!({"x": 1}), &mut nothing);
    assert_eq!(
        course.chain(),
        [
            "1<0 ExecutionStarted",
            "2<0 ParallelStateEntered",
            "3<2 ParallelStateStarted",
            "4<3 PassStateEntered",
            "5<4 PassStateExited",
            "6<3 PassStateEntered",
            "7<6 PassStateExited",
            "8<7 ParallelStateSucceeded",
            "9<7 ParallelStateExited",
            "10<9 ExecutionSucceeded",
        ]
    );
    assert_eq!(course.output().unwrap().value(), &json!([{"x": 1}, {"x": 1}]));
}

#[test]
fn results_keep_the_order_of_branches_whatever_ends_first() {
    let definition = json!({"StartAt": "P", "States": {"P": {"Type": "Parallel", "End": true, "Branches": [
        branch("Slow", json!({"Type": "Task", "Resource": LAMBDA, "End": true})),
        branch("Quick", json!({"Type": "Task", "Resource": LAMBDA, "End": true})),
    ]}}});
    let course = run(&definition, json!({}), &mut |request: &TaskRequest| {
        let after = if &*request.state == "Slow" { 5000 } else { 10 };
        let output = Payload::from(json!(&*request.state));
        vec![(after, EventKind::TaskSucceeded { task: request.task, output })]
    });
    assert_eq!(course.output().unwrap().value(), &json!(["Slow", "Quick"]));
}

#[test]
fn a_failing_branch_aborts_the_others_and_reports_where_they_stood() {
    let definition = json!({"StartAt": "P", "States": {
        "P": {"Type": "Parallel", "Next": "After",
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "After"}],
            "Branches": [
                branch("Works", json!({"Type": "Task", "Resource": LAMBDA, "End": true})),
                branch("Waits", json!({"Type": "Wait", "Seconds": 100, "End": true})),
                branch("Fails", json!({"Type": "Task", "Resource": LAMBDA, "End": true})),
            ]},
        "After": {"Type": "Pass", "End": true}}});
    let course = run(&definition, json!({}), &mut |request: &TaskRequest| {
        if &*request.state == "Fails" { fail(request, "E", "C") } else { Vec::new() }
    });
    let chain = course.chain();
    let failed = chain.iter().position(|entry| entry.ends_with("LambdaFunctionFailed")).unwrap();
    let types: Vec<&str> = chain[failed..].iter().map(|entry| entry.split(' ').nth(1).unwrap()).collect();
    assert_eq!(
        types,
        [
            "LambdaFunctionFailed",
            "TaskStateAborted",
            "TaskStateAborted",
            "WaitStateAborted",
            "ParallelStateFailed",
            "ParallelStateExited",
            "PassStateEntered",
            "PassStateExited",
            "ExecutionSucceeded",
        ]
    );
    assert_eq!(course.output().unwrap().value(), &json!({"Error": "E", "Cause": "C"}));
    assert!(course.effects.iter().any(|effect| matches!(effect, Effect::CancelTask { .. })));
    assert!(course.effects.iter().any(|effect| matches!(effect, Effect::CancelTimer { .. })));
    assert_eq!(course.execution.open_tasks().count() + course.execution.open_timers().count(), 0);
}

#[test]
fn a_parallel_state_is_retried_as_a_whole() {
    let definition = json!({"StartAt": "P", "States": {"P": {"Type": "Parallel", "End": true,
        "Retry": [{"ErrorEquals": ["E"], "IntervalSeconds": 1, "MaxAttempts": 2}],
        "Branches": [branch("T", json!({"Type": "Task", "Resource": LAMBDA, "End": true}))]}}});
    let mut tries = 0;
    let course = run(&definition, json!({}), &mut |request: &TaskRequest| {
        tries += 1;
        if tries < 3 { fail(request, "E", "C") } else { succeed(request, json!("done")) }
    });
    assert_eq!(course.output().unwrap().value(), &json!(["done"]));
    let started = course.chain().iter().filter(|entry| entry.ends_with("ParallelStateStarted")).count();
    assert_eq!(started, 3);
    assert!(!course.chain().iter().any(|entry| entry.ends_with("ParallelStateFailed")));
}

#[test]
fn a_failure_climbs_through_nested_states() {
    let inner = json!({"Type": "Parallel", "End": true, "Branches": [branch("F", json!({"Type": "Fail", "Error": "Deep"}))]});
    let definition = json!({"StartAt": "M", "States": {
        "M": {"Type": "Map", "End": true, "Catch": [{"ErrorEquals": ["Deep"], "Next": "Caught"}],
            "ItemProcessor": branch("P", inner)},
        "Caught": {"Type": "Succeed"}}});
    let course = run(&definition, json!([1]), &mut nothing);
    assert_eq!(
        course.chain()[3..],
        [
            "4<3 MapIterationStarted",
            "5<4 ParallelStateEntered",
            "6<5 ParallelStateStarted",
            "7<6 FailStateEntered",
            "8<7 ParallelStateFailed",
            "9<8 MapIterationFailed",
            "10<8 MapStateFailed",
            "11<10 MapStateExited",
            "12<11 SucceedStateEntered",
            "13<12 SucceedStateExited",
            "14<13 ExecutionSucceeded",
        ]
    );
}

#[test]
fn at_most_so_many_iterations_run_at_once() {
    for (limit, expected) in [(0, 7), (1, 1), (3, 3), (9, 7)] {
        let definition = json!({"StartAt": "M", "States": {"M": {"Type": "Map", "End": true, "MaxConcurrency": limit,
            "ItemProcessor": branch("T", json!({"Type": "Task", "Resource": LAMBDA, "End": true}))}}});
        let course = run(&definition, json!([0, 1, 2, 3, 4, 5, 6]), &mut |request: &TaskRequest| {
            let output = request.parameters.clone();
            vec![(1000, EventKind::TaskSucceeded { task: request.task, output })]
        });
        let (mut open, mut most) = (0, 0);
        for event in &course.history {
            match event.type_name() {
                "MapIterationStarted" => open += 1,
                "MapIterationSucceeded" => open -= 1,
                _ => {}
            }
            most = most.max(open);
        }
        assert_eq!(most, expected, "limit {limit}");
        assert_eq!(course.output().unwrap().value(), &json!([0, 1, 2, 3, 4, 5, 6]));
    }
}

#[test]
fn a_failing_iteration_aborts_those_under_way() {
    let definition = json!({"StartAt": "M", "States": {"M": {"Type": "Map", "End": true,
        "ItemProcessor": branch("T", json!({"Type": "Task", "Resource": LAMBDA, "End": true}))}}});
    let course = run(&definition, json!([0, 1, 2]), &mut |request: &TaskRequest| {
        if request.parameters.value() == &json!(1) { fail(request, "E", "C") } else { Vec::new() }
    });
    let types: Vec<&str> = course.history.iter().map(deputy_asl::HistoryEvent::type_name).collect();
    let failed = types.iter().position(|name| *name == "LambdaFunctionFailed").unwrap();
    assert_eq!(
        types[failed..],
        [
            "LambdaFunctionFailed",
            "MapIterationFailed",
            "TaskStateAborted",
            "MapIterationAborted",
            "TaskStateAborted",
            "MapIterationAborted",
            "MapStateFailed",
            "ExecutionFailed",
        ]
    );
}

#[test]
fn an_item_selector_sees_the_state_the_item_and_the_variables() {
    let definition = json!({"StartAt": "S", "States": {
        "S": {"Type": "Pass", "Assign": {"v": 7}, "Next": "M"},
        "M": {"Type": "Map", "End": true, "ItemsPath": "$.items",
            "ItemSelector": {"item.$": "$$.Map.Item.Value", "at.$": "$$.Map.Item.Index", "shared.$": "$.shared", "v.$": "$v"},
            "ItemProcessor": branch("P", json!({"Type": "Pass", "End": true}))}}});
    let course = run(&definition, json!({"items": ["a", "b"], "shared": true}), &mut nothing);
    assert_eq!(
        course.output().unwrap().value(),
        &json!([{"item": "a", "at": 0, "shared": true, "v": 7}, {"item": "b", "at": 1, "shared": true, "v": 7}])
    );
}

#[test]
fn a_selector_that_fails_fails_the_map_at_once() {
    let definition = json!({"StartAt": "M", "States": {"M": {"Type": "Map", "End": true,
        "ItemSelector": {"x.$": "$.missing"},
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "C"}],
        "ItemProcessor": branch("P", json!({"Type": "Pass", "End": true}))}, "C": {"Type": "Pass", "End": true}}});
    let course = run(&definition, json!([1, 2]), &mut nothing);
    let (error, cause) = course.error();
    assert_eq!(error, Some("States.Runtime"));
    assert!(
        cause
            .unwrap()
            .starts_with("An error occurred while executing the state 'M' (entered at the event id #2).")
    );
}

#[test]
fn items_that_are_no_array_end_the_execution() {
    let definition = json!({"StartAt": "M", "States": {"M": {"Type": "Map", "End": true, "ItemsPath": "$.x",
        "ItemProcessor": branch("P", json!({"Type": "Pass", "End": true}))}}});
    let course = run(&definition, json!({"x": {"a": 1}}), &mut nothing);
    assert_eq!(
        course.error(),
        (
            Some("States.Runtime"),
            Some(
                "An error occurred while executing the state 'M' (entered at the event id #2). Reference path \"$.x\" must \
                 point to array."
            )
        )
    );
}

#[test]
fn inner_assignments_do_not_leak_out() {
    let definition = json!({"StartAt": "S", "States": {
        "S": {"Type": "Pass", "Assign": {"outer": 1}, "Next": "P"},
        "P": {"Type": "Parallel", "Next": "E", "Branches": [
            {"StartAt": "A", "States": {
                "A": {"Type": "Pass", "Assign": {"inner": 2}, "Next": "B"},
                "B": {"Type": "Pass", "Parameters": {"o.$": "$outer", "i.$": "$inner"}, "End": true}}}]},
        "E": {"Type": "Pass", "Parameters": {"r.$": "$", "i.$": "$inner"}, "End": true}}});
    let course = run(&definition, json!({}), &mut nothing);
    let (error, cause) = course.error();
    assert_eq!(error, Some("States.Runtime"));
    assert!(cause.unwrap().contains("'$inner'"), "{cause:?}");
    let inside = course
        .history
        .iter()
        .map(deputy_asl::HistoryEvent::to_json)
        .find(|event| event["stateExitedEventDetails"]["name"] == "B");
    assert_eq!(inside.unwrap()["stateExitedEventDetails"]["output"], r#"{"o":1,"i":2}"#);
}

#[test]
fn a_large_map_costs_in_proportion_to_its_items() {
    let time = |items: usize| {
        let definition = json!({"StartAt": "M", "States": {"M": {"Type": "Map", "End": true, "MaxConcurrency": 10,
            "ItemProcessor": branch("P", json!({"Type": "Pass", "End": true}))}}});
        let program = crate::support::compile(&definition);
        let mut info = crate::support::info(Payload::from(json!(vec![0; items])));
        info.execution_type = deputy_asl::ExecutionType::Express;
        let started = std::time::Instant::now();
        let course = crate::support::drive(
            &program,
            deputy_asl::Execution::new(info),
            deputy_asl::Timestamp(0),
            &mut nothing,
        );
        assert_eq!(course.output().unwrap().value().as_array().unwrap().len(), items);
        started.elapsed()
    };
    time(1000);
    let (small, large) = (time(4000), time(16_000));
    assert!(large < small * 12, "4,000 items took {small:?}, 16,000 took {large:?}");
}
