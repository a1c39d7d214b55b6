//! Compares the engine with AWS: a corpus of recorded answers, run over the public API of a running server.

pub mod cases;
pub mod client;
pub mod compare;
pub mod executions;
pub mod recorded;
pub mod report;
pub mod requests;
pub mod run;
pub mod setup;
