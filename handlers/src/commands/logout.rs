//! `logout`: ends what somebody allowed Deputy, at GitHub and here.

use deputy_core::authorization::{Refusal, RunsAs};
use deputy_core::command::{Command, CommandContext, CommandError, Reply};
use deputy_core::grants::LoggedOut;
use deputy_core::language::Definition;
use deputy_core::permission::Permission;

/// Revokes the grant, and deletes it with the person's sessions.
pub static COMMAND: Command = Command {
    definition: Definition {
        name: "logout",
        aliases: &[],
        summary: "Log out everywhere: Deputy can no longer act as you",
        permission: Permission::Read,
        examples: &["logout"],
        arguments: |command| command,
    },
    // The App answers: once it is done, nobody can answer as the person.
    runs_as: RunsAs::App,
    team: None,
    run: |context| Box::pin(log_out(context)),
};

async fn log_out(context: &CommandContext<'_>) -> Result<Reply, CommandError> {
    let Some(logins) = context.logins else {
        return Err(CommandError::Refused(Refusal::NoLogins.message(Some("logout"))));
    };
    let person = context.comment.sender.id;
    let done = logins.log_out(person).await.map_err(CommandError::Failed)?;
    context.authorizer.forget_grant(person);
    Ok(Reply::new(match done {
        LoggedOut::Everywhere => {
            "You are logged out. GitHub has ended your authorization of this App, and what was kept of it here is \
             deleted, sessions in terminals included. `login` begins anew."
        }
        LoggedOut::NothingThere => "You are not logged in, so there was nothing to end.",
        LoggedOut::OnlyHere(error) => {
            tracing::warn!(%person, error = format!("{error:#}"), "GitHub could not be told of a logout");
            "You are logged out here, and what was kept of your login is deleted. GitHub could not be told, \
             so please revoke this App yourself: on GitHub, under Settings, Applications, Authorized GitHub Apps."
        }
    }))
}
