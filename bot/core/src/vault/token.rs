//! Tokens of our own making: random, found by their hash, and able to seal what is kept under them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{Context, SHA256};
use ring::hkdf;
use secrecy::zeroize::{Zeroize as _, Zeroizing};
use secrecy::{ExposeSecret as _, SecretString};

use super::envelope::{DataKey, NoRandomness, random};

/// A text that is longer is no token; nothing of it is hashed.
pub const LONGEST_TOKEN: usize = 128;

/// `prefix` and 256 random bits in base64url.
pub fn new_token(prefix: &str) -> Result<SecretString, NoRandomness> {
    let bytes = random::<32>()?;
    let mut digits = URL_SAFE_NO_PAD.encode(*bytes);
    let mut token = String::with_capacity(prefix.len() + digits.len());
    token.push_str(prefix);
    token.push_str(&digits);
    digits.zeroize();
    Ok(SecretString::from(token))
}

/// What a token is stored and found by. A hash of 256 random bits needs neither salt nor stretching. `None`
/// where it is too long to be a token.
pub fn token_hash(purpose: &str, token: &SecretString) -> Option<[u8; 32]> {
    let token = token.expose_secret().as_bytes();
    if token.len() > LONGEST_TOKEN {
        return None;
    }
    let mut context = Context::new(&SHA256);
    // The length first: no purpose and token together read as another pair.
    context.update(&(purpose.len() as u64).to_be_bytes());
    context.update(purpose.as_bytes());
    context.update(token);
    context.finish().as_ref().try_into().ok()
}

/// The key to what is kept under a token: HKDF-SHA256. Who has only the hash cannot derive it.
pub fn token_key(purpose: &str, token: &SecretString) -> DataKey {
    let secret =
        hkdf::Salt::new(hkdf::HKDF_SHA256, b"deputy token").extract(token.expose_secret().as_bytes());
    let mut key = Zeroizing::new([0; 32]);
    secret
        .expand(&[purpose.as_bytes()], hkdf::HKDF_SHA256)
        .and_then(|output| output.fill(&mut *key))
        .expect("HKDF gives 32 bytes from any secret");
    DataKey::from_bytes(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_differ_and_hold_256_bits() {
        let (one, other) = (new_token("dps_").unwrap(), new_token("dps_").unwrap());
        assert_ne!(one.expose_secret(), other.expose_secret());
        let digits = one.expose_secret().strip_prefix("dps_").unwrap();
        assert_eq!(URL_SAFE_NO_PAD.decode(digits).unwrap().len(), 32);
        assert_eq!(new_token("").unwrap().expose_secret().len(), 43);
    }

    #[test]
    fn hashes_tell_purposes_apart() {
        let token = |text: &str| SecretString::from(text);
        assert_ne!(token_hash("a", &token("bc")), token_hash("ab", &token("c")));
        assert_ne!(token_hash("a", &token("c")), token_hash("b", &token("c")));
        assert_eq!(token_hash("a", &token("c")), token_hash("a", &token("c")));
        assert_eq!(token_hash("a", &SecretString::from("x".repeat(LONGEST_TOKEN + 1))), None);
    }

    #[test]
    fn keys_are_of_token_and_purpose_and_not_the_hash() {
        let token = SecretString::from("token");
        let key = token_key("a", &token);
        assert_eq!(key.expose(), token_key("a", &token).expose());
        assert_ne!(key.expose(), token_key("b", &token).expose());
        assert_ne!(key.expose(), token_key("a", &SecretString::from("tokem")).expose());
        assert_ne!(*key.expose(), token_hash("a", &token).unwrap());
    }
}
