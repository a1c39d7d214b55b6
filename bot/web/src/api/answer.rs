//! What the API answers: JSON that no cache keeps, and a trouble in the receiver's form.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::auth::Trouble;

/// `200` with this.
pub(super) fn tell(body: impl Serialize) -> Response {
    no_store(Json(body).into_response())
}

/// `{"error": code, "message": what to do}`, as the receiver's problems.
pub(super) fn refuse(trouble: &Trouble) -> Response {
    refuse_with(trouble.status(), trouble.code(), &trouble.message(), trouble.retry_after())
}

/// The same for what is no trouble with a login or a session.
pub(super) fn refuse_with(
    status: StatusCode,
    code: &'static str,
    message: &str,
    retry_after: Option<u32>,
) -> Response {
    #[derive(Serialize)]
    struct Refusal<'a> {
        error: &'static str,
        message: &'a str,
    }
    let mut response = (status, Json(Refusal { error: code, message })).into_response();
    let headers = response.headers_mut();
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"Deputy\""));
    }
    if let Some(seconds) = retry_after {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    no_store(response)
}

fn no_store(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
