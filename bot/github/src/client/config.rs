//! Where GitHub is and how patient we are with it.

use std::time::Duration;

use http::Uri;

/// Settings of the client, checked when they are made.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// REST base without a slash at its end: `https://api.github.com`, `https://HOST/api/v3`.
    pub(crate) api: String,
    /// GraphQL endpoint.
    pub(crate) graphql: String,
    /// Where people see GitHub, and where OAuth is: `https://github.com`, `https://HOST`.
    pub(crate) site: String,
    /// `User-Agent`, which GitHub demands.
    pub(crate) user_agent: String,
    /// For one request, from connecting to the last byte.
    pub(crate) request_timeout: Duration,
    /// For a call with its waiting and retries. GitHub's own limits can last an hour; nobody waits that long
    /// for an answer, so past this a call fails and says when to come again.
    pub(crate) deadline: Duration,
    /// Requests in flight, per identity. GitHub allows 100.
    pub(crate) concurrency: usize,
}

/// A URL that is no GitHub to talk to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadGitHubUrl {
    /// Not a URL of the form `https://host`.
    #[error("`{0}` is not a URL like https://github.example.com")]
    NotAUrl(String),
    /// Tokens would travel in the clear.
    #[error("`{0}` is not https; only a GitHub on this machine (127.0.0.1, [::1], localhost) may do without")]
    NotEncrypted(String),
}

impl Default for ClientConfig {
    /// github.com.
    fn default() -> Self {
        Self {
            api: "https://api.github.com".to_owned(),
            graphql: "https://api.github.com/graphql".to_owned(),
            site: "https://github.com".to_owned(),
            user_agent: concat!("deputy/", env!("CARGO_PKG_VERSION")).to_owned(),
            request_timeout: Duration::from_secs(30),
            deadline: Duration::from_mins(1),
            concurrency: 50,
        }
    }
}

impl ClientConfig {
    /// A GitHub by the address that people see: `https://github.com`, `https://SUBDOMAIN.ghe.com`, or that of
    /// a GitHub Enterprise Server.
    pub fn new(site: &str) -> Result<Self, BadGitHubUrl> {
        let site = checked(site)?;
        let host = site.split_once("://").map_or("", |(_, host)| host);
        let api = match host {
            "github.com" | "www.github.com" | "api.github.com" => return Ok(Self::default()),
            // GitHub Enterprise Cloud with data residency has its API beside itself, as github.com does.
            cloud if cloud.ends_with(".ghe.com") => format!("https://api.{cloud}"),
            _ => format!("{site}/api/v3"),
        };
        Self::with_api(&site, &api)
    }

    /// A GitHub whose API is in a place of its own, such as a double in tests.
    pub fn with_api(site: &str, api: &str) -> Result<Self, BadGitHubUrl> {
        let (site, api) = (checked(site)?, checked(api)?);
        // On a GitHub Enterprise Server, GraphQL stands beside `v3` and not below it.
        let graphql = match api.strip_suffix("/v3") {
            Some(beside) => format!("{beside}/graphql"),
            None => format!("{api}/graphql"),
        };
        Ok(Self { api, graphql, site, ..Self::default() })
    }

    /// Where people see this GitHub, without a slash at its end.
    pub fn site(&self) -> &str {
        &self.site
    }

    /// Whether anything is sent over TLS.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.api.starts_with("https:") || self.site.starts_with("https:")
    }

    /// Another deadline for a call with its waiting and retries.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Another limit for one request.
    #[must_use]
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// Fewer or more requests in flight per identity; at most the 100 that GitHub allows.
    #[must_use]
    pub fn concurrency(mut self, requests: usize) -> Self {
        self.concurrency = requests.clamp(1, 100);
        self
    }
}

/// The URL without a slash at its end, if tokens may be sent there.
fn checked(url: &str) -> Result<String, BadGitHubUrl> {
    let url = url.trim_end_matches('/');
    let bad = || BadGitHubUrl::NotAUrl(url.to_owned());
    let uri: Uri = url.parse().map_err(|_| bad())?;
    let authority = uri.authority().ok_or_else(bad)?;
    if authority.as_str().contains('@') || uri.query().is_some() || authority.host().is_empty() {
        return Err(bad());
    }
    match uri.scheme_str() {
        Some("https") => Ok(url.to_owned()),
        Some("http") if matches!(authority.host(), "127.0.0.1" | "[::1]" | "localhost") => Ok(url.to_owned()),
        Some("http") => Err(BadGitHubUrl::NotEncrypted(url.to_owned())),
        _ => Err(bad()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_github_has_its_api_found() {
        let api = |site: &str| {
            let config = ClientConfig::new(site).unwrap();
            (config.api, config.graphql)
        };
        let pair = |api: &str, graphql: &str| (api.to_owned(), graphql.to_owned());
        let cloud = pair("https://api.github.com", "https://api.github.com/graphql");
        assert_eq!(api("https://github.com/"), cloud);
        assert_eq!(
            api("https://ghes.example"),
            pair("https://ghes.example/api/v3", "https://ghes.example/api/graphql")
        );
        assert_eq!(
            api("https://acme.ghe.com"),
            pair("https://api.acme.ghe.com", "https://api.acme.ghe.com/graphql")
        );
        let double = ClientConfig::with_api("http://127.0.0.1:8", "http://127.0.0.1:8/api").unwrap();
        assert_eq!(double.graphql, "http://127.0.0.1:8/api/graphql");
    }

    #[test]
    fn tokens_do_not_travel_in_the_clear() {
        for url in ["http://ghes.example", "http://127.0.0.1.evil.example"] {
            assert_eq!(ClientConfig::new(url).unwrap_err(), BadGitHubUrl::NotEncrypted(url.to_owned()));
        }
        for url in ["", "ghes.example", "/x", "ftp://x", "https://user:pw@x", "https://x?y"] {
            assert_eq!(ClientConfig::new(url).unwrap_err(), BadGitHubUrl::NotAUrl(url.to_owned()), "{url}");
        }
    }
}
