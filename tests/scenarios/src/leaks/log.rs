//! Everything that this process logs, at `trace`, and what its panics say.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use tracing_subscriber::fmt;
use tracing_subscriber::fmt::format::FmtSpan;

static WRITTEN: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static STARTED: Once = Once::new();

/// A place in the log.
pub(super) struct Mark {
    from: usize,
    /// Written right after it, which shows that the log is written.
    sign: String,
}

impl Mark {
    pub(super) fn set() -> Self {
        STARTED.call_once(start);
        let from = written().len();
        let sign = format!("world {}", uuid::Uuid::new_v4());
        tracing::trace!("{sign}");
        Self { from, sign }
    }

    /// What was logged since then, or why that is not to be trusted.
    pub(super) fn written(&self) -> Result<Vec<u8>, String> {
        let log = written()[self.from..].to_vec();
        let text = String::from_utf8_lossy(&log);
        // The first line is ours; the others can only be Deputy's.
        for part in [&*self.sign, "brought the database's schema up to date", "deputy_"] {
            if !text.contains(part) {
                return Err(format!("the log was not captured: “{part}” is not in it"));
            }
        }
        drop(text);
        Ok(log)
    }
}

fn start() {
    let subscriber = fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(|| Writer)
        .finish();
    // A second one would take the log away from this one, and the mark would miss it.
    let _ = tracing::subscriber::set_global_default(subscriber);
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let _ = writeln!(Writer, "panic: {panic}");
        before(panic);
    }));
}

fn written() -> MutexGuard<'static, Vec<u8>> {
    WRITTEN.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Writer;

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        written().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
