//! Webhooks: which Apps hear of an event, what GitHub tells them, and how it is brought to them.

pub(crate) mod emit;
mod send;
mod tell;
mod tell_ci;

pub(crate) use send::Sender;
pub(crate) use tell::Happened;
