//! Ready-made requests: everything that costs time is computed before the first one is sent.

use std::fmt::Write as _;
use std::hash::{BuildHasher as _, RandomState};

use anyhow::Context as _;
use ring::hmac;

/// A request with a hole where the GUID goes. The signature covers the body only, so it needs no change.
#[derive(Default)]
pub struct Prepared {
    bytes: Vec<u8>,
    guid_at: usize,
}

/// One request for each recorded payload.
pub fn prepare(url: &url::Url, secret: &str) -> anyhow::Result<Vec<Prepared>> {
    let host = url.host_str().context("the URL has no host")?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let prepared = recorded_payloads::all().iter().map(|payload| {
        let mut signature = String::with_capacity(64);
        for byte in hmac::sign(&key, &payload.body).as_ref() {
            let _ = write!(signature, "{byte:02x}");
        }
        // What GitHub sends, in its order.
        let start = format!(
            "POST {} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: GitHub-Hookshot/044aadd\r\nContent-Length: {}\r\n\
             Accept: */*\r\nContent-Type: application/json\r\nX-GitHub-Delivery: ",
            url.path(),
            payload.body.len(),
        );
        let end = format!(
            "\r\nX-GitHub-Event: {}\r\nX-GitHub-Hook-ID: 292430182\r\n\
             X-GitHub-Hook-Installation-Target-ID: 79929171\r\n\
             X-GitHub-Hook-Installation-Target-Type: integration\r\n\
             X-Hub-Signature-256: sha256={signature}\r\n\r\n",
            payload.event,
        );
        let guid_at = start.len();
        let bytes = [start.as_bytes(), &[b'-'; 36], end.as_bytes(), &payload.body].concat();
        Prepared { bytes, guid_at }
    });
    Ok(prepared.collect())
}

impl Prepared {
    /// The request as that delivery. Valid until the next call.
    pub fn as_delivery(&mut self, guid: u128) -> &[u8] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let hole = &mut self.bytes[self.guid_at..self.guid_at + 36];
        let mut at = 0;
        for (index, byte) in guid.to_be_bytes().into_iter().enumerate() {
            at += usize::from(matches!(index, 4 | 6 | 8 | 10));
            hole[at] = DIGITS[usize::from(byte >> 4)];
            hole[at + 1] = DIGITS[usize::from(byte & 15)];
            at += 2;
        }
        &self.bytes
    }
}

/// GUIDs that no run has used before, spread over all values as GitHub's are: a receiver that indexes them
/// must not be helped by their order.
pub struct Guids(u128);

impl Guids {
    pub fn new() -> Self {
        let random = RandomState::new();
        Self(u128::from(random.hash_one(1)) << 64 | u128::from(random.hash_one(2)))
    }

    pub fn fresh(&mut self) -> u128 {
        // A step that is odd visits every value once; this one is a golden ratio's bits, so that neighbours
        // land far apart.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_guid_changes_and_the_signature_holds() {
        let url = "http://127.0.0.1:3000/webhook".parse().unwrap();
        let mut prepared = prepare(&url, "secret").unwrap();
        assert_eq!(prepared.len(), recorded_payloads::COUNT);
        for (prepared, payload) in prepared.iter_mut().zip(recorded_payloads::all()) {
            let guid = 0x72d3_162e_cc78_11e3_81ab_4c93_67dc_0958;
            let text = prepared.as_delivery(guid);
            let split = text.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
            let (head, body) = (str::from_utf8(&text[..split]).unwrap(), &text[split..]);
            assert_eq!(body, payload.body);
            assert!(
                head.contains("\r\nX-GitHub-Delivery: 72d3162e-cc78-11e3-81ab-4c9367dc0958\r\n"),
                "{head}"
            );
            let signature = head.lines().find_map(|line| line.strip_prefix("X-Hub-Signature-256: "));
            assert_eq!(deputy_github::Secrets::new(["secret"]).unwrap().verify(signature, body), Ok(()));
        }
    }

    #[test]
    fn guids_do_not_repeat_and_do_not_grow() {
        let mut guids = Guids::new();
        let some: Vec<_> = (0..1000).map(|_| guids.fresh()).collect();
        let unique: std::collections::BTreeSet<_> = some.iter().collect();
        assert_eq!(unique.len(), 1000);
        assert!(!some.is_sorted());
    }
}
