//! What setting up shows.

use axum::http::header::{CONTENT_SECURITY_POLICY, HeaderValue, REFERRER_POLICY};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use maud::{Markup, html};

use super::{Finished, Setup};
use crate::auth::page::{self, code_spans, document};

/// What the App is going to be, and the one button.
pub(super) fn begin(setup: &Setup) -> Response {
    let Setup { manifest, action, site, organization, .. } = setup;
    let owner = organization
        .as_deref()
        .map_or_else(|| "your account".to_owned(), |organization| format!("the organization {organization}"));
    // Two strings and maps of strings always serialize.
    let json = serde_json::to_string(manifest).unwrap_or_default();
    let body = html! {
        p {
            "GitHub will ask you to confirm, and to name the App if you like. Its credentials are then written on this \
             machine, and nowhere else."
        }
        form method="post" action=(action) {
            input type="hidden" name="manifest" value=(json);
            button .way type="submit" { "Create the App on GitHub" }
        }
        h2 { "What it will be" }
        dl {
            dt { "Name" } dd { (manifest.name) }
            dt { "Owner" } dd { (owner) " on " (site) }
            dt { "Webhooks go to" }
            dd {
                @match &manifest.hook_attributes {
                    Some(hook) => { (hook.url) },
                    None => { "nowhere yet" },
                }
            }
            @if let Some(callback) = manifest.callback_urls.first() {
                dt { "People log in at" } dd { (callback) }
            }
            dt { "Permissions" }
            dd {
                ul .plain {
                    @for (name, level) in &manifest.default_permissions {
                        li { (name.replace('_', " ")) ": " (level) }
                    }
                }
            }
            dt { "Events" }
            dd { (manifest.default_events.join(", ").replace('_', " ")) }
        }
    };
    let mut response = document(StatusCode::OK, "Create your GitHub App", &body);
    guard(response.headers_mut(), Some(site));
    response
}

/// It is there.
pub(super) fn done(finished: &Finished) -> Response {
    let body = html! {
        p { "Its credentials are on this machine. You can close this page; the terminal says the same." }
        h2 { "What is left to do" }
        ol {
            @for step in &finished.next {
                li {
                    (code_spans(&step.text))
                    @if let Some(link) = &step.link { " " a href=(link.href) { (link.text) } }
                }
            }
        }
    };
    let mut response = document(StatusCode::OK, &format!("{} is there", finished.name), &body);
    guard(response.headers_mut(), None);
    response
}

/// That did not work.
pub(super) fn trouble(status: StatusCode, text: &str) -> Response {
    let body: Markup = html! { p { (code_spans(text)) } };
    let mut response = document(status, "That did not work", &body);
    guard(response.headers_mut(), None);
    response
}

/// The headers of every page here. `form_to` is whom the page's form may be sent to.
///
/// GitHub is told where its form came from, as by any other page: a sender that hides looks like a forged one.
pub(super) fn guard(headers: &mut HeaderMap, form_to: Option<&str>) {
    page::guard(headers);
    if let Some(site) = form_to {
        let policy = format!(
            "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'self' {site}; \
             frame-ancestors 'none'"
        );
        if let Ok(policy) = HeaderValue::from_str(&policy) {
            headers.insert(CONTENT_SECURITY_POLICY, policy);
        }
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("strict-origin-when-cross-origin"));
    }
}
