//! The reply that asks somebody to log in: once per person and place, while their commands wait.

use anyhow::Context as _;

use super::Deputy;
use super::plan::MARK;
use super::turn::Turn;
use crate::authorization::Refusal;
use crate::comment::{Comment, Place};
use crate::ports::{
    Acting, Ask, GitHubError, Lease, Prompt, PromptKey, WAITING_LIFETIME, WaitingCommand, WaitingError,
};

/// The marker's last part.
const KIND: &str = "login";

/// Keeps the command, and asks its person to log in unless they were asked in this place already.
pub(super) async fn ask(turn: &Turn<'_>, name: &str, refusal: &Refusal, lease: &Lease) -> anyhow::Result<()> {
    let Turn { deputy, delivery, comment, installation, index, .. } = *turn;
    let logins = deputy.logins.as_ref().context("only a Deputy with logins asks for one")?;
    let command = WaitingCommand {
        delivery: delivery.id,
        index,
        name: name.to_owned(),
        prompt: PromptKey { user: comment.sender.id, place: place(comment) },
        installation,
        repository: comment.repository.clone().into_owned(),
        html_url: comment.html_url.to_string(),
    };
    if let Ask::Prompt(prompt) = logins.waiting.keep(command, WAITING_LIFETIME).await? {
        // An earlier run may have died between posting and saying so.
        let posted = if lease.attempt > 1 { turn.remarked(KIND).await? } else { None };
        let posted = if let Some(posted) = posted {
            posted
        } else {
            let link = logins.link(&comment.sender, &comment.html_url);
            turn.remark(KIND, &text(refusal, name, &link)).await?
        };
        logins.waiting.prompted(prompt, posted).await?;
    }
    turn.acknowledge().await
}

/// Edits the replies whose commands have waited too long.
pub(super) async fn expire(deputy: &Deputy, limit: usize) -> Result<(), WaitingError> {
    let Some(logins) = &deputy.logins else { return Ok(()) };
    for prompt in logins.waiting.expired(limit).await? {
        if edit(deputy, &prompt, EXPIRED).await {
            logins.waiting.dropped(prompt.id).await?;
        }
    }
    Ok(())
}

/// Says in the reply that its person has logged in.
pub(super) async fn close(deputy: &Deputy, prompt: &Prompt) {
    // A courtesy: where it fails, the link still works, and says the same.
    edit(deputy, prompt, LOGGED_IN).await;
}

/// Whether nothing is left to be done to the reply.
async fn edit(deputy: &Deputy, prompt: &Prompt, text: &str) -> bool {
    let Some(reply) = &prompt.reply else { return true };
    let acting = Acting::Installation(prompt.installation);
    let body = format!("{text}\n\n{MARK}{KIND} -->");
    match deputy.github.edit_reply(&acting, &prompt.repository, reply, &body).await {
        Ok(()) => true,
        // It was deleted, or the App may no longer write there: nobody waits for it any more.
        Err(
            error @ (GitHubError::NotFound
            | GitHubError::Forbidden { .. }
            | GitHubError::Refused { .. }
            | GitHubError::Unauthorized(_)),
        ) => {
            tracing::debug!(repo = %prompt.repository, %error, "the reply that asked to log in cannot be edited");
            true
        }
        Err(error) => {
            tracing::warn!(repo = %prompt.repository, %error, "the reply that asked to log in was not edited yet");
            false
        }
    }
}

fn text(refusal: &Refusal, name: &str, link: &str) -> String {
    format!(
        "{} [**Log in with GitHub**]({link}), and your commands here run by themselves; \
         you need not repeat them. They wait for an hour.",
        refusal.message(Some(name))
    )
}

const EXPIRED: &str = "This request to log in has expired: nobody logged in within an hour, and nothing was run. \
                       Write the command again to get a new link.";

const LOGGED_IN: &str = "Logged in. The commands that waited here run by themselves.";

/// The same text for the same conversation.
fn place(comment: &Comment<'_>) -> String {
    let repository = comment.repository.id;
    match &comment.place {
        Place::Commit { sha, .. } => format!("{repository}@{sha}"),
        Place::Issue { number, .. }
        | Place::PullRequest { number, .. }
        | Place::ReviewComment { number, .. }
        | Place::Review { number, .. }
        | Place::Discussion { number, .. } => format!("{repository}#{number}"),
    }
}
