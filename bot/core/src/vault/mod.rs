//! The vault's cryptography: envelopes around grants, the same for every adapter. No store, no key management.
//!
//! A grant becomes JSON, which is sealed with AES-256-GCM under a [`DataKey`] of its own. The authenticated context
//! ([`SealContext`]) names the table, the person and the version, so that what was sealed for one row opens in no
//! other. The data key is wrapped under the same context and the wrapping key's id by
//! [`Keys`](crate::ports::Keys). The id is authenticated there and not in the grant's seal: re-wrapping would
//! otherwise have to decrypt every grant.

mod envelope;
mod grant;
mod token;

pub use envelope::{Broken, DataKey, NoRandomness, SealContext, open, random, seal};
pub use grant::{open_grant, seal_grant};
pub use token::{LONGEST_TOKEN, new_token, token_hash, token_key};
