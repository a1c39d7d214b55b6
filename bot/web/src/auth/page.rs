//! What a login shows: plain pages that need no script, and headers that allow none.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
    RETRY_AFTER, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

use super::STYLE_PATH;
use super::finish::Welcome;
use super::trouble::Trouble;

const POLICY: &str = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// On every answer of a login, redirects included: nothing is stored by a cache, framed by others, or told to the next
/// site.
pub(crate) fn guard(headers: &mut HeaderMap) {
    let fields: [(HeaderName, &'static str); 6] = [
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (name, value) in fields {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// A way on from a page.
pub(super) struct Way<'a> {
    pub(super) href: &'a str,
    pub(super) text: &'a str,
}

/// You are logged in.
///
/// The way back is a link and no refresh: a page that leaves by itself takes its words from who reads slowly or has
/// them read aloud (WCAG 2.2.1, technique F41).
pub(super) fn welcome(welcome: &Welcome, back: Option<&str>) -> Response {
    let title = format!("You are logged in as {}", welcome.login);
    let body = html! {
        @if welcome.resumed.is_empty() {
            p { "Deputy now acts as you when you ask it to, and can never do more than you may." }
        } @else {
            p { "What you asked for before is running now:" }
            ul {
                @for resumed in &welcome.resumed {
                    li { code { (resumed.command) } " on " a href=(resumed.html_url) { (resumed.place) } }
                }
            }
        }
        p .small {
            "To log out, comment " code { "@deputy logout" } ", or revoke the App in your settings on GitHub."
        }
    };
    let way = back.map(|href| Way { href, text: "Back to where you were" });
    show(StatusCode::OK, &title, &body, way.as_ref())
}

/// That did not work, and this is what to do. `again` begins the same login anew.
pub(super) fn trouble(trouble: &Trouble, again: &str) -> Response {
    let body = html! { p { (code_spans(&trouble.message())) } };
    let way = trouble.is_worth_another_try().then_some(Way { href: again, text: "Log in with GitHub" });
    let mut response = show(trouble.status(), trouble.title(), &body, way.as_ref());
    if let Some(seconds) = trouble.retry_after() {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

fn show(status: StatusCode, title: &str, body: &Markup, way: Option<&Way<'_>>) -> Response {
    let body = html! {
        (body)
        @if let Some(Way { href, text }) = way { p { a .way href=(href) { (text) } } }
    };
    document(status, title, &body)
}

/// A page of ours around `body`.
pub(crate) fn document(status: StatusCode, title: &str, body: &Markup) -> Response {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (title) " · Deputy" }
                link rel="stylesheet" href=(STYLE_PATH);
                link rel="icon" href="data:,";
            }
            body {
                main {
                    p .brand { "Deputy" }
                    h1 { (title) }
                    (body)
                }
            }
        }
    };
    let mut response = (status, Html(page.into_string())).into_response();
    guard(response.headers_mut());
    response
}

/// Our own texts mark what is typed with backticks, for terminals and pages alike.
pub(crate) fn code_spans(text: &str) -> Markup {
    html! {
        @for (index, part) in text.split('`').enumerate() {
            @if index % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

/// The pages' only style sheet. A file of its own, so that the policy needs no exception.
pub(crate) async fn style() -> Response {
    let headers = [
        (CONTENT_TYPE, "text/css; charset=utf-8"),
        (CACHE_CONTROL, "public, max-age=3600"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, include_str!("style.css")).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_set_as_code_and_markup_stays_text() {
        assert_eq!(code_spans("a `b` <i>").into_string(), "a <code>b</code> &lt;i&gt;");
    }
}
