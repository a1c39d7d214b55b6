//! A panic in code that stands in a file of its own is an error to whoever runs it, and ends nothing else.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;

use crate::command::Running;

/// What a panic said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it panicked: {0}")]
pub struct Panicked(pub String);

/// Runs it to its end, or to its panic. The panic hook has printed where that was.
///
/// What it borrowed may be left half changed, so that only what is shared by design should be.
pub async fn caught<T>(mut running: Running<'_, T>) -> Result<T, Panicked> {
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(context))) {
        Ok(poll) => poll.map(Ok),
        Err(panic) => Poll::Ready(Err(Panicked(text(&*panic)))),
    })
    .await
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a word").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_and_all_else_passes_through() {
        assert_eq!(caught(Box::pin(async { 7 })).await, Ok(7));
        let later: Running<'_, ()> = Box::pin(async {
            tokio::task::yield_now().await;
            panic!("out of {}", "range");
        });
        assert_eq!(caught(later).await, Err(Panicked("out of range".to_owned())));
        let wordless: Running<'_, ()> = Box::pin(async { std::panic::panic_any(7) });
        assert_eq!(caught(wordless).await.unwrap_err().to_string(), "it panicked: without a word");
    }
}
