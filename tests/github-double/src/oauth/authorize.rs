//! The web flow's first half: asking the person, and sending the browser back with a code.

use super::{Fields, page};
use crate::http::reply::Reply;
use crate::ids::{AccountId, AppId};
use crate::state::State;

const KNOWN: [&str; 9] = [
    "client_id",
    "redirect_uri",
    "state",
    "login",
    "scope",
    "allow_signup",
    "prompt",
    "code_challenge",
    "code_challenge_method",
];

/// What is asked of the person.
#[derive(Debug)]
pub(crate) struct Request {
    app: AppId,
    redirect_uri: Option<String>,
    /// Where the browser goes in the end.
    target: String,
    state: Option<String>,
    challenge: Option<String>,
}

/// `GET /login/oauth/authorize`: shows who may agree.
pub(super) fn ask(state: &mut State, fields: &Fields) -> Reply {
    fields.only(state, "/login/oauth/authorize", &KNOWN);
    let request = match request(state, fields) {
        Ok(request) => request,
        Err(reply) => return *reply,
    };
    let title = format!("Authorize {}", state.app(request.app).name);
    let action = "/login/oauth/authorize";
    page::ask(state, &page::Question { title: &title, action, fields: &fields.0, can_deny: true })
}

/// `POST /login/oauth/authorize`: a button was pressed.
pub(super) fn decide(state: &mut State, fields: &Fields) -> Reply {
    let request = match request(state, fields) {
        Ok(request) => request,
        Err(reply) => return *reply,
    };
    match (fields.get("deny"), fields.person(state)) {
        (None, Some(user)) => page::redirect(allow(state, &request, user)),
        (Some(_), _) => page::redirect(deny(&request)),
        (None, None) => page::error(422, "Who are you?"),
    }
}

/// Reads an authorization request; what is wrong with it goes to the browser.
fn request(state: &State, fields: &Fields) -> Result<Request, Box<Reply>> {
    let client_id = fields.get("client_id").unwrap_or_default();
    let Some(id) = state.app_by_client_id(client_id) else {
        return Err(Box::new(page::error(404, "There is no App of this client id")));
    };
    let app = state.app(id);
    let Some(first) = app.callback_urls.first() else {
        return Err(Box::new(page::error(422, "The App has no callback URL")));
    };
    let back = |name: &str, text: &str| {
        let answer = [("error", name), ("error_description", text)];
        Err(Box::new(page::redirect(with(first, &answer, fields.get("state")))))
    };
    let redirect_uri = fields.get("redirect_uri").map(str::to_owned);
    if redirect_uri.as_ref().is_some_and(|uri| !app.callback_urls.contains(uri)) {
        return back(
            "redirect_uri_mismatch",
            "The redirect_uri MUST match the registered callback URL for this application.",
        );
    }
    let challenge = fields.get("code_challenge").map(str::to_owned);
    match (&challenge, fields.get("code_challenge_method")) {
        (None, None) => {}
        (Some(challenge), Some("S256")) if challenge.len() == 43 => {}
        _ => return back("invalid_request", "code_challenge must be 43 characters, and its method S256."),
    }
    let target = redirect_uri.clone().unwrap_or_else(|| first.clone());
    Ok(Request { app: id, redirect_uri, target, state: fields.get("state").map(str::to_owned), challenge })
}

fn allow(state: &mut State, request: &Request, user: AccountId) -> String {
    let app = request.app;
    let code = state.issue_code((app, user), request.redirect_uri.as_deref(), request.challenge.as_deref());
    let line = format!("@{} allows {} to act as them", state.login(user), state.app(app).slug);
    state.tell(line);
    with(&request.target, &[("code", &code)], request.state.as_deref())
}

fn deny(request: &Request) -> String {
    let answer = [
        ("error", "access_denied"),
        ("error_description", "The user has denied your application access."),
        ("error_uri", "https://docs.github.com/apps/oauth#access-denied"),
    ];
    with(&request.target, &answer, request.state.as_deref())
}

/// A callback address with what it is told; `state` comes back as it was given.
fn with(url: &str, answer: &[(&str, &str)], state: Option<&str>) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(answer);
    if let Some(state) = state {
        query.append_pair("state", state);
    }
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}{}", query.finish())
}

impl State {
    /// What a person's browser does with the address that a service sent it to: the address it is sent back
    /// to, with a code if the person agreed, or with an error.
    pub(crate) fn browse_authorize(&mut self, url: &str, decision: Option<AccountId>) -> String {
        let query = url.split_once('?').map_or("", |(_, query)| query);
        let fields = Fields(url::form_urlencoded::parse(query.as_bytes()).into_owned().collect());
        fields.only(self, "/login/oauth/authorize", &KNOWN);
        match (request(self, &fields), decision) {
            (Ok(request), Some(user)) => allow(self, &request, user),
            (Ok(request), None) => deny(&request),
            (Err(reply), _) => {
                let location = reply.headers.into_iter().find(|(name, _)| *name == "location");
                location.map_or_else(String::new, |(_, location)| location)
            }
        }
    }
}
