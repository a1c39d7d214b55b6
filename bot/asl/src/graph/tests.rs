use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::history::{Details, HistoryEvent};
use crate::program::{ExecutionType, StateType};

fn program(definition: &serde_json::Value) -> Arc<Program> {
    Program::compile(&definition.to_string(), ExecutionType::Standard).unwrap()
}

fn sample() -> Arc<Program> {
    program(&json!({"StartAt": "Look", "States": {
        "Look": {"Type": "Choice", "Default": "Fan",
            "Choices": [{"Variable": "$.n", "NumericGreaterThan": 3, "Next": "Done"}]},
        "Fan": {"Type": "Parallel", "Next": "Look", "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Bad \"<one>\""}],
            "Branches": [
                {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}},
                {"StartAt": "B", "States": {"B": {"Type": "Wait", "Seconds": 1, "End": true}}}]},
        "Bad \"<one>\"": {"Type": "Fail"},
        "Done": {"Type": "Succeed"}}}))
}

#[test]
fn mermaid_shows_states_ways_and_what_is_inside() {
    let text = mermaid(&sample(), None);
    for line in [
        "flowchart TD",
        "  w0_start((\"Start\"))",
        "  w0s0{\"Look\"}",
        "  subgraph w0s1[\"Fan\"]",
        "    subgraph w1[\"branch 1\"]",
        "  w0s2[[\"Bad #quot;#lt;one#gt;#quot;\"]]",
        "  w0s0 -->|\"$.n #gt; 3\"| w0s3",
        "  w0s0 -->|\"Default\"| w0s1",
        "  w0s1 -.->|\"States.ALL\"| w0s2",
        "  w0s3 --> w0_end",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}

#[test]
fn the_svg_is_well_formed_and_boxes_of_a_row_do_not_overlap() {
    let program = sample();
    let text = svg(&program, Some(&Statuses::from([("Look".to_owned(), StateStatus::Succeeded)])));
    assert!(text.starts_with("<svg ") && text.ends_with("</svg>\n"));
    assert!(text.contains("Bad &quot;&lt;one&gt;&quot;") && !text.contains("<one>"));
    assert!(text.contains(StateStatus::Succeeded.colour()));
    assert_eq!(text.matches("<g>").count(), text.matches("</g>").count());
    let placed = layout::place(&program, crate::WorkflowId::ROOT);
    for (index, left) in placed.nodes.iter().enumerate() {
        assert!(left.x >= 0.0 && left.x + left.width <= placed.width);
        assert!(left.y >= 0.0 && left.y + left.height <= placed.height);
        for right in &placed.nodes[index + 1..] {
            let apart = left.x + left.width <= right.x
                || right.x + right.width <= left.x
                || left.y + left.height <= right.y
                || right.y + right.height <= left.y;
            assert!(apart);
        }
    }
}

#[test]
fn a_long_chain_and_a_dense_tangle_stay_affordable() {
    let mut states = serde_json::Map::new();
    for index in 0..3000 {
        let next = format!("S{}", index + 1);
        let end = "S3000".to_owned();
        states.insert(
            format!("S{index}"),
            json!({"Type": "Choice", "Default": end,
                "Choices": [{"Variable": "$", "IsNull": true, "Next": next}]}),
        );
    }
    states.insert("S3000".into(), json!({"Type": "Succeed"}));
    let program = program(&json!({"StartAt": "S0", "States": states}));
    assert!(svg(&program, None).len() > 100_000);
    assert!(mermaid(&program, None).lines().count() > 6000);
}

#[test]
fn a_history_colours_its_states() {
    use crate::history::ErrorDetails;
    use crate::payload::Payload;
    let details = [
        Details::ExecutionStarted { input: Payload::empty_object(), role_arn: "r".into() },
        Details::StateEntered { kind: StateType::Pass, name: "Done".into(), input: Payload::empty_object() },
        Details::StateExited {
            kind: StateType::Pass,
            name: "Done".into(),
            output: Payload::empty_object(),
            assigned: None,
        },
        Details::StateEntered {
            kind: StateType::Task,
            name: "Broken".into(),
            input: Payload::empty_object(),
        },
        Details::LambdaFunctionFailed(ErrorDetails::default()),
        Details::ExecutionFailed(ErrorDetails::default()),
    ];
    let history: Vec<HistoryEvent> =
        (1..).zip(details).map(|(id, details)| HistoryEvent { id, previous_id: id - 1, details }).collect();
    let statuses = statuses_of(&history);
    let answered: Vec<serde_json::Value> = history.iter().map(HistoryEvent::to_json).collect();
    assert_eq!(statuses, statuses_of_json(&answered));
    assert_eq!(statuses["Done"], StateStatus::Succeeded);
    assert_eq!(statuses["Broken"], StateStatus::Failed);
}
