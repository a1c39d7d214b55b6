//! Any sound machine: replaying its log gives the same bytes, and the order in which concurrent tasks answer is no matter.

use std::collections::HashMap;

use deputy_asl::{Event, EventKind, Execution, Payload, Seed, Status, TaskRequest, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{compile, drive, fail, info, replay, succeed};

const LAMBDA: &str = "arn:aws:lambda:us-east-1:111111111111:function:f";

/// A state without `Next` and `End`.
fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<u8>()
            .prop_map(|number| json!({"Type": "Pass", "Result": {"n": number}, "ResultPath": "$.pass"})),
        Just(json!({"Type": "Pass", "Parameters": {"kept.$": "$", "id.$": "States.UUID()"}})),
        (0_u8..5).prop_map(|seconds| json!({"Type": "Wait", "Seconds": seconds})),
        Just(json!({"Type": "Task", "Resource": LAMBDA, "TimeoutSeconds": 100, "ResultPath": "$.task"})),
        Just(json!({"Type": "Task", "Resource": LAMBDA, "ResultPath": "$.task",
            "Retry": [{"ErrorEquals": ["States.ALL"], "JitterStrategy": "FULL", "MaxAttempts": 2}]})),
        Just(json!({"Type": "Pass", "Assign": {"v.$": "$$.State.EnteredTime"}})),
    ]
}

fn workflow(depth: u32) -> BoxedStrategy<Value> {
    let states = prop::collection::vec(state(depth), 1..4);
    states
        .prop_map(|states| {
            let count = states.len();
            let named: serde_json::Map<String, Value> = states
                .into_iter()
                .enumerate()
                .map(|(index, mut state)| {
                    if index + 1 == count {
                        state["End"] = json!(true);
                    } else {
                        state["Next"] = json!(format!("S{}", index + 1));
                    }
                    (format!("S{index}"), state)
                })
                .collect();
            json!({"StartAt": "S0", "States": named})
        })
        .boxed()
}

fn state(depth: u32) -> BoxedStrategy<Value> {
    if depth == 0 {
        return leaf().boxed();
    }
    prop_oneof![
        3 => leaf(),
        1 => (prop::collection::vec(workflow(depth - 1), 1..4), any::<bool>()).prop_map(|(branches, retried)| {
            let mut state = json!({"Type": "Parallel", "Branches": branches, "ResultPath": "$.parallel"});
            if retried {
                state["Retry"] = json!([{"ErrorEquals": ["Odd"], "MaxAttempts": 1}]);
            }
            state
        }),
        1 => (workflow(depth - 1), 0_u8..3, 1_usize..4).prop_map(|(processor, limit, items)| {
            json!({"Type": "Map", "ItemProcessor": processor, "MaxConcurrency": limit, "ResultPath": "$.map",
                "ItemSelector": {"i.$": "$$.Map.Item.Index"}, "Items_": items, "ItemsPath": "$$.Execution.Input.items"})
        }),
    ]
    .boxed()
}

fn machine() -> impl Strategy<Value = Value> {
    workflow(2).prop_map(|mut machine| {
        clean(&mut machine);
        machine
    })
}

/// Drops what only the strategies needed.
fn clean(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.remove("Items_");
            members.values_mut().for_each(clean);
        }
        Value::Array(items) => items.iter_mut().for_each(clean),
        _ => {}
    }
}

fn input() -> Payload {
    Payload::from(json!({"items": [1, 2, 3]}))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_replayed_log_gives_the_same_bytes(machine in machine(), failing in 0_u64..5, delay in 0_i64..9000) {
        let program = compile(&machine);
        let start = Execution::new(info(input()));
        let mut count = 0;
        let course = drive(&program, start.clone(), Timestamp(0), &mut |request: &TaskRequest| {
            count += 1;
            let mut reports = if failing > 0 && count % (failing + 2) == 0 {
                fail(request, if count % 2 == 0 { "Even" } else { "Odd" }, "c")
            } else {
                succeed(request, json!({"attempt": request.attempt}))
            };
            reports[0].0 = delay * i64::try_from(count).unwrap() % 7919;
            reports
        });
        prop_assert_ne!(course.execution.status(), Status::Running);
        let (execution, history, effects) = replay(&program, start, &course.log);
        prop_assert_eq!(serde_json::to_string(&execution).unwrap(), serde_json::to_string(&course.execution).unwrap());
        prop_assert_eq!(history, course.history);
        prop_assert_eq!(effects, course.effects);
    }

    #[test]
    fn a_snapshot_anywhere_changes_nothing(machine in machine(), cut in any::<prop::sample::Index>()) {
        let program = compile(&machine);
        let start = Execution::new(info(input()));
        let course = drive(&program, start.clone(), Timestamp(0), &mut |request: &TaskRequest| succeed(request, json!(1)));
        let (before, after) = course.log.split_at(cut.index(course.log.len() + 1));
        let (execution, mut history, _) = replay(&program, start, before);
        let snapshot = serde_json::to_string(&execution).unwrap();
        let (execution, rest, _) = replay(&program, serde_json::from_str(&snapshot).unwrap(), after);
        history.extend(rest);
        prop_assert_eq!(execution, course.execution);
        prop_assert_eq!(history, course.history);
    }

    #[test]
    fn ids_count_without_gaps_and_chains_point_back(machine in machine()) {
        let program = compile(&machine);
        let course = drive(&program, Execution::new(info(input())), Timestamp(0), &mut |request: &TaskRequest| {
            succeed(request, json!(1))
        });
        for (event, id) in course.history.iter().zip(1..) {
            prop_assert_eq!(event.id, id);
            prop_assert!(event.previous_id < id);
        }
    }

    #[test]
    fn the_order_of_answers_does_not_change_the_result(
        machine in machine(),
        order in prop::collection::vec(any::<prop::sample::Index>(), 64),
    ) {
        prop_assume!(!machine.to_string().contains("UUID"));
        let program = compile(&machine);
        let expected = {
            let course = drive(&program, Execution::new(info(input())), Timestamp(0), &mut |request: &TaskRequest| {
                succeed(request, answer(request))
            });
            course.output().map(|output| clock_free(output.value()))
        };
        let actual = shuffled(&program, &order).map(|output| clock_free(output.value()));
        prop_assert_eq!(actual, expected);
    }
}

fn answer(request: &TaskRequest) -> Value {
    json!({"path": request.path})
}

/// Values without times, which the order of answers may well move.
fn clock_free(value: &Value) -> String {
    value.to_string()
}

/// Runs a machine in which whatever is open (a task, a timer) comes to its end in the given order.
fn shuffled(program: &deputy_asl::Program, order: &[prop::sample::Index]) -> Option<Payload> {
    let mut execution = Execution::new(info(input()));
    let mut open: Vec<EventKind> = vec![EventKind::Start];
    let mut answers: HashMap<u64, EventKind> = HashMap::new();
    let mut turn = 0;
    while !open.is_empty() && execution.status() != Status::Succeeded {
        let kind = open.swap_remove(order[turn % order.len()].index(open.len()));
        turn += 1;
        let event = Event { at: Timestamp(0), seed: Seed([1; 32]), kind };
        let step = deputy_asl::step(program, execution, &event);
        execution = step.execution;
        for effect in step.effects {
            match effect {
                deputy_asl::Effect::ScheduleTask(request) => {
                    let output = Payload::from(answer(&request));
                    let kind = EventKind::TaskSucceeded { task: request.task, output };
                    answers.insert(request.task.0, kind.clone());
                    open.push(kind);
                }
                // Time-outs are not what is shuffled here.
                deputy_asl::Effect::SetTimer { timer, at } if at < Timestamp(100_000) => {
                    open.push(EventKind::TimerFired { timer });
                }
                deputy_asl::Effect::Continue => open.push(EventKind::Continue),
                _ => {}
            }
        }
    }
    match execution.outcome() {
        Some(deputy_asl::Outcome::Succeeded { output }) => Some(output.clone()),
        _ => None,
    }
}
