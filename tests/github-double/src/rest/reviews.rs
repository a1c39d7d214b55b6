//! Pull request reviews: <https://docs.github.com/en/rest/pulls/reviews>.

use super::pulls::{READ, WRITE, pull};
use crate::http::call::Call;
use crate::http::reply::{Answer, Refusal, Reply};
use crate::http::route::{Route, get, post, put};
use crate::ids::{RepositoryId, ReviewId};
use crate::state::State;
use crate::state::comment::{NewReview, Verdict};

pub(crate) const ROUTES: &[Route] = &[
    get("/repos/{owner}/{repo}/pulls/{pull_number}/reviews", list),
    post("/repos/{owner}/{repo}/pulls/{pull_number}/reviews", create),
    get("/repos/{owner}/{repo}/pulls/{pull_number}/reviews/{review_id}", get_review),
    put("/repos/{owner}/{repo}/pulls/{pull_number}/reviews/{review_id}", update),
];

fn list(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, READ)?;
    let number = pull(state, call, repository)?;
    let reviews = state.reviews.values().filter(|r| r.repository == repository && r.number == number);
    Ok(call.page(reviews.map(|review| state.review_json(review)).collect()))
}

fn create(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, WRITE)?;
    let number = pull(state, call, repository)?;
    let (author, _) = state.actor(&call.caller)?;
    let body = call.body["body"].as_str().filter(|body| !body.is_empty()).map(str::to_owned);
    let verdict = match call.body["event"].as_str() {
        Some("APPROVE") => Verdict::Approved,
        Some("REQUEST_CHANGES") => Verdict::ChangesRequested,
        _ => Verdict::Commented,
    };
    if verdict != Verdict::Commented && state.issue(repository, number).author == author {
        let what = if verdict == Verdict::Approved { "approve" } else { "request changes on" };
        let text = format!("Review Can not {what} your own pull request");
        let errors = serde_json::json!([text]);
        return Err(Refusal { errors: Some(Box::new(errors)), ..Refusal::new(422, "Unprocessable Entity") });
    }
    if verdict != Verdict::Approved && body.is_none() {
        return Err(Refusal::unprocessable("PullRequestReview", "body", "missing_field"));
    }
    let id = state.add_review(NewReview { repository, number, author, verdict, body });
    state.tell_of_review(id, "submitted", None, author);
    Ok(Reply::ok(state.review_json(&state.reviews[&id])))
}

fn get_review(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, READ)?;
    let id = review(state, call, repository)?;
    Ok(Reply::ok(state.review_json(&state.reviews[&id])))
}

fn update(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, WRITE)?;
    let id = review(state, call, repository)?;
    let (actor, _) = state.actor(&call.caller)?;
    if state.reviews[&id].author != actor {
        return Err(Refusal::new(403, "Can not edit the review of somebody else"));
    }
    let body = call.text("PullRequestReview", "body")?.to_owned();
    state.edit_review_and_tell(id, body, actor);
    Ok(Reply::ok(state.review_json(&state.reviews[&id])))
}

fn review(state: &State, call: &Call, repository: RepositoryId) -> Result<ReviewId, Refusal> {
    let number = pull(state, call, repository)?;
    let id = ReviewId(call.number("review_id")?);
    match state.reviews.get(&id) {
        Some(review) if review.repository == repository && review.number == number => Ok(id),
        _ => Err(Refusal::not_found()),
    }
}
