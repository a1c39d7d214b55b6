//! The App's key from a PEM file, as GitHub hands it out.
//!
//! ring signs; it is in the tree for webhook signatures already. `jsonwebtoken` would add a PEM and an ASN.1
//! parser and one of two further cryptographic stacks, for a token whose whole format is three base64 strings.

use std::fmt;

use anyhow::anyhow;
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deputy_core::ports::{AppSigner, AppSignerError};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use secrecy::zeroize::Zeroizing;

/// Signs with an RSA key held in memory.
pub struct PemSigner(RsaKeyPair);

/// Not a private key that GitHub would have given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// No PEM block of a private key.
    #[error(
        "no `-----BEGIN RSA PRIVATE KEY-----` block; use the .pem file downloaded from the App's settings"
    )]
    NoPem,
    /// The block's text is no base64.
    #[error(
        "the private key's PEM block is damaged; download it again from the App's settings, or make a new one"
    )]
    Damaged,
    /// Another kind of key, or one of fewer than 2,048 bits.
    #[error("the private key is no RSA key of 2,048 to 4,096 bits; GitHub Apps sign with RS256 only")]
    NotRsa,
}

impl PemSigner {
    /// Reads the key from a PEM text: PKCS#1 as GitHub gives it, or PKCS#8 as `openssl` converts it.
    pub fn new(pem: &str) -> Result<Self, BadKey> {
        type Parse = fn(&[u8]) -> Result<RsaKeyPair, ring::error::KeyRejected>;
        let (parse, text): (Parse, _) = if let Some(text) = block(pem, "RSA PRIVATE KEY") {
            (RsaKeyPair::from_der, text)
        } else if let Some(text) = block(pem, "PRIVATE KEY") {
            (RsaKeyPair::from_pkcs8, text)
        } else {
            return Err(BadKey::NoPem);
        };
        let text: Zeroizing<String> = Zeroizing::new(text.split_whitespace().collect());
        let der = Zeroizing::new(STANDARD.decode(text.as_bytes()).map_err(|_| BadKey::Damaged)?);
        parse(&der).map(Self).map_err(|_| BadKey::NotRsa)
    }
}

/// The text of a PEM block. Literal `\n`, which environment files put for line breaks, count as such.
fn block(pem: &str, label: &str) -> Option<Zeroizing<String>> {
    let pem = Zeroizing::new(pem.replace("\\n", "\n"));
    let (_, rest) = pem.split_once(&format!("-----BEGIN {label}-----"))?;
    let (text, _) = rest.split_once(&format!("-----END {label}-----"))?;
    Some(Zeroizing::new(text.to_owned()))
}

impl fmt::Debug for PemSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PemSigner")
    }
}

#[async_trait]
impl AppSigner for PemSigner {
    async fn sign(&self, signing_input: &[u8]) -> Result<Vec<u8>, AppSignerError> {
        let mut signature = vec![0; self.0.public().modulus_len()];
        self.0
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signing_input, &mut signature)
            .map_err(|_| AppSignerError(anyhow!("RSA signing failed")))?;
        Ok(signature)
    }
}
