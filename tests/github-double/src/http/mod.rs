//! The HTTP side: from bytes to a [`call::Call`], and from a [`reply::Reply`] back to bytes.

pub(crate) mod auth;
pub(crate) mod call;
pub(crate) mod pipeline;
pub(crate) mod rate;
pub(crate) mod reply;
pub(crate) mod route;
pub(crate) mod server;
