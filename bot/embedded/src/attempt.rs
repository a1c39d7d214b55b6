//! One attempt of one handler on one delivery. Whatever the handler does, the attempt ends, and says how.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use deputy_core::delivery::Delivery;
use deputy_core::ports::{Clock, Permanent};

use crate::work::Failure;
use crate::worker::Run;

/// How much of an error a dead letter keeps.
const MAX_CAUSES: usize = 32;
const MAX_CAUSE_BYTES: usize = 4_096;

/// Runs a handler once.
pub(crate) async fn attempt(
    clock: &dyn Clock,
    run: &dyn Run,
    handler: &str,
    delivery: Delivery,
    attempt: u32,
    timeout: Duration,
) -> Result<(), Failure> {
    let ran = CatchPanic(run.run(handler, delivery, attempt));
    tokio::select! {
        biased;
        ended = ran => match ended {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Failure::of(&error)),
            Err(panic) => Err(Failure::because(format!("the handler panicked: {}", panic_text(&*panic)))),
        },
        () = clock.sleep_until(clock.now() + timeout) => {
            Err(Failure::because(format!("the handler took longer than {} s", timeout.as_secs())))
        }
    }
}

/// A future whose panics are its result.
struct CatchPanic<'a>(Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send + 'a>>);

impl Future for CatchPanic<'_> {
    type Output = Result<anyhow::Result<()>, Box<dyn Any + Send>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(context))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a word")
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
