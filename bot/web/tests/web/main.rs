//! The receiver as a client meets it: real connections, a fake inbox.

#![allow(clippy::unwrap_used, reason = "a test that unwraps nothing fails, which is right")]

mod accepting;
mod lifecycle;
mod limits;
mod mutations;
mod refusing;
mod routes;
mod support;
