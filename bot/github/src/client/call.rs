//! A request before it has a token: what is asked, how it may be repeated, whose budget it uses.

use bytes::Bytes;
use deputy_core::comment::Repository;
use deputy_core::ids::RepositoryId;
use deputy_core::ports::GitHubError;
use http::Method;
use serde::Serialize;

/// What to ask of GitHub. No `Debug`: bodies and paths can hold secrets.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) target: Target,
    pub(crate) body: Option<(ContentType, Bytes)>,
    pub(crate) repeat: Repeat,
    /// Writes something that notifies people: GitHub allows 80 a minute and 500 an hour.
    pub(crate) creates_content: bool,
    /// Asks for a file as it is, in place of JSON about it.
    pub(crate) is_raw: bool,
    /// GitHub answers with where the thing itself is, outside of its API.
    pub(crate) leads_away: bool,
    /// The path holds a code: it stands in no log line and no error.
    pub(crate) has_secret_path: bool,
    /// Whose turn it is, where several repositories wait for one budget.
    pub(crate) repository: Option<RepositoryId>,
}

/// Where it goes.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    /// Below the REST base; starts with a slash.
    Rest(String),
    /// The GraphQL endpoint.
    GraphQl,
    /// Below the site itself, where OAuth is.
    Site(String),
}

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContentType {
    Json,
    Form,
}

impl ContentType {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Form => "application/x-www-form-urlencoded",
        }
    }
}

/// What a failure that leaves open whether the request arrived allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Doing it twice is doing it once.
    Safe,
    /// It makes something. Repeated only when GitHub certainly did not do it.
    Once,
}

impl Call {
    fn new(method: Method, target: Target, repeat: Repeat) -> Self {
        Self {
            method,
            target,
            body: None,
            repeat,
            creates_content: false,
            is_raw: false,
            leads_away: false,
            has_secret_path: false,
            repository: None,
        }
    }

    pub(crate) fn get(path: Path) -> Self {
        Self::new(Method::GET, Target::Rest(path.0), Repeat::Safe)
    }

    /// A page that GitHub named in a `Link` header, as path and query below the API.
    pub(crate) fn page(path_and_query: String) -> Self {
        Self::new(Method::GET, Target::Rest(path_and_query), Repeat::Safe)
    }

    /// Replaces; twice is once.
    pub(crate) fn patch(path: Path) -> Self {
        Self::new(Method::PATCH, Target::Rest(path.0), Repeat::Safe)
    }

    /// Replaces, too.
    pub(crate) fn put(path: Path) -> Self {
        Self::new(Method::PUT, Target::Rest(path.0), Repeat::Safe)
    }

    pub(crate) fn delete(path: Path) -> Self {
        Self::new(Method::DELETE, Target::Rest(path.0), Repeat::Safe)
    }

    /// Makes something, unless [`idempotent`](Self::idempotent) says otherwise.
    pub(crate) fn post(path: Path) -> Self {
        Self::new(Method::POST, Target::Rest(path.0), Repeat::Once)
    }

    pub(crate) fn graphql(repeat: Repeat) -> Self {
        Self::new(Method::POST, Target::GraphQl, repeat)
    }

    /// Of the site itself: OAuth, whose codes and tokens are used up by being used.
    pub(crate) fn form(path: &str, fields: &[(&str, &str)]) -> Self {
        let mut call = Self::new(Method::POST, Target::Site(path.to_owned()), Repeat::Once);
        let mut body = String::new();
        for (name, value) in fields {
            if !body.is_empty() {
                body.push('&');
            }
            body.push_str(name);
            body.push('=');
            encode(value, &mut body);
        }
        call.body = Some((ContentType::Form, body.into()));
        call
    }

    pub(crate) fn idempotent(mut self) -> Self {
        self.repeat = Repeat::Safe;
        self
    }

    pub(crate) fn creating_content(mut self) -> Self {
        self.creates_content = true;
        self
    }

    pub(crate) fn raw(mut self) -> Self {
        self.is_raw = true;
        self
    }

    pub(crate) fn leading_away(mut self) -> Self {
        self.leads_away = true;
        self
    }

    pub(crate) fn with_secret_path(mut self) -> Self {
        self.has_secret_path = true;
        self
    }

    pub(crate) fn of(mut self, repository: RepositoryId) -> Self {
        self.repository = Some(repository);
        self
    }

    pub(crate) fn json(mut self, body: &impl Serialize) -> Result<Self, GitHubError> {
        let body = serde_json::to_vec(body).map_err(|error| GitHubError::Unavailable(error.into()))?;
        self.body = Some((ContentType::Json, body.into()));
        Ok(self)
    }

    /// REST points, as GitHub counts them: 900 a minute. OAuth is no part of that.
    pub(crate) fn points(&self) -> u32 {
        match (&self.target, &self.method) {
            (Target::Site(_), _) => 0,
            (_, &Method::GET) => 1,
            _ => 5,
        }
    }
}

/// A REST path, each part of it encoded: owners, names and logins come from payloads, so from outside.
#[derive(Debug, Clone)]
pub(crate) struct Path(String);

impl Path {
    /// From its parts. A part that would lead elsewhere (`..`, or nothing) is refused.
    pub(crate) fn new<'a>(parts: impl IntoIterator<Item = &'a str>) -> Result<Self, GitHubError> {
        let mut path = String::new();
        for part in parts {
            if part.bytes().all(|byte| byte == b'.') {
                let message = format!("`{part}` cannot be part of a path");
                return Err(GitHubError::Refused { status: 400, message });
            }
            path.push('/');
            encode(part, &mut path);
        }
        Ok(Self(path))
    }

    /// Below a repository's.
    pub(crate) fn in_repository(repository: &Repository<'_>, parts: &[&str]) -> Result<Self, GitHubError> {
        let start = ["repos", &repository.owner, &repository.name];
        Self::new(start.into_iter().chain(parts.iter().copied()))
    }

    /// With a query parameter more.
    pub(crate) fn query(mut self, name: &str, value: &str) -> Self {
        self.0.push(if self.0.contains('?') { '&' } else { '?' });
        self.0.push_str(name);
        self.0.push('=');
        encode(value, &mut self.0);
        self
    }
}

/// Percent-encodes all but RFC 3986's unreserved characters.
pub(crate) fn encode(text: &str, into: &mut String) {
    use std::fmt::Write as _;
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            into.push(byte.into());
        } else {
            write!(into, "%{byte:02X}").expect("writing to a String cannot fail");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_leads_to_another_path() {
        let path = Path::new(["repos", "a/../b", "c?d#e", "é%2e"]).unwrap().query("since", "1:2+3&x");
        assert_eq!(path.0, "/repos/a%2F..%2Fb/c%3Fd%23e/%C3%A9%252e?since=1%3A2%2B3%26x");
        for part in ["", ".", "..", "..."] {
            assert!(Path::new(["repos", part]).is_err(), "{part:?}");
        }
        assert!(Path::new(["repos", ".github"]).is_ok());
    }
}
