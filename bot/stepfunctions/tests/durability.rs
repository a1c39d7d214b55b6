//! The process is killed at every boundary of its commits; what it leaves is taken up as if nothing had happened.
//!
//! The test runs itself again as another process. That process stops at the numbered boundary and says so; then it is
//! killed with SIGKILL, and a third process opens the same folder and finishes.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // A test may end at the first surprise.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deputy_stepfunctions::tasks::functions::Functions;
use deputy_stepfunctions::{Boundary, Config, Disk, DiskFault, Engine, Registry, TaskError};
use serde_json::{Value, json};

const ROLE: &str = "in a process of its own";

/// The machines that are killed, by name.
const MACHINES: [&str; 2] = ["tasks", "nested"];

/// Parallel, Map, Retry, Wait, a callback, and one function after the other.
fn definition() -> Value {
    let call = |name: &str, rest: Value| {
        let mut state = json!({
            "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": name, "Payload.$": "$"}, "ResultSelector": {"answer.$": "$.Payload"},
        });
        state.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        state
    };
    json!({"StartAt": "First", "States": {
        "First": call("echo", json!({"ResultPath": "$.first", "Next": "Fan"})),
        "Fan": {"Type": "Parallel", "ResultPath": "$.fan", "Next": "Each", "Branches": [
            {"StartAt": "Left", "States": {"Left": call("echo", json!({"End": true}))}},
            {"StartAt": "Pause", "States": {"Pause": {"Type": "Wait", "Seconds": 1, "Next": "Right"},
                "Right": call("echo", json!({"End": true}))}},
        ]},
        "Each": {"Type": "Map", "ItemsPath": "$.items", "ResultPath": "$.each", "Next": "Flaky",
            "ItemProcessor": {"StartAt": "Item", "States": {"Item": call("echo", json!({"End": true}))}}},
        "Flaky": call("flaky", json!({"ResultPath": "$.flaky", "Next": "Ask", "Retry": [
            {"ErrorEquals": ["Hiccup"], "IntervalSeconds": 1, "MaxAttempts": 2}]})),
        "Ask": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "ResultPath": "$.asked",
            "Parameters": {"FunctionName": "ask", "Payload": {"token.$": "$$.Task.Token"}}, "Next": "Last"},
        "Last": call("echo", json!({"ResultPath": null, "End": true})),
    }})
}

/// Executions of other machines, waited for and not, a distributed Map, and an error that is caught.
fn nesting() -> Value {
    let start = |resource: &str, name: &str, next: &str| {
        let machine = format!("arn:aws:states:us-east-1:000000000000:stateMachine:{name}");
        json!({"Type": "Task", "Resource": format!("arn:aws:states:::states:{resource}"), "Next": next,
            "Parameters": {"StateMachineArn": machine, "Input": {"from": "e"}},
            "ResultPath": format!("$.{name}")})
    };
    let mut loose = start("startExecution", "quick", "Awaited");
    loose["ResultSelector"] = json!({"arn.$": "$.ExecutionArn"});
    let mut awaited = start("startExecution.sync:2", "slow", "Spread");
    awaited["ResultSelector"] = json!({"output.$": "$.Output", "status.$": "$.Status"});
    let function = |name: &str| format!("arn:aws:lambda:us-east-1:000000000000:function:{name}");
    json!({"StartAt": "Pause", "States": {
        "Pause": {"Type": "Wait", "Seconds": 1, "Next": "Loose"},
        "Loose": loose,
        "Awaited": awaited,
        "Spread": {"Type": "Map", "ItemsPath": "$.items", "ResultPath": "$.spread", "MaxConcurrency": 2, "Next": "Caught",
            "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "Item",
                "States": {"Item": {"Type": "Task", "Resource": function("echo"), "End": true}}}},
        "Caught": {"Type": "Task", "Resource": function("flaky"), "ResultPath": "$.flaky", "Next": "Last",
            "Catch": [{"ErrorEquals": ["Hiccup"], "ResultPath": "$.error", "Next": "Last"}]},
        "Last": {"Type": "Task", "Resource": function("echo"), "ResultPath": "$.last", "End": true},
    }})
}

/// Stops at the numbered boundary.
struct StopAt {
    boundary: Option<u64>,
    passed: AtomicU64,
}

impl Disk for StopAt {
    fn at(&self, _: Boundary, _: u64) -> Result<(), DiskFault> {
        let number = self.passed.fetch_add(1, Ordering::SeqCst);
        if Some(number) == self.boundary {
            println!("AT {number}");
            loop {
                std::thread::park();
            }
        }
        Ok(())
    }
}

fn append(path: &Path, line: &str) {
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(format!("{line}\n").as_bytes()).unwrap();
}

fn lines(path: &Path) -> Vec<String> {
    std::fs::read_to_string(path).unwrap_or_default().lines().map(ToOwned::to_owned).collect()
}

/// What the services of the machine do: they note whose call they accepted.
fn functions(folder: &Path) -> Functions {
    let calls = folder.join("calls");
    let noted = move |key: String| append(&calls, &key);
    let (echo, flaky, ask) = (noted.clone(), noted.clone(), noted);
    let tokens = folder.join("tokens");
    Functions::new()
        .with("echo", move |_, call| {
            echo(call.idempotency_key());
            async move { Ok(json!("done").into()) }
        })
        .with("flaky", move |_, call| {
            flaky(call.idempotency_key());
            let first = call.request.attempt == 0;
            async move { if first { Err(TaskError::new("Hiccup", "once")) } else { Ok(json!("well").into()) } }
        })
        .with("ask", move |payload, call| {
            ask(call.idempotency_key());
            append(&tokens, payload.value()["token"].as_str().unwrap());
            async move { Ok(json!({}).into()) }
        })
}

/// One life of the process: opens the folder, starts what has not been started, answers, and waits for the end.
#[test]
#[ignore = "runs in a process of its own"]
fn one_life() {
    let Ok(folder) = std::env::var("SFN_FOLDER") else { return };
    let folder = PathBuf::from(folder);
    let boundary = std::env::var("SFN_STOP_AT").ok().and_then(|text| text.parse().ok());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async move {
        let mut config = Config::new(folder.join("data"));
        config.registry = Registry::new().with(functions(&folder));
        config.disk = Some(Arc::new(StopAt { boundary, passed: AtomicU64::new(0) }));
        let engine = Engine::open(config).unwrap();
        let single = |state: Value| json!({"StartAt": "S", "States": {"S": state}});
        let others = [
            ("quick", single(json!({"Type": "Pass", "End": true}))),
            ("slow", single(json!({"Type": "Wait", "Seconds": 1, "End": true}))),
        ];
        let nested = std::env::var("SFN_MACHINE").is_ok_and(|name| name == "nested");
        let mut machine = Value::Null;
        for (name, definition) in others.into_iter().chain([("m", if nested { nesting() } else { definition() })]) {
            let create =
                json!({"name": name, "definition": definition.to_string(), "roleArn": "arn:aws:iam::1:role/r"});
            machine = engine.request("CreateStateMachine", &create).await.unwrap()["stateMachineArn"].clone();
        }
        let start = json!({"stateMachineArn": machine, "name": "e", "input": "{\"items\":[1,2,3]}"});
        let arn = "arn:aws:states:us-east-1:000000000000:execution:m:e";
        if let Err(error) = engine.request("StartExecution", &start).await {
            assert_eq!(error.code, "ExecutionAlreadyExists");
        }
        let answering = tokio::spawn({
            let (engine, tokens) = (engine.clone(), folder.join("tokens"));
            async move {
                let mut tick = tokio::time::interval(Duration::from_millis(5));
                loop {
                    tick.tick().await;
                    // An answer may overtake the note that the request was taken; the histories are to be alike.
                    let history = json!({"executionArn": arn, "maxResults": 1000});
                    let history = engine.request("GetExecutionHistory", &history).await;
                    if !history.is_ok_and(|history| history.to_string().contains("\"TaskSubmitted\"")) {
                        continue;
                    }
                    for token in lines(&tokens) {
                        let answer = json!({"taskToken": token, "output": "\"yes\""});
                        // Answers may be late or double; then AWS's errors say so.
                        let _ = engine.request("SendTaskSuccess", &answer).await;
                    }
                }
            }
        });
        let ended = engine.wait(arn).await.unwrap();
        answering.abort();
        let history = engine
            .request("GetExecutionHistory", &json!({"executionArn": arn, "maxResults": 1000}))
            .await
            .unwrap();
        println!("ENDED {}", json!({"ended": ended, "history": history}));
        if std::env::var("SFN_LINGER").is_ok() {
            // What was said must hold although nothing is put in order any more.
            std::future::pending::<()>().await;
        }
        engine.close().await;
    });
}

fn spawn(folder: &Path, machine: &str, stop_at: Option<u64>) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["one_life", "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
    command.env("SFN_FOLDER", folder).env("SFN_MACHINE", machine).stdout(Stdio::piped());
    if let Some(boundary) = stop_at {
        command.env("SFN_STOP_AT", boundary.to_string());
    }
    command.spawn().unwrap()
}

/// What a process that is left alone says, and its end.
fn hear_out(mut child: Child) -> String {
    let (said, mut output) = hear(&mut child);
    // It has more to say to its own test harness.
    std::io::copy(&mut output, &mut std::io::sink()).unwrap();
    child.wait().unwrap();
    said
}

/// What the process says before it ends: that it stopped, or how the execution ended.
fn hear(child: &mut Child) -> (String, BufReader<ChildStdout>) {
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while output.read_line(&mut line).unwrap() > 0 {
        let said =
            ["AT ", "ENDED "].iter().find_map(|word| line.find(word).map(|at| line[at..].trim().to_owned()));
        if let Some(said) = said {
            return (said, output);
        }
        line.clear();
    }
    panic!("the process {ROLE} said nothing");
}

/// A history without what may differ between two runs: times, ids, and the order of what runs side by side.
fn essence(ended: &str) -> (Value, BTreeSet<String>, usize) {
    let said: Value = serde_json::from_str(ended.strip_prefix("ENDED ").unwrap()).unwrap();
    let events = said["history"]["events"].as_array().unwrap();
    let names = events.iter().map(|event| {
        let name = &event["stateEnteredEventDetails"]["name"];
        let left = &event["stateExitedEventDetails"]["name"];
        format!("{} {name} {left}", event["type"])
    });
    let waits = |kind: &str| {
        let event = events.iter().find(|event| event["type"] == kind).unwrap();
        event["timestamp"].as_f64().unwrap()
    };
    assert!(waits("WaitStateExited") - waits("WaitStateEntered") >= 1.0, "the timer fired early");
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event["id"], index + 1);
        assert!(event["previousEventId"].as_u64().unwrap() <= index as u64);
    }
    (said["ended"]["output"].clone(), names.collect(), events.len())
}

fn distinct_calls(folder: &Path) -> usize {
    lines(&folder.join("calls")).into_iter().collect::<BTreeSet<_>>().len()
}

#[test]
fn killed_at_any_boundary_it_goes_on_as_if_nothing_had_happened() {
    for machine in MACHINES {
        killed_everywhere(machine);
    }
}

fn killed_everywhere(machine: &str) {
    let whole = tempfile::tempdir().unwrap();
    let expected = essence(&hear_out(spawn(whole.path(), machine, None)));
    let calls = distinct_calls(whole.path());
    assert_eq!(calls, lines(&whole.path().join("calls")).len(), "without a crash nothing is repeated");

    let next = AtomicU64::new(0);
    let killed = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                loop {
                    let boundary = next.fetch_add(1, Ordering::SeqCst);
                    let folder = tempfile::tempdir().unwrap();
                    let mut child = spawn(folder.path(), machine, Some(boundary));
                    let (said, _output) = hear(&mut child);
                    child.kill().unwrap();
                    child.wait().unwrap();
                    if said.starts_with("ENDED") {
                        // It ended before it came to that boundary: there are no more.
                        return;
                    }
                    killed.fetch_add(1, Ordering::SeqCst);
                    let actual = essence(&hear_out(spawn(folder.path(), machine, None)));
                    assert_eq!(actual, expected, "{machine}: killed at boundary {boundary}");
                    assert_eq!(
                        distinct_calls(folder.path()),
                        calls,
                        "{machine}: killed at boundary {boundary}"
                    );
                }
            });
        }
    });
    assert!(killed.load(Ordering::SeqCst) > 20, "there were boundaries to be killed at");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_that_was_told_survives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["one_life", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env("SFN_FOLDER", folder.path())
        .env("SFN_MACHINE", "nested")
        .env("SFN_LINGER", "1")
        .stdout(Stdio::piped())
        .spawn();
    let mut child = child.unwrap();
    let (said, _output) = hear(&mut child);
    child.kill().unwrap();
    child.wait().unwrap();
    let said: Value = serde_json::from_str(said.strip_prefix("ENDED ").unwrap()).unwrap();

    let engine = open(&folder.path().join("data"), None);
    let arn = json!({"executionArn": "arn:aws:states:us-east-1:000000000000:execution:m:e"});
    assert_eq!(engine.request("DescribeExecution", &arn).await.unwrap(), said["ended"]);
    let mut history = arn.clone();
    history["maxResults"] = 1000.into();
    assert_eq!(engine.request("GetExecutionHistory", &history).await.unwrap(), said["history"]);
    for (machine, count) in [("m", 1), ("quick", 1), ("slow", 1)] {
        let request = json!({"stateMachineArn": format!("arn:aws:states:us-east-1:000000000000:stateMachine:{machine}")});
        let listed = engine.request("ListExecutions", &request).await.unwrap();
        let listed = listed["executions"].as_array().unwrap().clone();
        assert_eq!(listed.len(), count, "{machine}: {listed:?}");
        assert!(listed.iter().all(|execution| execution["status"] == "SUCCEEDED"));
    }
    let start =
        json!({"stateMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:m", "name": "e"});
    assert_eq!(engine.request("StartExecution", &start).await.unwrap_err().code, "ExecutionAlreadyExists");
    engine.close().await;
}

/// Fails commits as told.
struct Failing {
    boundary: Boundary,
    from: u64,
    until: AtomicU64,
    fault: DiskFault,
}

impl Disk for Failing {
    fn at(&self, boundary: Boundary, commit: u64) -> Result<(), DiskFault> {
        if boundary != self.boundary || commit < self.from {
            return Ok(());
        }
        let left = self.until.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if left.is_ok() { Err(self.fault) } else { Ok(()) }
    }
}

fn open(folder: &Path, disk: Option<Arc<dyn Disk>>) -> Engine {
    let mut config = Config::new(folder);
    config.disk = disk;
    Engine::open(config).unwrap()
}

fn pass() -> Value {
    let definition = json!({"StartAt": "S", "States": {"S": {"Type": "Pass", "End": true}}});
    json!({"name": "m", "definition": definition.to_string(), "roleArn": "arn:aws:iam::1:role/r"})
}

/// A machine of three tasks, and the functions that count.
fn counted(folder: &Path) -> (Value, Registry) {
    let calls = folder.join("calls");
    let count = Functions::new().with("count", move |_, call| {
        append(&calls, &call.idempotency_key());
        async { Ok(json!(1).into()) }
    });
    let task = |next: &str| json!({"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:count", "Next": next});
    let definition = json!({"StartAt": "A", "States": {
        "A": task("B"), "B": task("C"), "C": task("D"), "D": {"Type": "Succeed"}}});
    let create =
        json!({"name": "m", "definition": definition.to_string(), "roleArn": "arn:aws:iam::1:role/r"});
    (create, Registry::new().with(count))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_an_io_error_it_stops_and_a_new_process_goes_on() {
    let boundaries = [Boundary::BeforeWrite, Boundary::BeforeCommit, Boundary::AfterCommit];
    // An error at a commit's end is that of an `fsync`: the pages may be on the disk or not.
    for (boundary, from) in
        boundaries.into_iter().flat_map(|boundary| (2..6).map(move |from| (boundary, from)))
    {
        let folder = tempfile::tempdir().unwrap();
        let (create, registry) = counted(folder.path());
        let open = |disk: Option<Arc<dyn Disk>>| {
            let mut config = Config::new(folder.path());
            config.registry = registry.clone();
            config.disk = disk;
            Engine::open(config).unwrap()
        };
        let disk = Failing { boundary, from, until: AtomicU64::new(u64::MAX), fault: DiskFault::Broken };
        let engine = open(Some(Arc::new(disk)));
        let machine = engine.request("CreateStateMachine", &create).await.unwrap()["stateMachineArn"].clone();
        let start = json!({"stateMachineArn": machine, "name": "e"});
        let run = engine.run(&start).await;
        assert_eq!(run.unwrap_err().status, 500, "{boundary:?} {from}");
        engine.failed().await;
        assert_eq!(engine.request("ListStateMachines", &json!({})).await.unwrap_err().status, 500);
        // Commit 2 starts the execution and each later one lets the next task out, if none only says that a slow one began.
        // None leaves with the commit that failed.
        let calls = lines(&folder.path().join("calls"));
        assert!(calls.len() as u64 <= from - 2, "{boundary:?} {from}: {calls:?}");
        drop(engine);

        let engine = open(None);
        let ended = match engine.run(&start).await {
            Ok(ended) => ended,
            // The start was acknowledged, or its commit failed after it was whole; then it may be over by now.
            Err(error) => {
                assert_eq!(error.code, "ExecutionAlreadyExists");
                engine.wait("arn:aws:states:us-east-1:000000000000:execution:m:e").await.unwrap()
            }
        };
        assert_eq!(ended["status"], "SUCCEEDED");
        assert_eq!(distinct_calls(folder.path()), 3, "{boundary:?} {from}");
        engine.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_only_delays() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Failing {
        boundary: Boundary::BeforeCommit,
        from: 2,
        until: AtomicU64::new(2),
        fault: DiskFault::Full,
    };
    let engine = open(folder.path(), Some(Arc::new(disk)));
    let machine = engine.request("CreateStateMachine", &pass()).await.unwrap()["stateMachineArn"].clone();
    let ended = engine.run(&json!({"stateMachineArn": machine, "name": "e"})).await.unwrap();
    assert_eq!(ended["status"], "SUCCEEDED");
    engine.close().await;
}
