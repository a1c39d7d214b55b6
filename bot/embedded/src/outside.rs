//! A small HTTP client for what is neither GitHub nor ours to answer: a smee channel, our own public address.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// The client.
pub(crate) type Outside = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// A client that trusts what the system trusts, or the built-in certificates where it has none.
pub(crate) fn client(is_encrypted: bool) -> Outside {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(Duration::from_secs(10)));
    let tls = HttpsConnectorBuilder::new();
    // Reading the system's takes a while.
    let tls = if is_encrypted {
        let built_in = |_| HttpsConnectorBuilder::new().with_webpki_roots();
        tls.with_native_roots().unwrap_or_else(built_in)
    } else {
        tls.with_webpki_roots()
    };
    Client::builder(TokioExecutor::new()).build(tls.https_or_http().enable_http1().wrap_connector(tcp))
}

/// What is at the bottom of an error: `connection refused`, and not the five layers above.
pub(crate) fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
