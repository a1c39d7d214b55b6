//! Any intrinsic function call over any input.
#![no_main]

use deputy_asl::intrinsics::{Entropy, Intrinsic, Scope};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

struct Given(Value);

impl Scope for Given {
    fn input(&self) -> &Value {
        &self.0
    }

    fn context(&self) -> &Value {
        &self.0
    }

    fn variable(&self, _: &str) -> Option<&Value> {
        Some(&self.0)
    }
}

struct Zero;

impl Entropy for Zero {
    fn uuid(&mut self) -> String {
        String::new()
    }

    fn random(&mut self) -> f64 {
        0.0
    }
}

fuzz_target!(|given: (&str, &str)| {
    let (call, input) = given;
    let Ok(call) = Intrinsic::parse(call) else { return };
    let input = serde_json::from_str(input).unwrap_or_default();
    let _ = call.evaluate(&Given(input), &mut Zero);
});
