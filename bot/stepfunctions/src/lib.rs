//! AWS Step Functions on one machine: a durable runner on SQLite, and the AWS-compatible API.

mod clock;
mod error;
mod names;
mod store;

pub use clock::{Clock, SystemClock, VirtualClock};
pub use error::{ApiError, EngineError};
pub use names::Home;
pub use store::writer::{Boundary, Disk, DiskFault};
