//! Files: <https://docs.github.com/en/rest/repos/contents>.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::commits::READ;
use crate::http::call::Call;
use crate::http::reply::{Answer, Refusal, Reply};
use crate::http::route::{Route, get};
use crate::ids::RepositoryId;
use crate::state::State;
use crate::state::repository::Sha;

pub(crate) const ROUTES: &[Route] = &[get("/repos/{owner}/{repo}/contents/{path}", contents)];

/// A file with its content, raw for who asks for that; a folder as a list.
fn contents(state: &mut State, call: &Call) -> Answer {
    let id = state.enter(call, READ)?;
    let repository = state.repository(id);
    let reference = call.query("ref").unwrap_or(&repository.default_branch).to_owned();
    let missing = || Refusal::new(404, &format!("No commit found for the ref {reference}"));
    let sha = repository.resolve(&reference).ok_or_else(missing)?;
    let files = &repository.commits[&sha].files;
    let path = call.path("path").trim_matches('/');
    if let Some(text) = files.get(path) {
        if call.accept.contains("raw") {
            return Ok(Reply::text("application/vnd.github.raw+json; charset=utf-8", text));
        }
        let mut json = entry(state, id, &reference, path, Some(text));
        json["encoding"] = json!("base64");
        json["content"] = json!(STANDARD.encode(text.as_bytes()));
        return Ok(Reply::ok(json));
    }
    let prefix = format!("{path}/");
    let mut names: Vec<&str> = files
        .keys()
        .filter_map(|file| file.strip_prefix(&prefix))
        .map(|rest| rest.split('/').next().unwrap_or(rest))
        .collect();
    names.dedup();
    if names.is_empty() {
        return Err(Refusal::not_found());
    }
    let entries = names.into_iter().map(|name| {
        let path = format!("{prefix}{name}");
        entry(state, id, &reference, &path, files.get(&path).map(|text| &**text))
    });
    Ok(Reply::ok(Value::Array(entries.collect())))
}

fn entry(state: &State, id: RepositoryId, reference: &str, path: &str, text: Option<&str>) -> Value {
    let (api, html) = (state.repository_url(id), state.repository_html_url(id));
    let sha = Sha::of_blob(text.unwrap_or(path));
    let url = format!("{api}/contents/{path}?ref={reference}");
    let html = format!("{html}/blob/{reference}/{path}");
    let git = format!("{api}/git/blobs/{sha}");
    json!({
        "type": if text.is_some() { "file" } else { "dir" },
        "name": path.rsplit('/').next(),
        "path": path,
        "sha": sha.as_str(),
        "size": text.map_or(0, str::len),
        "url": url,
        "html_url": html,
        "git_url": git,
        "download_url": text.map(|_| format!("{html}?raw=1")),
        "_links": { "self": url, "git": git, "html": html },
    })
}
