//! `retry`: has a job go on where it failed.

use clap::{Arg, value_parser};
use deputy_core::authorization::RunsAs;
use deputy_core::command::{Command, CommandContext, CommandError, Reply};
use deputy_core::job::{JobId, Requester};
use deputy_core::language::Definition;
use deputy_core::permission::Permission;

/// Steps that succeeded are kept.
pub static COMMAND: Command = Command {
    definition: Definition {
        name: "retry",
        aliases: &[],
        summary: "Have a job of yours go on where it failed",
        permission: Permission::Write,
        examples: &["retry 01JE4Z8W3M5T7V9X1Z3B5D7F9H"],
        arguments: |command| {
            command.arg(Arg::new("job").required(true).value_parser(value_parser!(JobId)).help("Which; `jobs` lists them"))
        },
    },
    runs_as: RunsAs::PersonAskedAnew,
    team: None,
    run: |context| Box::pin(retry(context)),
};

async fn retry(context: &CommandContext<'_>) -> Result<Reply, CommandError> {
    let id = *context.arguments.get_one::<JobId>("job").expect("clap requires it");
    let sender = &context.comment.sender;
    let by = Requester { id: sender.id, login: sender.login.clone().into_owned() };
    let job = context.driver.retry(context.comment.repository.id, id, &by).await?;
    Ok(Reply::new(format!("Job `{id}` (**{}**) goes on; what had succeeded is kept.", job.request.workflow)))
}
