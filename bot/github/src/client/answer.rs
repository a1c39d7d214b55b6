//! GitHub's answers: what they hold, which are rate limits, and what an error means to the caller.

use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use deputy_core::ports::GitHubError;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::transport::Received;

/// A successful answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
    pub(crate) link: Option<HeaderValue>,
    /// Whether it is JSON where a file was asked for: a folder.
    pub(crate) is_json: bool,
    /// Where the thing itself is, for a call that leads away.
    pub(crate) location: Option<String>,
    /// GitHub's clock when it answered; absent on answers from the cache.
    pub(crate) date: Option<DateTime<Utc>>,
}

impl Answer {
    /// The body as `T`. An answer of another shape is GitHub's fault, and nothing that the caller can mend.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, GitHubError> {
        serde_json::from_slice(&self.body)
            // The error's own text may quote the value that it stumbled over, which may be a token.
            .map_err(|error| anyhow!("{}", crate::payload::unreadable(&error)))
            .context("GitHub's answer is not of the documented shape")
            .map_err(GitHubError::Unavailable)
    }

    /// Where the next page is, if there is one.
    pub(crate) fn next_page(&self) -> Option<&str> {
        self.link.as_ref()?.to_str().ok()?.split(',').find_map(|link| {
            let (url, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
            parameters.split(';').any(|parameter| parameter.trim() == r#"rel="next""#).then_some(url)
        })
    }
}

/// The `Date` header.
pub(crate) fn date(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    let text = headers.get(http::header::DATE)?.to_str().ok()?;
    DateTime::parse_from_rfc2822(text).ok().map(|date| date.to_utc())
}

/// Whether the body is plain JSON, and not a file's text.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.is_some_and(|content_type| {
        let kind = content_type.split(';').next().unwrap_or_default().trim();
        kind == "application/json"
    })
}

/// Whether the refusal is a rate limit, primary or secondary, which ends by itself.
pub(crate) fn is_rate_limit(received: &Received) -> bool {
    let limit_is_used_up = |headers: &HeaderMap| {
        headers.contains_key("retry-after")
            || headers.get("x-ratelimit-remaining").is_some_and(|remaining| remaining == "0")
    };
    match received.status {
        StatusCode::TOO_MANY_REQUESTS => true,
        StatusCode::FORBIDDEN => {
            limit_is_used_up(&received.headers) || {
                let message = Problem::of(&received.body).message.to_ascii_lowercase();
                message.contains("rate limit") || message.contains("abuse detection")
            }
        }
        // GraphQL says so in an answer that is well otherwise.
        StatusCode::OK => {
            memchr::memmem::find(&received.body, b"RATE_LIMIT").is_some()
                && serde_json::from_slice::<GraphQlErrors>(&received.body).is_ok_and(|answer| {
                    answer.errors.iter().any(|error| error.kind.starts_with("RATE_LIMIT"))
                })
        }
        _ => false,
    }
}

/// What a failed answer means.
pub(crate) fn error(received: &Received) -> GitHubError {
    let Problem { message, errors, .. } = Problem::of(&received.body);
    let mut message = if message.is_empty() {
        received.status.canonical_reason().unwrap_or("no reason given").to_owned()
    } else {
        message
    };
    for detail in errors.iter().filter_map(Detail::text) {
        message.push_str("; ");
        message.push_str(&detail);
    }
    if let Some((end, _)) = message.char_indices().nth(500) {
        message.truncate(end);
    }
    match received.status {
        StatusCode::UNAUTHORIZED => GitHubError::Unauthorized(anyhow!("GitHub says: {message}")),
        StatusCode::FORBIDDEN => GitHubError::Forbidden { message },
        StatusCode::NOT_FOUND | StatusCode::GONE => GitHubError::NotFound,
        status if status.is_client_error() => GitHubError::Refused { status: status.as_u16(), message },
        status => GitHubError::Unavailable(anyhow!("GitHub answered {status}: {message}")),
    }
}

/// GitHub's description of an error.
#[derive(Debug, Default, Deserialize)]
struct Problem {
    #[serde(default)]
    message: String,
    #[serde(default)]
    errors: Vec<Detail>,
}

/// GitHub writes these as objects or as plain text.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Detail {
    Text(String),
    Fields { message: Option<String>, field: Option<String>, code: Option<String> },
    Other(serde::de::IgnoredAny),
}

impl Problem {
    fn of(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }
}

impl Detail {
    fn text(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Fields { message: Some(message), .. } => Some(message.clone()),
            Self::Fields { field: Some(field), code: Some(code), .. } => Some(format!("{field}: {code}")),
            Self::Fields { .. } | Self::Other(_) => None,
        }
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct GraphQlErrors {
    #[serde(default)]
    pub(crate) errors: Vec<GraphQlError>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct GraphQlError {
    #[serde(default, rename = "type")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(status: u16, headers: &[(&'static str, &'static str)], body: &'static str) -> Received {
        let headers = headers
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)));
        Received {
            status: StatusCode::from_u16(status).unwrap(),
            headers: headers.collect(),
            body: Bytes::from_static(body.as_bytes()),
        }
    }

    #[test]
    fn rate_limits_are_told_from_other_refusals() {
        for limited in [
            received(429, &[], ""),
            received(403, &[("retry-after", "60")], "{}"),
            received(403, &[("x-ratelimit-remaining", "0")], "{}"),
            received(403, &[], r#"{"message":"You have exceeded a secondary rate limit."}"#),
            received(
                200,
                &[],
                r#"{"data":null,"errors":[{"type":"RATE_LIMITED","message":"API rate limit"}]}"#,
            ),
        ] {
            assert!(is_rate_limit(&limited), "{limited:?}");
        }
        for other in [
            received(403, &[("x-ratelimit-remaining", "7")], r#"{"message":"Resource not accessible"}"#),
            received(404, &[("x-ratelimit-remaining", "0")], "{}"),
            received(200, &[], r#"{"data":{"body":"RATE_LIMITED"}}"#),
        ] {
            assert!(!is_rate_limit(&other), "{other:?}");
        }
    }

    #[test]
    fn githubs_words_reach_the_caller() {
        let body = r#"{"message":"Validation Failed","errors":["body is too long",{"field":"x","code":"missing"},
            {"resource":"R","code":"custom","message":"no"},7],"documentation_url":"u"}"#;
        assert_eq!(
            error(&received(422, &[], body)).to_string(),
            "GitHub refuses the request (422): Validation Failed; body is too long; x: missing; no"
        );
        assert_eq!(error(&received(403, &[], "<html>")).to_string(), "GitHub forbids it: Forbidden");
        assert!(matches!(error(&received(410, &[], "")), GitHubError::NotFound));
        assert!(matches!(error(&received(500, &[], "")), GitHubError::Unavailable(_)));
    }

    #[test]
    fn the_next_page_is_found() {
        let link = r#"<https://h/x?page=1>; rel="prev", <https://h/x?a=1,2&page=3>; rel="next""#;
        let page = |link: &'static str| {
            let link = Some(HeaderValue::from_static(link));
            Answer {
                status: StatusCode::OK,
                body: Bytes::new(),
                link,
                is_json: true,
                location: None,
                date: None,
            }
            .next_page()
            .map(str::to_owned)
        };
        assert_eq!(page(r#"<https://h/x?page=3>; rel="next""#).as_deref(), Some("https://h/x?page=3"));
        assert_eq!(page(r#"<https://h/x?page=1>; rel="last""#), None);
        // A comma in a URL would cut it; GitHub encodes them.
        assert_eq!(page(link), None);
    }
}
