//! What can go wrong: the errors of AWS's API, and those of running an engine.

use std::path::PathBuf;

/// An error as AWS's API answers it: `{"__type": CODE, "message": MESSAGE}`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// Such as `StateMachineDoesNotExist`.
    pub code: &'static str,
    /// AWS's text.
    pub message: String,
    /// The HTTP status.
    pub status: u16,
    /// Further members of the answer, such as the `reason` of a `ValidationException`.
    pub reason: Option<&'static str>,
}

impl ApiError {
    /// An error that the caller can mend: status 400.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), status: 400, reason: None }
    }

    /// `InvalidArn`.
    pub fn invalid_arn(what: &str) -> Self {
        Self::new("InvalidArn", format!("Invalid Arn: '{what}'"))
    }

    /// `ValidationException`.
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationException", message)
    }

    /// `StateMachineDoesNotExist`.
    pub fn no_machine(arn: &str) -> Self {
        Self::new("StateMachineDoesNotExist", format!("State Machine Does Not Exist: '{arn}'"))
    }

    /// `ExecutionDoesNotExist`.
    pub fn no_execution(arn: &str) -> Self {
        Self::new("ExecutionDoesNotExist", format!("Execution Does Not Exist: '{arn}'"))
    }

    /// `ResourceNotFound`.
    pub fn no_resource(arn: &str) -> Self {
        Self::new("ResourceNotFound", format!("Resource not found: '{arn}'"))
    }

    /// `ActivityDoesNotExist`.
    pub fn no_activity(arn: &str) -> Self {
        Self::new("ActivityDoesNotExist", format!("Activity Does Not Exist: '{arn}'"))
    }

    /// `StateMachineTypeNotSupported`.
    pub fn wrong_type() -> Self {
        Self::new(
            "StateMachineTypeNotSupported",
            "This operation is not supported by this type of state machine",
        )
    }

    /// The engine has stopped, or the store cannot be read: status 500. The cause is in the log, not in the answer.
    pub fn internal() -> Self {
        Self { status: 500, ..Self::new("InternalServerError", "The service could not process the request") }
    }
}

impl From<rusqlite::Error> for ApiError {
    fn from(error: rusqlite::Error) -> Self {
        tracing::error!(%error, "the store could not be read");
        Self::internal()
    }
}

/// Why an engine does not open, or has stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The data folder cannot be made or used.
    #[error("the data folder {} cannot be used", path.display())]
    Folder {
        /// Which one.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Another process has the data folder open.
    #[error("another process uses the data folder {}", .0.display())]
    InUse(PathBuf),
    /// The store cannot be read or written.
    #[error("the store failed")]
    Store(#[from] rusqlite::Error),
    /// The store holds what this version does not understand.
    #[error("the store holds what this version cannot read: {0}")]
    Unreadable(String),
    /// The engine's thread cannot be started, or no socket bound.
    #[error("the system refused")]
    System(#[from] std::io::Error),
    /// A setting contradicts another.
    #[error("{0}")]
    Config(String),
}
