//! Definitions that AWS refuses, with its texts and places, and those that are merely doubtful.

use deputy_asl::{Code, ExecutionType, Program, Severity};
use serde_json::{Value, json};

fn diagnostics(definition: &Value) -> Vec<String> {
    let report = Program::parse(&definition.to_string(), ExecutionType::Standard);
    assert_eq!(report.program.is_none(), report.errors().next().is_some());
    report.diagnostics.iter().map(ToString::to_string).collect()
}

fn one_state(state: Value) -> Vec<String> {
    diagnostics(&json!({"StartAt": "A", "States": {"A": state}}))
}

fn pass() -> Value {
    json!({"Type": "Pass", "End": true})
}

#[test]
fn a_sound_definition_has_nothing_to_say() {
    assert!(one_state(pass()).is_empty());
}

#[test]
fn text_that_is_no_json_is_refused() {
    let report = Program::parse("{", ExecutionType::Standard);
    assert_eq!(report.diagnostics[0].code, Code::InvalidJsonDescription);
    let nested = "[".repeat(100_000);
    assert!(Program::parse(&nested, ExecutionType::Standard).program.is_none());
}

#[test]
fn missing_fields_are_named_together() {
    assert_eq!(
        diagnostics(&json!({})),
        ["SCHEMA_VALIDATION_FAILED: These fields are required: [StartAt, States] at /"]
    );
    assert_eq!(
        one_state(json!({"End": true})),
        ["SCHEMA_VALIDATION_FAILED: These fields are required: [Type] at /States/A"]
    );
}

#[test]
fn targets_must_exist_and_states_must_be_reached() {
    let definition = json!({"StartAt": "pass1", "States": {
        "pass1": {"Type": "Pass", "Next": "pass3"},
        "pass2": {"Type": "Pass", "End": true}}});
    assert_eq!(
        diagnostics(&definition),
        [
            "MISSING_TRANSITION_TARGET: Missing 'Next' target: pass3 at /States/pass1/Next",
            "MISSING_TRANSITION_TARGET: State \"pass2\" is not reachable. at /States/pass2",
        ]
    );
    let report = Program::parse(&definition.to_string(), ExecutionType::Standard);
    assert_eq!(
        report.invalid_definition().unwrap(),
        "Invalid State Machine Definition: 'MISSING_TRANSITION_TARGET: Missing 'Next' target: pass3 at /States/pass1/Next, \
         MISSING_TRANSITION_TARGET: State \"pass2\" is not reachable. at /States/pass2'"
    );
    assert_eq!(
        diagnostics(&json!({"StartAt": "B", "States": {"A": pass()}})),
        [
            "MISSING_TRANSITION_TARGET: Missing 'Next' target: B at /StartAt",
            "MISSING_TRANSITION_TARGET: State \"A\" is not reachable. at /States/A",
        ]
    );
}

#[test]
fn a_circle_without_an_end_has_no_place() {
    let circle = json!({"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}}});
    assert_eq!(diagnostics(&circle), ["MISSING_END_STATE: Workflow has no terminal state"]);
}

#[test]
fn fields_of_other_types_are_not_supported() {
    for field in ["Catch", "Retry", "TimeoutSeconds", "Message.$"] {
        let mut state = pass();
        state[field] = json!([]);
        assert_eq!(
            one_state(state),
            [format!("SCHEMA_VALIDATION_FAILED: Field '{field}' is not supported at /States/A")]
        );
    }
}

#[test]
fn each_language_has_its_own_fields() {
    assert_eq!(
        one_state(json!({"Type": "Pass", "Output": 1, "End": true})),
        [
            "SCHEMA_VALIDATION_FAILED: The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the \
         'JSONata' QueryLanguage at /States/A"
        ]
    );
    assert_eq!(
        one_state(json!({"QueryLanguage": "JSONata", "Type": "Pass", "Parameters": {}, "End": true})),
        [
            "SCHEMA_VALIDATION_FAILED: The QueryLanguage is set to 'JSONata', but field 'Parameters' is only supported for the \
         'JSONPath' QueryLanguage at /States/A"
        ]
    );
    let machine = json!({"QueryLanguage": "JSONata", "StartAt": "A", "States": {
        "A": {"QueryLanguage": "JSONPath", "Type": "Pass", "End": true}}});
    assert_eq!(
        diagnostics(&machine),
        [
            "SCHEMA_VALIDATION_FAILED: 'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine at \
         /States/A"
        ]
    );
}

#[test]
fn choices_have_one_test_and_a_target() {
    let choice = |rules: Value| {
        one_state(json!({"Type": "Choice", "Choices": rules, "Default": "A"}))
            .into_iter()
            .filter(|text| !text.contains("terminal"))
            .collect::<Vec<_>>()
    };
    assert_eq!(choice(json!([])), ["SCHEMA_VALIDATION_FAILED: Value cannot be empty at /States/A/Choices"]);
    assert_eq!(
        choice(json!([{"Variable": "$.x", "IsNull": true}])),
        ["SCHEMA_VALIDATION_FAILED: These fields are required: [Next] at /States/A/Choices[0]"]
    );
    assert_eq!(
        choice(json!([{"Variable": "$.x", "StringEquals": "a", "IsNull": true, "Next": "A"}])),
        [
            "SCHEMA_VALIDATION_FAILED: There should only be one of the following fields: [StringEquals, IsNull] at \
         /States/A/Choices[0]"
        ]
    );
    assert_eq!(
        choice(json!([{"Next": "A", "And": [{"Variable": "$", "IsNull": true, "Next": "A"}]}])),
        ["SCHEMA_VALIDATION_FAILED: Field 'Next' is not supported at /States/A/Choices[0]/And[0]"]
    );
    assert_eq!(
        choice(json!([{"Next": "A", "And": [], "Or": []}])),
        [
            "SCHEMA_VALIDATION_FAILED: The object must have only one of the following fields, [And, Or, Not, Variable, \
         Condition] at /States/A/Choices[0]"
        ]
    );
    assert_eq!(
        choice(json!([{"Next": "Z", "Variable": "$", "IsNull": true}])),
        ["MISSING_TRANSITION_TARGET: Missing 'Next' target: Z at /States/A/Choices[0]/Next"]
    );
}

#[test]
fn waits_have_one_time() {
    assert_eq!(
        one_state(json!({"Type": "Wait", "Seconds": 1, "Timestamp": "2030-01-01T00:00:00Z", "End": true})),
        [
            "SCHEMA_VALIDATION_FAILED: There should only be one of the following fields: [SecondsPath, Seconds, TimestampPath, \
         Timestamp] at /States/A"
        ]
    );
    assert_eq!(
        one_state(json!({"Type": "Wait", "Timestamp": "tomorrow", "End": true})),
        ["SCHEMA_VALIDATION_FAILED: String does not match RFC3339 timestamp at /States/A/Timestamp"]
    );
    assert_eq!(
        one_state(json!({"Type": "Wait", "Seconds": -1, "End": true})),
        ["SCHEMA_VALIDATION_FAILED: Minimum value is 0 at /States/A/Seconds"]
    );
}

#[test]
fn maps_keep_to_their_mode() {
    let map = |extra: Value, config: Value| {
        let mut state = json!({"Type": "Map", "End": true,
            "ItemProcessor": {"ProcessorConfig": config, "StartAt": "P", "States": {"P": pass()}}});
        for (key, value) in extra.as_object().unwrap() {
            state[key] = value.clone();
        }
        one_state(state)
    };
    let distributed = json!({"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"});
    assert!(map(json!({}), distributed.clone()).is_empty());
    assert_eq!(
        map(json!({}), json!({"Mode": "DISTRIBUTED"})),
        [
            "SCHEMA_VALIDATION_FAILED: These fields are required: [ExecutionType] at /States/A/ItemProcessor/ProcessorConfig"
        ]
    );
    assert_eq!(
        map(json!({}), json!({"Mode": "INLINE", "ExecutionType": "STANDARD"})),
        [
            "SCHEMA_VALIDATION_FAILED: Field 'ExecutionType' is not supported at /States/A/ItemProcessor/ProcessorConfig"
        ]
    );
    assert_eq!(
        map(json!({"MaxConcurrency": -1}), distributed.clone()),
        ["SCHEMA_VALIDATION_FAILED: Minimum value is 0 at /States/A/MaxConcurrency"]
    );
    assert_eq!(
        map(json!({"ToleratedFailurePercentage": 101}), distributed.clone()),
        ["SCHEMA_VALIDATION_FAILED: Maximum value is 100.0 at /States/A/ToleratedFailurePercentage"]
    );
    assert_eq!(
        map(json!({"MaxConcurrency": 1, "MaxConcurrencyPath": "$.m"}), distributed),
        [
            "SCHEMA_VALIDATION_FAILED: There should only be one of the following fields: [MaxConcurrency, MaxConcurrencyPath] at \
         /States/A"
        ]
    );
}

#[test]
fn states_inside_a_map_take_the_machines_language_not_the_maps() {
    let machine = json!({"StartAt": "M", "States": {"M": {"QueryLanguage": "JSONata", "Type": "Map", "End": true,
        "ItemProcessor": {"StartAt": "P", "States": {"P": {"Type": "Pass", "Output": 1, "End": true}}}}}});
    assert_eq!(
        diagnostics(&machine),
        [
            "SCHEMA_VALIDATION_FAILED: The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the \
         'JSONata' QueryLanguage at /States/M/ItemProcessor/States/P"
        ]
    );
}

#[test]
fn catchers_with_unknown_fields_are_refused() {
    let state = json!({"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true,
        "Catch": [{"ErrorEquals": ["E"], "Next": "A", "_comment": "no"}]});
    assert_eq!(
        one_state(state),
        ["SCHEMA_VALIDATION_FAILED: Field '_comment' is not supported at /States/A/Catch[0]"]
    );
}

#[test]
fn several_errors_come_at_once_and_warnings_last() {
    let machine = json!({"StartAt": "A", "Surplus": 1, "States": {
        "A": {"Type": "Pass", "Result": {"a.$": "$.x"}, "InputPath": "x.y", "Next": "B"},
        "B": {"Type": "Wait", "Next": "A", "Seconds": "1"},
        "C": {"Type": "Succeed", "Retry": []}}});
    let report = Program::parse(&machine.to_string(), ExecutionType::Standard);
    let errors = report.errors().count();
    assert!(errors >= 4, "{:?}", report.diagnostics);
    assert_eq!(report.diagnostics.last().unwrap().severity, Severity::Warning);
    assert_eq!(report.diagnostics.last().unwrap().code, Code::LiteralExpression);
}

#[test]
fn paths_of_one_dialect_are_doubtful() {
    let state = json!({"Type": "Pass", "InputPath": "$..a", "Parameters": {"b.$": "$.list[?(@.x > 1)]"}, "End": true});
    let report =
        Program::parse(&json!({"StartAt": "A", "States": {"A": state}}).to_string(), ExecutionType::Standard);
    assert!(report.program.is_some());
    let codes: Vec<Code> = report.diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
    assert_eq!(codes, [Code::NotPortable, Code::NotPortable]);
}

#[test]
fn numbers_come_from_the_input_not_from_the_context() {
    let state = json!({"Type": "Map", "MaxConcurrencyPath": "$$.Execution.Input.n", "End": true,
        "ItemProcessor": {"StartAt": "P", "States": {"P": pass()}}});
    assert_eq!(
        one_state(state),
        ["SCHEMA_VALIDATION_FAILED: Value is not a Reference Path at /States/A/MaxConcurrencyPath"]
    );
}

#[test]
fn express_machines_wait_for_nobody() {
    let machine = json!({"StartAt": "A", "States": {"A": {"Type": "Task", "End": true,
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken"}}});
    let report = Program::parse(&machine.to_string(), ExecutionType::Express);
    assert_eq!(
        report.invalid_definition().unwrap(),
        "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: Express state machine does not support \
         '.waitForTaskToken' service integration at /States/A/Resource'"
    );
}

#[test]
fn nesting_has_an_end() {
    let mut state = pass();
    for _ in 0..20 {
        state =
            json!({"Type": "Parallel", "End": true, "Branches": [{"StartAt": "A", "States": {"A": state}}]});
    }
    assert!(one_state(state.clone()).is_empty());
    for _ in 0..14 {
        state =
            json!({"Type": "Parallel", "End": true, "Branches": [{"StartAt": "A", "States": {"A": state}}]});
    }
    assert!(!one_state(state).is_empty());
}
