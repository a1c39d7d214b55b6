//! Deputy on one machine: the adapters of its ports on SQLite, in one data folder.
//!
//! [`Store`] is the [`Inbox`](deputy_core::ports::Inbox), the [`Archive`](deputy_core::ports::Archive), the
//! [`Once`](deputy_core::ports::Once) and the [`DeadLetters`](deputy_core::ports::DeadLetters) of one process.
//! [`Workers`] run the handlers on what it accepted.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "SQLite's integers are i64; ids, counts and milliseconds are far from either end"
)]

mod accept;
mod anchor;
pub mod app;
mod archive;
mod attempt;
mod audit;
mod checkpoint;
pub mod cli;
pub mod config;
mod control;
mod credentials;
mod dead_letters;
mod dedup;
pub mod doctor;
mod door;
mod error;
#[cfg(test)]
mod faults;
mod folder;
mod forward;
mod inbox;
mod intake;
mod jobs;
mod keys;
mod lane;
mod lease;
mod locks;
pub mod log;
mod logins;
mod metrics;
mod nonces;
mod once;
mod options;
mod orchestrator;
mod outside;
mod pace;
mod readers;
mod redeliveries;
mod retry;
mod rotation;
mod schema;
mod segment;
mod sessions;
mod settle;
mod store;
mod sweep;
mod vault;
mod waiting;
mod waits;
mod warm;
mod work;
mod worker;
pub mod workflows;
mod writer;

pub use audit::AuditLog;
pub use error::{OpenError, WriteError};
pub use folder::FolderError;
pub use keys::{KeyFileError, LocalKeys};
pub use options::{Options, Retry};
pub use orchestrator::{LocalOrchestrator, OnProgress};
pub use rotation::KeyUse;
pub use schema::SchemaError;
pub use store::{Store, Subscriptions};
pub use sweep::Swept;
pub use vault::LocalVault;
pub use work::{Claimed, Counts, Failure, Settlement, WorkLease};
pub use worker::{Lane, Run, Workers};
