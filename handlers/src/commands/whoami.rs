//! `whoami`: as whom Deputy acts for somebody, what they may do here, and for how long.

use chrono::{DateTime, Utc};
use deputy_core::authorization::{Refusal, RunsAs};
use deputy_core::command::{Command, CommandContext, CommandError, Reply};
use deputy_core::language::Definition;
use deputy_core::permission::Permission;

/// Answers as the person, which is the proof.
pub static COMMAND: Command = Command {
    definition: Definition {
        name: "whoami",
        aliases: &[],
        summary: "Show as whom Deputy acts for you, and what you may do here",
        permission: Permission::Read,
        examples: &["whoami"],
        arguments: |command| command,
    },
    runs_as: RunsAs::Person,
    team: None,
    run: |context| Box::pin(answer(context)),
};

async fn answer(context: &CommandContext<'_>) -> Result<Reply, CommandError> {
    let Some(logins) = context.logins else {
        return Err(CommandError::Refused(Refusal::NoLogins.message(Some("whoami"))));
    };
    let (person, repository) = (&context.comment.sender, &context.comment.repository);
    let has = context.github.permission(context.installation, repository, &person.login);
    let (has, grant) = tokio::join!(has, logins.grant(person.id));
    let grant = grant.map_err(CommandError::Failed)?;
    // Without a mention: nobody needs to be told of their own question.
    let mut text = format!("You are **{}**, with **{}** permission in {repository}.", person.login, has?);
    if let Some(grant) = grant {
        text.push_str(&lasts(grant.granted_at, grant.refresh_expires_at.or(grant.access_expires_at)));
    }
    Ok(Reply::new(text))
}

fn lasts(since: DateTime<Utc>, until: Option<DateTime<Utc>>) -> String {
    let since = since.format("%Y-%m-%d");
    match until {
        Some(until) => format!(
            " You logged in on {since}. The login lasts until {}, and longer with every use.",
            until.format("%Y-%m-%d")
        ),
        None => format!(" You logged in on {since}, until you log out."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_without_end_says_so() {
        let since = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        insta::assert_snapshot!(lasts(since, None), @" You logged in on 2026-09-21, until you log out.");
    }
}
