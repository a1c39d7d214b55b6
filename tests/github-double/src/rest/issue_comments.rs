//! Comments on issues and pull requests: <https://docs.github.com/en/rest/issues/comments>.

use chrono::DateTime;

use super::issues::{READ, WRITE, issue};
use crate::http::call::Call;
use crate::http::reply::{Answer, Refusal, Reply};
use crate::http::route::{Route, delete, get, patch, post};
use crate::ids::{CommentId, RepositoryId};
use crate::state::State;
use crate::state::comment::{Comment, NewComment, Place};
use crate::state::repository::Permission;

pub(crate) const ROUTES: &[Route] = &[
    get("/repos/{owner}/{repo}/issues/{issue_number}/comments", list),
    post("/repos/{owner}/{repo}/issues/{issue_number}/comments", create),
    get("/repos/{owner}/{repo}/issues/comments/{comment_id}", get_comment),
    patch("/repos/{owner}/{repo}/issues/comments/{comment_id}", update),
    delete("/repos/{owner}/{repo}/issues/comments/{comment_id}", remove),
];

fn list(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, READ)?;
    let number = issue(state, call, repository)?;
    let since = call.query("since").and_then(|text| DateTime::parse_from_rfc3339(text).ok());
    let comments = state
        .conversation(repository, number)
        .filter(|comment| since.is_none_or(|since| comment.updated_at >= since))
        .map(|comment| state.comment_json(comment))
        .collect();
    Ok(call.page(comments))
}

fn create(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, WRITE)?;
    let number = issue(state, call, repository)?;
    let (author, app) = state.actor(&call.caller)?;
    let body = checked_body(call, "IssueComment")?.to_owned();
    if state.issue(repository, number).locked && state.permission(author, repository) < Permission::Write {
        return Err(Refusal::new(403, "Unable to create comment because issue is locked."));
    }
    let place = Place::Issue { number };
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
    matches!(place, Place::Issue { .. })
}

/// The longest text that GitHub takes, in characters.
const LONGEST: usize = 65_536;

/// The `body` of a new or changed comment.
pub(super) fn checked_body<'a>(call: &'a Call, resource: &str) -> Result<&'a str, Refusal> {
    let body = call.text(resource, "body")?;
    if body.chars().count() > LONGEST {
        let text = format!("Body is too long (maximum is {LONGEST} characters)");
        let errors = serde_json::json!([{
            "resource": resource, "code": "unprocessable", "field": "data", "message": text,
        }]);
        return Err(Refusal { errors: Some(Box::new(errors)), ..Refusal::new(422, "Validation Failed") });
    }
    Ok(body)
}

/// The comment that the path names by `comment_id`, if it is in this repository and of the right kind.
pub(super) fn comment(
    state: &State,
    call: &Call,
    repository: RepositoryId,
    is_here: impl Fn(&Place) -> bool,
) -> Result<CommentId, Refusal> {
    let id = CommentId(call.number("comment_id")?);
    match state.comments.get(&id) {
        Some(comment) if comment.repository == repository && is_here(&comment.place) => Ok(id),
        _ => Err(Refusal::not_found()),
    }
}

/// Changes a comment's text, if the caller may.
pub(super) fn edit(state: &mut State, call: &Call, id: CommentId) -> Answer {
    let body = checked_body(call, "IssueComment")?.to_owned();
    let editor = may_change(state, call, id)?;
    state.edit_and_tell(id, body, editor);
    Ok(Reply::ok(state.comment_json(&state.comments[&id])))
}

/// Deletes a comment, if the caller may.
pub(super) fn erase(state: &mut State, call: &Call, id: CommentId) -> Answer {
    let by = may_change(state, call, id)?;
    state.delete_and_tell(id, by);
    Ok(Reply::no_content())
}

/// One's own comments, and everybody's with write access; an App is held to its permission alone.
fn may_change(state: &State, call: &Call, id: CommentId) -> Result<crate::ids::AccountId, Refusal> {
    let comment: &Comment = &state.comments[&id];
    let (actor, _) = state.actor(&call.caller)?;
    let is_app = matches!(call.caller, crate::http::auth::Caller::Installation(_));
    let may = is_app
        || comment.author == actor
        || state.permission(actor, comment.repository) >= Permission::Triage;
    if may { Ok(actor) } else { Err(Refusal::new(403, "Must have admin rights to Repository.")) }
}
