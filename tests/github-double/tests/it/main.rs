//! The double's own tests: each name is a fact of GitHub's documentation.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod actions;
mod checks;
mod conversations;
mod credentials;
mod deployments;
mod git;
mod graphql;
mod login;
mod manifest;
mod permissions;
mod rest;
mod strictness;
mod support;
