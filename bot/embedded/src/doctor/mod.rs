//! `deputy doctor`: is the App at GitHub as this server needs it, and this machine as well? Each finding with its fix.
//!
//! It changes nothing. What it asks GitHub for has no effect but one code of a device flow that nobody types.

mod app;
mod machine;

use std::sync::Arc;

use deputy_core::ports::Clock;

use crate::config::Config;

/// What was looked at, and what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// A stable word for programs: `key`, `permissions`, …
    pub check: &'static str,
    /// How bad it is.
    pub level: Level,
    /// What is so.
    pub what: String,
    /// What to do about it; there is nothing where all is well.
    pub fix: Option<String>,
}

/// How bad a finding is, in that order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Good,
    /// Something works less well than it could, or will not work for somebody.
    Warning,
    /// Deputy does not work so.
    Problem,
}

impl Level {
    /// As a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

impl Finding {
    fn good(check: &'static str, what: impl Into<String>) -> Self {
        Self { check, level: Level::Good, what: what.into(), fix: None }
    }

    fn warning(check: &'static str, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, level: Level::Warning, what: what.into(), fix: Some(fix.into()) }
    }

    fn problem(check: &'static str, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, level: Level::Problem, what: what.into(), fix: Some(fix.into()) }
    }
}

/// Looks at everything; `say` hears of each finding as it comes.
///
/// # Errors
///
/// When the configured key is none, or GitHub's address is none: `deputy check-config` says more.
pub async fn examine(
    config: &Config,
    clock: Arc<dyn Clock>,
    mut say: impl FnMut(Finding),
) -> anyhow::Result<()> {
    app::examine(config, clock, &mut say).await?;
    machine::examine(config, &mut say).await;
    Ok(())
}
