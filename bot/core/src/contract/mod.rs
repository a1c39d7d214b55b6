//! One suite per port: what every adapter must pass, whatever it is made of.
//!
//! A suite takes a factory, makes an adapter of its own for each fact, and panics, as tests do, with what did not
//! hold. The factory gets the clock that the adapter must use, so that leases and windows end when the suite says.

mod clock;

pub use clock::ManualClock;
