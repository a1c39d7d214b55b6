//! Opening, changing and merging pull requests and issues.

use serde_json::json;

use super::issues;
use super::pulls::{READ, WRITE, pull};
use crate::access::Needs;
use crate::http::call::Call;
use crate::http::reply::{Answer, Refusal, Reply};
use crate::http::route::{Route, get, patch, post, put};
use crate::state::State;
use crate::state::app::Access;
use crate::state::repository::Permission;

pub(crate) const ROUTES: &[Route] = &[
    post("/repos/{owner}/{repo}/issues", create_issue),
    patch("/repos/{owner}/{repo}/issues/{issue_number}", update_issue),
    post("/repos/{owner}/{repo}/pulls", create_pull),
    patch("/repos/{owner}/{repo}/pulls/{pull_number}", update_pull),
    get("/repos/{owner}/{repo}/pulls/{pull_number}/merge", is_merged),
    put("/repos/{owner}/{repo}/pulls/{pull_number}/merge", merge),
];

/// Merging is writing contents.
const MERGE: Needs = Needs::read(&[("contents", Access::Write)]).person(Permission::Write);

fn create_issue(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, Needs::read(&[("issues", Access::Write)]))?;
    let (author, app) = state.actor(&call.caller)?;
    let title = call.text("Issue", "title")?.to_owned();
    let number = state.add_issue(repository, author, &title, call.body["body"].as_str());
    state.issue_mut(repository, number).app = app;
    state.tell_of_issue((repository, number), "opened", author, json!({}));
    Ok(Reply::created(state.issue_json(state.issue(repository, number))))
}

fn update_issue(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, issues::WRITE)?;
    let number = issues::issue(state, call, repository)?;
    change(state, call, (repository, number))?;
    Ok(Reply::ok(state.issue_json(state.issue(repository, number))))
}

fn update_pull(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, WRITE)?;
    let number = pull(state, call, repository)?;
    change(state, call, (repository, number))?;
    Ok(Reply::ok(state.pull_json(state.issue(repository, number))))
}

/// Title, text and state; authors change their own, others from triage on.
fn change(state: &mut State, call: &Call, at: (crate::ids::RepositoryId, u64)) -> Result<(), Refusal> {
    let (actor, _) = state.actor(&call.caller)?;
    let is_app = matches!(call.caller, crate::http::auth::Caller::Installation(_));
    let is_own = state.issue(at.0, at.1).author == actor;
    if !is_app && !is_own && state.permission(actor, at.0) < Permission::Triage {
        return Err(Refusal::new(403, "Must have admin rights to Repository."));
    }
    let now = state.now();
    let issue = state.issue_mut(at.0, at.1);
    let mut changes = json!({});
    if let Some(title) = call.body["title"].as_str().filter(|title| *title != issue.title) {
        let was = std::mem::replace(&mut issue.title, title.to_owned());
        changes["title"] = json!({ "from": was });
    }
    if let Some(body) = call.body["body"].as_str().filter(|body| Some(*body) != issue.body.as_deref()) {
        let was = issue.body.replace(body.to_owned()).unwrap_or_default();
        changes["body"] = json!({ "from": was });
    }
    issue.updated_at = now;
    if changes.as_object().is_some_and(|changes| !changes.is_empty()) {
        state.tell_of_issue(at, "edited", actor, json!({ "changes": changes }));
    }
    match call.body["state"].as_str() {
        Some("closed") => state.set_open(at, false, actor),
        Some("open") => state.set_open(at, true, actor),
        _ => {}
    }
    Ok(())
}

fn create_pull(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, WRITE)?;
    let (author, app) = state.actor(&call.caller)?;
    let title = call.text("PullRequest", "title")?.to_owned();
    let (head, base) = (call.text("PullRequest", "head")?, call.text("PullRequest", "base")?);
    let invalid = |field: &str| Refusal::unprocessable("PullRequest", field, "invalid");
    // `owner:branch` for a branch of a fork.
    let (head_repository, branch) = match head.split_once(':') {
        None => (repository, head),
        Some((owner, branch)) => {
            let owner = state.account_by_login(owner).ok_or_else(|| invalid("head"))?.id;
            let found = state.repositories.values().find(|candidate| {
                candidate.owner == owner
                    && (candidate.id == repository || candidate.fork_of == Some(repository))
            });
            (found.ok_or_else(|| invalid("head"))?.id, branch)
        }
    };
    let head_sha =
        state.repository(head_repository).branches.get(branch).ok_or_else(|| invalid("head"))?.clone();
    let base_sha = state.repository(repository).branches.get(base).ok_or_else(|| invalid("base"))?.clone();
    if head_sha == base_sha {
        let text = format!("No commits between {base} and {branch}");
        let errors = json!([{ "resource": "PullRequest", "code": "custom", "message": text }]);
        return Err(Refusal { errors: Some(Box::new(errors)), ..Refusal::new(422, "Validation Failed") });
    }
    let twin = state.issues.values().any(|issue| {
        issue.repository == repository
            && issue.closed_at.is_none()
            && issue.pull.as_ref().is_some_and(|pull| {
                pull.head_repository == head_repository && pull.head_ref == branch && pull.base_ref == base
            })
    });
    if twin {
        let text = format!("A pull request already exists for {head}.");
        let errors = json!([{ "resource": "PullRequest", "code": "custom", "message": text }]);
        return Err(Refusal { errors: Some(Box::new(errors)), ..Refusal::new(422, "Validation Failed") });
    }
    let (branch, base) = (branch.to_owned(), base.to_owned());
    let new = crate::acts::NewPull {
        repository,
        author,
        app,
        title: &title,
        body: call.body["body"].as_str(),
        head_repository,
        head_ref: &branch,
        base_ref: Some(&base),
        draft: call.body["draft"] == json!(true),
    };
    let number = state.open_pull(&new);
    Ok(Reply::created(state.pull_json(state.issue(repository, number))))
}

fn is_merged(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, READ)?;
    let number = pull(state, call, repository)?;
    let is_merged = state.issue(repository, number).pull.as_ref().is_some_and(|pull| pull.merged.is_some());
    if is_merged { Ok(Reply::no_content()) } else { Err(Refusal::not_found()) }
}

/// 405 if it cannot be merged, 409 if the head is not the one that was looked at.
fn merge(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, MERGE)?;
    let number = pull(state, call, repository)?;
    let (actor, _) = state.actor(&call.caller)?;
    let issue = state.issue(repository, number);
    let pull = issue.pull.as_ref().ok_or_else(Refusal::not_found)?;
    if issue.closed_at.is_some() || pull.draft {
        return Err(Refusal::new(405, "Pull Request is not mergeable"));
    }
    if call.body["sha"].as_str().is_some_and(|sha| sha != pull.head_sha.as_str()) {
        return Err(Refusal::new(409, "Head branch was modified. Review and try the merge again."));
    }
    let known = state.repository(repository);
    if pull.base_ref == known.default_branch {
        let required = known.required_checks.clone();
        let missing = state.not_green(repository, &pull.head_sha, Some(&required));
        if let Some(name) = missing.first() {
            return Err(Refusal::new(405, &format!("Required status check \"{name}\" is expected.")));
        }
    }
    let message = call.body["commit_title"].as_str().map(str::to_owned);
    let sha = state.merge((repository, number), actor, message);
    let sha = sha.map_err(|_| Refusal::new(405, "Pull Request has merge conflicts"))?;
    Ok(Reply::ok(
        json!({ "sha": sha.as_str(), "merged": true, "message": "Pull Request successfully merged" }),
    ))
}
