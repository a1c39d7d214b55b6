//! Everything that arrives over HTTP: GitHub's deliveries, people logging in, health, and the server loop that
//! carries them.
//!
//! [`App`] is what a request meets: secrets, inbox, limits, counters. [`router`] puts it behind axum, for
//! tests and for homes that bring their own server. [`Server`] is ours: it takes the same router, but a
//! delivery goes past it, straight from the connection to [`App`], because that path alone has to be fast.

mod answer;
pub mod api;
mod app;
pub mod auth;
mod body;
mod connection;
mod counters;
mod damper;
mod headers;
mod metrics;
mod problem;
mod pulse;
mod readiness;
mod receive;
mod routes;
mod server;
pub mod setup;

pub use answer::Receipt;
pub use app::App;
pub use body::BodyLimits;
pub use counters::Counters;
pub use metrics::{Metrics, serve_metrics};
pub use problem::Problem;
pub use routes::{WEBHOOK_PATH, router};
pub use server::{Server, ServerConfig};
