//! How many transitions a second the pure loop makes: `cargo run --release -p deputy-asl --example transitions`.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::time::Instant;

use deputy_asl::{
    Event, EventKind, Execution, ExecutionInfo, ExecutionType, Payload, Program, Seed, Status, Timestamp,
    step,
};

const MACHINES: [(&str, &str); 3] = [
    (
        "Choice and Pass",
        r#"{"StartAt": "A", "States": {
            "A": {"Type": "Pass", "Next": "C"},
            "C": {"Type": "Choice", "Choices": [{"Variable": "$.go", "BooleanEquals": true, "Next": "A"}], "Default": "S"},
            "S": {"Type": "Succeed"}}}"#,
    ),
    (
        "Choice and a counting Pass",
        r#"{"StartAt": "A", "States": {
            "A": {"Type": "Pass", "Parameters": {"go.$": "$.go", "n.$": "States.MathAdd($.n, 1)"}, "Next": "C"},
            "C": {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericLessThan": 1000000000, "Next": "A"}], "Default": "S"},
            "S": {"Type": "Succeed"}}}"#,
    ),
    (
        "Choice and Pass in JSONata",
        r#"{"QueryLanguage": "JSONata", "StartAt": "A", "States": {
            "A": {"Type": "Pass", "Output": {"go": "{% $states.input.go %}"}, "Next": "C"},
            "C": {"Type": "Choice", "Choices": [{"Condition": "{% $states.input.go %}", "Next": "A"}], "Default": "S"},
            "S": {"Type": "Succeed"}}}"#,
    ),
];

fn main() {
    for (name, definition) in MACHINES {
        let program = Program::compile(definition, ExecutionType::Express).unwrap();
        let info = ExecutionInfo {
            id: "arn:aws:states:us-east-1:111111111111:express:m:e".into(),
            name: "e".into(),
            state_machine_id: "arn:aws:states:us-east-1:111111111111:stateMachine:m".into(),
            state_machine_name: "m".into(),
            role_arn: "arn:aws:iam::111111111111:role/r".into(),
            region: "us-east-1".into(),
            account: "111111111111".into(),
            // Express has no limit on events.
            execution_type: ExecutionType::Express,
            input: Payload::parse(
                r#"{"go": true, "n": 0, "weight": [1, 2, 3, {"a": "some text that is carried along"}]}"#,
            )
            .unwrap(),
            item: None,
        };
        let mut execution = Execution::new(info);
        let mut kind = EventKind::Start;
        let started = Instant::now();
        let mut events = 0;
        while started.elapsed().as_secs_f64() < 1.0 {
            let next = step(&program, execution, &Event { at: Timestamp(0), seed: Seed::default(), kind });
            events += next.history.len();
            execution = next.execution;
            assert_eq!(execution.status(), Status::Running);
            kind = EventKind::Continue;
        }
        // Each transition enters and leaves a state.
        #[allow(clippy::cast_precision_loss)]
        let rate = events as f64 / 2.0 / started.elapsed().as_secs_f64();
        println!("{name}: {:.2} million transitions/s", rate / 1e6);
    }
}
