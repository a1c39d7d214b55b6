//! What AWS really answered, case by case: results, full histories and refused definitions.
//!
//! Reads the corpus from `../shared/asl-conformance/cases.jsonl` beside the workspace, or from `ASL_CORPUS`. Run with
//! `cargo test -p deputy-asl --test conformance -- --nocapture` for the report; with `ASL_CORPUS_UNKNOWN` set, another
//! corpus is reported without being judged.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "../../../../tests/asl-conformance/src/compare.rs"]
mod compare;
mod outside;
mod states;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::path::PathBuf;

use deputy_asl::{Code, Execution, ExecutionInfo, ExecutionType, Payload, Program, Timestamp};
use serde_json::{Value, json};

use compare::Wildcards;
use outside::Recorded;

/// Equal answers reached so far, which no change may lower: tier, results, histories.
const REACHED: [(&str, usize, usize); 4] = [("A", 509, 262), ("B", 46, 43), ("C", 40, 40), ("D", 14, 11)];

/// Likewise for refused definitions.
const REACHED_REFUSALS: usize = 10;

/// Likewise for single states.
const REACHED_STATES: usize = 66;

/// Why a history cannot be equal, or is not meant to be.
const DATE: &str = "the recorder replaced a time inside a text, which the comparator cannot see";
const NUMBER: &str = "the recorder parsed a number that the API gives as text";
const CHAIN: &str = "since November 2024 AWS chains the exit of a distributed map to MapRunStarted; the earlier \
                     recordings, which are the more, to MapRunSucceeded";
const ACTIVITY: &str = "only the runner knows that the activity was deleted";

/// Differences that stay: a part of the id, and the reason.
const WAIVERS: &[(&str, &str)] = &[
    ("test_reference_assign[BASE_REFERENCE_IN_WAIT]", DATE),
    ("test_reference_in_map_state[MAP_STATE_REFERENCE_IN_MAX_CONCURRENCY_PATH]", NUMBER),
    ("test_reference_in_map_state[MAP_STATE_REFERENCE_IN_TOLERATED_FAILURE_PATH]", CHAIN),
    ("test_reference_in_map_state[MAP_STATE_REFERENCE_IN_ITEM_SELECTOR]", CHAIN),
    ("test_map_state_config_distributed_items_path_from_previous", CHAIN),
    ("test_base_scenarios.py::TestBaseScenarios::test_map_state_lambda", CHAIN),
    ("test_map_item_reader_base_json_with_items_path[", CHAIN),
    ("test_activity_task_on_deleted", ACTIVITY),
];

fn waiver(id: &str) -> Option<&'static str> {
    WAIVERS.iter().find(|(part, _)| id.contains(part)).map(|(_, reason)| *reason)
}

fn corpus() -> Option<Vec<Value>> {
    let path = std::env::var_os("ASL_CORPUS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/asl-conformance/cases.jsonl"),
        PathBuf::from,
    );
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: no corpus at {}; point ASL_CORPUS at a cases.jsonl", path.display());
        return None;
    };
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

fn execution_type(case: &Value) -> ExecutionType {
    if case["type"] == "EXPRESS" { ExecutionType::Express } else { ExecutionType::Standard }
}

fn info(case: &Value) -> ExecutionInfo {
    let names = &case["names"];
    let name = |key: &str, default: &str| names[key].as_str().unwrap_or(default).to_owned();
    let (machine, execution) = (name("state_machine", "machine"), name("execution", "execution"));
    let (region, account) = (name("region", "us-east-1"), name("account", "111111111111"));
    ExecutionInfo {
        id: format!("arn:aws:states:{region}:{account}:execution:{machine}:{execution}").into(),
        name: execution.into(),
        state_machine_id: format!("arn:aws:states:{region}:{account}:stateMachine:{machine}").into(),
        state_machine_name: machine.into(),
        role_arn: name("role_arn", "arn:aws:iam::111111111111:role/role").into(),
        region: region.into(),
        account: account.into(),
        execution_type: execution_type(case),
        input: Payload::from(case["input"].clone()),
        item: None,
    }
}

/// The first differences of a case: of its result, of its history.
fn run(case: &Value) -> (Option<String>, Option<String>) {
    let definition = case["definition"].to_string();
    let program = match Program::compile(&definition, execution_type(case)) {
        Ok(program) => program,
        Err(errors) => {
            let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
            return (Some(format!("refused: {}", texts.join(", "))), Some("refused".into()));
        }
    };
    let mut outside = Recorded::of_case(case);
    let start = Timestamp::parse("2024-11-06T09:42:03.123Z").unwrap();
    let course = support::drive(&program, Execution::new(info(case)), start, &mut outside);
    let wildcards = Wildcards::of_case(case);
    let mut actual = json!({"status": course.execution.status()});
    let mut expected = json!({"status": case["expect"]["status"]});
    for key in ["output", "error", "cause"] {
        if let Some(value) = case["expect"].get(key) {
            expected[key] = value.clone();
        }
    }
    if let Some(output) = course.output() {
        actual["output"] = output.value().clone();
    }
    let (error, cause) = course.error();
    for (key, text) in [("error", error), ("cause", cause)] {
        if let Some(text) = text {
            actual[key] = text.into();
        }
    }
    let result = wildcards.difference(&expected, &actual).map(|path| {
        let pointer =
            path.trim_start_matches("$.").split(['.', '[', '(']).next().unwrap_or_default().to_owned();
        format!("{path}: expected {} got {}", short(&expected[&pointer]), short(&actual[&pointer]))
    });
    let history = case["events"].as_array().and_then(|expected| {
        let events = course.history.iter().map(deputy_asl::HistoryEvent::to_json).collect();
        let mut actual = compare::normalise(events);
        if case["events_order"] == "parallel-normalised" {
            actual = compare::normalise_parallel(actual);
        }
        let expected = compare::normalise(expected.clone());
        let different = expected.iter().zip(&actual).enumerate().find_map(|(index, (expected, actual))| {
            let path = wildcards.difference(expected, actual)?;
            Some(format!("[{index}]{path}: expected {} got {}", short(expected), short(actual)))
        });
        different.or_else(|| {
            (expected.len() != actual.len()).then(|| format!("length {} != {}", expected.len(), actual.len()))
        })
    });
    (result, history)
}

fn short(value: &Value) -> String {
    value.to_string().chars().take(700).collect()
}

#[derive(Default)]
struct Tally {
    results: usize,
    results_of: usize,
    histories: usize,
    histories_of: usize,
}

#[test]
fn executions_answer_as_aws_does() {
    let Some(cases) = corpus() else { return };
    let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
    let mut unexpected: Vec<String> = Vec::new();
    for case in &cases {
        let tier = case["tier"].as_str().unwrap_or_default();
        if !matches!(tier, "A" | "B" | "C" | "D") {
            continue;
        }
        let (result, history) = run(case);
        let tally = tallies.entry(tier).or_default();
        tally.results_of += 1;
        tally.results += usize::from(result.is_none());
        if case["events"].is_array() {
            tally.histories_of += 1;
            tally.histories += usize::from(history.is_none());
        }
        let id = case["id"].as_str().unwrap_or_default();
        for (what, difference) in [("result ", &result), ("history", &history)] {
            let Some(difference) = difference else { continue };
            let reason = waiver(id);
            let waived = reason.map(|reason| format!(" (waived: {reason})")).unwrap_or_default();
            println!("{tier} {what} {id}{waived}\n    {difference}");
            unexpected.extend(reason.is_none().then(|| id.to_owned()));
        }
    }
    for (tier, tally) in &tallies {
        println!(
            "tier {tier}: results {}/{}, histories {}/{}",
            tally.results, tally.results_of, tally.histories, tally.histories_of
        );
    }
    // Another corpus than the one that the counts belong to is reported, not judged.
    if std::env::var_os("ASL_CORPUS_UNKNOWN").is_some() {
        return;
    }
    assert!(unexpected.is_empty(), "differences without a waiver: {unexpected:?}");
    for (tier, results, histories) in REACHED {
        let tally = &tallies[tier];
        assert!(
            tally.results >= results && tally.histories >= histories,
            "tier {tier} fell below what was reached"
        );
    }
}

#[test]
fn single_states_answer_as_aws_does() {
    let Some(cases) = corpus() else { return };
    let (mut equal, mut total) = (0, 0);
    for case in cases.iter().filter(|case| case["tier"] == "T") {
        let Some(difference) = states::run(case) else { continue };
        total += 1;
        equal += usize::from(difference.is_ok());
        if let Err(difference) = difference {
            println!("T {}\n    {}", case["id"].as_str().unwrap_or_default(), short(&difference.into()));
        }
    }
    println!("tier T: {equal}/{total} of the single states that need nobody else");
    assert!(equal >= REACHED_STATES || std::env::var_os("ASL_CORPUS_UNKNOWN").is_some());
}

#[test]
fn definitions_are_refused_as_aws_does() {
    let Some(cases) = corpus() else { return };
    let (mut equal, mut total) = (0, 0);
    for case in cases.iter().filter(|case| case["tier"] == "V") {
        let definition = case["definition"].to_string();
        let report = Program::parse(&definition, execution_type(case));
        let expect = &case["expect"];
        let (expected, actual) = if case["kind"] == "validate" {
            let diagnostics: Vec<Value> =
                report.errors().map(|diagnostic| serde_json::to_value(diagnostic).unwrap()).collect();
            (expect["diagnostics"].clone(), Value::Array(diagnostics))
        } else {
            let Some(text) = expect["message"].as_str().or(expect["exception_value"].as_str()) else {
                continue;
            };
            // What is wrong with names, logging or versions is the API's to say.
            let Some(at) = text.find("Invalid State Machine Definition") else { continue };
            (text[at..].into(), report.invalid_definition().map_or(Value::Null, Value::String))
        };
        total += 1;
        match Wildcards::of_case(case).difference(&expected, &actual) {
            None => equal += 1,
            Some(path) => {
                let id = case["id"].as_str().unwrap_or_default();
                println!("V {id}\n    {path}: expected {} got {}", short(&expected), short(&actual));
            }
        }
    }
    println!("tier V: {equal}/{total} of the definition errors");
    assert!(equal >= REACHED_REFUSALS || std::env::var_os("ASL_CORPUS_UNKNOWN").is_some());
    assert_eq!(Code::SchemaValidationFailed.as_str(), "SCHEMA_VALIDATION_FAILED");
}
