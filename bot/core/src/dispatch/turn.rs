//! One command's turn: authorize, acknowledge, run, reply. As the person; what stands in their way, the App says.

use std::sync::Arc;

use super::plan::MARK;
use super::under::Under;
use super::{Attempt, Deputy, HandlerError, Outcome, ask, prompt};
use crate::authorization::{Decision, Refusal, Request, RunsAs};
use crate::command::{Command, CommandContext, CommandError};
use crate::comment::Comment;
use crate::delivery::Delivery;
use crate::ids::InstallationId;
use crate::language::{Entry, Line, Parsed};
use crate::panics::caught;
use crate::permission::Permission;
use crate::ports::{Acting, GitHubError, Lease, PostedComment, Reaction};
use crate::workflow::Workflow;

/// How often a command that waited is begun, the time it was kept included, before its person is told that nothing
/// will come of it.
pub(super) const RESUMED_TRIES: u32 = 6;

/// Who begins a command, and so when a failure is final.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tries {
    /// The queue, which counts by itself.
    Queue(Attempt),
    /// A login.
    Resumed,
}

impl Tries {
    fn is_last(self, lease: &Lease) -> bool {
        match self {
            Self::Queue(attempt) => attempt.is_last,
            Self::Resumed => lease.attempt >= RESUMED_TRIES,
        }
    }
}

/// One command line of a comment.
pub(super) struct Turn<'a> {
    pub(super) deputy: &'a Deputy,
    pub(super) delivery: &'a Delivery,
    pub(super) comment: &'a Comment<'a>,
    pub(super) installation: InstallationId,
    pub(super) index: u32,
    /// How many commands of the same comment run only after this one.
    followers: usize,
    /// The App, which says what only it may say.
    pub(super) app: Acting,
    /// Whoever asks.
    person: Acting,
}

/// What a line asks for, as far as authorization goes.
struct Asks {
    name: Option<String>,
    permission: Permission,
    team: Option<String>,
    runs_as: RunsAs,
}

impl<'a> Turn<'a> {
    pub(super) fn new(
        deputy: &'a Deputy,
        delivery: &'a Delivery,
        (comment, installation): (&'a Comment<'a>, InstallationId),
        index: u32,
    ) -> Self {
        let (app, person) = (Acting::Installation(installation), Acting::User(comment.sender.id));
        Self { deputy, delivery, comment, installation, index, followers: 0, app, person }
    }

    /// The same, with so many commands that run only after it.
    pub(super) fn followed_by(self, followers: usize) -> Self {
        Self { followers, ..self }
    }

    pub(super) async fn take(
        &self,
        line: &Line,
        lease: &Lease,
        tries: Tries,
    ) -> Result<Outcome, HandlerError> {
        match self.attempt(line, lease).await {
            Ok(outcome) => Ok(outcome),
            Err(error) => {
                if is_unauthorized(&error) {
                    // What was remembered of the grant is wrong. The next try asks GitHub, and then the person.
                    self.deputy.authorizer.forget_grant(self.comment.sender.id);
                }
                if tries.is_last(lease) {
                    self.apologize().await;
                    if matches!(tries, Tries::Resumed) {
                        // The queue counts its own attempts; this is what ends the others.
                        return Err(HandlerError::Hopeless(error));
                    }
                }
                Err(HandlerError::Failed(error))
            }
        }
    }

    async fn attempt(&self, line: &Line, lease: &Lease) -> anyhow::Result<Outcome> {
        let under = Under::settings(self, line).await?;
        let parsed = self.deputy.vocabulary.parse(&under.line);
        let asks = self.asks(&parsed);
        // The reply is a command's last effect, so where it stands the earlier run was complete but for its
        // record.
        if lease.attempt > 1 && self.has_replied(&asks).await? {
            return Ok(Outcome::Done);
        }
        self.answer(parsed, &asks, &under, lease).await
    }

    /// Whether a command that was kept would run by now: somebody logged in meanwhile.
    pub(super) async fn may_go_on(&self, line: &Line) -> bool {
        // What cannot be found out is left to the login, and to the sweep.
        let Ok(under) = Under::settings(self, line).await else { return false };
        let parsed = self.deputy.vocabulary.parse(&under.line);
        let asks = Asks { runs_as: RunsAs::PersonAskedAnew, ..self.asks(&parsed) };
        matches!(self.authorize(&asks, &under).await, Ok(Decision::Allowed))
    }

    fn asks(&self, parsed: &Parsed<'_>) -> Asks {
        match parsed {
            Parsed::Run { definition, .. } if let Some(workflow) = self.workflow(definition) => Asks {
                name: Some(definition.name.clone()),
                permission: definition.permission,
                team: workflow.manifest.team.clone(),
                runs_as: RunsAs::PersonAskedAnew,
            },
            Parsed::Run { definition, .. } => {
                let Command { runs_as, team, .. } = *self.command(definition);
                let (name, team) = (Some(definition.name.clone()), team.map(str::to_owned));
                Asks { name, permission: definition.permission, team, runs_as }
            }
            Parsed::Help { definition: Some(definition), .. }
            | Parsed::UsageError { definition: Some(definition), .. } => Asks {
                name: Some(definition.name.clone()),
                permission: definition.permission,
                team: None,
                runs_as: RunsAs::App,
            },
            Parsed::Help { .. }
            | Parsed::Version { .. }
            | Parsed::UsageError { .. }
            | Parsed::Unknown { .. } => {
                Asks { name: None, permission: Permission::Read, team: None, runs_as: RunsAs::App }
            }
        }
    }

    fn workflow(&self, definition: &Entry) -> Option<&'a Arc<Workflow>> {
        self.deputy.workflows.iter().find(|workflow| workflow.name == definition.name)
    }

    /// Whoever asks.
    pub(super) fn person(&self) -> &Acting {
        &self.person
    }

    fn command(&self, definition: &Entry) -> &'static Command {
        let command = self.deputy.commands.iter().find(|known| known.definition.name == definition.name);
        command.expect("the vocabulary is made of the commands' own definitions")
    }

    async fn authorize(&self, asks: &Asks, under: &Under) -> Result<Decision, GitHubError> {
        let least = asks.permission.max(under.permission);
        let own = asks.team.as_deref();
        let decision = self.ask_for(asks, least, own).await?;
        match under.team.as_deref().filter(|team| decision == Decision::Allowed && own != Some(*team)) {
            // Beside the command's own team, not in its place.
            Some(team) => self.ask_for(asks, least, Some(team)).await,
            None => Ok(decision),
        }
    }

    async fn ask_for(
        &self,
        asks: &Asks,
        permission: Permission,
        team: Option<&str>,
    ) -> Result<Decision, GitHubError> {
        let request = Request {
            acting: &self.app,
            person: &self.comment.sender,
            repository: &self.comment.repository,
            permission,
            team,
            runs_as: asks.runs_as,
        };
        self.deputy.authorizer.authorize(&request).await
    }

    async fn answer(
        &self,
        parsed: Parsed<'_>,
        asks: &Asks,
        under: &Under,
        lease: &Lease,
    ) -> anyhow::Result<Outcome> {
        let decision = self.authorize(asks, under).await?;
        let number = self.comment.place.number().map(|number| number.0);
        tracing::info!(
            delivery = %self.delivery.id,
            repo = %self.comment.repository,
            number,
            person = %self.comment.sender.login,
            command = asks.name.as_deref().unwrap_or("?"),
            allowed = decision == Decision::Allowed,
            "command"
        );
        match decision {
            Decision::Refused(refusal @ Refusal::MustLogIn { .. }) => {
                prompt::ask(self, asks.name.as_deref().unwrap_or("?"), &refusal, lease).await?;
                return Ok(Outcome::Waits);
            }
            Decision::Refused(refusal) => {
                self.say(&self.app, Reaction::Confused, &refusal.message(asks.name.as_deref())).await?;
            }
            Decision::Allowed => match parsed {
                Parsed::Help { message, .. } | Parsed::Version { message } => {
                    self.say(&self.app, Reaction::Eyes, &message).await?;
                }
                Parsed::UsageError { message, .. } | Parsed::Unknown { message, .. } => {
                    self.say(&self.app, Reaction::Confused, &message).await?;
                }
                Parsed::Run { .. } if let Some(why) = &under.refusal => {
                    self.say(&self.app, Reaction::Confused, why).await?;
                }
                Parsed::Run { definition, matches, .. } if let Some(workflow) = self.workflow(definition) => {
                    self.react(&self.person, Reaction::Eyes).await?;
                    let refused =
                        ask::ask(self, &self.deputy.driver, workflow, (&under.line, &matches)).await?;
                    if let Some(text) = refused {
                        self.say(&self.app, Reaction::Confused, &text).await?;
                    }
                }
                Parsed::Run { definition, matches, .. } => {
                    self.run(self.command(definition), &matches).await?;
                }
            },
        }
        Ok(Outcome::Done)
    }

    async fn run(&self, command: &Command, arguments: &clap::ArgMatches) -> anyhow::Result<()> {
        let acting = if command.runs_as.needs_grant() { &self.person } else { &self.app };
        self.react(acting, Reaction::Eyes).await?;
        let context = CommandContext {
            comment: self.comment,
            delivery: self.delivery,
            arguments,
            github: &*self.deputy.github,
            acting,
            installation: &self.app,
            settings: &self.deputy.settings,
            driver: &self.deputy.driver,
            logins: self.deputy.logins.as_deref(),
            authorizer: &*self.deputy.authorizer,
            clock: &*self.deputy.clock,
            vocabulary: &self.deputy.vocabulary,
            about: &self.deputy.about,
        };
        match caught((command.run)(&context)).await? {
            Ok(reply) => self.reply(acting, "", &reply.body).await.map(|_| ()),
            Err(CommandError::Refused(text)) => self.say(&self.app, Reaction::Confused, &text).await,
            Err(CommandError::Failed(error)) => Err(error),
        }
    }

    async fn say(&self, acting: &Acting, reaction: Reaction, text: &str) -> anyhow::Result<()> {
        self.react(acting, reaction).await?;
        self.reply(acting, "", text).await.map(|_| ())
    }

    async fn react(&self, acting: &Acting, reaction: Reaction) -> anyhow::Result<()> {
        match self.deputy.github.react(acting, self.comment, reaction).await {
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

    /// The App says that it has seen the comment.
    pub(super) async fn acknowledge(&self) -> anyhow::Result<()> {
        self.react(&self.app, Reaction::Eyes).await
    }

    /// The App says something beside the command's own reply, under a marker of its own.
    pub(super) async fn remark(&self, kind: &str, text: &str) -> anyhow::Result<PostedComment> {
        self.reply(&self.app, kind, text).await
    }

    async fn reply(&self, acting: &Acting, kind: &str, text: &str) -> anyhow::Result<PostedComment> {
        let body = format!("{text}\n\n{}", self.marker(kind));
        Ok(self.deputy.github.reply(acting, self.comment, &body).await?)
    }

    /// Tells the person that nothing will come of it. Whoever runs the bot has the dead letter.
    async fn apologize(&self) {
        let delivery = self.delivery.id;
        let what = match self.followers {
            0 => "the command",
            _ => "the command, and those below it, which were not run,",
        };
        let text = format!(
            "Something went wrong on our side, and trying again did not help. Nothing more will happen by \
             itself: please repeat {what} later. If it keeps failing, give the people who run \
             {} this number: `{delivery}`.",
            self.deputy.about.name
        );
        let said = match self.remarked("failed").await {
            Ok(Some(_)) => Ok(()),
            Ok(None) => {
                self.react(&self.app, Reaction::MinusOne).await.ok();
                self.remark("failed", &text).await.map(|_| ())
            }
            Err(error) => Err(error),
        };
        if let Err(error) = said {
            tracing::warn!(%delivery, error = format!("{error:#}"), "could not even say that it failed");
        }
    }

    /// Whether the command's own reply stands: the App's where it refused, the person's where they may act.
    async fn has_replied(&self, asks: &Asks) -> anyhow::Result<bool> {
        if self.remarked("").await?.is_some() {
            return Ok(true);
        }
        if !asks.runs_as.needs_grant() || self.deputy.logins.is_none() {
            return Ok(false);
        }
        match self.deputy.github.find_reply(&self.person, self.comment, &self.marker("")).await {
            Ok(found) => Ok(found.is_some()),
            // No grant: asking them to log in is what comes next, and if the reply stands after all, the run
            // after the login finds it.
            Err(GitHubError::Unauthorized(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// What the App said under this marker, where it did.
    pub(super) async fn remarked(&self, kind: &str) -> anyhow::Result<Option<PostedComment>> {
        Ok(self.deputy.github.find_reply(&self.app, self.comment, &self.marker(kind)).await?)
    }

    /// What tells this reply from all others. GitHub does not render it; the delivery's GUID is known to nobody
    /// who could post it first.
    fn marker(&self, kind: &str) -> String {
        format!("{MARK}{}/{}/{kind} -->", self.delivery.id, self.index)
    }
}

fn is_unauthorized(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| matches!(cause.downcast_ref::<GitHubError>(), Some(GitHubError::Unauthorized(_))))
}
