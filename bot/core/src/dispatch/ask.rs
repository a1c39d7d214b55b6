//! A workflow's command: what stands in its way, and else a job, which the driver takes from there.

use std::sync::Arc;

use clap::ArgMatches;

use super::turn::Turn;
use crate::comment::Place;
use crate::drive::Driver;
use crate::ids::Sha;
use crate::job::{Admission, Asked, Job, JobId, JobRequest, Requester};
use crate::language::Line;
use crate::ports::Machine;
use crate::workflow::{AskedOn, Filled, Pins, SHA_FLAG, Workflow, YES_FLAG, fill};

/// Why nothing was begun, for the person; `None` where a job was.
pub(super) type Refused = Option<String>;

/// Records the job and has it driven. Repeated after a crash, it finds the job that it made.
pub(super) async fn ask(
    turn: &Turn<'_>,
    driver: &Driver,
    workflow: &Arc<Workflow>,
    (line, matches): (&Line, &ArgMatches),
) -> anyhow::Result<Refused> {
    let manifest = &workflow.manifest;
    let again = |flags: &str| format!("@{} {} {flags}", turn.deputy.vocabulary.mention().name(), line.text);
    if let Some(text) = wrong_place(workflow, &turn.comment.place) {
        return Ok(Some(text));
    }
    if manifest.confirm && !matches.get_flag(YES_FLAG) {
        return Ok(Some(format!(
            "`{}` does something that cannot be taken back, so it wants to be told twice: `{}` does it.",
            workflow.name,
            again("--yes")
        )));
    }
    let head = match manifest.pins {
        Pins::Nothing => None,
        Pins::Head => match pin(turn, matches.get_one::<String>(SHA_FLAG), &again).await? {
            Ok(head) => Some(head),
            Err(text) => return Ok(Some(text)),
        },
    };
    let (delivery, comment) = (turn.delivery, turn.comment);
    let id = JobId::of_command(delivery.received_at, delivery.id, turn.index);
    let Filled { arguments, check, group, locks } = fill(manifest, matches);
    let now = turn.deputy.clock.now();
    let place = serde_json::from_value(serde_json::to_value(&comment.place)?)?;
    let job = Job::new(
        id,
        JobRequest {
            workflow: workflow.name.clone(),
            version: workflow.version.clone(),
            requester: Requester { id: comment.sender.id, login: comment.sender.login.clone().into_owned() },
            installation: turn.installation,
            repository: comment.repository.clone().into_owned(),
            asked: Asked {
                place,
                node_id: comment.node_id.clone().into_owned(),
                html_url: comment.html_url.clone().into_owned(),
                at: comment.created_at,
                words: line.text.clone(),
            },
            head,
            arguments,
            group,
            policy: manifest.policy,
            locks,
            check_name: if check.is_empty() { workflow.name.clone() } else { check },
            created_at: now,
            deadline: now + manifest.timeout,
        },
    );
    // Before the job, so that a job never names a definition that is not there.
    let machine = Machine {
        workflow: &workflow.name,
        version: &workflow.version,
        express: manifest.express,
        definition: &workflow.definition,
    };
    driver.orchestrator().prepare(&machine).await?;
    let created = driver.tasks().services().jobs.create(job).await?;
    if let Admission::Refused { by } = created.admission {
        let by: Vec<_> = by.iter().map(|job| format!("`{job}`")).collect();
        return Ok(Some(format!(
            "`{}` is under way already, as job {}, and runs once at a time. Ask again when it is over.",
            workflow.name,
            by.join(", ")
        )));
    }
    driver.nudge(id);
    Ok(None)
}

fn wrong_place(workflow: &Workflow, place: &Place<'_>) -> Option<String> {
    let here = match place {
        _ if place.is_pull_request() => AskedOn::PullRequest,
        Place::Commit { .. } => AskedOn::Commit,
        Place::Discussion { .. } => AskedOn::Discussion,
        _ => AskedOn::Issue,
    };
    let allowed = &workflow.manifest.asked_on;
    if allowed.is_empty() && (workflow.manifest.pins == Pins::Nothing || here == AskedOn::PullRequest) {
        return None;
    }
    if allowed.contains(&here) {
        return None;
    }
    let known: Vec<_> = if allowed.is_empty() {
        vec![shown(AskedOn::PullRequest)]
    } else {
        allowed.iter().map(|place| shown(*place)).collect()
    };
    Some(format!("`{}` can be asked for on {} only. Ask there.", workflow.name, known.join(" and ")))
}

fn shown(place: AskedOn) -> &'static str {
    match place {
        AskedOn::PullRequest => "pull requests",
        AskedOn::Issue => "issues",
        AskedOn::Commit => "commits",
        AskedOn::Discussion => "discussions",
    }
}

/// The commit that is meant, or why none can be told.
///
/// A comment names no head, and what GitHub tells now may have been pushed since it was written: whoever can push
/// could put anything under somebody else's command. So the commit is named, and must be the head.
async fn pin(
    turn: &Turn<'_>,
    named: Option<&String>,
    again: &impl Fn(&str) -> String,
) -> anyhow::Result<Result<Sha, String>> {
    if let Place::Commit { sha, .. } = &turn.comment.place {
        return Ok(sha.parse().map_err(|error| format!("GitHub names no commit here: {error}.")));
    }
    let Some(number) = turn.comment.place.number().filter(|_| turn.comment.place.is_pull_request()) else {
        return Ok(
            Err("There is no commit here to act on. Ask on a pull request or on a commit.".to_owned()),
        );
    };
    let pull = turn.deputy.github.pull_request(turn.person(), &turn.comment.repository, number).await?;
    let head = &pull.head_sha;
    match named.map(|named| named.parse::<Sha>()) {
        Some(Ok(named)) if named == *head => Ok(Ok(named)),
        Some(_) => Ok(Err(format!(
            "The head of this pull request is another one now: {head}. Look at what was pushed, and then ask for \
             that: `{}`",
            without_sha(&again(&format!("--sha {head}")))
        ))),
        None => Ok(Err(format!(
            "This acts on code, and a comment does not say on which. Name the commit, so that nothing that is pushed \
             meanwhile takes its place. The head is {head}: `{}`",
            again(&format!("--sha {head}"))
        ))),
    }
}

/// The command to repeat, with the last `--sha` only.
fn without_sha(command: &str) -> String {
    let Some((before, last)) = command.rsplit_once("--sha ") else { return command.to_owned() };
    let words: Vec<&str> = before.split_whitespace().collect();
    let mut kept = Vec::new();
    let mut skip = false;
    for word in words {
        match word {
            _ if skip => skip = false,
            "--sha" => skip = true,
            word if word.starts_with("--sha=") => {}
            word => kept.push(word),
        }
    }
    format!("{} --sha {last}", kept.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_to_repeat_names_one_commit() {
        assert_eq!(without_sha("@deputy deploy --sha 1 staging --sha 2"), "@deputy deploy staging --sha 2");
        assert_eq!(without_sha("@deputy deploy --sha=1 --yes --sha 2"), "@deputy deploy --yes --sha 2");
    }
}
