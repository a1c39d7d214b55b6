//! `github.backport`: carries the change of a merged pull request to another branch, and opens a pull request for it.

use deputy_core::ids::Sha;
use deputy_core::ports::{CherryPick, NewPullRequest, Picked, Signature};
use deputy_core::task::{Ends, ErrorName, Field, Task, TaskContext, TaskEnd, TaskError};
use serde::Deserialize;
use serde_json::json;

use crate::input::{invalid, number};

/// Done as the requester. Once: the commits depend on nothing but the job, the branch is named by pull request and target,
/// and GitHub has one pull request between two branches.
///
/// A squashed or merged pull request is one commit on its base; that one is carried over. One that was rebased comes
/// with all its commits.
pub static TASK: Task = Task {
    name: "github.backport",
    summary: "Carries a merged pull request's change to another branch, as a new pull request.",
    input: &[
        Field { name: "onto", kind: "string", required: true, meaning: "The branch to carry it to." },
        Field {
            name: "number",
            kind: "number",
            required: false,
            meaning: "The merged pull request; the one where the job was asked for unless said.",
        },
    ],
    output: &[
        Field { name: "number", kind: "number", required: true, meaning: "The new pull request." },
        Field { name: "url", kind: "string", required: true, meaning: "Its page." },
        Field { name: "sha", kind: "string", required: true, meaning: "Its head." },
    ],
    errors: &[
        ErrorName { name: "Backport.NotMerged", retry: false, meaning: "The pull request is not merged." },
        ErrorName {
            name: "Backport.Conflict",
            retry: false,
            meaning: "The change does not apply. The cause has the commands to do it by hand.",
        },
        ErrorName { name: "Backport.Nothing", retry: false, meaning: "The branch has the change already." },
    ],
    ends: Ends::AtOnce,
    run: |context| Box::pin(run(context)),
    look: None,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    onto: String,
    number: Option<u64>,
}

async fn run(context: &TaskContext<'_>) -> Result<TaskEnd, TaskError> {
    let input: Input = context.read()?;
    let number = number(input.number, context.job)?;
    let (github, requester) = (context.github, context.requester);
    let request = &context.job.request;
    let repository = &request.repository;
    let pull = github.pull_request(requester, repository, number).await?;
    let Some(merged) = pull.merge_commit_sha.filter(|_| pull.is_merged) else {
        let cause = format!("#{number} is not merged yet. Ask again once it is.");
        return Err(TaskError::new("Backport.NotMerged", cause));
    };
    let onto = github.git_ref(requester, repository, &format!("heads/{}", input.onto)).await?;
    let onto = onto.ok_or_else(|| invalid(format_args!("there is no branch `{}`", input.onto)))?;
    let commits = commits(context, number, &merged).await?;
    let branch = format!("backport/{number}-to-{}", input.onto);
    // The branch may have gone on since an earlier try that got as far as the branch: then that one counts.
    let there = github.git_ref(requester, repository, &format!("heads/{branch}")).await?;
    let head = if let Some(head) = there {
        head
    } else {
        let at = request.created_at;
        let committer = Signature::of_account(request.requester.id, &request.requester.login, at);
        let pick = CherryPick {
            commits: &commits,
            onto: &onto,
            branch: &branch,
            committer: &committer,
            marker: context.effect,
        };
        match github.cherry_pick(requester, repository, &pick).await? {
            Picked::Done(head) => head,
            Picked::Conflict(commit) => {
                return Err(TaskError::new(
                    "Backport.Conflict",
                    by_hand(&input.onto, &branch, &commits, &commit),
                ));
            }
            Picked::Nothing => {
                let cause = format!("`{}` has the change of #{number} already.", input.onto);
                return Err(TaskError::new("Backport.Nothing", cause));
            }
        }
    };
    let new = NewPullRequest {
        title: &format!("[{}] {}", input.onto, pull.title),
        body: &format!("Backport of #{number} to `{}`.\n\n{}", input.onto, context.marker()),
        head: &branch,
        base: &input.onto,
        is_draft: false,
    };
    let opened = github.open_pull_request(requester, repository, &new).await?;
    Ok(TaskEnd::Done(json!({"number": opened.number, "url": opened.html_url, "sha": head})))
}

/// What stands on the base for a pull request.
async fn commits(
    context: &TaskContext<'_>,
    number: deputy_core::ids::Number,
    merged: &Sha,
) -> Result<Vec<Sha>, TaskError> {
    let (github, requester) = (context.github, context.requester);
    let repository = &context.job.request.repository;
    let commit = github.git_commit(requester, repository, merged).await?;
    let own = github.commits_of_pull_request(requester, repository, number).await?;
    if commit.parents.len() > 1 || own.len() <= 1 {
        return Ok(vec![merged.clone()]);
    }
    // Squashed or rebased. Rebased, the last commits of the base carry the pull request's messages, one by one.
    let mut rebased = vec![merged.clone()];
    let mut at = commit;
    for (index, sha) in own.iter().rev().enumerate() {
        let original = github.git_commit(requester, repository, sha).await?;
        if original.message != at.message {
            return Ok(vec![merged.clone()]);
        }
        let Some(parent) = at.parents.first().filter(|_| index + 1 < own.len()).cloned() else { break };
        at = github.git_commit(requester, repository, &parent).await?;
        rebased.push(parent);
    }
    rebased.reverse();
    Ok(rebased)
}

fn by_hand(onto: &str, branch: &str, commits: &[Sha], conflict: &Sha) -> String {
    let all: Vec<&str> = commits.iter().map(Sha::as_str).collect();
    // With a merge commit, Git must be told which side to keep; with others it refuses to be told.
    format!(
        "{} does not apply to `{onto}`. By hand:\n\n```sh\ngit fetch origin\ngit switch --create {branch} \
         origin/{onto}\ngit cherry-pick -x {}   # a merge commit needs -m 1\ngit push origin {branch}\n```",
        conflict.short(),
        all.join(" ")
    )
}
