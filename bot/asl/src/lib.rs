//! Amazon States Language: parse, validate, interpret. Pure: no input or output, clock, randomness or async.

pub mod intrinsics;
pub mod jsonata;
pub mod jsonpath;
