//! `jobs`: what ran here last, and what runs.

use std::fmt::Write as _;

use clap::{Arg, ArgAction};
use deputy_core::authorization::RunsAs;
use deputy_core::command::{Command, CommandContext, CommandError, Reply};
use deputy_core::drive::title;
use deputy_core::job::Job;
use deputy_core::language::Definition;
use deputy_core::permission::Permission;
use deputy_core::ports::JobQuery;

/// As many as one looks at.
const SHOWN: usize = 20;

/// Lists jobs of this issue or pull request, or of the whole repository.
pub static COMMAND: Command = Command {
    definition: Definition {
        name: "jobs",
        aliases: &[],
        summary: "List the jobs that ran here, newest first",
        permission: Permission::Read,
        examples: &["jobs", "jobs --all"],
        arguments: |command| {
            let help = "Of the whole repository";
            command.arg(Arg::new("all").long("all").action(ArgAction::SetTrue).help(help))
        },
    },
    runs_as: RunsAs::Person,
    team: None,
    run: |context| Box::pin(list(context)),
};

async fn list(context: &CommandContext<'_>) -> Result<Reply, CommandError> {
    let everywhere = context.arguments.get_flag("all");
    let query = JobQuery {
        repository: Some(context.comment.repository.id),
        number: context.comment.place.number().filter(|_| !everywhere),
        limit: SHOWN,
        ..JobQuery::default()
    };
    let jobs = context.driver.jobs(&query).await?;
    Ok(Reply::new(table(&jobs)))
}

fn table(jobs: &[Job]) -> String {
    if jobs.is_empty() {
        return "No jobs ran here. `help` lists what can be asked for.".to_owned();
    }
    let mut out = "| Job | What | Who | When | |\n|---|---|---|---|---|\n".to_owned();
    for job in jobs {
        let request = &job.request;
        let when = request.created_at.format("%Y-%m-%d %H:%M");
        let what = request.asked.words.replace(['|', '`', '\n'], " ");
        _ = writeln!(out, "| `{}` | [`{what}`]({}) | {} | {when} | {} |", job.id, request.asked.html_url, request.requester.login, title(job));
    }
    out
}
