//! Comments on commits: <https://docs.github.com/en/rest/commits/comments>.

use super::issue_comments::{checked_body, comment, edit, erase};
use crate::access::Needs;
use crate::http::call::Call;
use crate::http::reply::{Answer, Refusal, Reply};
use crate::http::route::{Route, delete, get, patch, post};
use crate::ids::RepositoryId;
use crate::state::State;
use crate::state::app::Access;
use crate::state::comment::{NewComment, Place};
use crate::state::repository::Sha;

pub(crate) const ROUTES: &[Route] = &[
    get("/repos/{owner}/{repo}/commits/{commit_sha}/comments", list),
    post("/repos/{owner}/{repo}/commits/{commit_sha}/comments", create),
    get("/repos/{owner}/{repo}/comments/{comment_id}", get_comment),
    patch("/repos/{owner}/{repo}/comments/{comment_id}", update),
    delete("/repos/{owner}/{repo}/comments/{comment_id}", remove),
];

pub(super) const READ: Needs = Needs::read(&[("contents", Access::Read)]);
pub(super) const WRITE: Needs = Needs::read(&[("contents", Access::Write)]);

fn commit(state: &State, call: &Call, repository: RepositoryId) -> Result<Sha, Refusal> {
    let sha = Sha(call.path("commit_sha").to_owned());
    if state.repository(repository).commits.contains_key(&sha) {
        return Ok(sha);
    }
    Err(Refusal::new(422, &format!("No commit found for SHA: {sha}")))
}

fn list(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, READ)?;
    let here = Place::Commit { commit: commit(state, call, repository)? };
    let comments = state.comments.values().filter(|c| c.repository == repository && c.place == here);
    Ok(call.page(comments.map(|comment| state.comment_json(comment)).collect()))
}

fn create(state: &mut State, call: &Call) -> Answer {
    // The documentation of this endpoint asks Apps for no more than reading contents.
    let repository = state.enter(call, READ)?;
    let place = Place::Commit { commit: commit(state, call, repository)? };
    let (author, app) = state.actor(&call.caller)?;
    let body = checked_body(call, "CommitComment")?.to_owned();
    let comment = state.comment_and_tell(NewComment { repository, place, author, app, body });
    Ok(Reply::created(state.comment_json(&comment)))
}

fn get_comment(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, READ)?;
    let id = comment(state, call, repository, is_here)?;
    Ok(Reply::ok(state.comment_json(&state.comments[&id])))
}

fn update(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, WRITE)?;
    let id = comment(state, call, repository, is_here)?;
    edit(state, call, id)
}

fn remove(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, WRITE)?;
    let id = comment(state, call, repository, is_here)?;
    erase(state, call, id)
}

pub(super) fn is_here(place: &Place) -> bool {
    matches!(place, Place::Commit { .. })
}
