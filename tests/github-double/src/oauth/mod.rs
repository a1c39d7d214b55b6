//! GitHub's web endpoints outside the REST API: logging in, making an App from a manifest, stored logs.
//!
//! <https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app>. No description of
//! GitHub's covers them, so that they check what they get themselves: an unknown parameter is a violation.

mod authorize;
mod device;
mod manifest;
mod page;
mod token;

use serde_json::{Value, json};

use crate::http::pipeline::Received;
use crate::http::reply::Reply;
use crate::ids::AccountId;
use crate::state::State;

/// Whether a path is one of these.
pub(crate) fn is_web(path: &str) -> bool {
    path.starts_with("/login/")
        || path.starts_with("/_storage/")
        || path == "/settings/apps/new"
        || path.starts_with("/organizations/") && path.ends_with("/settings/apps/new")
}

pub(crate) fn answer(state: &mut State, received: &Received) -> Reply {
    let fields = Fields::of(received);
    match (received.method.as_str(), received.path.as_str()) {
        ("GET", "/login/oauth/authorize") => authorize::ask(state, &fields),
        ("POST", "/login/oauth/authorize") => authorize::decide(state, &fields),
        ("POST", "/login/oauth/access_token") => {
            let answer = token::exchange(state, received, &fields);
            formatted(received, answer)
        }
        ("POST", "/login/device/code") => {
            let answer = device::start(state, &fields);
            formatted(received, answer)
        }
        ("GET", "/login/device") => device::ask(state, &fields),
        ("POST", "/login/device") => device::decide(state, &fields),
        ("POST", path) if path.ends_with("/settings/apps/new") => {
            manifest::ask_or_create(state, received, &fields)
        }
        ("GET", path) if path.starts_with("/_storage/logs/") => log(state, path),
        (method, path) => {
            state.violation(format!("{method} {path}: GitHub has no such page"));
            page::error(404, "Not Found")
        }
    }
}

/// What a form, a JSON body and the query say, in one.
#[derive(Debug)]
struct Fields(Vec<(String, String)>);

impl Fields {
    fn of(received: &Received) -> Self {
        let mut fields = received.query.clone();
        let is_json = received.header("content-type").is_some_and(|kind| kind.contains("json"));
        if is_json {
            let body: Value = serde_json::from_slice(&received.body).unwrap_or_default();
            for (name, value) in body.as_object().into_iter().flatten() {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                fields.push((name.clone(), text));
            }
        } else {
            fields.extend(url::form_urlencoded::parse(&received.body).into_owned());
        }
        Self(fields)
    }

    /// A field that says something.
    fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, value)| known == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// Writes down the fields that GitHub does not document for this endpoint.
    fn only(&self, state: &mut State, endpoint: &str, known: &[&str]) {
        for (name, _) in self.0.iter().filter(|(name, _)| !known.contains(&name.as_str())) {
            state.violation(format!("{endpoint}: parameter {name} is none of GitHub's here"));
        }
    }

    /// The person whose button was pressed.
    fn person(&self, state: &State) -> Option<AccountId> {
        state.account_by_login(self.get("login_as")?).map(|account| account.id)
    }
}

/// An error of the token endpoints: they come with status 200.
fn error(name: &str, description: &str) -> Value {
    json!({
        "error": name,
        "error_description": description,
        "error_uri": format!("https://docs.github.com/apps/oauth#{}", name.replace('_', "-")),
    })
}

/// JSON for who asks for it; a form otherwise, as GitHub does.
fn formatted(received: &Received, answer: Value) -> Reply {
    let wants_json = received.header("accept").is_some_and(|accept| accept.contains("json"));
    if wants_json {
        return Reply::ok(answer);
    }
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in answer.as_object().into_iter().flatten() {
        form.append_pair(name, &value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    }
    Reply::text("application/x-www-form-urlencoded; charset=utf-8", &form.finish())
}

/// Where the log of a job was redirected to: plain text.
fn log(state: &State, path: &str) -> Reply {
    let id = path.rsplit('/').next().and_then(|id| id.parse().ok()).map(crate::ids::JobId);
    match id.and_then(|id| state.jobs.get(&id)) {
        Some(job) => Reply::text("text/plain; charset=utf-8", &job.log),
        None => page::error(404, "Not Found"),
    }
}
