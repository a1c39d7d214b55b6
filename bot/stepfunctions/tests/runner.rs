//! What the runner promises: names, tokens, timers, versions, rest, redrive, nesting.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // A test may end at the first surprise.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use deputy_stepfunctions::tasks::functions::Functions;
use deputy_stepfunctions::{Registry, TaskError};
use serde_json::{Value, json};
use support::{Bench, ROLE, single, text};
use tokio::sync::mpsc;

/// A function that hands out what it was called with, and a state that waits for its token.
fn callback() -> (Registry, mpsc::UnboundedReceiver<String>, Value) {
    let (tell, told) = mpsc::unbounded_channel();
    let functions = Functions::new().with("ask", move |payload, _| {
        tell.send(text(&payload.value()["token"])).unwrap();
        async move { Ok(json!({}).into()) }
    });
    let state = json!({
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Parameters": {"FunctionName": "ask", "Payload": {"token.$": "$$.Task.Token"}},
    });
    (Registry::new().with(functions), told, state)
}

#[tokio::test]
async fn a_name_starts_one_execution() {
    let bench = Bench::new(Registry::new());
    let machine = bench.machine("m", &single(&json!({"Type": "Wait", "Seconds": 60}))).await;
    let first = bench.start(&machine, "e", &json!({"a": 1})).await;
    assert_eq!(bench.start(&machine, "e", &json!({"a": 1})).await, first);
    let other = json!({"stateMachineArn": machine, "name": "e", "input": "{\"a\":2}"});
    assert_eq!(
        bench.try_ask("StartExecution", other.clone()).await.unwrap_err().code,
        "ExecutionAlreadyExists"
    );
    bench.ask("StopExecution", json!({"executionArn": first})).await;
    let same = json!({"stateMachineArn": machine, "name": "e", "input": "{\"a\":1}"});
    let error = bench.try_ask("StartExecution", same.clone()).await.unwrap_err();
    assert_eq!(error.message, format!("Execution Already Exists: '{first}'"));
    // Ninety days later nobody remembers.
    bench.pass_time(91 * 24 * 3600);
    while let Err(error) = bench.try_ask("StartExecution", same.clone()).await {
        assert_eq!(error.code, "ExecutionAlreadyExists", "it is about to be let go of");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn timers_outlive_the_process_and_keep_their_time() {
    let bench = Bench::new(Registry::new());
    let machine = bench.machine("m", &single(&json!({"Type": "Wait", "Seconds": 3600}))).await;
    let execution = bench.start(&machine, "e", &json!({})).await;
    let bench = bench.reopen().await;
    bench.pass_time(3599);
    assert_eq!(bench.status(&execution).await, "RUNNING");
    bench.pass_time(1);
    assert_eq!(bench.engine.wait(&execution).await.unwrap()["status"], "SUCCEEDED");
}

#[tokio::test]
async fn a_token_is_good_for_one_answer() {
    let (registry, mut tokens, state) = callback();
    let bench = Bench::new(registry);
    let machine = bench.machine("m", &single(&state)).await;
    let execution = bench.start(&machine, "e", &json!({})).await;
    let token = tokens.recv().await.unwrap();
    // The answer may come in another life of the process.
    let bench = bench.reopen().await;
    let answer = json!({"taskToken": token, "output": "\"yes\""});
    bench.ask("SendTaskHeartbeat", json!({"taskToken": token})).await;
    bench.ask("SendTaskSuccess", answer.clone()).await;
    assert_eq!(bench.engine.wait(&execution).await.unwrap()["output"], "\"yes\"");
    let late = bench.try_ask("SendTaskSuccess", answer).await.unwrap_err();
    assert_eq!(
        (late.code, late.message.as_str()),
        ("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
    );
    let wrong = bench.try_ask("SendTaskFailure", json!({"taskToken": "nonsense"})).await.unwrap_err();
    assert_eq!((wrong.code, wrong.message.as_str()), ("InvalidToken", "Invalid Token: 'Invalid token'"));
}

#[tokio::test]
async fn a_missing_heartbeat_times_the_task_out() {
    let (registry, mut tokens, mut state) = callback();
    state["HeartbeatSeconds"] = 10.into();
    let bench = Bench::new(registry);
    let machine = bench.machine("m", &single(&state)).await;
    let execution = bench.start(&machine, "e", &json!({})).await;
    let token = tokens.recv().await.unwrap();
    for _ in 0..3 {
        bench.pass_time(9);
        bench.ask("SendTaskHeartbeat", json!({"taskToken": token})).await;
    }
    assert_eq!(bench.status(&execution).await, "RUNNING");
    bench.pass_time(10);
    let ended = bench.engine.wait(&execution).await.unwrap();
    assert_eq!((text(&ended["status"]), text(&ended["error"])), ("FAILED".into(), "States.Timeout".into()));
    let late = bench.try_ask("SendTaskHeartbeat", json!({"taskToken": token})).await.unwrap_err();
    assert_eq!(late.code, "TaskTimedOut");
}

#[tokio::test]
async fn an_update_changes_only_what_starts_after_it() {
    let (registry, mut tokens, state) = callback();
    let bench = Bench::new(registry);
    let mut definition = single(&state);
    definition["States"]["S"]["ResultPath"] = Value::Null;
    let machine = bench.machine("m", &definition).await;
    let before = bench.start(&machine, "before", &json!({"v": 1})).await;
    let token = tokens.recv().await.unwrap();
    let changed = single(&json!({"Type": "Pass", "Result": "new"}));
    bench
        .ask("UpdateStateMachine", json!({"stateMachineArn": machine, "definition": changed.to_string()}))
        .await;
    let bench = bench.reopen().await;
    let after = bench.start(&machine, "after", &json!({})).await;
    assert_eq!(bench.engine.wait(&after).await.unwrap()["output"], "\"new\"");
    bench.ask("SendTaskSuccess", json!({"taskToken": token, "output": "{}"})).await;
    assert_eq!(bench.engine.wait(&before).await.unwrap()["output"], "{\"v\":1}");
    let shown = bench.ask("DescribeStateMachineForExecution", json!({"executionArn": before})).await;
    assert_eq!(shown["definition"], definition.to_string());
}

#[tokio::test]
async fn a_redrive_goes_on_where_it_failed() {
    let calls = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&calls);
    let functions =
        Functions::new().with("sure", |_, _| async { Ok(json!(1).into()) }).with("flaky", move |_, _| {
            let number = count.fetch_add(1, Ordering::SeqCst);
            async move { if number == 0 { Err(TaskError::new("Oops", "no")) } else { Ok(json!(2).into()) } }
        });
    let bench = Bench::new(Registry::new().with(functions));
    let call = |name: &str| format!("arn:aws:lambda:us-east-1:000000000000:function:{name}");
    let definition = json!({"StartAt": "A", "States": {
        "A": {"Type": "Task", "Resource": call("sure"), "Next": "B"},
        "B": {"Type": "Task", "Resource": call("flaky"), "End": true},
    }});
    let machine = bench.machine("m", &definition).await;
    let execution = bench.start(&machine, "e", &json!({})).await;
    let failed = bench.engine.wait(&execution).await.unwrap();
    assert_eq!(
        (text(&failed["status"]), text(&failed["redriveStatus"])),
        ("FAILED".into(), "REDRIVABLE".into())
    );
    let bench = bench.reopen().await;
    bench.ask("RedriveExecution", json!({"executionArn": execution})).await;
    let ended = bench.engine.wait(&execution).await.unwrap();
    assert_eq!((text(&ended["status"]), text(&ended["output"])), ("SUCCEEDED".into(), "2".into()));
    let history = bench.history(&execution).await;
    assert!(history.contains(&"ExecutionRedriven".to_owned()), "{history:?}");
    assert_eq!(history.iter().filter(|kind| *kind == "LambdaFunctionSucceeded").count(), 2);
    let shown = bench.ask("DescribeExecution", json!({"executionArn": execution})).await;
    assert_eq!(shown["redriveCount"], 1);
    let error = bench.try_ask("RedriveExecution", json!({"executionArn": execution})).await.unwrap_err();
    assert_eq!(error.code, "ExecutionNotRedrivable");
}

#[tokio::test]
async fn executions_that_rest_wake_when_something_happens() {
    let (registry, mut tokens, state) = callback();
    let bench = Bench::sized(registry, 2);
    let asks = bench.machine("asks", &single(&state)).await;
    let waits = bench.machine("waits", &single(&json!({"Type": "Wait", "Seconds": 60}))).await;
    let asking = bench.start(&asks, "e", &json!({})).await;
    let token = tokens.recv().await.unwrap();
    let mut waiting = Vec::new();
    for number in 0..50 {
        waiting.push(bench.start(&waits, &format!("w{number}"), &json!({"number": number})).await);
    }
    let bench = bench.reopen().await;
    bench.ask("SendTaskSuccess", json!({"taskToken": token, "output": "3"})).await;
    assert_eq!(bench.engine.wait(&asking).await.unwrap()["output"], "3");
    bench.pass_time(60);
    for (number, execution) in waiting.iter().enumerate() {
        let ended = bench.engine.wait(execution).await.unwrap();
        assert_eq!(text(&ended["output"]), json!({"number": number}).to_string());
    }
}

#[tokio::test]
async fn a_nested_execution_answers_its_parent() {
    let bench = Bench::new(Registry::new());
    let child = bench.machine("child", &single(&json!({"Type": "Wait", "Seconds": 5}))).await;
    let definition = |resource: &str| {
        single(
            &json!({"Type": "Task", "Resource": resource, "Parameters": {"StateMachineArn": child, "Input": {"x": 1}}}),
        )
    };
    let sync = bench.machine("sync", &definition("arn:aws:states:::states:startExecution.sync:2")).await;
    let loose = bench.machine("loose", &definition("arn:aws:states:::states:startExecution")).await;
    let loose = bench.start(&loose, "e", &json!({})).await;
    assert_eq!(bench.engine.wait(&loose).await.unwrap()["status"], "SUCCEEDED");
    let parent = bench.start(&sync, "e", &json!({})).await;
    while !bench.history(&parent).await.contains(&"TaskSubmitted".to_owned()) {
        tokio::task::yield_now().await;
    }
    let bench = bench.reopen().await;
    bench.pass_time(5);
    let ended = bench.engine.wait(&parent).await.unwrap();
    let output: Value = serde_json::from_str(&text(&ended["output"])).unwrap();
    assert_eq!(output["Output"], json!({"x": 1}));
    assert_eq!(output["Status"], "SUCCEEDED");
}

#[tokio::test]
async fn activities_are_taken_by_workers() {
    let bench = Bench::new(Registry::new());
    let activity = text(&bench.ask("CreateActivity", json!({"name": "a"})).await["activityArn"]);
    let machine = bench.machine("m", &single(&json!({"Type": "Task", "Resource": activity}))).await;
    let execution = bench.start(&machine, "e", &json!({"n": 1})).await;
    let bench = bench.reopen().await;
    let task = bench.ask("GetActivityTask", json!({"activityArn": activity, "workerName": "w"})).await;
    assert_eq!(task["input"], "{\"n\":1}");
    bench.ask("SendTaskSuccess", json!({"taskToken": task["taskToken"], "output": "{\"n\":2}"})).await;
    assert_eq!(bench.engine.wait(&execution).await.unwrap()["output"], "{\"n\":2}");
    let history = bench.history(&execution).await;
    assert_eq!(history[2..5], ["ActivityScheduled", "ActivityStarted", "ActivitySucceeded"]);
}

#[tokio::test]
async fn express_executions_answer_at_once_and_leave_no_history() {
    let bench = Bench::new(Registry::new());
    let machine = bench.express("x", &single(&json!({"Type": "Pass", "Result": [1, 2]}))).await;
    let ended = bench.ask("StartSyncExecution", json!({"stateMachineArn": machine})).await;
    assert_eq!((text(&ended["status"]), text(&ended["output"])), ("SUCCEEDED".into(), "[1,2]".into()));
    assert_eq!(ended["billingDetails"]["billedDurationInMilliseconds"], 100);
    let started = bench.ask("StartExecution", json!({"stateMachineArn": machine})).await;
    let describe = json!({"executionArn": started["executionArn"]});
    assert_eq!(
        bench.try_ask("DescribeExecution", describe).await.unwrap_err().code,
        "StateMachineTypeNotSupported"
    );
}

#[tokio::test]
async fn distributed_maps_run_their_items_as_executions() {
    let bench = Bench::new(Registry::new());
    let definition = single(&json!({
        "Type": "Map", "MaxConcurrency": 2,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1, "End": true}},
        },
    }));
    let machine = bench.machine("m", &definition).await;
    let execution = bench.start(&machine, "e", &json!([1, 2, 3])).await;
    let runs = bench.ask("ListMapRuns", json!({"executionArn": execution})).await;
    let run = text(&runs["mapRuns"][0]["mapRunArn"]);
    let described = bench.ask("DescribeMapRun", json!({"mapRunArn": run})).await;
    assert_eq!(
        (&described["itemCounts"]["running"], &described["itemCounts"]["pending"]),
        (&json!(2), &json!(1))
    );
    let bench = bench.reopen().await;
    bench.pass_time(1);
    // The third starts when one of the first two is over.
    loop {
        let children = bench.ask("ListExecutions", json!({"mapRunArn": run})).await;
        if children["executions"].as_array().unwrap().len() == 3 {
            break;
        }
        tokio::task::yield_now().await;
    }
    bench.pass_time(1);
    let ended = bench.engine.wait(&execution).await.unwrap();
    assert_eq!(text(&ended["output"]), "[1,2,3]");
    let children = bench.ask("ListExecutions", json!({"mapRunArn": run})).await;
    assert_eq!(children["executions"].as_array().unwrap().len(), 3);
    let described = bench.ask("DescribeMapRun", json!({"mapRunArn": run})).await;
    assert_eq!(
        (text(&described["status"]), &described["itemCounts"]["succeeded"]),
        ("SUCCEEDED".into(), &json!(3))
    );
}

#[tokio::test]
async fn what_nobody_here_can_do_is_refused_with_its_place() {
    let bench = Bench::new(Registry::new());
    let definition =
        single(&json!({"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "Parameters": {}}));
    let create = json!({"name": "m", "definition": definition.to_string(), "roleArn": ROLE});
    let error = bench.try_ask("CreateStateMachine", create).await.unwrap_err();
    assert_eq!(error.code, "InvalidDefinition");
    assert!(error.message.contains("arn:aws:states:::sqs:sendMessage"), "{}", error.message);
    assert!(error.message.contains("at /States/S/Resource"), "{}", error.message);
}

#[tokio::test]
async fn histories_come_in_pages_from_either_end() {
    let bench = Bench::new(Registry::new());
    let machine = bench.machine("m", &single(&json!({"Type": "Pass"}))).await;
    let execution = bench.start(&machine, "e", &json!({})).await;
    bench.engine.wait(&execution).await.unwrap();
    let mut seen = Vec::new();
    let mut request = json!({"executionArn": execution, "maxResults": 3, "reverseOrder": true});
    loop {
        let page = bench.ask("GetExecutionHistory", request.clone()).await;
        seen.extend(page["events"].as_array().unwrap().iter().map(|event| event["id"].as_u64().unwrap()));
        if page["nextToken"].is_null() {
            break;
        }
        request["nextToken"] = page["nextToken"].clone();
    }
    assert_eq!(seen, [4, 3, 2, 1]);
}

#[tokio::test]
async fn lists_have_what_has_just_happened() {
    let bench = Bench::new(Registry::new());
    let machine = bench.machine("m", &single(&json!({"Type": "Pass"}))).await;
    let waits = bench.machine("w", &single(&json!({"Type": "Wait", "Seconds": 60}))).await;
    let listed = async |machine: &str, status: &str| {
        let request = json!({"stateMachineArn": machine, "statusFilter": status});
        bench.ask("ListExecutions", request).await["executions"].as_array().unwrap().len()
    };
    for number in 1..=20 {
        let execution = bench.start(&machine, &format!("e{number}"), &json!({})).await;
        bench.engine.wait(&execution).await.unwrap();
        assert_eq!(listed(&machine, "SUCCEEDED").await, number);
        bench.start(&waits, &format!("w{number}"), &json!({})).await;
        assert_eq!(listed(&waits, "RUNNING").await, number);
    }
}

#[tokio::test]
async fn what_is_over_is_forgotten_with_its_log() {
    let bench = Bench::new(Registry::new());
    let machine = bench.machine("m", &single(&json!({"Type": "Pass"}))).await;
    for number in 0..40 {
        bench.engine.run(&json!({"stateMachineArn": machine, "name": format!("e{number}")})).await.unwrap();
    }
    bench.pass_time(91 * 24 * 3600);
    let request = json!({"stateMachineArn": machine});
    while bench.ask("ListExecutions", request.clone()).await["executions"] != json!([]) {
        tokio::task::yield_now().await;
    }
    let folder = Arc::clone(&bench.folder);
    bench.engine.close().await;
    let store = rusqlite::Connection::open(folder.path().join("stepfunctions.sqlite")).unwrap();
    for table in ["execution", "log", "block", "snapshot", "token"] {
        let rows: u64 =
            store.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 0, "{table}");
    }
}

#[tokio::test]
async fn a_task_whose_code_panics_fails_and_others_go_on() {
    let functions = Functions::new()
        .with("early", |_, _| {
            assert!(std::hint::black_box(false), "before there is a future");
            async { Ok(json!(1).into()) }
        })
        .with("late", |_, _| async {
            tokio::task::yield_now().await;
            panic!("in the midst of it")
        })
        .with("well", |_, _| async { Ok(json!("well").into()) });
    let bench = Bench::new(Registry::new().with(functions));
    for name in ["early", "late"] {
        let resource = format!("arn:aws:lambda:us-east-1:000000000000:function:{name}");
        let machine = bench.machine(name, &single(&json!({"Type": "Task", "Resource": resource}))).await;
        let ended = bench.engine.run(&json!({"stateMachineArn": machine})).await.unwrap();
        assert_eq!(
            (text(&ended["status"]), text(&ended["error"])),
            ("FAILED".into(), "States.TaskFailed".into())
        );
    }
    let resource = "arn:aws:lambda:us-east-1:000000000000:function:well";
    let machine = bench.machine("well", &single(&json!({"Type": "Task", "Resource": resource}))).await;
    assert_eq!(bench.engine.run(&json!({"stateMachineArn": machine})).await.unwrap()["output"], "\"well\"");
}

#[tokio::test]
async fn one_folder_serves_one_process() {
    let bench = Bench::new(Registry::new());
    let again = deputy_stepfunctions::Engine::open(deputy_stepfunctions::Config::new(bench.folder.path()));
    assert!(matches!(again, Err(deputy_stepfunctions::EngineError::InUse(_))));
}

#[tokio::test]
async fn a_redrive_runs_the_failed_children_of_a_distributed_map_again() {
    let calls = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = Arc::clone(&calls);
    let functions = Functions::new().with("work", move |payload, _| {
        let number = payload.value().as_u64().unwrap();
        let again = {
            let mut seen = seen.lock().unwrap();
            seen.push(number);
            seen.iter().filter(|it| **it == number).count() > 1
        };
        async move {
            if number == 1 && !again {
                Err(TaskError::new("Oops", "no"))
            } else {
                Ok(json!(number * 10).into())
            }
        }
    });
    let bench = Bench::new(Registry::new().with(functions));
    let definition = single(&json!({"Type": "Map", "Label": "L", "MaxConcurrency": 1, "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "W", "States": {
            "W": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:work", "End": true}}}}));
    let machine = bench.machine("m", &definition).await;
    let execution = bench.start(&machine, "e", &json!([0, 1, 2])).await;
    let failed = bench.engine.wait(&execution).await.unwrap();
    assert_eq!(failed["error"], "States.ExceedToleratedFailureThreshold");
    let listed = bench.ask("ListMapRuns", json!({"executionArn": execution})).await;
    let map_run = json!({"mapRunArn": listed["mapRuns"][0]["mapRunArn"]});
    let before = bench.ask("DescribeMapRun", map_run.clone()).await;
    assert_eq!((&before["status"], &before["redriveCount"]), (&json!("FAILED"), &json!(0)));
    assert_eq!(
        (&before["itemCounts"]["succeeded"], &before["itemCounts"]["pending"]),
        (&json!(1), &json!(1))
    );
    // In another life of the process.
    let bench = bench.reopen().await;
    bench.ask("RedriveExecution", json!({"executionArn": execution})).await;
    let ended = bench.engine.wait(&execution).await.unwrap();
    assert_eq!((text(&ended["status"]), text(&ended["output"])), ("SUCCEEDED".into(), "[0,10,20]".into()));
    assert_eq!(*calls.lock().unwrap(), [0, 1, 1, 2]);
    let after = bench.ask("DescribeMapRun", map_run).await;
    assert_eq!((&after["status"], &after["redriveCount"]), (&json!("SUCCEEDED"), &json!(1)));
    assert!(after["redriveDate"].is_number(), "{after}");
    assert_eq!(after["itemCounts"]["succeeded"], 3);
    assert!(bench.history(&execution).await.contains(&"MapRunRedriven".to_owned()));
}

#[tokio::test]
async fn a_limit_holds_for_a_machine_that_is_created_later() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let functions = Functions::new().with("work", move |_, _| {
        let (release, released) = tokio::sync::oneshot::channel::<()>();
        tell.send(release).unwrap();
        async move {
            let _ = released.await;
            Ok(json!(1).into())
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let mut config = deputy_stepfunctions::Config::new(folder.path());
    config.registry = Registry::new().with(functions);
    config.tasks_at_once_of = vec![("m".to_owned(), 1)];
    let engine = deputy_stepfunctions::Engine::open(config).unwrap();
    let state = json!({"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:work"});
    let create = json!({"name": "m", "definition": single(&state).to_string(), "roleArn": ROLE});
    let machine = engine.request("CreateStateMachine", &create).await.unwrap()["stateMachineArn"].clone();
    let mut executions = Vec::new();
    for name in ["a", "b"] {
        let start = json!({"stateMachineArn": machine, "name": name, "input": "{}"});
        executions.push(text(&engine.request("StartExecution", &start).await.unwrap()["executionArn"]));
    }
    let first = told.recv().await.unwrap();
    // Both are durable and due, and a whole round of the engine has passed since.
    engine.request("ListStateMachines", &json!({})).await.unwrap();
    assert!(told.try_recv().is_err());
    first.send(()).unwrap();
    told.recv().await.unwrap().send(()).unwrap();
    for execution in executions {
        assert_eq!(engine.wait(&execution).await.unwrap()["status"], "SUCCEEDED");
    }
}
