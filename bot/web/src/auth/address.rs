//! Deputy's own public address, and where a login may send people back to.

use url::Url;

/// Where people reach Deputy: an origin, over https unless it is this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl(Url);

/// Not an address that people can safely log in at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPublicUrl {
    /// Not of the form.
    #[error(
        "is not an address like https://deputy.example.com: scheme, host, perhaps a port, and nothing more"
    )]
    Form,
    /// Logins would travel in the clear.
    #[error("is not https; only an address on this machine (127.0.0.1, [::1], localhost) may do without")]
    NotEncrypted,
}

impl PublicUrl {
    /// Reads and checks it.
    pub fn parse(text: &str) -> Result<Self, BadPublicUrl> {
        let url = Url::parse(text.trim()).map_err(|_| BadPublicUrl::Form)?;
        let is_origin = matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        match url.scheme() {
            "https" | "http" if !is_origin => Err(BadPublicUrl::Form),
            "https" => Ok(Self(url)),
            "http" if is_loopback(&url) => Ok(Self(url)),
            "http" => Err(BadPublicUrl::NotEncrypted),
            _ => Err(BadPublicUrl::Form),
        }
    }

    /// This machine's own address, for a server that only this machine reaches.
    pub fn of_loopback(port: u16, v6: bool) -> Self {
        let host = if v6 { "[::1]" } else { "127.0.0.1" };
        Self(Url::parse(&format!("http://{host}:{port}")).expect("a number makes no difference to its form"))
    }

    /// As text, without a slash at its end.
    pub fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    /// Whether people reach it over https.
    pub fn is_encrypted(&self) -> bool {
        self.0.scheme() == "https"
    }
}

/// Whether `url` leads to this machine, so that what is sent there leaves it on no wire.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The two places that people may be sent back to.
#[derive(Debug, Clone)]
pub(super) struct Destinations {
    own: PublicUrl,
    github: Url,
}

impl Destinations {
    pub(super) fn new(own: PublicUrl, github: Url) -> Self {
        Self { own, github }
    }

    /// The address, if it is GitHub's or ours; written anew, so that what was checked is what a browser is given.
    ///
    /// It is read as browsers read it (backslashes, tabs, missing schemes), relative to us. Scheme, host and port must
    /// be the same: an origin alone does not do, for `blob:https://github.com/x` has GitHub's.
    pub(super) fn allow(&self, text: &str) -> Option<String> {
        let url = Url::options().base_url(Some(&self.own.0)).parse(text).ok()?;
        let same = |allowed: &Url| {
            url.scheme() == allowed.scheme()
                && url.host_str().is_some()
                && url.host_str() == allowed.host_str()
                && url.port_or_known_default() == allowed.port_or_known_default()
        };
        let bare = url.username().is_empty() && url.password().is_none();
        (bare && (same(&self.own.0) || same(&self.github))).then(|| url.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn destinations() -> Destinations {
        let own = PublicUrl::parse("https://deputy.example").unwrap();
        Destinations::new(own, Url::parse("https://github.com").unwrap())
    }

    #[test]
    fn people_are_sent_back_to_github_or_to_us() {
        for (text, expected) in [
            ("https://github.com/acme/shop/pull/12#issuecomment-1", None),
            ("https://deputy.example/jobs/7", None),
            ("https://GitHub.com:443/acme", Some("https://github.com/acme")),
            ("/jobs/7?x=1", Some("https://deputy.example/jobs/7?x=1")),
            ("https:\\\\github.com\\acme", Some("https://github.com/acme")),
        ] {
            assert_eq!(destinations().allow(text).as_deref(), Some(expected.unwrap_or(text)));
        }
    }

    #[test]
    fn nobody_is_sent_elsewhere() {
        for text in [
            "https://evil.example/",
            "//evil.example/",
            "///evil.example/",
            "/\\evil.example/",
            "\\\\evil.example",
            "\t//evil.example",
            "/\t/evil.example",
            "https:evil.example",
            "https://github.com.evil.example/",
            "https://github.com@evil.example/",
            "https://evil.example#@github.com/",
            "https://user:pw@github.com/",
            "https://github.com:8443/",
            "https://xgithub.com/",
            "https://gist.github.com/",
            "https://github.com%2eevil.example/",
            "https://github.com\u{ff0e}evil.example/",
            "http://github.com/",
            "http://deputy.example/",
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)//github.com",
            "data:text/html,x",
            "blob:https://github.com/5d7f",
            "filesystem:https://github.com/x",
            "https://",
        ] {
            let allowed = destinations().allow(text);
            // `https:evil.example` is relative to us for a browser, too: what counts is where it leads.
            let leads_home = allowed.as_deref().is_none_or(|url| url.starts_with("https://deputy.example/"));
            assert!(leads_home, "{text} leads to {allowed:?}");
            assert_eq!(allowed.is_some(), text == "https:evil.example", "{text}");
        }
    }

    #[test]
    fn our_own_address_is_an_origin_over_https() {
        for good in
            ["https://deputy.example", "https://d.example:8443/", "http://127.0.0.1:8080", "http://[::1]:1"]
        {
            let url = PublicUrl::parse(good).unwrap();
            assert_eq!(url.as_str(), good.trim_end_matches('/'));
        }
        for bad in [
            "",
            "deputy.example",
            "ftp://x",
            "https://x/deputy",
            "https://x?y",
            "https://a:b@x",
            "https://x#y",
        ] {
            assert_eq!(PublicUrl::parse(bad), Err(BadPublicUrl::Form), "{bad}");
        }
        for bad in ["http://deputy.example", "http://127.0.0.1.evil.example", "http://0.0.0.0"] {
            assert_eq!(PublicUrl::parse(bad), Err(BadPublicUrl::NotEncrypted), "{bad}");
        }
    }
}
