//! The process is killed at every boundary of its commits; what it leaves is taken up as if nothing had happened.
//!
//! The test runs itself again as another process. That process stops at the numbered boundary and says so; then it is
//! killed with SIGKILL, and a third process opens the same folder and finishes.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deputy_stepfunctions::tasks::functions::Functions;
use deputy_stepfunctions::{Boundary, Config, Disk, DiskFault, Engine, Registry, TaskError};
use serde_json::{Value, json};

const ROLE: &str = "in a process of its own";

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
        let create =
            json!({"name": "m", "definition": definition().to_string(), "roleArn": "arn:aws:iam::1:role/r"});
        let machine = engine.request("CreateStateMachine", &create).await.unwrap()["stateMachineArn"].clone();
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
        engine.close().await;
    });
}

fn spawn(folder: &Path, stop_at: Option<u64>) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["one_life", "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
    command.env("SFN_FOLDER", folder).stdout(Stdio::piped());
    if let Some(boundary) = stop_at {
        command.env("SFN_STOP_AT", boundary.to_string());
    }
    command.spawn().unwrap()
}

/// What the process says before it ends: that it stopped, or how the execution ended.
fn hear(child: &mut Child) -> String {
    let output = BufReader::new(child.stdout.take().unwrap());
    for line in output.lines() {
        let line = line.unwrap();
        let said = ["AT ", "ENDED "].iter().find_map(|word| line.find(word).map(|at| line[at..].to_owned()));
        if let Some(said) = said {
            return said;
        }
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
    let whole = tempfile::tempdir().unwrap();
    let mut child = spawn(whole.path(), None);
    let expected = essence(&hear(&mut child));
    child.wait().unwrap();
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
                    let mut child = spawn(folder.path(), Some(boundary));
                    let said = hear(&mut child);
                    child.kill().unwrap();
                    child.wait().unwrap();
                    if said.starts_with("ENDED") {
                        // It ended before it came to that boundary: there are no more.
                        return;
                    }
                    killed.fetch_add(1, Ordering::SeqCst);
                    let mut child = spawn(folder.path(), None);
                    let actual = essence(&hear(&mut child));
                    child.wait().unwrap();
                    assert_eq!(actual, expected, "killed at boundary {boundary}");
                    assert_eq!(distinct_calls(folder.path()), calls, "killed at boundary {boundary}");
                }
            });
        }
    });
    assert!(killed.load(Ordering::SeqCst) > 20, "there were boundaries to be killed at");
}

/// Fails commits as told.
struct Failing {
    from: u64,
    until: AtomicU64,
    fault: DiskFault,
}

impl Disk for Failing {
    fn at(&self, boundary: Boundary, commit: u64) -> Result<(), DiskFault> {
        if boundary != Boundary::BeforeCommit || commit < self.from {
            return Ok(());
        }
        let left = self.until.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if left.is_ok() { Err(self.fault) } else { Ok(()) }
    }
}

async fn open(folder: &Path, disk: Option<Arc<dyn Disk>>) -> Engine {
    let mut config = Config::new(folder);
    config.disk = disk;
    Engine::open(config).unwrap()
}

fn pass() -> Value {
    let definition = json!({"StartAt": "S", "States": {"S": {"Type": "Pass", "End": true}}});
    json!({"name": "m", "definition": definition.to_string(), "roleArn": "arn:aws:iam::1:role/r"})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_an_io_error_it_stops_and_a_new_process_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Failing { from: 2, until: AtomicU64::new(u64::MAX), fault: DiskFault::Broken };
    let engine = open(folder.path(), Some(Arc::new(disk))).await;
    let machine = engine.request("CreateStateMachine", &pass()).await.unwrap()["stateMachineArn"].clone();
    let start = json!({"stateMachineArn": machine, "name": "e"});
    assert_eq!(engine.request("StartExecution", &start).await.unwrap_err().status, 500);
    engine.failed().await;
    assert_eq!(engine.request("ListStateMachines", &json!({})).await.unwrap_err().status, 500);
    drop(engine);

    let engine = open(folder.path(), None).await;
    // What was not acknowledged did not happen.
    assert_eq!(engine.run(&start).await.unwrap()["status"], "SUCCEEDED");
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_only_delays() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Failing { from: 2, until: AtomicU64::new(2), fault: DiskFault::Full };
    let engine = open(folder.path(), Some(Arc::new(disk))).await;
    let machine = engine.request("CreateStateMachine", &pass()).await.unwrap()["stateMachineArn"].clone();
    let ended = engine.run(&json!({"stateMachineArn": machine, "name": "e"})).await.unwrap();
    assert_eq!(ended["status"], "SUCCEEDED");
    engine.close().await;
}
