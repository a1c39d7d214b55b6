//! The App's key, in every form that people have it in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deputy_core::ports::AppSigner as _;
use deputy_github::BadKey;

use super::*;

/// A DER element.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let contents = parts.concat();
    let length = u16::try_from(contents.len()).unwrap().to_be_bytes();
    [&[tag, 0x82], &length[..], &contents].concat()
}

/// What `openssl pkcs8 -topk8 -nocrypt` makes of GitHub's PKCS#1.
fn pkcs8(pkcs1: &str) -> String {
    let text: String = pkcs1.lines().filter(|line| !line.starts_with("-----")).collect();
    let key = STANDARD.decode(text).unwrap();
    let rsa_encryption = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
    let wrapped = der(0x30, &[b"\x02\x01\x00", rsa_encryption, &der(0x04, &[&key])]);
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(wrapped))
}

#[tokio::test]
async fn both_forms_of_a_key_sign_the_same() {
    let github = Double::start().await;
    let pem = github.app("deputy").register().private_key();
    let mut signatures = Vec::new();
    for text in [pem.clone(), pkcs8(&pem), pem.replace('\n', "\\n"), pem.replace('\n', "\r\n")] {
        let signer = PemSigner::new(&text).unwrap();
        assert_eq!(format!("{signer:?}"), "PemSigner");
        signatures.push(signer.sign(b"input").await.unwrap());
    }
    assert_eq!(signatures[0].len(), 256);
    assert!(signatures.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn what_is_no_key_of_githubs_is_named() {
    let block = |label: &str, text: &str| format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----");
    let bad = |text: &str| PemSigner::new(text).unwrap_err();
    assert_eq!(bad(""), BadKey::NoPem);
    assert_eq!(bad("deputy.pem"), BadKey::NoPem);
    assert_eq!(bad(&block("CERTIFICATE", "AAAA")), BadKey::NoPem);
    assert_eq!(bad("-----BEGIN RSA PRIVATE KEY-----\nMIIE"), BadKey::NoPem);
    assert_eq!(bad(&block("RSA PRIVATE KEY", "not base64")), BadKey::Damaged);
    assert_eq!(bad(&block("RSA PRIVATE KEY", "AAAA")), BadKey::NotRsa);
    assert_eq!(bad(&block("PRIVATE KEY", "AAAA")), BadKey::NotRsa);
}
