//! Any definition on any input: it is refused, or it runs, without a panic and in bounded time.
#![no_main]

use deputy_asl::{Event, EventKind, Execution, ExecutionInfo, ExecutionType, Payload, Program, Seed, Timestamp, graph, step};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|given: (&str, &str)| {
    let (definition, input) = given;
    let report = Program::parse(definition, ExecutionType::Standard);
    let Some(program) = report.program else {
        assert!(report.diagnostics.iter().any(deputy_asl::Diagnostic::is_error));
        return;
    };
    let _ = (graph::mermaid(&program, None), graph::svg(&program, None));
    let info = ExecutionInfo {
        id: "e".into(),
        name: "e".into(),
        state_machine_id: "m".into(),
        state_machine_name: "m".into(),
        role_arn: "r".into(),
        region: "us-east-1".into(),
        account: "111111111111".into(),
        execution_type: ExecutionType::Standard,
        input: Payload::parse(input).unwrap_or_else(|_| Payload::empty_object()),
        item: None,
    };
    let event = Event { at: Timestamp(0), seed: Seed::default(), kind: EventKind::Start };
    let _ = step(&program, Execution::new(info), &event);
});
