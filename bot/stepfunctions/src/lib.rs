//! AWS Step Functions on one machine: a durable runner on SQLite, and the AWS-compatible API.
//!
//! [`Engine::open`] takes up a data folder; [`Engine::request`] calls an operation of AWS's API on it; [`serve`] puts that
//! behind HTTP. Tasks are done by the [`Registry`]'s services, at least once, with a key that tells repetitions.

mod api;
mod catalog;
mod clock;
mod config;
mod engine;
mod error;
mod names;
mod store;
pub mod tasks;

pub use api::server::{Server, router, serve};
pub use clock::{Clock, SystemClock, VirtualClock};
pub use config::{Config, Credentials, ServerConfig};
pub use engine::Engine;
pub use error::{ApiError, EngineError};
pub use names::Home;
pub use store::writer::{Boundary, Disk, DiskFault};
pub use tasks::{Registry, TaskCall, TaskError, TaskFuture, TaskResult, TaskService};
