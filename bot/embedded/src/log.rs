//! The log: to standard error, human or JSON, written by a thread of its own so that no request waits for a terminal.

use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::time::ChronoUtc;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

use crate::config::{LogConfig, LogFormat};

/// Keeps the log's thread; what is still to be written is written when it goes.
#[must_use = "dropping it ends the log"]
pub struct Log {
    _writer: tracing_appender::non_blocking::WorkerGuard,
}

/// Starts logging for the whole process. A second call changes nothing.
pub fn start(config: &LogConfig) -> Log {
    // Lines may be lost only when the reader of standard error stands still for 128,000 lines.
    let (writer, guard) = tracing_appender::non_blocking(std::io::stderr());
    let filter: Targets = config.filter.parse().expect("the configuration was checked");
    let time = ChronoUtc::new("%Y-%m-%dT%H:%M:%S%.3fZ".to_owned());
    let layer = fmt::layer().with_writer(writer).with_timer(time);
    let layer = match config.format {
        LogFormat::Human => {
            let colour = std::io::IsTerminal::is_terminal(&std::io::stderr());
            layer.with_ansi(colour && std::env::var_os("NO_COLOR").is_none()).boxed()
        }
        LogFormat::Json => {
            layer.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed()
        }
    };
    let _ = tracing_subscriber::registry().with(layer.with_filter(filter)).try_init();
    Log { _writer: guard }
}
