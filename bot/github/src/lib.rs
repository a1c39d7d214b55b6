//! GitHub's side of every exchange: signatures, payloads, the API client.

pub mod app;
pub mod client;
pub mod credentials;
pub mod deliveries;
pub mod envelope;
pub mod manifest;
pub mod needs;
pub mod oauth;
pub mod payload;
mod payloads;
pub mod pem_signer;
pub mod signature;

pub use client::{App, Client, ClientConfig, NoLogins, OAuthClient, UserTokens};
pub use envelope::{Envelope, NotAPayloadForm, NotJson, decode_form};
pub use payload::{DecodeError, MentionFinder, comment};
pub use payloads::GitHubPayloads;
pub use pem_signer::{BadKey, PemSigner};
pub use signature::{Secrets, SignatureError, UnsafeSecrets};
