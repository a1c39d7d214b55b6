//! Proves that a webhook request is GitHub's: `X-Hub-Signature-256` over the raw body, against every secret.

use std::fmt;

use ring::hmac;

/// The active webhook secrets, ready to check with. During a rotation there are several.
#[derive(Clone)]
pub struct Secrets(Box<[hmac::Key]>);

/// Secrets that would let anybody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnsafeSecrets {
    /// None at all: no delivery could ever be accepted.
    #[error("no webhook secret is configured; set the one from the App's settings")]
    None,
    /// An empty one: anybody can sign with it.
    #[error("an empty webhook secret is configured; anybody could sign with it")]
    Empty,
}

/// Why a request is not taken for GitHub's. All of them are a 401: who forges learns nothing from the difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// No `X-Hub-Signature-256` header: the App has no webhook secret, or this is not GitHub.
    #[error("the X-Hub-Signature-256 header is missing")]
    Missing,
    /// Not `sha256=` and 64 hex digits.
    #[error("the X-Hub-Signature-256 header is not `sha256=` and 64 hexadecimal digits")]
    Malformed,
    /// Signed with none of the active secrets, or changed on the way.
    #[error("the signature matches none of the active webhook secrets")]
    Mismatch,
}

impl Secrets {
    /// Prepares the secrets. The key schedule is computed here, once, and not for every delivery.
    pub fn new<S: AsRef<[u8]>>(secrets: impl IntoIterator<Item = S>) -> Result<Self, UnsafeSecrets> {
        let keys: Box<[hmac::Key]> = secrets
            .into_iter()
            .map(|secret| match secret.as_ref() {
                [] => Err(UnsafeSecrets::Empty),
                secret => Ok(hmac::Key::new(hmac::HMAC_SHA256, secret)),
            })
            .collect::<Result<_, _>>()?;
        if keys.is_empty() { Err(UnsafeSecrets::None) } else { Ok(Self(keys)) }
    }

    /// Checks the value of `X-Hub-Signature-256` against the raw body, before anything else looks at it.
    ///
    /// Every secret is tried whatever the ones before it said, and each comparison takes constant time, so
    /// that the time taken tells nothing about which secret matched or how nearly one did.
    pub fn verify<H: AsRef<[u8]> + ?Sized>(
        &self,
        header: Option<&H>,
        body: &[u8],
    ) -> Result<(), SignatureError> {
        let header = header.ok_or(SignatureError::Missing)?.as_ref();
        let digits = header.strip_prefix(b"sha256=").ok_or(SignatureError::Malformed)?;
        let signature = decode_hex(digits).ok_or(SignatureError::Malformed)?;
        let matched =
            self.0.iter().fold(false, |matched, key| hmac::verify(key, body, &signature).is_ok() | matched);
        if matched { Ok(()) } else { Err(SignatureError::Mismatch) }
    }

    /// The header that GitHub would send for `body`, signed with the first secret. For tests and local tools.
    pub fn sign(&self, body: &[u8]) -> String {
        use fmt::Write as _;
        let mut header = String::with_capacity(71);
        header.push_str("sha256=");
        for byte in hmac::sign(&self.0[0], body).as_ref() {
            write!(header, "{byte:02x}").expect("writing to a String cannot fail");
        }
        header
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({} active)", self.0.len())
    }
}

fn decode_hex(digits: &[u8]) -> Option<[u8; 32]> {
    fn nibble(digit: u8) -> Option<u8> {
        char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
    }
    let mut bytes = [0; 32];
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of GitHub's documentation, "Validating webhook deliveries".
    #[test]
    fn githubs_documented_example_holds() {
        let secrets = Secrets::new(["It's a Secret to Everybody"]).unwrap();
        let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert_eq!(secrets.verify(Some(signature), b"Hello, World!"), Ok(()));
        assert_eq!(secrets.sign(b"Hello, World!"), signature);
        assert_eq!(secrets.verify(Some(signature), b"Hello, World?"), Err(SignatureError::Mismatch));
    }

    #[test]
    fn during_a_rotation_any_active_secret_will_do() {
        let both = Secrets::new(["new", "old"]).unwrap();
        for secret in ["new", "old"] {
            let header = Secrets::new([secret]).unwrap().sign(b"{}");
            assert_eq!(both.verify(Some(&header), b"{}"), Ok(()));
        }
        let header = Secrets::new(["older"]).unwrap().sign(b"{}");
        assert_eq!(both.verify(Some(&header), b"{}"), Err(SignatureError::Mismatch));
    }

    #[test]
    fn a_header_that_is_no_signature_is_told_apart() {
        let secrets = Secrets::new(["s"]).unwrap();
        assert_eq!(secrets.verify::<str>(None, b"{}"), Err(SignatureError::Missing));
        let good = secrets.sign(b"{}");
        for header in [
            "",
            "sha256=",
            "sha1=757107ea0eb2509fc211221cce984b8a37570b6d",
            good.trim_start_matches("sha256="),
            &good[..70],
            &format!("{good}0"),
            &good.replace("sha256=", "SHA256="),
            &format!("sha256={}", "g".repeat(64)),
            &format!("sha256={}", "+f".repeat(32)),
            &format!("sha256={}", "é".repeat(32)),
        ] {
            assert_eq!(secrets.verify(Some(header), b"{}"), Err(SignatureError::Malformed), "{header}");
        }
        assert_eq!(secrets.verify(Some(b"\xff\xfe".as_slice()), b"{}"), Err(SignatureError::Malformed));
    }

    #[test]
    fn secrets_that_let_anybody_in_are_refused() {
        assert_eq!(Secrets::new([""; 0]).unwrap_err(), UnsafeSecrets::None);
        assert_eq!(Secrets::new(["good", ""]).unwrap_err(), UnsafeSecrets::Empty);
    }

    #[test]
    fn debug_shows_no_secret() {
        assert_eq!(format!("{:?}", Secrets::new(["hush"]).unwrap()), "Secrets(1 active)");
    }
}
