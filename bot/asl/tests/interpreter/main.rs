//! Behaviour that the recorded answers hardly touch: branches, retries, limits, redrives, refused definitions, replay.
#![allow(clippy::unwrap_used, clippy::needless_pass_by_value)]

mod definitions;
mod inspection;
mod joins;
mod limits;
mod mangled;
mod redrive;
mod replay;
mod retries;
#[path = "../support/mod.rs"]
mod support;
mod tasks;
