//! Any JSONata expression over any input. A panic of the evaluator is caught by the wrapper and no finding, so
//! that the hook of libfuzzer, which aborts on every panic, is taken out.
#![no_main]

use std::time::Duration;

use deputy_asl::intrinsics::Entropy;
use deputy_asl::jsonata::{Bindings, Expression, Limits, States};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};

struct Zero;

impl Entropy for Zero {
    fn uuid(&mut self) -> String {
        "00000000-0000-4000-8000-000000000000".to_owned()
    }

    fn random(&mut self) -> f64 {
        0.0
    }
}

fuzz_target!(
    init: {
        std::panic::set_hook(Box::new(|_| {}));
    },
    |given: (&str, &str)| {
        let (text, input) = given;
        let Ok(expression) = Expression::parse(text) else { return };
        let input: Value = serde_json::from_str(input).unwrap_or_default();
        let variables = Map::new();
        let bindings = Bindings {
            states: States {
                input: &input,
                context: &Value::Null,
                result: None,
                error_output: None,
            },
            variables: &variables,
            now_millis: 0,
        };
        let limits = Limits {
            time: Duration::from_millis(500),
            depth: 1_000,
            sequence: 10_000,
        };
        let _ = expression.evaluate(&bindings, &mut Zero, limits);
    }
);
