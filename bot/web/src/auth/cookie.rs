//! The two cookies of a login: which browser began it, and what its last page shows.

use axum::http::HeaderMap;
use axum::http::header::{COOKIE, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use deputy_core::vault::{NoRandomness, random};
use ring::digest::{SHA256, digest};
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

/// How long a browser keeps them: as long as a nonce works.
const LIFETIME_SECONDS: u64 = deputy_core::ports::NONCE_LIFETIME.as_secs();
/// 256 bits in base64url.
const LENGTH: usize = 43;

/// One of the cookies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cookie {
    /// Ties the logins begun in this browser to it. Kept from one login to the next, so that two tabs may log in at
    /// once.
    Browser,
    /// Names what the page after a login shows.
    Outcome,
}

/// How cookies are set at this address.
///
/// Over https they are `Secure`, and their prefix `__Host-` makes browsers refuse them from any other host or path.
/// Over plain http, which Deputy is only ever served on loopback for development, browsers disagree: some drop
/// `Secure` cookies there, some keep them, and the prefix demands `Secure`. So there both are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Jar {
    Secure,
    Plain,
}

impl Jar {
    fn name(self, cookie: Cookie) -> &'static str {
        match (self, cookie) {
            (Self::Secure, Cookie::Browser) => "__Host-deputy-login",
            (Self::Secure, Cookie::Outcome) => "__Host-deputy-outcome",
            (Self::Plain, Cookie::Browser) => "deputy-login",
            (Self::Plain, Cookie::Outcome) => "deputy-outcome",
        }
    }

    /// What `Set-Cookie` says.
    pub(super) fn set(self, cookie: Cookie, value: &SecretString) -> Option<HeaderValue> {
        let secure = match self {
            Self::Secure => " Secure;",
            Self::Plain => "",
        };
        let text = format!(
            "{}={}; Path=/; Max-Age={LIFETIME_SECONDS};{secure} HttpOnly; SameSite=Lax",
            self.name(cookie),
            value.expose_secret()
        );
        let mut header = HeaderValue::from_str(&text).ok()?;
        header.set_sensitive(true);
        Some(header)
    }

    /// The cookie's value, if the browser sent one that can be ours.
    pub(super) fn get(self, cookie: Cookie, headers: &HeaderMap) -> Option<SecretString> {
        let name = self.name(cookie);
        let lines = headers.get_all(COOKIE).into_iter().filter_map(|line| line.to_str().ok());
        lines
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(known, value)| *known == name && is_token(value))
            .map(|(_, value)| value.into())
    }
}

fn is_token(text: &str) -> bool {
    text.len() == LENGTH && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// 256 fresh random bits as text.
pub(super) fn fresh() -> Result<SecretString, NoRandomness> {
    Ok(URL_SAFE_NO_PAD.encode(*random::<32>()?).into())
}

/// What is kept of a browser's cookie: enough to know it again, useless to pretend to be it.
pub(super) fn fingerprint(value: &SecretString) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, value.expose_secret().as_bytes()))
}

/// Whether this is the browser whose fingerprint was kept. In constant time.
pub(super) fn is_same(kept: &str, value: &SecretString) -> bool {
    kept.as_bytes().ct_eq(fingerprint(value).as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (COOKIE, HeaderValue::from_str(line).unwrap())).collect()
    }

    #[test]
    fn over_https_a_cookie_is_bound_to_the_host() {
        let value = SecretString::from("v".repeat(LENGTH));
        let set = |jar: Jar| jar.set(Cookie::Browser, &value).unwrap().to_str().unwrap().to_owned();
        let v = "v".repeat(LENGTH);
        assert_eq!(
            set(Jar::Secure),
            format!("__Host-deputy-login={v}; Path=/; Max-Age=600; Secure; HttpOnly; SameSite=Lax")
        );
        assert_eq!(set(Jar::Plain), format!("deputy-login={v}; Path=/; Max-Age=600; HttpOnly; SameSite=Lax"));
        assert!(!format!("{:?}", Jar::Secure.set(Cookie::Browser, &value)).contains("vvv"));
    }

    #[test]
    fn a_cookie_is_found_among_others_and_only_in_its_form() {
        let value = fresh().unwrap();
        let text = value.expose_secret();
        let line = format!("theme=dark; __Host-deputy-login={text} ; x");
        let got = Jar::Secure.get(Cookie::Browser, &headers(&["a=b", &line]));
        assert!(is_same(&fingerprint(&value), &got.unwrap()));
        for line in ["", "__Host-deputy-login", "__Host-deputy-login=short", &format!("deputy-login={text}")] {
            assert!(Jar::Secure.get(Cookie::Browser, &headers(&[line])).is_none(), "{line}");
        }
        assert!(!is_same(&fingerprint(&value), &fresh().unwrap()));
    }
}
