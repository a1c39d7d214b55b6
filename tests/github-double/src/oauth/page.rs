//! The few pages that a browser shows: who are you, and do you agree.

use std::fmt::Write as _;

use crate::http::reply::Reply;
use crate::state::State;
use crate::state::account::Kind;

/// A question with one button per person for yes, and one for no.
pub(super) struct Question<'a> {
    pub(super) title: &'a str,
    /// Where the answer goes; the fields go along.
    pub(super) action: &'a str,
    pub(super) fields: &'a [(String, String)],
    /// Whether "no" is an answer.
    pub(super) can_deny: bool,
}

pub(super) fn ask(state: &State, question: &Question<'_>) -> Reply {
    let mut html = format!(
        "<h1>{}</h1><form method=\"post\" action=\"{}\">",
        escaped(question.title),
        escaped(question.action)
    );
    for (name, value) in question.fields {
        let _ =
            write!(html, "<input type=\"hidden\" name=\"{}\" value=\"{}\">", escaped(name), escaped(value));
    }
    let people = state.accounts.values().filter(|account| matches!(account.kind, Kind::User));
    for person in people {
        let login = escaped(&person.login);
        let _ =
            write!(html, "<p><button name=\"login_as\" value=\"{login}\">Continue as {login}</button></p>");
    }
    if question.can_deny {
        html.push_str("<p><button name=\"deny\" value=\"1\">Cancel</button></p>");
    }
    html.push_str("</form>");
    page(200, question.title, &html)
}

pub(super) fn error(status: u16, text: &str) -> Reply {
    page(status, text, &format!("<h1>{}</h1>", escaped(text)))
}

pub(super) fn say(text: &str) -> Reply {
    page(200, text, &format!("<h1>{}</h1>", escaped(text)))
}

/// Sends the browser elsewhere.
pub(super) fn redirect(location: String) -> Reply {
    Reply::empty(302).with_header("location", location)
}

fn page(status: u16, title: &str, body: &str) -> Reply {
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{}</title>\
         <body style=\"font-family: system-ui; max-width: 32rem; margin: 4rem auto\">{body}</body></html>",
        escaped(title)
    );
    Reply { status, ..Reply::text("text/html; charset=utf-8", &html) }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
