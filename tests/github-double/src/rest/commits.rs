//! Commits, branches and comparisons: <https://docs.github.com/en/rest/commits/commits>.

use serde_json::{Value, json};

use crate::access::Needs;
use crate::http::call::Call;
use crate::http::reply::{Answer, Refusal, Reply};
use crate::http::route::{Route, get};
use crate::ids::RepositoryId;
use crate::state::State;
use crate::state::app::Access;
use crate::state::repository::Sha;

pub(crate) const ROUTES: &[Route] = &[
    get("/repos/{owner}/{repo}/commits", list),
    get("/repos/{owner}/{repo}/commits/{ref}", get_commit),
    get("/repos/{owner}/{repo}/compare/{basehead}", compare),
    get("/repos/{owner}/{repo}/branches", branches),
    get("/repos/{owner}/{repo}/branches/{branch}", branch),
    get("/repos/{owner}/{repo}/pulls/{pull_number}/commits", of_pull),
];

pub(super) const READ: Needs = Needs::read(&[("contents", Access::Read)]);

/// The commit that a branch, tag or SHA names.
pub(super) fn commit(state: &State, repository: RepositoryId, name: &str) -> Result<Sha, Refusal> {
    let sha = state.repository(repository).resolve(name);
    sha.ok_or_else(|| Refusal::new(422, &format!("No commit found for SHA: {name}")))
}

fn list(state: &mut State, call: &Call) -> Answer {
    let id = state.enter(call, READ)?;
    let repository = state.repository(id);
    let from = call.query("sha").unwrap_or(&repository.default_branch);
    let mut shas: Vec<Sha> = repository.ancestors(&commit(state, id, from)?).into_iter().collect();
    shas.sort_by_key(|sha| std::cmp::Reverse(repository.commits[sha].serial));
    Ok(call.page(shas.iter().map(|sha| commit_with_stats(state, id, sha)).collect()))
}

fn get_commit(state: &mut State, call: &Call) -> Answer {
    let id = state.enter(call, READ)?;
    let sha = commit(state, id, call.path("ref"))?;
    Ok(Reply::ok(commit_with_stats(state, id, &sha)))
}

fn commit_with_stats(state: &State, id: RepositoryId, sha: &Sha) -> Value {
    let mut json = state.commit_json(id, sha);
    json["stats"] = json!({ "additions": 1, "deletions": 0, "total": 1 });
    json["files"] = json!([]);
    json
}

/// `base...head`
fn compare(state: &mut State, call: &Call) -> Answer {
    let id = state.enter(call, READ)?;
    let (base, head) = call.path("basehead").split_once("...").ok_or_else(Refusal::not_found)?;
    let found = |name: &str| state.repository(id).resolve(name).ok_or_else(Refusal::not_found);
    let (base, head) = (found(base)?, found(head)?);
    let repository = state.repository(id);
    let (before, after) = (repository.ancestors(&base), repository.ancestors(&head));
    let mut ahead: Vec<&Sha> = after.difference(&before).collect();
    ahead.sort_by_key(|sha| repository.commits[*sha].serial);
    let behind = before.difference(&after).count();
    let status = match (ahead.len(), behind) {
        (0, 0) => "identical",
        (_, 0) => "ahead",
        (0, _) => "behind",
        _ => "diverged",
    };
    let merge_base = repository.merge_base(&base, &head).ok_or_else(Refusal::not_found)?;
    let (api, html) = (state.repository_url(id), state.repository_html_url(id));
    let compare = format!("compare/{base}...{head}");
    Ok(Reply::ok(json!({
        "url": format!("{api}/{compare}"),
        "html_url": format!("{html}/{compare}"),
        "permalink_url": format!("{html}/{compare}"),
        "diff_url": format!("{html}/{compare}.diff"),
        "patch_url": format!("{html}/{compare}.patch"),
        "base_commit": state.commit_json(id, &base),
        "merge_base_commit": state.commit_json(id, &merge_base),
        "status": status,
        "ahead_by": ahead.len(),
        "behind_by": behind,
        "total_commits": ahead.len(),
        "commits": ahead.iter().map(|sha| state.commit_json(id, sha)).collect::<Vec<_>>(),
        "files": [],
    })))
}

fn branches(state: &mut State, call: &Call) -> Answer {
    let id = state.enter(call, READ)?;
    let repository = state.repository(id);
    let short = |(name, sha): (&String, &Sha)| {
        let url = format!("{}/commits/{sha}", state.repository_url(id));
        let is_protected = *name == repository.default_branch && !repository.required_checks.is_empty();
        json!({ "name": name, "commit": { "sha": sha.as_str(), "url": url }, "protected": is_protected })
    };
    Ok(call.page(repository.branches.iter().map(short).collect()))
}

fn branch(state: &mut State, call: &Call) -> Answer {
    let id = state.enter(call, READ)?;
    let (repository, name) = (state.repository(id), call.path("branch"));
    let sha = repository.branches.get(name).ok_or_else(|| Refusal::new(404, "Branch not found"))?;
    let is_protected = *name == repository.default_branch && !repository.required_checks.is_empty();
    let api = format!("{}/branches/{name}", state.repository_url(id));
    Ok(Reply::ok(json!({
        "name": name,
        "commit": state.commit_json(id, sha),
        "_links": { "self": api, "html": format!("{}/tree/{name}", state.repository_html_url(id)) },
        "protected": is_protected,
        "protection": {
            "enabled": is_protected,
            "required_status_checks": {
                "enforcement_level": if is_protected { "non_admins" } else { "off" },
                "contexts": repository.required_checks,
                "checks": [],
            },
        },
        "protection_url": format!("{api}/protection"),
    })))
}

/// The commits that a pull request proposes, oldest first.
fn of_pull(state: &mut State, call: &Call) -> Answer {
    let id = state.enter(call, super::pulls::READ)?;
    let number = super::pulls::pull(state, call, id)?;
    let pull = state.issue(id, number).pull.as_ref().ok_or_else(Refusal::not_found)?;
    let repository = state.repository(id);
    let before = repository.ancestors(&pull.base_sha);
    let mut ahead: Vec<Sha> = repository.ancestors(&pull.head_sha).difference(&before).cloned().collect();
    ahead.sort_by_key(|sha| repository.commits[sha].serial);
    Ok(call.page(ahead.iter().map(|sha| state.commit_json(id, sha)).collect()))
}
