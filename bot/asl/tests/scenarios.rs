//! Scenarios as people write them: what passes, and what a failure says.
#![allow(clippy::unwrap_used)] // A test may end at the first surprise.

use std::time::Duration;

use deputy_asl::scenario::{About, Report, Scenario};
use deputy_asl::{ExecutionType, Program};
use serde_json::{Value, json};

fn run(definition: &Value, scenario: &str) -> Report {
    run_as(definition, scenario, ExecutionType::Standard)
}

fn run_as(definition: &Value, scenario: &str, kind: ExecutionType) -> Report {
    let program = Program::compile(&definition.to_string(), kind).unwrap();
    Scenario::parse(scenario).unwrap().run(&program, kind)
}

fn passes(definition: &Value, scenario: &str) -> Report {
    let report = run(definition, scenario);
    assert!(report.passed(), "{:#?}", report.failures);
    report
}

/// The only failure.
fn failure(definition: &Value, scenario: &str) -> (About, String) {
    let mut failures = run(definition, scenario).failures;
    assert_eq!(failures.len(), 1, "{failures:#?}");
    let failure = failures.remove(0);
    (failure.about, failure.message)
}

/// A workflow's task, in the vocabulary of workflows.
fn task(name: &str, more: &Value) -> Value {
    let mut state = json!({
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "OutputPath": "$.Payload",
        "Parameters": {"FunctionName": "${DeputyTask}", "Payload": {"task": name, "input.$": "$"}},
    });
    for (field, value) in more.as_object().unwrap() {
        state[field] = value.clone();
    }
    state
}

/// Asks somebody, and gives up after an hour or two minutes of silence.
fn approval() -> Value {
    let mut ask = task(
        "ask",
        &json!({
            "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "OutputPath": "$",
            "TimeoutSeconds": 3600, "HeartbeatSeconds": 120, "Next": "Yes",
            "Catch": [{"ErrorEquals": ["States.Timeout"], "Next": "Nobody"}, {"ErrorEquals": ["Refused"], "Next": "No"}],
        }),
    );
    ask["Parameters"]["Payload"] = json!({"task": "ask", "token.$": "$$.Task.Token"});
    json!({"StartAt": "Ask", "States": {
        "Ask": ask, "Yes": {"Type": "Succeed"},
        "No": {"Type": "Fail", "Error": "No"}, "Nobody": {"Type": "Fail", "Error": "Silence"},
    }})
}

#[test]
fn somebody_approves_after_a_while() {
    let report = passes(
        &approval(),
        r#"
        [[tasks.ask]]
        output = { by = "ada" }
        after = "50m"
        heartbeat = "1m"

        [expect]
        status = "SUCCEEDED"
        output = { by = "ada" }
        states = ["Ask", "Yes"]
        took = "50m"
        "#,
    );
    let types: Vec<&str> = report.history.iter().map(|(_, event)| event.details.type_name()).collect();
    assert_eq!(types[2..6], ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]);
    assert_eq!(report.took, Duration::from_mins(50));
}

#[test]
fn somebody_refuses() {
    let scenario = "[[tasks.Ask]]\nerror = \"Refused\"\ncause = \"not today\"\nafter = 60\n\n\
        [expect]\nstatus = \"FAILED\"\nerror = \"No\"\nstates = [\"Ask\", \"No\"]\ntook = 60";
    passes(&approval(), scenario);
}

#[test]
fn nobody_answers() {
    // Three signs of life, then two minutes of silence.
    let scenario = "[[tasks.ask]]\nnever = true\nheartbeat = \"90s\"\nheartbeats = 3\n\n\
        [expect]\nstatus = \"FAILED\"\nerror = \"Silence\"\nstates = [\"...\", \"Nobody\"]\ntook = \"6m30s\"";
    passes(&approval(), scenario);
}

#[test]
fn a_service_that_refuses_the_request_is_no_late_refusal() {
    let scenario = "[[tasks.ask]]\nerror = \"Refused\"\nstage = \"submit\"\n\n[expect]\nstatus = \"FAILED\"\nerror = \"No\"";
    let report = passes(&approval(), scenario);
    assert!(report.history.iter().any(|(_, event)| event.details.type_name() == "TaskSubmitFailed"));
}

fn deploy() -> Value {
    json!({"StartAt": "Deploy", "States": {
        "Deploy": task("deploy", &json!({
            "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 10, "MaxAttempts": 2, "BackoffRate": 3}], "End": true,
        })),
    }})
}

#[test]
fn retries_take_the_answers_in_order() {
    passes(
        &deploy(),
        r#"
        input = { to = "staging" }
        [[tasks.deploy]]
        error = "Busy"
        times = 2
        [[tasks.deploy]]
        sent = { Payload = { input = { to = "staging" } } }
        payload = "done"
        after = "1s"
        [expect]
        status = "SUCCEEDED"
        output = "done"
        states = ["Deploy"]
        took = "41s"
        "#,
    );
}

#[test]
fn a_call_without_an_answer_is_told_with_what_it_was_sent() {
    let (about, message) =
        failure(&deploy(), "[[tasks.deploy]]\nerror = \"Busy\"\n[expect]\nstatus = \"SUCCEEDED\"");
    assert_eq!(about, About::Unanswered);
    assert_eq!(
        message,
        "call 2 of Deploy finds no answer that is left: add [[tasks.deploy]]\n\
         it was sent {\"FunctionName\":\"${DeputyTask}\",\"Payload\":{\"task\":\"deploy\",\"input\":{}}}"
    );
}

#[test]
fn an_answer_that_nobody_asked_for_is_told() {
    let scenario = "[[tasks.deploy]]\npayload = 1\ntimes = 2\n[[tasks.rollback]]\noutput = 1\n\
        [[tasks.rest]]\noutput = 1\ntimes = \"any\"\n[expect]\nstatus = \"SUCCEEDED\"";
    let messages: Vec<String> = run(&deploy(), scenario).failures.into_iter().map(|it| it.message).collect();
    assert_eq!(
        messages,
        [
            "answer 1 of tasks.deploy was asked for 1 times, not 2",
            "no call asked for answer 1 of tasks.rollback",
        ]
    );
}

#[test]
fn what_a_call_was_sent_is_checked() {
    let scenario = "[[tasks.deploy]]\nsent = { Payload = { task = \"deploy\", input = { to = \"x\" } } }\npayload = 1\n\
        [expect]\nstatus = \"SUCCEEDED\"";
    assert_eq!(
        failure(&deploy(), scenario),
        (
            About::Sent,
            "call 1 of Deploy was sent something else: $.Payload.input.to: expected \"x\", it is not there"
                .into()
        )
    );
}

#[test]
fn differences_are_told_one_by_one() {
    let scenario = "[[tasks.deploy]]\npayload = { a = 1, b = [1, 2] }\n\
        [expect]\nstatus = \"SUCCEEDED\"\noutput = { a = 2, b = [1] }\nstates = [\"Deploy\", \"Done\"]\ntook = \"1s\"";
    let told: Vec<(About, String)> =
        run(&deploy(), scenario).failures.into_iter().map(|it| (it.about, it.message)).collect();
    assert_eq!(
        told,
        [
            (About::Output, "$.a: expected 2, got 1\n$.b: expected 1 elements, got 2".into()),
            (About::States, "- expected, + got:\n  Deploy\n- Done".into()),
            (About::Took, "expected 1s, got 0s".into()),
        ]
    );
    let scenario =
        "[[tasks.deploy]]\nerror = \"E\"\ncause = \"c\"\n[expect]\nstatus = \"SUCCEEDED\"\noutput = 1";
    assert_eq!(
        failure(&deploy(), scenario),
        (About::Status, "expected SUCCEEDED, got FAILED\nerror E\ncause c".into())
    );
}

#[test]
fn a_task_that_never_ends_is_told() {
    let (about, message) =
        failure(&deploy(), "[[tasks.deploy]]\nnever = true\n[expect]\nstatus = \"FAILED\"");
    assert_eq!(about, About::Stuck);
    assert!(message.starts_with("the execution waits for ever for Deploy:"), "{message}");
}

#[test]
fn items_of_a_map_are_told_apart_by_what_is_sent() {
    let definition = json!({"StartAt": "Each", "States": {"Each": {
        "Type": "Map", "End": true,
        "ItemProcessor": {"StartAt": "Do", "States": {"Do": task("do", &json!({"End": true}))}},
    }}});
    passes(
        &definition,
        r#"
        input = ["a", "b", "c"]
        [[tasks.do]]
        when = { Payload = { input = "b" } }
        payload = "B"
        after = 5
        [[tasks.do]]
        payload = "other"
        times = 2
        [expect]
        status = "SUCCEEDED"
        output = ["other", "B", "other"]
        states = ["Each", "Do", "Do", "Do"]
        took = 5
        "#,
    );
}

/// A distributed map over a file, of Express children, one failure of three allowed.
fn distributed() -> Value {
    json!({"StartAt": "Each", "States": {"Each": {
        "Type": "Map", "End": true, "Label": "L", "MaxConcurrency": 1, "ToleratedFailurePercentage": 40,
        "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSON"},
            "Parameters": {"Bucket": "b", "Key": "k"}},
        "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "Do",
            "States": {"Do": task("do", &json!({"End": true}))}},
    }}})
}

#[test]
fn a_distributed_map_runs_its_children_one_after_the_other() {
    let scenario = "[items]\nEach = [1, 2, 3]\n\
        [[tasks.do]]\npayload = \"one\"\nafter = \"1m\"\n[[tasks.do]]\nerror = \"E\"\n[[tasks.do]]\npayload = \"three\"\nafter = \"1m\"\n\
        [expect]\nstatus = \"SUCCEEDED\"\noutput = [\"one\", { Error = \"E\", Cause = { \"$json\" = 'null' } }, \"three\"]\n\
        states = [\"Each\"]\ntook = \"2m\"";
    passes(&distributed(), scenario);
    let (about, message) = failure(&distributed(), "[expect]\nstatus = \"SUCCEEDED\"");
    assert_eq!(about, About::Unanswered);
    assert_eq!(
        message,
        "Each reads its items from arn:aws:states:::s3:getObject with {\"Bucket\":\"b\",\"Key\":\"k\"}: \
         say what it finds, in [items] as Each = […]"
    );
}

#[test]
fn an_execution_is_stopped_and_redriven() {
    let definition = json!({"StartAt": "Build", "States": {
        "Build": task("build", &json!({"Next": "Deploy"})),
        "Deploy": task("deploy", &json!({"End": true})),
    }});
    let scenario = "redrive = 1\n\
        [[tasks.build]]\npayload = 1\n[[tasks.deploy]]\nerror = \"E\"\n[[tasks.deploy]]\npayload = 2\n\
        [expect]\nstatus = \"SUCCEEDED\"\noutput = 2\nstates = [\"Build\", \"Deploy\"]";
    let report = passes(&definition, scenario);
    assert!(report.history.iter().any(|(_, event)| event.details.type_name() == "ExecutionRedriven"));
    let stopped = "stop = { after = \"5m\", error = \"Changed\", cause = \"my mind\" }\n\
        [[tasks.build]]\nnever = true\n\
        [expect]\nstatus = \"ABORTED\"\nerror = \"Changed\"\ncause_includes = \"mind\"\ntook = \"5m\"";
    passes(&definition, stopped);
    let needless = "redrive = 1\n[[tasks.build]]\npayload = 1\n[[tasks.deploy]]\npayload = 2\n[expect]\nstatus = \"SUCCEEDED\"";
    assert_eq!(
        failure(&definition, needless),
        (About::Redrive, "redrive 1 is not possible: the execution succeeded".into())
    );
}

#[test]
fn express_executions_have_five_minutes() {
    let definition = json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 301, "End": true}}});
    let scenario = "[expect]\nstatus = \"TIMED_OUT\"\nerror = \"States.Timeout\"\ntook = \"5m\"";
    let report = run_as(&definition, scenario, ExecutionType::Express);
    assert!(report.passed(), "{:#?}", report.failures);
}

#[test]
fn a_scenario_always_takes_the_same_course() {
    let definition = json!({"QueryLanguage": "JSONata", "StartAt": "P", "States": {"P": {
        "Type": "Parallel", "End": true, "Branches": [
            {"StartAt": "A", "States": {"A": {"Type": "Pass", "Output": "{% $uuid() %}", "End": true}}},
            {"StartAt": "B", "States": {"B": {"Type": "Pass", "Output": "{% $random() %}", "End": true}}},
        ],
    }}});
    let scenario = "[expect]\nstatus = \"SUCCEEDED\"\nstates = [\"P\", \"A\", \"B\"]";
    assert_eq!(passes(&definition, scenario).history, passes(&definition, scenario).history);
}
