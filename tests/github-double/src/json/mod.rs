//! State as GitHub's JSON: one file per kind of thing.
//!
//! Each function gives everything that GitHub's descriptions require of that thing in answers *and* in
//! webhooks; the checks in [`crate::schema`] fail a test where a field is missing.

mod account;
mod actions;
mod app;
mod checks;
mod comment;
mod commit;
mod deployment;
mod discussion;
mod issue;
mod pull;
mod repository;

pub(crate) use app::{delivery_item, permissions};
pub(crate) use comment::rollup;
pub(crate) use repository::extend;
