//! Deputy's domain: what arrives, who may ask for what, which code answers, and what must hold after a crash.
//!
//! Everything that touches the outside world is a [port](ports): a trait with its crash duties and a
//! contract suite. The two homes (one machine, AWS) bring the adapters.

pub mod authorization;
pub mod command;
pub mod comment;
pub mod contract;
pub mod delivery;
pub mod dispatch;
pub mod drive;
pub mod event_handler;
pub mod grants;
pub mod ids;
pub mod job;
pub mod language;
pub mod login;
pub mod logins;
pub mod masking;
pub mod panics;
pub mod permission;
pub mod ports;
pub mod redelivery;
pub mod settings;
pub mod task;
pub mod text;
pub mod vault;
pub mod workflow;
