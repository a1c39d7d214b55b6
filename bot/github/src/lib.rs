//! GitHub's side of every exchange: signatures, payloads, the API client.

pub mod envelope;
pub mod signature;

pub use envelope::{Envelope, NotAPayloadForm, NotJson, decode_form};
pub use signature::{Secrets, SignatureError, UnsafeSecrets};
