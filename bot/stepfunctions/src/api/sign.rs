//! Signature Version 4: checking it on what arrives, and making it for what is sent.

use std::fmt::Write as _;

use deputy_asl::Timestamp;
use http::{HeaderMap, HeaderValue, Request};
use ring::hmac;
use sha2::{Digest, Sha256};

use crate::config::Credentials;

/// How far a signature's time may be from ours: as AWS, five minutes.
const SKEW_MS: i64 = 300_000;
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Why a signature was refused. The text names no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    Missing,
    UnknownKey,
    Mismatch,
    Expired,
}

/// Checks the `Authorization` header of a request.
pub(crate) fn verify(
    method: &str,
    path: &str,
    query: &str,
    headers: &HeaderMap,
    body: &[u8],
    known: &[Credentials],
    now: Timestamp,
) -> Result<(), Refused> {
    let authorization = text(headers, "authorization").ok_or(Refused::Missing)?;
    let rest = authorization.strip_prefix(ALGORITHM).ok_or(Refused::Missing)?;
    let part =
        |name: &str| rest.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
    let (Some(credential), Some(signed), Some(signature)) =
        (part("Credential"), part("SignedHeaders"), part("Signature"))
    else {
        return Err(Refused::Missing);
    };
    let (key_id, scope) = credential.split_once('/').ok_or(Refused::Missing)?;
    let found = known.iter().find(|known| known.access_key_id == key_id).ok_or(Refused::UnknownKey)?;
    let stamp = text(headers, "x-amz-date").ok_or(Refused::Missing)?;
    if parse_stamp(stamp).is_none_or(|at| (at.0 - now.0).abs() > SKEW_MS) {
        return Err(Refused::Expired);
    }
    // What is not signed could have been changed on the way.
    if !signed.split(';').any(|name| name == "host") {
        return Err(Refused::Mismatch);
    }
    let mut canonical = String::new();
    for name in signed.split(';') {
        let value = text(headers, name).ok_or(Refused::Mismatch)?;
        let _ = writeln!(canonical, "{name}:{}", value.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    let request = format!("{method}\n{path}\n{query}\n{canonical}\n{signed}\n{}", hex(&Sha256::digest(body)));
    let (key, to_sign) =
        to_sign(&found.secret_access_key, scope, stamp, &request).ok_or(Refused::Mismatch)?;
    let given = unhex(signature).ok_or(Refused::Mismatch)?;
    // Compares in constant time.
    hmac::verify(&key, to_sign.as_bytes(), &given).map_err(|_| Refused::Mismatch)
}

/// Signs a request whose path and query need no encoding.
pub(crate) fn sign<B>(
    request: &mut Request<B>,
    body: &[u8],
    credentials: &Credentials,
    region: &str,
    service: &str,
    now: Timestamp,
) {
    let stamp: String = now.to_string().chars().filter(char::is_ascii_alphanumeric).collect();
    let stamp = format!("{}Z", stamp.get(..15).unwrap_or_default());
    let scope = format!("{}/{region}/{service}/aws4_request", stamp.get(..8).unwrap_or_default());
    let host = request.uri().authority().map(ToString::to_string).unwrap_or_default();
    let mut canonical = format!("host:{host}\n");
    let mut signed = String::from("host");
    // In the order of names, and those that are there.
    for name in ["x-amz-content-sha256", "x-amz-date", "x-amz-security-token", "x-amz-target"] {
        let value = if name == "x-amz-date" { Some(stamp.as_str()) } else { text(request.headers(), name) };
        if let Some(value) = value {
            let _ = writeln!(canonical, "{name}:{value}");
            signed.push(';');
            signed.push_str(name);
        }
    }
    let path = request.uri().path();
    let query = request.uri().query().unwrap_or_default();
    let method = request.method();
    let text = format!("{method}\n{path}\n{query}\n{canonical}\n{signed}\n{}", hex(&Sha256::digest(body)));
    let Some((key, to_sign)) = to_sign(&credentials.secret_access_key, &scope, &stamp, &text) else { return };
    let tag = hmac::sign(&key, to_sign.as_bytes());
    let authorization = format!(
        "{ALGORITHM} Credential={}/{scope}, SignedHeaders={signed}, Signature={}",
        credentials.access_key_id,
        hex(tag.as_ref())
    );
    for (name, value) in [("host", host), ("x-amz-date", stamp), ("authorization", authorization)] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            request.headers_mut().insert(name, value);
        }
    }
}

/// The key for a scope, and the text that it signs for a canonical request.
fn to_sign(secret: &str, scope: &str, stamp: &str, request: &str) -> Option<(hmac::Key, String)> {
    let mut parts = scope.split('/');
    let (date, region, service) = (parts.next()?, parts.next()?, parts.next()?);
    let mac = |key: &[u8], text: &str| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes());
    let key = mac(format!("AWS4{secret}").as_bytes(), date);
    let key = mac(key.as_ref(), region);
    let key = mac(key.as_ref(), service);
    let key = mac(key.as_ref(), "aws4_request");
    let text = format!("{ALGORITHM}\n{stamp}\n{scope}\n{}", hex(&Sha256::digest(request.as_bytes())));
    Some((hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()), text))
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// `20260102T030405Z`
fn parse_stamp(stamp: &str) -> Option<Timestamp> {
    let part = |range: std::ops::Range<usize>| stamp.get(range);
    let text = format!(
        "{}-{}-{}T{}:{}:{}Z",
        part(0..4)?,
        part(4..6)?,
        part(6..8)?,
        part(9..11)?,
        part(11..13)?,
        part(13..15)?
    );
    Timestamp::parse(&text)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials() -> Credentials {
        Credentials { access_key_id: "AKID".into(), secret_access_key: "secret".into() }
    }

    #[test]
    fn what_is_signed_is_accepted_and_what_was_changed_is_not() {
        let now = Timestamp::parse("2026-01-02T03:04:05Z").unwrap();
        let mut request =
            Request::post("http://127.0.0.1:1/").header("x-amz-target", "T.Op").body(()).unwrap();
        sign(&mut request, b"{}", &credentials(), "us-east-1", "states", now);
        let check = |body: &[u8], known: &[Credentials], at: Timestamp| {
            verify("POST", "/", "", request.headers(), body, known, at)
        };
        assert_eq!(check(b"{}", &[credentials()], now), Ok(()));
        assert_eq!(check(b"{ }", &[credentials()], now), Err(Refused::Mismatch));
        assert_eq!(check(b"{}", &[], now), Err(Refused::UnknownKey));
        assert_eq!(check(b"{}", &[credentials()], now.plus_seconds(301)), Err(Refused::Expired));
    }
}
