//! `login`: the link to log in with, or when and as whom somebody did.

use deputy_core::authorization::{Refusal, RunsAs};
use deputy_core::command::{Command, CommandContext, CommandError, Reply};
use deputy_core::language::Definition;
use deputy_core::permission::Permission;
use deputy_core::ports::{UserTokenError, UserTokens as _};

/// Answers with the link.
pub static COMMAND: Command = Command {
    definition: Definition {
        name: "login",
        aliases: &[],
        summary: "Log in, so that Deputy can act as you",
        permission: Permission::Read,
        examples: &["login"],
        arguments: |command| command,
    },
    runs_as: RunsAs::App,
    team: None,
    run: |context| Box::pin(answer(context)),
};

async fn answer(context: &CommandContext<'_>) -> Result<Reply, CommandError> {
    let Some(logins) = context.logins else {
        return Err(CommandError::Refused(Refusal::NoLogins.message(Some("login"))));
    };
    let person = &context.comment.sender;
    let link = logins.link(person, &context.comment.html_url);
    Ok(Reply::new(match logins.grants.token(person.id, None).await {
        Ok(_) => format!(
            "You are logged in already. If something does not work as you, [log in again]({link}); \
             `logout` ends it."
        ),
        Err(UserTokenError::NeedsLogin { .. }) => format!(
            "[**Log in with GitHub**]({link}). You do it once; from then on what you ask for is done as you, \
             with no more authority than yours. `logout` ends it."
        ),
        Err(UserTokenError::Unavailable(error)) => return Err(CommandError::Failed(error)),
    }))
}
