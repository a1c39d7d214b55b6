//! One suite per port: what every adapter must pass, whatever it is made of.
//!
//! A suite takes an adapter made for it alone and panics, as tests do, with what did not hold.
