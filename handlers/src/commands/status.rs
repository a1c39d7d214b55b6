//! `status`: how a job stands, or what runs in this repository.

use clap::{Arg, value_parser};
use deputy_core::authorization::RunsAs;
use deputy_core::command::{Command, CommandContext, CommandError, Reply};
use deputy_core::drive::{summary, title};
use deputy_core::job::{JobId, Status};
use deputy_core::language::Definition;
use deputy_core::permission::Permission;
use deputy_core::ports::JobQuery;

/// Shows one job with its steps, or those that are not over.
pub static COMMAND: Command = Command {
    definition: Definition {
        name: "status",
        aliases: &[],
        summary: "Show what runs here, or how a job stands",
        permission: Permission::Read,
        examples: &["status", "status 01JE4Z8W3M5T7V9X1Z3B5D7F9H"],
        arguments: |command| {
            command.arg(Arg::new("job").value_parser(value_parser!(JobId)).help("Which job; all that run if left out"))
        },
    },
    runs_as: RunsAs::Person,
    team: None,
    run: |context| Box::pin(show(context)),
};

async fn show(context: &CommandContext<'_>) -> Result<Reply, CommandError> {
    let repository = context.comment.repository.id;
    if let Some(id) = context.arguments.get_one::<JobId>("job") {
        let job = context.driver.job(repository, *id).await?;
        return Ok(Reply::new(format!("**{}**: {}.\n\n{}", job.request.workflow, title(&job), summary(&job))));
    }
    let query = JobQuery {
        repository: Some(repository),
        statuses: vec![Status::Waiting, Status::Queued, Status::Running],
        ..JobQuery::default()
    };
    let jobs = context.driver.jobs(&query).await?;
    if jobs.is_empty() {
        return Ok(Reply::new("Nothing runs in this repository. `jobs` lists what did."));
    }
    let line = |job: &deputy_core::job::Job| {
        let request = &job.request;
        format!("- **{}** of {}, job `{}`: {}.", request.workflow, request.requester.login, job.id, title(job))
    };
    Ok(Reply::new(jobs.iter().map(line).collect::<Vec<_>>().join("\n")))
}
