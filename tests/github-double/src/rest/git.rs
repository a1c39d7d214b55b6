//! The Git data API, and merging branches: <https://docs.github.com/en/rest/git>.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::commits::READ;
use crate::access::Needs;
use crate::http::call::Call;
use crate::http::reply::{Answer, Refusal, Reply};
use crate::http::route::{Route, delete, get, patch, post};
use crate::ids::RepositoryId;
use crate::state::State;
use crate::state::app::Access;
use crate::state::git::{Files, NewCommit};
use crate::state::repository::{Permission, Sha};

pub(crate) const ROUTES: &[Route] = &[
    get("/repos/{owner}/{repo}/git/ref/{ref}", get_ref),
    get("/repos/{owner}/{repo}/git/matching-refs/{ref}", matching_refs),
    post("/repos/{owner}/{repo}/git/refs", create_ref),
    patch("/repos/{owner}/{repo}/git/refs/{ref}", update_ref),
    delete("/repos/{owner}/{repo}/git/refs/{ref}", delete_ref),
    get("/repos/{owner}/{repo}/git/commits/{commit_sha}", get_commit),
    post("/repos/{owner}/{repo}/git/commits", create_commit),
    get("/repos/{owner}/{repo}/git/trees/{tree_sha}", get_tree),
    post("/repos/{owner}/{repo}/git/trees", create_tree),
    get("/repos/{owner}/{repo}/git/blobs/{file_sha}", get_blob),
    post("/repos/{owner}/{repo}/git/blobs", create_blob),
    post("/repos/{owner}/{repo}/merges", merge),
];

pub(super) const WRITE: Needs = Needs::read(&[("contents", Access::Write)]).person(Permission::Write);

/// `heads/main` or `tags/v1` to what it points to.
fn pointed(state: &State, id: RepositoryId, name: &str) -> Option<Sha> {
    let repository = state.repository(id);
    match name.split_once('/')? {
        ("heads", branch) => repository.branches.get(branch).cloned(),
        ("tags", tag) => repository.tags.get(tag).cloned(),
        _ => None,
    }
}

fn get_ref(state: &mut State, call: &Call) -> Answer {
    let id = state.enter(call, READ)?;
    let sha = pointed(state, id, call.path("ref")).ok_or_else(Refusal::not_found)?;
    Ok(Reply::ok(state.ref_json(id, call.path("ref"), &sha)))
}

fn matching_refs(state: &mut State, call: &Call) -> Answer {
    let id = state.enter(call, READ)?;
    let repository = state.repository(id);
    let heads = repository.branches.iter().map(|(name, sha)| (format!("heads/{name}"), sha));
    let tags = repository.tags.iter().map(|(name, sha)| (format!("tags/{name}"), sha));
    let matching = heads.chain(tags).filter(|(name, _)| name.starts_with(call.path("ref")));
    Ok(Reply::ok(matching.map(|(name, sha)| state.ref_json(id, &name, sha)).collect()))
}

fn create_ref(state: &mut State, call: &Call) -> Answer {
    let id = state.enter(call, WRITE)?;
    let name = call.text("Reference", "ref")?;
    let name = name
        .strip_prefix("refs/")
        .ok_or_else(|| Refusal::new(422, "Reference name must start with refs/"))?;
    let sha = existing(state, id, call.text("Reference", "sha")?)?;
    if pointed(state, id, name).is_some() {
        return Err(Refusal::new(422, "Reference already exists"));
    }
    point(state, call, id, (name, &sha))?;
    Ok(Reply::created(state.ref_json(id, name, &sha)))
}

/// Forward only, unless forced.
fn update_ref(state: &mut State, call: &Call) -> Answer {
    let id = state.enter(call, WRITE)?;
    let name = call.path("ref");
    let before = pointed(state, id, name).ok_or_else(|| Refusal::new(422, "Reference does not exist"))?;
    let sha = existing(state, id, call.text("Reference", "sha")?)?;
    let is_forward = state.repository(id).ancestors(&sha).contains(&before);
    if !is_forward && call.body["force"] != json!(true) {
        return Err(Refusal::new(422, "Update is not a fast forward"));
    }
    point(state, call, id, (name, &sha))?;
    Ok(Reply::ok(state.ref_json(id, name, &sha)))
}

fn delete_ref(state: &mut State, call: &Call) -> Answer {
    let id = state.enter(call, WRITE)?;
    let name = call.path("ref");
    pointed(state, id, name).ok_or_else(|| Refusal::new(422, "Reference does not exist"))?;
    let repository = state.repository_mut(id);
    match name.split_once('/') {
        Some(("heads", branch)) => repository.branches.remove(branch),
        Some((_, tag)) => repository.tags.remove(tag),
        None => None,
    };
    Ok(Reply::no_content())
}

fn point(state: &mut State, call: &Call, id: RepositoryId, (name, sha): (&str, &Sha)) -> Result<(), Refusal> {
    let (actor, _) = state.actor(&call.caller)?;
    match name.split_once('/') {
        Some(("heads", branch)) => {
            state.move_branch(id, branch, sha, actor);
            Ok(())
        }
        Some(("tags", tag)) => {
            state.repository_mut(id).tags.insert(tag.to_owned(), sha.clone());
            Ok(())
        }
        _ => Err(Refusal::new(422, "Reference name is invalid")),
    }
}

fn existing(state: &State, id: RepositoryId, sha: &str) -> Result<Sha, Refusal> {
    let sha = Sha(sha.to_owned());
    let is_known = state.repository(id).commits.contains_key(&sha);
    if is_known { Ok(sha) } else { Err(Refusal::new(422, "Object does not exist")) }
}

fn get_commit(state: &mut State, call: &Call) -> Answer {
    let id = state.enter(call, READ)?;
    let sha = existing(state, id, call.path("commit_sha")).map_err(|_| Refusal::not_found())?;
    Ok(Reply::ok(state.git_commit_json(id, &sha)))
}

fn create_commit(state: &mut State, call: &Call) -> Answer {
    let id = state.enter(call, WRITE)?;
    let (author, _) = state.actor(&call.caller)?;
    let message = call.text("Commit", "message")?.to_owned();
    let files = tree(state, id, call.text("Commit", "tree")?)?;
    let parents: Result<Vec<Sha>, Refusal> = call.body["parents"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|parent| existing(state, id, parent.as_str().unwrap_or_default()))
        .collect();
    let new = NewCommit { message, author, parents: parents?, files };
    let (by, committed) = (&call.body["author"], &call.body["committer"]);
    let sha = if by["date"].is_string() && committed["date"].is_string() {
        state.make_named_commit(id, new, [by.clone(), committed.clone()])
    } else {
        state.make_commit(id, new)
    };
    Ok(Reply::created(state.git_commit_json(id, &sha)))
}

/// A tree made before, or any commit's; a commit's SHA stands for its tree.
fn tree(state: &State, id: RepositoryId, sha: &str) -> Result<Arc<Files>, Refusal> {
    let repository = state.repository(id);
    let sha = Sha(sha.to_owned());
    let of_commit = || repository.commits.get(&sha).map(|commit| Arc::clone(&commit.files));
    let of_any =
        || repository.commits.values().find(|c| Sha::of_tree(&c.files) == sha).map(|c| Arc::clone(&c.files));
    let found = repository.trees.get(&sha).cloned().or_else(of_commit).or_else(of_any);
    found.ok_or_else(Refusal::not_found)
}

fn get_tree(state: &mut State, call: &Call) -> Answer {
    let id = state.enter(call, READ)?;
    let name = call.path("tree_sha");
    let sha = state.repository(id).resolve(name).unwrap_or_else(|| Sha(name.to_owned()));
    let files = tree(state, id, sha.as_str())?;
    Ok(Reply::ok(state.tree_json(id, &files)))
}

fn create_tree(state: &mut State, call: &Call) -> Answer {
    let id = state.enter(call, WRITE)?;
    let mut files = match call.body["base_tree"].as_str() {
        None => Files::new(),
        Some(base) => (*tree(state, id, base)?).clone(),
    };
    for entry in call.body["tree"].as_array().into_iter().flatten() {
        let path =
            entry["path"].as_str().ok_or_else(|| Refusal::unprocessable("Tree", "path", "missing_field"))?;
        match (&entry["content"], &entry["sha"]) {
            (Value::String(text), _) => files.insert(path.to_owned(), text.as_str().into()),
            (_, Value::String(sha)) => {
                let text = blob(state, id, &Sha(sha.clone()))
                    .ok_or_else(|| Refusal::new(422, "tree.sha does not exist"))?;
                files.insert(path.to_owned(), text)
            }
            // `"sha": null` deletes.
            _ => files.remove(path),
        };
    }
    let sha = Sha::of_tree(&files);
    let json = state.tree_json(id, &files);
    state.repository_mut(id).trees.insert(sha, Arc::new(files));
    Ok(Reply::created(json))
}

fn blob(state: &State, id: RepositoryId, sha: &Sha) -> Option<Arc<str>> {
    let repository = state.repository(id);
    let in_commits = || {
        let mut texts = repository.commits.values().flat_map(|commit| commit.files.values());
        texts.find(|text| Sha::of_blob(text) == *sha).cloned()
    };
    repository.blobs.get(sha).cloned().or_else(in_commits)
}

fn get_blob(state: &mut State, call: &Call) -> Answer {
    let id = state.enter(call, READ)?;
    let sha = Sha(call.path("file_sha").to_owned());
    let text = blob(state, id, &sha).ok_or_else(Refusal::not_found)?;
    Ok(Reply::ok(json!({
        "sha": sha.as_str(),
        "node_id": format!("B_{sha}"),
        "size": text.len(),
        "url": format!("{}/git/blobs/{sha}", state.repository_url(id)),
        "content": STANDARD.encode(text.as_bytes()),
        "encoding": "base64",
    })))
}

fn create_blob(state: &mut State, call: &Call) -> Answer {
    let id = state.enter(call, WRITE)?;
    let content = call.body["content"].as_str().unwrap_or_default();
    let text = if call.body["encoding"] == "base64" {
        let bytes = STANDARD.decode(content.replace('\n', "")).ok();
        bytes
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(|| Refusal::new(422, "content is not valid Base64"))?
    } else {
        content.to_owned()
    };
    let sha = Sha::of_blob(&text);
    state.repository_mut(id).blobs.insert(sha.clone(), text.into());
    let url = format!("{}/git/blobs/{sha}", state.repository_url(id));
    Ok(Reply::created(json!({ "sha": sha.as_str(), "url": url })))
}

/// Merges `head` into the branch `base`: 204 if it is there already, 409 for a conflict.
fn merge(state: &mut State, call: &Call) -> Answer {
    let id = state.enter(call, WRITE)?;
    let (actor, _) = state.actor(&call.caller)?;
    let (base, head) = (call.text("Merge", "base")?, call.text("Merge", "head")?);
    let repository = state.repository(id);
    let ours =
        repository.branches.get(base).cloned().ok_or_else(|| Refusal::new(404, "Base does not exist"))?;
    let theirs = repository.resolve(head).ok_or_else(|| Refusal::new(404, "Head does not exist"))?;
    if repository.ancestors(&ours).contains(&theirs) {
        return Ok(Reply::no_content());
    }
    let files = repository.merged_files(&ours, &theirs).map_err(|_| Refusal::new(409, "Merge conflict"))?;
    let message = call.body["commit_message"]
        .as_str()
        .map_or_else(|| format!("Merge {head} into {base}"), str::to_owned);
    let (parents, base) = (vec![ours, theirs], base.to_owned());
    let sha = state.make_commit(id, NewCommit { message, author: actor, parents, files: Arc::new(files) });
    state.move_branch(id, &base, &sha, actor);
    Ok(Reply::created(state.commit_json(id, &sha)))
}
