//! RSA keys for Apps, made at run time so that no private key stands in the repository.
//!
//! Making one costs a fraction of a second, so that each is made once and kept in the build folder.
//! They guard nothing but tests: the primes are probable ones from a short Miller-Rabin.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::{env, fs};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use num_bigint::BigUint;
use ring::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};

use crate::random;

const BITS: usize = 2048;
const EXPONENT: u32 = 65_537;

/// One private key of an App, as GitHub hands it out.
#[derive(Clone, Debug)]
pub(crate) struct AppKey {
    pub(crate) pem: String,
    public: Vec<u8>,
}

impl AppKey {
    /// The same number gives the same key, in every process.
    pub(crate) fn numbered(number: usize) -> Self {
        static MADE: Mutex<Vec<AppKey>> = Mutex::new(Vec::new());
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        while made.len() <= number {
            let file = folder().join(format!("test-key-{}.pem", made.len()));
            made.push(Self::read(&file).unwrap_or_else(|| Self::make(&file)));
        }
        made[number].clone()
    }

    /// Whether `signature` is this key's RS256 over `message`.
    pub(crate) fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.public).verify(message, signature).is_ok()
    }

    fn read(file: &Path) -> Option<Self> {
        let pem = fs::read_to_string(file).ok()?;
        let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = STANDARD.decode(body).ok()?;
        let public = RsaKeyPair::from_der(&der).ok()?.public_key().as_ref().to_vec();
        Some(Self { pem, public })
    }

    fn make(file: &Path) -> Self {
        let der = private_key();
        let public = RsaKeyPair::from_der(&der).expect("a sound RSA key").public_key().as_ref().to_vec();
        let pem = pem(&der);
        // Renaming makes it appear whole: another process may be reading. Without a place to keep it
        // the key still serves this process.
        let draft = file.with_extension(format!("{}.draft", std::process::id()));
        let kept = fs::create_dir_all(folder())
            .and_then(|()| fs::write(&draft, &pem))
            .and_then(|()| fs::rename(&draft, file));
        match kept.ok().and_then(|()| Self::read(file)) {
            Some(key) => key,
            None => Self { pem, public },
        }
    }
}

/// Where the double keeps what it makes: inside the build folder.
pub(crate) fn folder() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"), PathBuf::from);
    target.join("github-double")
}

fn pem(der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let lines: Vec<&str> = (0..body.len()).step_by(64).map(|i| &body[i..body.len().min(i + 64)]).collect();
    format!("-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----\n", lines.join("\n"))
}

/// A PKCS#1 `RSAPrivateKey` (RFC 8017, A.1.2).
fn private_key() -> Vec<u8> {
    let one = BigUint::from(1_u8);
    loop {
        let exponent = BigUint::from(EXPONENT);
        let (high, low) = match (prime(), prime()) {
            (one, other) if one == other => continue,
            (one, other) if one > other => (one, other),
            (one, other) => (other, one),
        };
        let (under_high, under_low) = (&high - &one, &low - &one);
        let Some(secret) = exponent.modinv(&(&under_high * &under_low)) else { continue };
        let Some(inverse) = low.modinv(&high) else { continue };
        let numbers = [
            BigUint::ZERO,
            &high * &low,
            exponent,
            secret.clone(),
            high,
            low,
            &secret % &under_high,
            &secret % &under_low,
            inverse,
        ];
        return tagged(0x30, &numbers.iter().flat_map(integer).collect::<Vec<u8>>());
    }
}

fn prime() -> BigUint {
    let top = BITS as u64 / 2 - 1;
    loop {
        let mut candidate = BigUint::from_bytes_be(&random::bytes(BITS / 16));
        // Two high bits make the product full length; the low one makes it odd.
        candidate.set_bit(top, true);
        candidate.set_bit(top - 1, true);
        candidate.set_bit(0, true);
        if is_probably_prime(&candidate) {
            return candidate;
        }
    }
}

fn is_probably_prime(n: &BigUint) -> bool {
    let small = (3_u32..2000).step_by(2);
    if small.clone().any(|divisor| n % divisor == BigUint::ZERO) {
        return false;
    }
    let one = BigUint::from(1_u8);
    let minus_one = n - &one;
    let twos = minus_one.trailing_zeros().unwrap_or(0);
    let odd = &minus_one >> twos;
    [2_u8, 3, 5, 7, 11, 13, 17].into_iter().all(|base| {
        let mut x = BigUint::from(base).modpow(&odd, n);
        if x == one || x == minus_one {
            return true;
        }
        for _ in 1..twos {
            x = &x * &x % n;
            if x == minus_one {
                return true;
            }
        }
        false
    })
}

/// DER: an integer, with a zero in front where the high bit would read as a sign.
fn integer(number: &BigUint) -> Vec<u8> {
    let mut bytes = number.to_bytes_be();
    if bytes[0] & 0x80 != 0 {
        bytes.insert(0, 0);
    }
    tagged(0x02, &bytes)
}

fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let significant = &length[length.iter().position(|&byte| byte != 0).unwrap_or(length.len() - 1)..];
    let mut der = vec![tag];
    if content.len() > 0x7f {
        der.push(0x80 | u8::try_from(significant.len()).expect("eight bytes at most"));
    }
    der.extend_from_slice(significant);
    der.extend_from_slice(content);
    der
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sound_kept_and_different() {
        let keys = [AppKey::numbered(0), AppKey::numbered(1)];
        assert_ne!(keys[0].pem, keys[1].pem);
        assert_eq!(keys[0].pem, AppKey::numbered(0).pem);
        assert!(!keys[0].signed(b"message", &[0; 256]));
    }
}
