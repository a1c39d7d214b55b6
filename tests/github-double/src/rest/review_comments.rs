//! Comments on lines of a pull request: <https://docs.github.com/en/rest/pulls/comments>.

use super::issue_comments::{checked_body, comment, edit, erase};
use super::pulls::{READ, WRITE, pull};
use crate::http::call::Call;
use crate::http::reply::{Answer, Refusal, Reply};
use crate::http::route::{Route, delete, get, patch, post};
use crate::ids::CommentId;
use crate::state::State;
use crate::state::comment::{NewLineComment, Place};

pub(crate) const ROUTES: &[Route] = &[
    get("/repos/{owner}/{repo}/pulls/{pull_number}/comments", list),
    post("/repos/{owner}/{repo}/pulls/{pull_number}/comments", create),
    post("/repos/{owner}/{repo}/pulls/{pull_number}/comments/{comment_id}/replies", reply),
    get("/repos/{owner}/{repo}/pulls/comments/{comment_id}", get_comment),
    patch("/repos/{owner}/{repo}/pulls/comments/{comment_id}", update),
    delete("/repos/{owner}/{repo}/pulls/comments/{comment_id}", remove),
];

fn list(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, READ)?;
    let wanted = pull(state, call, repository)?;
    let comments = state.comments.values().filter(|comment| {
        comment.repository == repository
            && matches!(comment.place, Place::Line { number, .. } if number == wanted)
    });
    Ok(call.page(comments.map(|comment| state.comment_json(comment)).collect()))
}

fn create(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, WRITE)?;
    let number = pull(state, call, repository)?;
    if let Some(parent) = call.body["in_reply_to"].as_u64() {
        return reply_to(state, call, CommentId(parent));
    }
    let (author, app) = state.actor(&call.caller)?;
    let path = call.text("PullRequestReviewComment", "path")?.to_owned();
    let line = call.body["line"].as_u64().or_else(|| call.body["position"].as_u64());
    let line =
        line.ok_or_else(|| Refusal::unprocessable("PullRequestReviewComment", "line", "missing_field"))?;
    let body = checked_body(call, "PullRequestReviewComment")?.to_owned();
    let new = NewLineComment { repository, number, author, app, path, line, body, reply_to: None };
    let comment = state.comment_on_line_and_tell(new);
    Ok(Reply::created(state.comment_json(&comment)))
}

fn reply(state: &mut State, call: &Call) -> Answer {
    state.enter(call, WRITE)?;
    reply_to(state, call, CommentId(call.number("comment_id")?))
}

fn reply_to(state: &mut State, call: &Call, parent: CommentId) -> Answer {
    let repository = state.enter(call, WRITE)?;
    let wanted = pull(state, call, repository)?;
    let (author, app) = state.actor(&call.caller)?;
    let body = checked_body(call, "PullRequestReviewComment")?.to_owned();
    let parent = state.comments.get(&parent).filter(|comment| comment.repository == repository);
    let Some(Place::Line { number, path, line, reply_to, .. }) = parent.map(|comment| &comment.place) else {
        return Err(Refusal::not_found());
    };
    if *number != wanted {
        return Err(Refusal::not_found());
    }
    // GitHub has no replies to replies: all hang on the first comment.
    let first = reply_to.or(parent.map(|comment| comment.id));
    let new = NewLineComment {
        repository,
        number: wanted,
        author,
        app,
        path: path.clone(),
        line: *line,
        body,
        reply_to: first,
    };
    let comment = state.comment_on_line_and_tell(new);
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
    matches!(place, Place::Line { .. })
}
