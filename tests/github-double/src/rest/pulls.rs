//! Pull requests: <https://docs.github.com/en/rest/pulls/pulls>.

use crate::access::Needs;
use crate::http::call::Call;
use crate::http::reply::{Answer, Refusal, Reply};
use crate::http::route::{Route, get};
use crate::ids::RepositoryId;
use crate::state::State;
use crate::state::app::Access;
use crate::state::issue::Issue;

pub(crate) const ROUTES: &[Route] =
    &[get("/repos/{owner}/{repo}/pulls", list), get("/repos/{owner}/{repo}/pulls/{pull_number}", get_pull)];

pub(super) const READ: Needs = Needs::read(&[("pull_requests", Access::Read)]);
pub(super) const WRITE: Needs = Needs::read(&[("pull_requests", Access::Write)]);

/// The pull request that the path names by `pull_number`.
pub(super) fn pull(state: &State, call: &Call, repository: RepositoryId) -> Result<u64, Refusal> {
    let number = call.number("pull_number")?;
    match state.issues.get(&(repository, number)) {
        Some(issue) if issue.pull.is_some() => Ok(number),
        _ => Err(Refusal::not_found()),
    }
}

fn list(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, READ)?;
    let wanted = |issue: &&Issue| {
        let Some(pull) = &issue.pull else { return false };
        let head =
            || format!("{}:{}", state.login(state.repository(pull.head_repository).owner), pull.head_ref);
        issue.repository == repository
            && call.query("head").is_none_or(|wanted| wanted == head())
            && call.query("base").is_none_or(|wanted| wanted == pull.base_ref)
            && match call.query("state").unwrap_or("open") {
                "all" => true,
                wanted => issue.state_name() == wanted,
            }
    };
    Ok(call.page(state.issues.values().rev().filter(wanted).map(|issue| state.pull_json(issue)).collect()))
}

fn get_pull(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, READ)?;
    let number = pull(state, call, repository)?;
    Ok(Reply::ok(state.pull_json(state.issue(repository, number))))
}
