//! Documents and texts from a seed.

use serde_json::{Map, Value, json};

/// A small generator of pseudo-random numbers (xorshift64*), so that a seed names a run for ever.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(number).expect("31 bits") % bound
    }

    pub fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }

    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

pub const NAMES: [&str; 8] = ["a", "b", "c", "a1", "x y", "a.b", "null", "size"];

pub fn document(dice: &mut Dice, depth: usize) -> Value {
    let kinds = if depth == 0 { 9 } else { 15 };
    match dice.below(kinds) {
        0 => Value::Null,
        1 => json!(dice.one_in(2)),
        2 => json!(i64::try_from(dice.below(5)).expect("small") - 1),
        3 => json!([0.5, -2.25, 1.5e10, 2.0, 1e-7, 12_345_678.9][dice.below(6)]),
        4 => json!(dice.pick(&["", "a", "b", "B", "abc", "1", "1.50", "true", "null", "it's"])),
        5 => json!(dice.below(3)),
        6 => json!(9_007_199_254_740_993_i64),
        7 => json!("ab"),
        8 => json!([]),
        9..=11 => Value::Array((0..dice.below(5)).map(|_| document(dice, depth - 1)).collect()),
        _ => {
            let mut members = Map::new();
            for _ in 0..dice.below(5) {
                let name = dice.pick(&NAMES).to_owned();
                members.insert(name, document(dice, depth - 1));
            }
            Value::Object(members)
        }
    }
}

/// An object or an array at the top.
pub fn container(dice: &mut Dice) -> Value {
    loop {
        let candidate = document(dice, 4);
        if candidate.is_object() || candidate.is_array() {
            return candidate;
        }
    }
}
