//! Why a request was not served: a status, a code for programs, and for people what to do next.

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use deputy_github::signature::SignatureError;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};

/// Everything that can be wrong with a request. Texts never repeat a secret, a payload or an internal error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The signature is missing, malformed, or of no active secret.
    Signature(SignatureError),
    /// A header that every delivery has is not there.
    HeaderMissing(&'static str),
    /// A header that must be unique came more than once, so that we cannot tell which one GitHub meant.
    HeaderRepeated(&'static str),
    /// A header's value is not of its form.
    HeaderMalformed {
        /// Which header.
        name: &'static str,
        /// What its value looks like when it is right.
        expected: &'static str,
    },
    /// Neither JSON nor GitHub's form encoding.
    ContentType,
    /// The payload cannot be read.
    Payload(String),
    /// The body is larger than GitHub ever sends.
    TooLarge {
        /// The most that is taken, in bytes.
        limit: usize,
    },
    /// The body stopped coming, or came too slowly to end in time.
    TooSlow,
    /// The connection broke, or the body's framing is wrong.
    BodyBroken,
    /// Too many large bodies are being read; this one found no place in time.
    Busy,
    /// The inbox has too much to write.
    InboxFull,
    /// The inbox cannot write; the cause is in the log, not in the answer.
    InboxUnavailable,
    /// Nothing is here.
    NotFound,
    /// Something is here, but not for this method.
    MethodNotAllowed,
    /// A defect of ours; the cause is in the log.
    Internal,
}

/// One row of what an answer and a counter need to know about a [`Problem`].
struct Facts {
    status: StatusCode,
    code: &'static str,
}

impl Problem {
    /// How many kinds there are; see [`index`](Self::index).
    pub(crate) const KINDS: usize = CODES.len();

    /// Its place in [`CODES`].
    pub(crate) fn index(&self) -> usize {
        match self {
            Self::Signature(SignatureError::Missing) => 0,
            Self::Signature(SignatureError::Malformed) => 1,
            Self::Signature(SignatureError::Mismatch) => 2,
            Self::HeaderMissing(_) => 3,
            Self::HeaderRepeated(_) => 4,
            Self::HeaderMalformed { .. } => 5,
            Self::ContentType => 6,
            Self::Payload(_) => 7,
            Self::TooLarge { .. } => 8,
            Self::TooSlow => 9,
            Self::BodyBroken => 10,
            Self::Busy => 11,
            Self::InboxFull => 12,
            Self::InboxUnavailable => 13,
            Self::NotFound => 14,
            Self::MethodNotAllowed => 15,
            Self::Internal => 16,
        }
    }

    fn facts(&self) -> &'static Facts {
        &CODES[self.index()]
    }

    /// The code of the kind at `index`, for counters.
    pub(crate) fn code_at(index: usize) -> &'static str {
        CODES[index].code
    }

    /// The HTTP status it is answered with.
    pub fn status(&self) -> StatusCode {
        self.facts().status
    }

    /// A stable word for programs, logs and counters.
    pub fn code(&self) -> &'static str {
        self.facts().code
    }

    /// What happened and what to do, for the person who reads GitHub's list of recent deliveries.
    pub fn message(&self) -> Cow<'static, str> {
        match self {
            Self::Signature(SignatureError::Missing) => {
                "There is no X-Hub-Signature-256 header. Set a webhook secret in the App's settings on GitHub, and the \
                 same one in Deputy's configuration."
                    .into()
            }
            Self::Signature(SignatureError::Malformed) => {
                "X-Hub-Signature-256 is not `sha256=` and 64 hexadecimal digits. Check what stands between GitHub and \
                 Deputy: it must pass headers on unchanged."
                    .into()
            }
            Self::Signature(SignatureError::Mismatch) => {
                "The signature matches none of the active webhook secrets. Check that the App's settings on GitHub and \
                 Deputy's configuration hold the same secret, and that no proxy rewrites the body."
                    .into()
            }
            Self::HeaderMissing(name) => {
                format!("The header {name} is missing. GitHub always sends it: check what stands between.").into()
            }
            Self::HeaderRepeated(name) => {
                format!("The header {name} came more than once. Send it once.").into()
            }
            Self::HeaderMalformed { name, expected } => {
                format!("The header {name} is not {expected}. Send it as GitHub does.").into()
            }
            Self::ContentType => {
                "The content type is neither application/json nor application/x-www-form-urlencoded. Set the webhook's \
                 content type to application/json in the App's settings on GitHub."
                    .into()
            }
            Self::Payload(what) => format!("The body cannot be read: {what}. Send GitHub's payload unchanged.").into(),
            Self::TooLarge { limit } => {
                format!("The body is larger than {limit} bytes; GitHub sends none of that size.").into()
            }
            Self::TooSlow => "The body came too slowly. Redeliver it from the App's settings on GitHub.".into(),
            Self::BodyBroken => "The body ended early or is framed wrongly. Redeliver it.".into(),
            Self::Busy => "Too many large bodies are on their way. Send it again after the seconds in Retry-After.".into(),
            Self::InboxFull => "The inbox is full. Send it again after the seconds in Retry-After.".into(),
            Self::InboxUnavailable => {
                "The inbox cannot store anything now, so nothing was accepted. Its operator finds the cause in the log; \
                 redeliver after that."
                    .into()
            }
            Self::NotFound => "Nothing is here. GitHub's webhooks go to POST /webhook.".into(),
            Self::MethodNotAllowed => "This path is not for this method; the header Allow lists those it takes.".into(),
            Self::Internal => "Something broke on our side; its operator finds the cause in the log.".into(),
        }
    }

    /// After how many seconds to come back, where that helps.
    fn retry_after(&self) -> Option<HeaderValue> {
        match self {
            Self::InboxFull | Self::Busy => Some(HeaderValue::from_static("2")),
            Self::InboxUnavailable => Some(HeaderValue::from_static("30")),
            _ => None,
        }
    }

    /// The answer as JSON: `{"error": code, "message": what to do}`.
    pub(crate) fn response<B: From<Bytes>>(&self) -> hyper::Response<B> {
        #[derive(serde::Serialize)]
        struct Json<'a> {
            error: &'static str,
            message: &'a str,
        }
        let json = Json { error: self.code(), message: &self.message() };
        // Two strings always serialize; an empty body would still carry the right status.
        let json = serde_json::to_vec(&json).unwrap_or_default();
        let mut response = hyper::Response::new(B::from(Bytes::from(json)));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(seconds) = self.retry_after() {
            headers.insert(RETRY_AFTER, seconds);
        }
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.response()
    }
}

const CODES: [Facts; 17] = [
    Facts { status: StatusCode::UNAUTHORIZED, code: "signature_missing" },
    Facts { status: StatusCode::UNAUTHORIZED, code: "signature_malformed" },
    Facts { status: StatusCode::UNAUTHORIZED, code: "signature_mismatch" },
    Facts { status: StatusCode::BAD_REQUEST, code: "header_missing" },
    Facts { status: StatusCode::BAD_REQUEST, code: "header_repeated" },
    Facts { status: StatusCode::BAD_REQUEST, code: "header_malformed" },
    Facts { status: StatusCode::BAD_REQUEST, code: "content_type" },
    Facts { status: StatusCode::BAD_REQUEST, code: "payload" },
    Facts { status: StatusCode::PAYLOAD_TOO_LARGE, code: "too_large" },
    Facts { status: StatusCode::REQUEST_TIMEOUT, code: "too_slow" },
    Facts { status: StatusCode::BAD_REQUEST, code: "body_broken" },
    Facts { status: StatusCode::SERVICE_UNAVAILABLE, code: "busy" },
    Facts { status: StatusCode::SERVICE_UNAVAILABLE, code: "inbox_full" },
    Facts { status: StatusCode::SERVICE_UNAVAILABLE, code: "inbox_unavailable" },
    Facts { status: StatusCode::NOT_FOUND, code: "not_found" },
    Facts { status: StatusCode::METHOD_NOT_ALLOWED, code: "method_not_allowed" },
    Facts { status: StatusCode::INTERNAL_SERVER_ERROR, code: "internal" },
];
