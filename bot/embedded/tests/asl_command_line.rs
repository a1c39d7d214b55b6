//! `deputy asl` and `deputy stepfunctions` as a newcomer meets them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod binary;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use binary::deputy;
use serde_json::{Value, json};

const DEFINITION: &str = r#"{
  "StartAt": "Deploy",
  "States": {
    "Deploy": {
      "Type": "Task",
      "Resource": "arn:aws:states:::lambda:invoke",
      "Parameters": {"FunctionName": "deployer", "Payload": {"task": "deploy", "to.$": "$.to"}},
      "OutputPath": "$.Payload",
      "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 60}],
      "Next": "Rest"
    },
    "Rest": {"Type": "Wait", "Seconds": 3600, "End": true}
  }
}
"#;

const SCENARIO: &str = r#"
description = "the second try works"
input = { to = "staging" }
[[tasks.deploy]]
error = "Busy"
[[tasks.deploy]]
payload = { url = "x" }
[expect]
status = "SUCCEEDED"
output = { url = "x" }
states = ["Deploy", "Rest"]
took = "1h1m"
"#;

const MOCKS: &str = r#"{
  "StateMachines": {"deploy": {"TestCases": {"Happy": {"Deploy": "Fine"}, "Sad": {"Deploy": "Broken"}}}},
  "MockedResponses": {
    "Fine": {"0-1": {"Throw": {"Error": "Busy", "Cause": "c"}}, "2": {"Return": {"Payload": {"a": 1}}}},
    "Broken": {"0": {"Throw": {"Error": "Bad", "Cause": "why"}}}}}"#;

/// A workflow folder `deploy`, in a folder that goes with the value.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let scenarios = folder.path().join("deploy/scenarios");
    std::fs::create_dir_all(&scenarios).unwrap();
    std::fs::write(folder.path().join("deploy/definition.asl.json"), DEFINITION).unwrap();
    std::fs::write(scenarios.join("success.toml"), SCENARIO).unwrap();
    std::fs::write(folder.path().join("mocks.json"), MOCKS).unwrap();
    folder
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Exit code, standard output, standard error.
fn told(folder: &Path, arguments: &[&str], input: &str) -> (i32, String, String) {
    let output = deputy(folder, arguments, &[], input);
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn check_shows_places_and_hints() {
    let folder = folder();
    let bad =
        DEFINITION.replace("\"Next\": \"Rest\"", "\"Next\": \"Rset\"").replace("\"Seconds\"", "\"Secnods\"");
    let (code, out, err) = told(folder.path(), &["asl", "check", "-", "deploy/definition.asl.json"], &bad);
    assert_eq!(code, 1);
    assert!(out.starts_with("standard input:10:7: error: Missing 'Next' target: Rset"), "{out}");
    assert!(out.contains("hint: did you mean `Rest`? The states here are: Deploy, Rest"), "{out}");
    assert!(
        out.contains("Field 'Secnods' is not supported") && out.contains("did you mean `Seconds`?"),
        "{out}"
    );
    assert_eq!(err, "2 definitions checked: 4 errors, 0 warnings.\n");
    let (code, out, _) = told(folder.path(), &["asl", "check", "--json", "-"], &bad);
    let shown: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (code, &shown[0]["valid"], &shown[0]["diagnostics"][0]["line"]),
        (1, &json!(false), &json!(10))
    );
    let (code, out, err) = told(folder.path(), &["asl", "check", "deploy/definition.asl.json"], "");
    assert_eq!((code, out.as_str()), (0, ""), "{err}");
}

#[test]
fn what_is_no_definition_is_told_with_what_to_do() {
    let folder = folder();
    std::fs::write(folder.path().join("x.yaml"), "StartAt: A").unwrap();
    for (arguments, input, code, expected) in [
        (&["asl", "check", "x.yaml"][..], "", 1, "yq -o=json"),
        (&["asl", "check", "-"], "", 1, "the file is empty; the smallest definition is"),
        (&["asl", "check", "-"], "{\n\"a\" 1}", 1, "standard input:2:5: error: This is no JSON"),
        (&["asl", "check", "nowhere.json"], "", 2, "nowhere.json: cannot be read"),
        (&["asl", "check", "deploy"], "", 2, "deploy: is a folder"),
        (&["asl", "check"], "", 2, "<FILE>"),
        (&["asl", "check", "--jsno", "x"], "", 2, "--json"),
        (&["asl", "run", "deploy/definition.asl.json", "--input", "x.yaml"], "", 2, "inputs are JSON here"),
        (&["asl", "run", "-", "--input", "-"], "", 2, "only one of FILE, --input and --mock"),
        (&["asl", "run", "deploy/definition.asl.json"], "", 2, "of the state 'Deploy' is not available"),
        (&["asl", "run", "-"], "{}", 2, "the definition is not valid"),
        (
            &["asl", "run", "deploy/definition.asl.json", "--mock", "mocks.json"],
            "",
            2,
            "with --test-case: Happy, Sad",
        ),
        (
            &["asl", "run", "deploy/definition.asl.json", "--endpoint", "sqz=http://x"],
            "",
            2,
            "`sqz` is none of",
        ),
        (&["asl", "run", "deploy/definition.asl.json", "--lambda-endpoint", "x"], "", 2, "`x` is no URL"),
        (&["asl", "graph", "deploy/definition.asl.json", "--history", "mocks.json"], "", 2, "is no history"),
        (&["asl", "scenarios", "nowhere"], "", 2, "nowhere: is not there"),
        (&["asl", "scenarios", "deploy/scenarios"], "", 2, "holds no workflow"),
        (&["asl", "scenarios", "deploy", "--only", "x"], "", 2, "no scenario's name contains `x`"),
    ] {
        let (got, out, err) = told(folder.path(), arguments, input);
        assert!(
            got == code && (out.contains(expected) || err.contains(expected)),
            "{arguments:?}: {got}\n{out}{err}"
        );
    }
}

#[test]
fn scenarios_pass_fail_and_say_why() {
    let folder = folder();
    let (code, out, err) = told(folder.path(), &["asl", "scenarios", "."], "");
    assert_eq!(
        (code, out.as_str()),
        (0, "deploy\n  ok    success              the second try works\n"),
        "{err}"
    );
    let other = SCENARIO.replace("url = \"x\" }\nstates", "url = \"y\" }\nstates");
    std::fs::write(folder.path().join("deploy/scenarios/other.toml"), other).unwrap();
    std::fs::write(folder.path().join("deploy/scenarios/broken.toml"), "[expect]\nstatus = 1").unwrap();
    let (code, out, err) = told(folder.path(), &["asl", "scenarios", "deploy"], "");
    assert_eq!((code, err.as_str()), (1, "1 scenario passed, 2 failed.\n"));
    assert!(out.contains("output: $.url: expected \"y\", got \"x\""), "{out}");
    assert!(out.contains("FAIL  broken") && out.contains("invalid type: integer"), "{out}");
    let (code, out, _) = told(folder.path(), &["asl", "scenarios", "deploy", "--only", "succ", "--json"], "");
    let shown: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &shown[0]["passed"], &shown[0]["tookMs"]), (0, &json!(true), &json!(3_660_000)));
}

#[test]
fn run_plays_scenarios_and_mocks() {
    let folder = folder();
    let run = |more: &[&str], input: &str| {
        let arguments = [&["asl", "run", "deploy/definition.asl.json"], more].concat();
        told(folder.path(), &arguments, input)
    };
    let (code, out, err) = run(&["--mock", "deploy/scenarios/success.toml"], "");
    assert_eq!((code, out.as_str()), (0, "{\"url\":\"x\"}\n"), "{err}");
    let (code, out, err) = run(
        &["--mock", "mocks.json", "--test-case", "Happy", "--virtual-time", "--input", "-"],
        "{\"to\": 1}",
    );
    assert_eq!((code, out.as_str()), (0, "{\"a\":1}\n"), "{err}");
    let (code, out, err) =
        run(&["--mock", "mocks.json", "--test-case", "Sad", "--input", "-"], "{\"to\": 1}");
    assert_eq!((code, out.as_str(), err.as_str()), (1, "", "FAILED\nerror  Bad\ncause  why\n"));
    let (_, out, err) = run(
        &["--mock", "mocks.json", "--test-case", "Happy", "--virtual-time", "--input", "-", "--history"],
        "{\"to\": 1}",
    );
    assert_eq!(out.lines().filter(|line| line.contains("TaskFailed")).count(), 2, "{out}{err}");
    assert!(out.lines().last().unwrap().contains("ExecutionSucceeded"), "{out}");
    // A history colours a picture.
    let (_, out, _) = run(&["--mock", "deploy/scenarios/success.toml", "--history", "json"], "");
    let (code, out, err) =
        told(folder.path(), &["asl", "graph", "deploy/definition.asl.json", "--history", "-"], &out);
    assert!(code == 0 && out.starts_with("flowchart TD") && out.contains("succeeded"), "{out}{err}");
    let (code, _, err) =
        told(folder.path(), &["asl", "graph", "deploy/definition.asl.json", "-o", "x.svg"], "");
    assert_eq!(code, 0, "{err}");
    assert!(std::fs::read_to_string(folder.path().join("x.svg")).unwrap().starts_with("<svg"));
}

/// A server that ends with the value.
struct Serving {
    child: Child,
    address: String,
}

impl Serving {
    fn start(folder: &Path, more: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_deputy"))
            .args(["stepfunctions", "serve", "--data", "data", "--port", "0", "--log-json"])
            .args(more)
            .env_clear()
            .current_dir(folder)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
        let log: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
        Self { child, address: log["address"].as_str().unwrap().to_owned() }
    }

    fn ask(&self, operation: &str, request: &Value) -> Value {
        let body = request.to_string();
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "POST / HTTP/1.1\r\nhost: {}\r\nx-amz-target: AWSStepFunctions.{operation}\r\nconnection: close\r\n\
             content-type: application/x-amz-json-1.0\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
fn a_served_machine_runs_its_test_cases() {
    let folder = folder();
    let server = Serving::start(folder.path(), &["--mock-config", "mocks.json"]);
    let definition = DEFINITION.replace("3600", "0");
    let machine = server.ask(
        "CreateStateMachine",
        &json!({"name": "deploy", "definition": definition, "roleArn": "arn:aws:iam::000000000000:role/r"}),
    );
    let machine = machine["stateMachineArn"].as_str().unwrap();
    let start = |case: &str| {
        let request =
            json!({"stateMachineArn": format!("{machine}#{case}"), "name": case, "input": "{\"to\": 1}"});
        server.ask("StartExecution", &request)
    };
    let sad = start("Sad")["executionArn"].as_str().unwrap().to_owned();
    let ended = loop {
        let described = server.ask("DescribeExecution", &json!({"executionArn": sad}));
        if described["status"] != "RUNNING" {
            break described;
        }
    };
    assert_eq!((&ended["status"], &ended["error"]), (&json!("FAILED"), &json!("Bad")));
    assert_eq!(ended["stateMachineArn"], machine);
    let unknown = start("Nope");
    assert_eq!(unknown["__type"], "ValidationException");
    assert!(unknown["message"].as_str().unwrap().ends_with("it has: Happy, Sad"), "{unknown}");
    // Of a state that no test case mocks, somebody would have to do the task.
    let other = definition.replace("\"Deploy\"", "\"Other\"");
    let refused = server.ask(
        "CreateStateMachine",
        &json!({"name": "deploy2", "definition": other, "roleArn": "arn:aws:iam::000000000000:role/r"}),
    );
    assert_eq!(refused["__type"], "InvalidDefinition");
}

#[test]
fn serve_refuses_strangers_and_what_it_cannot_use() {
    let folder = folder();
    std::fs::write(folder.path().join("half"), "[default]\naws_access_key_id = A\n").unwrap();
    for (more, expected) in [
        (&["--listen", "0.0.0.0"][..], "callers must sign: give --credentials FILE"),
        (&["--listen", "0.0.0.0", "--credentials", "half"], "holds no aws_access_key_id with its"),
        (
            &["--mock-config", "nowhere.json"],
            "nowhere.json: the mock configuration cannot be read: No such file",
        ),
        (&["--mock-config", "deploy/definition.asl.json"], "malformed"),
        (&["--connections", "nowhere"], "nowhere: cannot be read"),
        (&["--s3-folder", "nowhere"], "nowhere is no folder"),
        (&["--account", "12"], "an account has twelve digits"),
        (&["--data"], "a value is required"),
    ] {
        let arguments = if more == ["--data"] {
            vec!["stepfunctions", "serve", "--data"]
        } else {
            [&["stepfunctions", "serve", "--data", "data"], more].concat()
        };
        let (code, _, err) = told(folder.path(), &arguments, "");
        assert!(code == 2 && err.contains(expected), "{arguments:?}: {code}\n{err}");
    }
}
