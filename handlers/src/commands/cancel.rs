//! `cancel`: stops a job.

use clap::{Arg, value_parser};
use deputy_core::authorization::RunsAs;
use deputy_core::command::{Command, CommandContext, CommandError, Reply};
use deputy_core::job::JobId;
use deputy_core::language::Definition;
use deputy_core::permission::Permission;

/// Stops it, whoever asked for it.
pub static COMMAND: Command = Command {
    definition: Definition {
        name: "cancel",
        aliases: &[],
        summary: "Stop a job",
        permission: Permission::Write,
        examples: &["cancel 01JE4Z8W3M5T7V9X1Z3B5D7F9H"],
        arguments: |command| {
            command.arg(Arg::new("job").required(true).value_parser(value_parser!(JobId)).help("Which; `jobs` lists them"))
        },
    },
    runs_as: RunsAs::Person,
    team: None,
    run: |context| Box::pin(cancel(context)),
};

async fn cancel(context: &CommandContext<'_>) -> Result<Reply, CommandError> {
    let id = *context.arguments.get_one::<JobId>("job").expect("clap requires it");
    let by = &context.comment.sender.login;
    let job = context.driver.cancel(context.comment.repository.id, id, by).await?;
    Ok(Reply::new(format!("Job `{id}` (**{}**) is being stopped.", job.request.workflow)))
}
