//! Issues: <https://docs.github.com/en/rest/issues/issues>.

use crate::access::Needs;
use crate::http::call::Call;
use crate::http::reply::{Answer, Refusal, Reply};
use crate::http::route::{Route, get};
use crate::ids::RepositoryId;
use crate::state::State;
use crate::state::app::Access;
use crate::state::issue::Issue;

pub(crate) const ROUTES: &[Route] = &[
    get("/repos/{owner}/{repo}/issues", list),
    get("/repos/{owner}/{repo}/issues/{issue_number}", get_issue),
];

/// Pull requests are issues too: either permission will do.
pub(super) const READ: Needs = Needs::read(&[("issues", Access::Read), ("pull_requests", Access::Read)]);
/// Writing about issues, which everybody who reads may do as far as the person goes.
pub(super) const WRITE: Needs = Needs::read(&[("issues", Access::Write), ("pull_requests", Access::Write)]);

/// The issue that the path names by `issue_number`.
pub(super) fn issue(state: &State, call: &Call, repository: RepositoryId) -> Result<u64, Refusal> {
    let number = call.number("issue_number")?;
    if state.issues.contains_key(&(repository, number)) { Ok(number) } else { Err(Refusal::not_found()) }
}

fn list(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, READ)?;
    let wanted = |issue: &&Issue| {
        issue.repository == repository
            && match call.query("state").unwrap_or("open") {
                "all" => true,
                wanted => issue.state_name() == wanted,
            }
    };
    Ok(call.page(state.issues.values().rev().filter(wanted).map(|issue| state.issue_json(issue)).collect()))
}

fn get_issue(state: &mut State, call: &Call) -> Answer {
    let repository = state.enter(call, READ)?;
    let number = issue(state, call, repository)?;
    Ok(Reply::ok(state.issue_json(state.issue(repository, number))))
}
