//! The double's own tests: each name is a fact of GitHub's documentation.

mod conversations;
mod credentials;
mod graphql;
mod login;
mod manifest;
mod permissions;
mod rest;
mod strictness;
mod support;
