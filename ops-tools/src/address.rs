//! A Deputy's address, if a session may be sent there.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

/// Where a Deputy is: an origin, over https unless it is this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUrl(String);

/// Not an address to send a session to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadServerUrl {
    /// Not of the form.
    #[error("must look like https://deputy.example.com, without a path")]
    Form,
    /// The session would travel in the clear.
    #[error("must begin with https://; only a Deputy on this machine (127.0.0.1, [::1], localhost) may do without")]
    NotEncrypted,
}

impl FromStr for ServerUrl {
    type Err = BadServerUrl;

    fn from_str(text: &str) -> Result<Self, BadServerUrl> {
        let text = text.trim();
        // Nobody types the scheme.
        let text = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
        let url = Url::parse(&text).map_err(|_| BadServerUrl::Form)?;
        let is_origin = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        let is_this_machine = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        match url.scheme() {
            "https" | "http" if !is_origin => Err(BadServerUrl::Form),
            "https" => Ok(Self::of(&url)),
            "http" if is_this_machine => Ok(Self::of(&url)),
            "http" => Err(BadServerUrl::NotEncrypted),
            _ => Err(BadServerUrl::Form),
        }
    }
}

impl ServerUrl {
    fn of(url: &Url) -> Self {
        Self(url.as_str().trim_end_matches('/').to_owned())
    }

    /// Whether anything is sent over TLS.
    pub fn is_encrypted(&self) -> bool {
        self.0.starts_with("https:")
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_do_not_travel_in_the_clear() {
        for (text, expected) in [
            ("https://Deputy.example/", "https://deputy.example"),
            ("deputy.example", "https://deputy.example"),
            ("deputy.example:8443", "https://deputy.example:8443"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://localhost:8080/", "http://localhost:8080"),
            ("http://[::1]:8080", "http://[::1]:8080"),
        ] {
            assert_eq!(text.parse::<ServerUrl>().unwrap().to_string(), expected, "{text}");
        }
        for text in ["http://deputy.example", "http://127.0.0.1.evil.example", "http://10.0.0.1"] {
            assert_eq!(text.parse::<ServerUrl>(), Err(BadServerUrl::NotEncrypted), "{text}");
        }
        for text in ["", "https://", "ftp://x", "https://x/deputy", "https://u:p@x", "https://x?y", "https://x#y"] {
            assert_eq!(text.parse::<ServerUrl>(), Err(BadServerUrl::Form), "{text}");
        }
    }
}
