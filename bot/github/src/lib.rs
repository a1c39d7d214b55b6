//! GitHub's side of every exchange: signatures, payloads, the API client.

pub mod envelope;
pub mod payload;
mod payloads;
pub mod signature;

pub use envelope::{Envelope, NotAPayloadForm, NotJson, decode_form};
pub use payload::{DecodeError, MentionFinder, comment};
pub use payloads::GitHubPayloads;
pub use signature::{Secrets, SignatureError, UnsafeSecrets};
