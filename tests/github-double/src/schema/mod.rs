//! GitHub's own descriptions of its API and webhooks, and the checks against them.
//!
//! Loaded at first use and once per process; each operation's schemas are compiled when first needed.

mod fetch;
mod load;
mod operation;
mod webhook;

pub(crate) use fetch::ensure_fetched;
pub(crate) use operation::{Operation, operation};
pub(crate) use webhook::check_webhook;
