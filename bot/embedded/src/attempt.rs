//! One attempt of one handler on one delivery. Whatever the handler does, the attempt ends, and says how.

use std::time::Duration;

use chrono::{DateTime, Utc};
use deputy_core::delivery::Delivery;
use deputy_core::panics::caught;
use deputy_core::ports::{Busy, Clock, Permanent};

use crate::work::Failure;
use crate::worker::Run;

/// How much of an error a dead letter keeps.
const MAX_CAUSES: usize = 32;
const MAX_CAUSE_BYTES: usize = 4_096;

/// Why work was not done.
#[derive(Debug)]
pub(crate) enum NotDone {
    /// An attempt ended without success.
    Failed(Failure),
    /// It was no attempt: another run has it until then.
    Busy(DateTime<Utc>),
}

impl From<Failure> for NotDone {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Runs a handler once.
pub(crate) async fn attempt(
    clock: &dyn Clock,
    run: &dyn Run,
    handler: &str,
    delivery: Delivery,
    attempt: u32,
    timeout: Duration,
) -> Result<(), NotDone> {
    let ran = caught(run.run(handler, delivery, attempt));
    tokio::select! {
        biased;
        ended = ran => match ended {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Busy::until(&error).map_or_else(|| Failure::of(&error).into(), NotDone::Busy)),
            Err(panicked) => Err(Failure::because(format!("the handler panicked: {}", panicked.0)).into()),
        },
        () = clock.sleep_until(clock.now() + timeout) => {
            Err(Failure::because(format!("the handler took longer than {} s", timeout.as_secs())).into())
        }
    }
}

impl Failure {
    /// What a dead letter keeps of an error.
    pub fn of(error: &anyhow::Error) -> Self {
        let errors = kept(error.chain().map(ToString::to_string));
        Self { errors, permanent: Permanent::marks(error) }
    }

    /// A failure in one sentence, worth trying again.
    pub(crate) fn because(text: String) -> Self {
        Self { errors: vec![cut(text)], permanent: false }
    }
}

/// What a dead letter keeps of errors.
pub(crate) fn kept(errors: impl Iterator<Item = String>) -> Vec<String> {
    errors.take(MAX_CAUSES).map(cut).collect()
}

fn cut(mut text: String) -> String {
    if text.len() > MAX_CAUSE_BYTES {
        text.truncate(text.floor_char_boundary(MAX_CAUSE_BYTES));
        text.push('…');
    }
    text
}

/// What claimed work ends with whose delivery could not be read.
pub(crate) fn unreadable(error: Option<&anyhow::Error>) -> Failure {
    match error {
        Some(error) => Failure::of(error),
        None => {
            Failure { permanent: true, ..Failure::because("the archive has dropped the delivery".to_owned()) }
        }
    }
}
