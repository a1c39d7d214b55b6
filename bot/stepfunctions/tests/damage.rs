//! What a power cut or a bad disk leaves of the files: what was acknowledged is there, or opening is refused; and clocks that
//! are set.
#![allow(clippy::unwrap_used)] // A test may end at the first surprise.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use deputy_asl::Timestamp;
use deputy_stepfunctions::{Clock, Config, Engine, VirtualClock};
use serde_json::{Value, json};

const DATABASE: &str = "stepfunctions.sqlite";
const LOG: &str = "stepfunctions.sqlite-wal";

fn open(folder: &Path) -> Engine {
    Engine::open(Config::new(folder)).unwrap()
}

async fn machine(engine: &Engine, state: Value) -> String {
    let definition = json!({"StartAt": "S", "States": {"S": state}});
    let create =
        json!({"name": "m", "definition": definition.to_string(), "roleArn": "arn:aws:iam::1:role/r"});
    engine.request("CreateStateMachine", &create).await.unwrap()["stateMachineArn"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Starts that many executions, each with a name and a number; says their ARNs.
async fn start(engine: &Engine, machine: &str, numbers: std::ops::Range<u64>) -> Vec<String> {
    let mut started = Vec::new();
    for number in numbers {
        let request =
            json!({"stateMachineArn": machine, "name": format!("e{number}"), "input": number.to_string()});
        let answer = engine.request("StartExecution", &request).await.unwrap();
        started.push(answer["executionArn"].as_str().unwrap().to_owned());
    }
    started
}

/// The two files as they are now: what a crash at this moment would leave.
#[derive(Clone)]
struct Image {
    database: Vec<u8>,
    log: Vec<u8>,
}

impl Image {
    fn of(folder: &Path) -> Self {
        Self {
            database: fs::read(folder.join(DATABASE)).unwrap(),
            log: fs::read(folder.join(LOG)).unwrap_or_default(),
        }
    }

    fn put(&self) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        fs::create_dir(&data).unwrap();
        fs::write(data.join(DATABASE), &self.database).unwrap();
        fs::write(data.join(LOG), &self.log).unwrap();
        (folder, data)
    }
}

/// Opens an image; the acknowledged executions must be in it, and be able to come to their end.
async fn holds(image: &Image, machine: &str, acknowledged: &[String], perhaps: &[String], what: &str) {
    let (_folder, data) = image.put();
    let engine = open(&data);
    for arn in acknowledged {
        let described = engine.request("DescribeExecution", &json!({"executionArn": arn})).await;
        assert_eq!(described.unwrap()["status"], "RUNNING", "{what}: {arn}");
    }
    // What was under way is there as a whole or not at all, and then its name is free.
    for (number, arn) in (0..).zip(perhaps) {
        let described = engine.request("DescribeExecution", &json!({"executionArn": arn})).await;
        match described {
            Ok(described) => assert_eq!(described["status"], "RUNNING", "{what}: {arn}"),
            Err(error) => {
                assert_eq!(error.code, "ExecutionDoesNotExist", "{what}: {arn}");
                let name = arn.rsplit(':').next().unwrap();
                let again = json!({"stateMachineArn": machine, "name": name, "input": number.to_string()});
                engine.request("StartExecution", &again).await.unwrap();
            }
        }
    }
    for arn in acknowledged.iter().chain(perhaps) {
        engine.request("StopExecution", &json!({"executionArn": arn})).await.unwrap();
        assert_eq!(engine.wait(arn).await.unwrap()["status"], "ABORTED", "{what}: {arn}");
    }
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_torn_tail_costs_only_what_nobody_was_told() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    let machine = machine(&engine, json!({"Type": "Wait", "Seconds": 86400, "End": true})).await;
    let acknowledged = start(&engine, &machine, 0..3).await;
    let before = Image::of(folder.path());
    let perhaps = start(&engine, &machine, 3..6).await;
    let after = Image::of(folder.path());
    engine.close().await;
    assert_eq!(before.database, after.database, "nothing was moved from the log to the database in between");
    assert!(after.log.len() > before.log.len());

    let (from, to) = (before.log.len(), after.log.len());
    let step = ((to - from) / 24).max(1);
    for cut in (from..=to).step_by(step) {
        let mut torn = after.clone();
        torn.log.truncate(cut);
        holds(&torn, &machine, &acknowledged, &perhaps, &format!("cut at {cut} of {to}")).await;
        // The file has its length, but the disk wrote something else from there on, or nothing.
        for fill in [0x00, 0xa5] {
            let mut torn = after.clone();
            torn.log[cut..].fill(fill);
            let what = format!("{fill:#x} from {cut} of {to}");
            holds(&torn, &machine, &acknowledged, &perhaps, &what).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_was_half_written_is_made_whole_from_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    let machine = machine(&engine, json!({"Type": "Wait", "Seconds": 86400, "End": true})).await;
    let acknowledged = start(&engine, &machine, 0..40).await;
    let crashed = Image::of(folder.path());
    // Closing moves the log into the database; a power cut may come at any page of that, or in the midst of one.
    let (_copy, data) = crashed.put();
    open(&data).close().await;
    engine.close().await;
    let moved = Image::of(&data);
    for written in (0..moved.database.len()).step_by(moved.database.len() / 12 + 7) {
        let mut torn = crashed.clone();
        torn.database.resize(torn.database.len().max(written), 0);
        torn.database[..written].copy_from_slice(&moved.database[..written]);
        let end = torn.database.len();
        torn.database[written..end.min(written + 700)].fill(0x5a);
        holds(&torn, &machine, &acknowledged, &[], &format!("{written} bytes written")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_made_whole_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    let machine = machine(&engine, json!({"Type": "Wait", "Seconds": 86400, "End": true})).await;
    start(&engine, &machine, 0..40).await;
    engine.close().await;
    let whole = Image::of(folder.path());
    for (what, at, length) in [("the first page", 0, 100), ("the schema", 100, 3000)] {
        let mut damaged = whole.clone();
        damaged.database[at..at + length].fill(0x5a);
        let (_folder, data) = damaged.put();
        assert!(Engine::open(Config::new(&data)).is_err(), "{what} is gone, and nobody noticed");
    }
}

/// A clock that is set at will.
struct Set(AtomicI64);

impl Clock for Set {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }

    fn sleep_until(&self, at: Timestamp) -> Option<Duration> {
        (at <= self.now()).then_some(Duration::ZERO)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_set_loses_no_timer_and_fires_none_early() {
    const T: i64 = 1_800_000_000_000;
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(Set(AtomicI64::new(T)));
    let mut config = Config::new(folder.path());
    config.clock = Arc::clone(&clock) as Arc<dyn Clock>;
    let engine = Engine::open(config.clone()).unwrap();
    let machine = machine(&engine, json!({"Type": "Wait", "Seconds": 3600, "End": true})).await;
    let set = |engine: &Engine, to: i64| {
        clock.0.store(to, Ordering::SeqCst);
        engine.tick();
    };
    let status = async |engine: &Engine, arn: &String| {
        engine.request("DescribeExecution", &json!({"executionArn": arn})).await.unwrap()["status"].clone()
    };
    let first = start(&engine, &machine, 0..1).await.remove(0);
    // A day back, and what starts now still comes after what was.
    set(&engine, T - 86_400_000);
    let second = start(&engine, &machine, 1..2).await.remove(0);
    for arn in [&first, &second] {
        assert_eq!(status(&engine, arn).await, "RUNNING");
    }
    set(&engine, T + 3_599_000);
    for arn in [&first, &second] {
        assert_eq!(status(&engine, arn).await, "RUNNING", "an hour is not over");
    }
    // Back once more, over a restart.
    set(&engine, T - 1000);
    engine.close().await;
    drop(engine);
    let engine = Engine::open(config).unwrap();
    engine.tick();
    for arn in [&first, &second] {
        assert_eq!(status(&engine, arn).await, "RUNNING");
    }
    // A year ahead: what was due long ago fires now, and once.
    set(&engine, T + 31_536_000_000);
    for arn in [&first, &second] {
        assert_eq!(engine.wait(arn).await.unwrap()["status"], "SUCCEEDED");
        let history = engine.request("GetExecutionHistory", &json!({"executionArn": arn})).await.unwrap();
        let events = history["events"].as_array().unwrap();
        let types: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
        assert_eq!(types, ["ExecutionStarted", "WaitStateEntered", "WaitStateExited", "ExecutionSucceeded"]);
        let times: Vec<f64> = events.iter().map(|event| event["timestamp"].as_f64().unwrap()).collect();
        assert!(times.is_sorted(), "{times:?}");
    }
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_after_the_timeout_changes_nothing_whenever_the_process_ended() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(VirtualClock::new(Timestamp(1_800_000_000_000)));
    let mut config = Config::new(folder.path());
    config.clock = Arc::clone(&clock) as Arc<dyn Clock>;
    let engine = Engine::open(config.clone()).unwrap();
    let activity =
        engine.request("CreateActivity", &json!({"name": "a"})).await.unwrap()["activityArn"].clone();
    let state = json!({"Type": "Task", "Resource": activity, "TimeoutSeconds": 10, "End": true});
    let machine = machine(&engine, state).await;
    let arn = start(&engine, &machine, 0..1).await.remove(0);
    let task = engine.request("GetActivityTask", &json!({"activityArn": activity})).await.unwrap();
    engine.close().await;
    drop(engine);
    let engine = Engine::open(config.clone()).unwrap();
    clock.advance(Duration::from_secs(10));
    engine.tick();
    assert_eq!(engine.wait(&arn).await.unwrap()["error"], "States.Timeout");
    let answer = json!({"taskToken": task["taskToken"], "output": "1"});
    assert_eq!(engine.request("SendTaskSuccess", &answer).await.unwrap_err().code, "TaskTimedOut");
    engine.close().await;
    drop(engine);
    let engine = Engine::open(config).unwrap();
    assert_eq!(engine.request("SendTaskSuccess", &answer).await.unwrap_err().code, "TaskTimedOut");
    let described = engine.request("DescribeExecution", &json!({"executionArn": arn})).await.unwrap();
    assert_eq!(described["status"], "FAILED");
    engine.close().await;
}
