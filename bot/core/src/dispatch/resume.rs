//! What a login sets in motion: the commands that waited for it run, each at most once and in their order.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::JoinSet;

use super::turn::RESUMED_TRIES;
use super::{COMMANDS, Deputy, HandlerError, LEASE, conversation, prompt};
use crate::ids::UserId;
use crate::login::{OnLogin, Resumed};
use crate::ports::{FailedWork, Released, WaitingCommand};

/// How often what was left behind is looked for.
const SWEEP: Duration = Duration::from_mins(1);

/// How much of it at a time.
const BATCH: usize = 100;

/// Lets commands go on that waited for a login.
///
/// They run beside the login, which does not wait for them. Where the process dies, the lease under which they were
/// handed out ends, and [`sweep`](Self::sweep) hands them out again; each runs under its own key of
/// [`Once`](crate::ports::Once), so what was complete stays so.
pub struct Resumptions {
    deputy: Arc<Deputy>,
    running: Mutex<JoinSet<()>>,
}

impl Resumptions {
    /// For the commands of `deputy`.
    pub fn new(deputy: Arc<Deputy>) -> Self {
        Self { deputy, running: Mutex::default() }
    }

    /// Sweeps every minute by Deputy's clock, at first at once, until it is dropped.
    pub async fn keep_sweeping(&self) {
        loop {
            self.sweep().await;
            let next = self.deputy.clock.now() + SWEEP;
            self.deputy.clock.sleep_until(next).await;
        }
    }

    /// Says in prompts that they have expired, and runs what a process that died had left.
    pub async fn sweep(&self) {
        let Some(logins) = &self.deputy.logins else { return };
        if let Err(error) = prompt::expire(&self.deputy, BATCH).await {
            tracing::warn!(error = %anyhow::Error::from(error), "expired prompts were not looked for");
        }
        match logins.waiting.resume(LEASE, BATCH).await {
            Ok(commands) => run(&self.deputy, commands).await,
            Err(error) => {
                tracing::warn!(error = %anyhow::Error::from(error), "commands left behind were not looked for");
            }
        }
    }

    /// Waits until all that is running has ended.
    pub async fn finish(&self) {
        let mut running = std::mem::take(&mut *self.running.lock().unwrap_or_else(PoisonError::into_inner));
        while running.join_next().await.is_some() {}
    }
}

#[async_trait]
impl OnLogin for Resumptions {
    async fn logged_in(&self, user: UserId) -> Vec<Resumed> {
        // What was remembered of the grant was of the one before.
        self.deputy.authorizer.forget_grant(user);
        let released = take(&self.deputy, user).await;
        let resumed = released.commands.iter().map(shown).collect();
        let deputy = Arc::clone(&self.deputy);
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that have ended would be kept until the end otherwise.
        while running.try_join_next().is_some() {}
        running.spawn(async move { go_on(&deputy, released).await });
        resumed
    }
}

/// Runs what waits for `user`, here and now.
pub(super) async fn all(deputy: &Deputy, user: UserId) {
    let released = take(deputy, user).await;
    // Boxed, as a conversation can end up here and goes on in a conversation.
    Box::pin(go_on(deputy, released)).await;
}

async fn take(deputy: &Deputy, user: UserId) -> Released {
    let Some(logins) = &deputy.logins else { return Released::default() };
    match logins.waiting.take_all(user, LEASE).await {
        Ok(released) => released,
        Err(error) => {
            // They still wait; the person sees the prompt, and the next login or command takes them.
            tracing::error!(%user, error = format!("{:#}", anyhow::Error::from(error)), "commands still wait after a login");
            Released::default()
        }
    }
}

async fn go_on(deputy: &Deputy, released: Released) {
    for prompt in &released.prompts {
        prompt::close(deputy, prompt).await;
    }
    run(deputy, released.commands).await;
}

/// One after the other, in the order they were asked for.
async fn run(deputy: &Deputy, commands: Vec<WaitingCommand>) {
    for command in commands {
        let WaitingCommand { delivery, index, .. } = command;
        let ended = match attempt(deputy, &command).await {
            // A token that died since it was last looked at is found out by trying: the second try asks the person.
            Err(HandlerError::Failed(_)) => attempt(deputy, &command).await,
            ended => ended,
        };
        let is_over = match ended {
            Ok(()) => true,
            Err(HandlerError::Busy { until }) => {
                tracing::debug!(%delivery, index, %until, "a command that waited is being run elsewhere");
                false
            }
            Err(HandlerError::Failed(error)) => {
                tracing::warn!(%delivery, index, error = format!("{error:#}"), "a command that waited failed; it is tried again");
                false
            }
            Err(HandlerError::Hopeless(error)) => bury(deputy, &command, &error).await,
        };
        let Some(logins) = deputy.logins.as_ref().filter(|_| is_over) else { continue };
        if let Err(error) = logins.waiting.finish(delivery, index).await {
            tracing::warn!(%delivery, index, %error, "a command that ran will be handed out again, and found done");
        }
    }
}

/// Makes a dead letter of a command that waited and can never be run. `false` where it could not be written: the command
/// is handed out again then, and fails again.
async fn bury(deputy: &Deputy, command: &WaitingCommand, error: &anyhow::Error) -> bool {
    let WaitingCommand { delivery, index, .. } = *command;
    tracing::error!(%delivery, handler = COMMANDS, index, error = format!("{error:#}"), "dead letter");
    let failed = FailedWork {
        handler: COMMANDS.to_owned(),
        delivery,
        attempts: RESUMED_TRIES,
        errors: error.chain().map(ToString::to_string).collect(),
    };
    match deputy.dead_letters.bury(failed).await {
        Ok(()) => true,
        Err(error) => {
            let error = format!("{:#}", anyhow::Error::from(error));
            tracing::error!(%delivery, index, error, "a command that waited could not become a dead letter yet");
            false
        }
    }
}

async fn attempt(deputy: &Deputy, command: &WaitingCommand) -> Result<(), HandlerError> {
    let delivery =
        deputy.archive.read(command.delivery).await.map_err(|error| HandlerError::Failed(error.into()))?;
    let Some(delivery) = delivery else {
        return Err(HandlerError::Hopeless(anyhow::anyhow!("the archive has its delivery no more")));
    };
    conversation::resume(deputy, &delivery, command.index).await
}

fn shown(command: &WaitingCommand) -> Resumed {
    let WaitingCommand { name, prompt, repository, html_url, .. } = command;
    // The place is told by the repository's id, which does not change; people know its name.
    let within = prompt.place.trim_start_matches(|c: char| c.is_ascii_digit());
    Resumed { command: name.clone(), place: format!("{repository}{within}"), html_url: html_url.clone() }
}
