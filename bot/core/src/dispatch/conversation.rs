//! One comment's conversation: find its commands, and let each take its turn.

use super::turn::{Tries, Turn};
use super::{Attempt, COMMANDS, Deputy, HandlerError, Ignored, Outcome, Plan, plan, resume};
use crate::comment::Comment;
use crate::delivery::Delivery;
use crate::ids::InstallationId;
use crate::language::Line;
use crate::ports::OnceKey;

/// Handles a comment event. Every command is recorded by its own key, so that a retry goes on where the last
/// attempt stopped and never says a thing twice.
pub(super) async fn hold(deputy: &Deputy, delivery: &Delivery, attempt: Attempt) -> Result<(), HandlerError> {
    let Some(asked) = Asked::read(deputy, delivery)? else { return Ok(()) };
    let mut waits = None;
    for (index, line) in (0..).zip(&asked.lines) {
        if asked.take(deputy, (index, line), Tries::Queue(attempt)).await? == Outcome::Waits {
            waits = Some(index);
        }
    }
    if let Some(index) = waits {
        // The login may have come after the look for it and before the command was kept: then nobody else lets
        // it go on.
        if asked.turn(deputy, index).may_go_on(&asked.lines[index as usize]).await {
            resume::all(deputy, asked.comment.sender.id).await;
        }
    }
    Ok(())
}

/// Handles one of a delivery's commands, which waited for its person to log in.
pub(super) async fn resume(deputy: &Deputy, delivery: &Delivery, index: u32) -> Result<(), HandlerError> {
    // A newer version may read the comment otherwise. What it does not find was not asked for.
    let Some(asked) = Asked::read(deputy, delivery)? else { return Ok(()) };
    let Some(line) = asked.lines.get(index as usize) else { return Ok(()) };
    asked.take(deputy, (index, line), Tries::Resumed).await.map(|_| ())
}

/// A comment with the commands in it that are to run.
struct Asked<'a> {
    delivery: &'a Delivery,
    comment: Comment<'a>,
    installation: InstallationId,
    lines: Vec<Line>,
}

impl<'a> Asked<'a> {
    fn read(deputy: &Deputy, delivery: &'a Delivery) -> Result<Option<Self>, HandlerError> {
        let comment =
            deputy.payloads.comment(delivery).map_err(|error| HandlerError::Hopeless(error.into()))?;
        let Some(comment) = comment else { return Ok(None) };
        let lines = match plan(&deputy.vocabulary, &comment) {
            Plan::Ignored(Ignored::NoCommand) => return Ok(None),
            Plan::Ignored(reason) => {
                tracing::debug!(delivery = %delivery.id, repo = %comment.repository, %reason, "comment ignored");
                return Ok(None);
            }
            Plan::Run(lines) => lines,
        };
        let Some(installation) = comment.installation else {
            return Err(HandlerError::Hopeless(anyhow::anyhow!(
                "the delivery names no installation, so nobody can answer; is the webhook the App's own?"
            )));
        };
        Ok(Some(Self { delivery, comment, installation, lines }))
    }

    async fn take(
        &self,
        deputy: &Deputy,
        (index, line): (u32, &Line),
        tries: Tries,
    ) -> Result<Outcome, HandlerError> {
        let turn = match tries {
            // What stands below it waits for it, and is given up with it.
            Tries::Queue(_) => self.turn(deputy, index).followed_by(self.lines.len() - 1 - index as usize),
            Tries::Resumed => self.turn(deputy, index),
        };
        let key = OnceKey { handler: format!("{COMMANDS}/{index}"), delivery: self.delivery.id };
        deputy.once(key, async |lease| turn.take(line, lease, tries).await).await
    }

    fn turn<'t>(&'t self, deputy: &'t Deputy, index: u32) -> Turn<'t> {
        Turn::new(deputy, self.delivery, (&self.comment, self.installation), index)
    }
}
