//! One comment's conversation: find its commands, and for each authorize, acknowledge, run, reply.

use super::{Attempt, COMMANDS, Deputy, HandlerError, Ignored, Plan, plan};
use crate::authorization::{Decision, Request};
use crate::command::{CommandContext, CommandError};
use crate::comment::Comment;
use crate::delivery::Delivery;
use crate::language::{Line, Parsed};
use crate::permission::Permission;
use crate::ports::{Acting, GitHubError, OnceKey, Reaction};

/// Handles a comment event. Every command is recorded by its own key, so that a retry goes on where the last
/// attempt stopped and never says a thing twice.
pub(super) async fn hold(deputy: &Deputy, delivery: &Delivery, attempt: Attempt) -> Result<(), HandlerError> {
    let comment = deputy.payloads.comment(delivery).map_err(|error| HandlerError::Hopeless(error.into()))?;
    let Some(comment) = comment else { return Ok(()) };
    let lines = match plan(&deputy.vocabulary, &comment) {
        Plan::Ignored(Ignored::NoCommand) => return Ok(()),
        Plan::Ignored(reason) => {
            tracing::debug!(delivery = %delivery.id, repo = %comment.repository, %reason, "comment ignored");
            return Ok(());
        }
        Plan::Run(lines) => lines,
    };
    let Some(installation) = comment.installation else {
        return Err(HandlerError::Hopeless(anyhow::anyhow!(
            "the delivery names no installation, so nobody can answer; is the webhook the App's own?"
        )));
    };
    let acting = Acting::Installation(installation);
    for (index, line) in lines.iter().enumerate() {
        let turn = Turn { deputy, delivery, comment: &comment, acting: &acting, index };
        let key = OnceKey { handler: format!("{COMMANDS}/{index}"), delivery: delivery.id };
        deputy.once(key, async |lease| turn.take(line, lease.attempt > 1, attempt).await).await?;
    }
    Ok(())
}

/// One command line of a comment.
struct Turn<'a> {
    deputy: &'a Deputy,
    delivery: &'a Delivery,
    comment: &'a Comment<'a>,
    acting: &'a Acting,
    index: usize,
}

impl Turn<'_> {
    async fn take(&self, line: &Line, may_have_replied: bool, attempt: Attempt) -> Result<(), HandlerError> {
        // The reply is a command's last effect, so where it stands the earlier run was complete but for its
        // record.
        if may_have_replied && self.find(&self.marker("")).await.map_err(failed)? {
            return Ok(());
        }
        match self.answer(line).await {
            Ok(()) => Ok(()),
            Err(error) => {
                if attempt.is_last {
                    self.apologize().await;
                }
                Err(HandlerError::Failed(error))
            }
        }
    }

    async fn answer(&self, line: &Line) -> anyhow::Result<()> {
        let parsed = self.deputy.vocabulary.parse(line);
        let (name, permission) = match &parsed {
            Parsed::Run { definition, .. }
            | Parsed::Help { definition: Some(definition), .. }
            | Parsed::UsageError { definition: Some(definition), .. } => {
                (Some(definition.name), definition.permission)
            }
            Parsed::Help { .. }
            | Parsed::Version { .. }
            | Parsed::UsageError { .. }
            | Parsed::Unknown { .. } => (None, Permission::Read),
        };
        let decision = self
            .deputy
            .authorizer
            .authorize(&Request {
                acting: self.acting,
                person: &self.comment.sender,
                repository: &self.comment.repository,
                permission,
            })
            .await?;
        let number = self.comment.place.number().map(|number| number.0);
        tracing::info!(
            delivery = %self.delivery.id,
            repo = %self.comment.repository,
            number,
            person = %self.comment.sender.login,
            command = name.unwrap_or("?"),
            allowed = decision == Decision::Allowed,
            "command"
        );
        if let Decision::Refused(refusal) = decision {
            return self.say(Reaction::Confused, &refusal.message(name)).await;
        }
        match parsed {
            Parsed::Help { message, .. } | Parsed::Version { message } => {
                self.say(Reaction::Eyes, &message).await
            }
            Parsed::UsageError { message, .. } | Parsed::Unknown { message, .. } => {
                self.say(Reaction::Confused, &message).await
            }
            Parsed::Run { definition, matches, .. } => {
                let command =
                    self.deputy.commands.iter().find(|known| known.definition.name == definition.name);
                let command = command.expect("the vocabulary is made of the commands' own definitions");
                self.react(Reaction::Eyes).await?;
                let context = CommandContext {
                    comment: self.comment,
                    delivery: self.delivery,
                    arguments: &matches,
                    github: &*self.deputy.github,
                    acting: self.acting,
                    clock: &*self.deputy.clock,
                    vocabulary: &self.deputy.vocabulary,
                    about: &self.deputy.about,
                };
                match (command.run)(&context).await {
                    Ok(reply) => self.reply("", &reply.body).await,
                    Err(CommandError::Refused(text)) => self.say(Reaction::Confused, &text).await,
                    Err(CommandError::Failed(error)) => Err(error),
                }
            }
        }
    }

    async fn say(&self, reaction: Reaction, text: &str) -> anyhow::Result<()> {
        self.react(reaction).await?;
        self.reply("", text).await
    }

    async fn react(&self, reaction: Reaction) -> anyhow::Result<()> {
        match self.deputy.github.react(self.acting, self.comment, reaction).await {
            // The comment was deleted, or reactions are locked: no reason to leave the command undone.
            Err(
                error @ (GitHubError::NotFound | GitHubError::Forbidden { .. } | GitHubError::Refused { .. }),
            ) => {
                tracing::debug!(delivery = %self.delivery.id, %error, "no reaction possible");
                Ok(())
            }
            answer => Ok(answer?),
        }
    }

    async fn reply(&self, kind: &str, text: &str) -> anyhow::Result<()> {
        let body = format!("{text}\n\n{}", self.marker(kind));
        self.deputy.github.reply(self.acting, self.comment, &body).await?;
        Ok(())
    }

    /// Tells the person that nothing will come of it. Whoever runs the bot has the dead letter.
    async fn apologize(&self) {
        let delivery = self.delivery.id;
        let text = format!(
            "Something went wrong on our side, and trying again did not help. Nothing more will happen by \
             itself: please repeat the command later. If it keeps failing, give the people who run \
             {} this number: `{delivery}`.",
            self.deputy.about.name
        );
        let said = match self.find(&self.marker("failed")).await {
            Ok(true) => Ok(()),
            Ok(false) => {
                self.react(Reaction::MinusOne).await.ok();
                self.reply("failed", &text).await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = said {
            tracing::warn!(%delivery, error = format!("{error:#}"), "could not even say that it failed");
        }
    }

    async fn find(&self, marker: &str) -> anyhow::Result<bool> {
        Ok(self.deputy.github.find_reply(self.acting, self.comment, marker).await?.is_some())
    }

    /// What tells this reply from all others. GitHub does not render it; the delivery's GUID is known to nobody
    /// who could post it first.
    fn marker(&self, kind: &str) -> String {
        format!("<!-- deputy:{}/{}/{kind} -->", self.delivery.id, self.index)
    }
}

fn failed(error: anyhow::Error) -> HandlerError {
    HandlerError::Failed(error)
}
