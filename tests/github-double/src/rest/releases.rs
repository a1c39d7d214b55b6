//! Releases: <https://docs.github.com/en/rest/releases/releases>.

use serde_json::{Value, json};

use super::commits::READ;
use super::git::WRITE;
use crate::clock::stamp;
use crate::http::call::Call;
use crate::http::reply::{Answer, Refusal, Reply};
use crate::http::route::{Route, get, post};
use crate::ids::{RepositoryId, node_id};
use crate::state::State;
use crate::state::repository::Release;

pub(crate) const ROUTES: &[Route] = &[
    get("/repos/{owner}/{repo}/releases", list),
    post("/repos/{owner}/{repo}/releases", create),
    post("/repos/{owner}/{repo}/releases/generate-notes", generate_notes),
    get("/repos/{owner}/{repo}/releases/latest", latest),
    get("/repos/{owner}/{repo}/releases/tags/{tag}", by_tag),
];

fn list(state: &mut State, call: &Call) -> Answer {
    let id = state.enter(call, READ)?;
    let releases = state.repository(id).releases.iter().rev();
    Ok(call.page(releases.map(|release| release_json(state, id, release)).collect()))
}

fn by_tag(state: &mut State, call: &Call) -> Answer {
    let id = state.enter(call, READ)?;
    let found = state.repository(id).releases.iter().find(|release| release.tag == call.path("tag"));
    let release = found.filter(|release| !release.is_draft).ok_or_else(Refusal::not_found)?;
    Ok(Reply::ok(release_json(state, id, release)))
}

fn latest(state: &mut State, call: &Call) -> Answer {
    let id = state.enter(call, READ)?;
    let found = state.repository(id).releases.iter().rev().find(|r| !r.is_draft && !r.is_prerelease);
    Ok(Reply::ok(release_json(state, id, found.ok_or_else(Refusal::not_found)?)))
}

/// The tag is made if there is none, on `target_commitish`.
fn create(state: &mut State, call: &Call) -> Answer {
    let id = state.enter(call, WRITE)?;
    let (author, _) = state.actor(&call.caller)?;
    let tag = call.text("Release", "tag_name")?.to_owned();
    if state.repository(id).releases.iter().any(|release| release.tag == tag) {
        return Err(Refusal::unprocessable("Release", "tag_name", "already_exists"));
    }
    let repository = state.repository(id);
    let target = call.body["target_commitish"].as_str().unwrap_or(&repository.default_branch).to_owned();
    let sha = repository.tags.get(&tag).cloned().or_else(|| repository.resolve(&target));
    let sha = sha.ok_or_else(|| Refusal::unprocessable("Release", "target_commitish", "invalid"))?;
    let text = |field: &str| call.body[field].as_str().map(str::to_owned);
    let release = Release {
        id: state.next_id(),
        tag: tag.clone(),
        target,
        name: text("name"),
        body: if call.body["generate_release_notes"] == json!(true) {
            Some(notes(state, id))
        } else {
            text("body")
        },
        is_draft: call.body["draft"] == json!(true),
        is_prerelease: call.body["prerelease"] == json!(true),
        author,
        at: state.now(),
    };
    let json = release_json(state, id, &release);
    let repository = state.repository_mut(id);
    if !release.is_draft {
        repository.tags.entry(tag).or_insert(sha);
    }
    repository.releases.push(release);
    Ok(Reply::created(json))
}

fn generate_notes(state: &mut State, call: &Call) -> Answer {
    let id = state.enter(call, WRITE)?;
    let tag = call.text("Release", "tag_name")?;
    Ok(Reply::ok(json!({ "name": tag, "body": notes(state, id) })))
}

fn notes(state: &State, id: RepositoryId) -> String {
    let merged = state.issues.values().filter(|issue| {
        issue.repository == id && issue.pull.as_ref().is_some_and(|pull| pull.merged.is_some())
    });
    let lines: Vec<String> = merged
        .map(|issue| {
            format!("* {} by @{} in {}", issue.title, state.login(issue.author), state.issue_html_url(issue))
        })
        .collect();
    format!("## What's Changed\n{}", lines.join("\n"))
}

fn release_json(state: &State, id: RepositoryId, release: &Release) -> Value {
    let (api, html) = (state.repository_url(id), state.repository_html_url(id));
    let url = format!("{api}/releases/{}", release.id);
    json!({
        "url": url,
        "html_url": format!("{html}/releases/tag/{}", release.tag),
        "assets_url": format!("{url}/assets"),
        "upload_url": format!("{url}/assets{{?name,label}}"),
        "tarball_url": format!("{api}/tarball/{}", release.tag),
        "zipball_url": format!("{api}/zipball/{}", release.tag),
        "id": release.id,
        "node_id": node_id("RE", release.id),
        "tag_name": release.tag,
        "target_commitish": release.target,
        "name": release.name,
        "body": release.body,
        "draft": release.is_draft,
        "prerelease": release.is_prerelease,
        "immutable": false,
        "created_at": stamp(release.at),
        "published_at": (!release.is_draft).then(|| stamp(release.at)),
        "author": state.user_json(release.author),
        "assets": [],
    })
}
