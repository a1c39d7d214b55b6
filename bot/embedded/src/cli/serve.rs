//! `deputy serve`: the server, from its first log line to the last request it finishes.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use url::Url;

use super::{ConfigFile, show};
use crate::app::{self, Options};
use crate::config::Config;
use crate::log;

/// Signals that come this close together are one.
const ONE_WISH: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
    /// Take webhooks from a smee channel, such as https://smee.io/your-channel; for development without a public address
    #[arg(long, value_name = "URL", env = "DEPUTY_FORWARD", value_parser = crate::forward::channel)]
    forward: Option<Url>,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let config = match arguments.config.load() {
        Ok(config) => config,
        Err(problems) => {
            let code = show(&problems);
            eprintln!("Run `deputy check-config --fields` for all there is to configure.");
            return code;
        }
    };
    let _log = log::start(&config.log);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "the machine gives no threads");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(serve(&config, arguments.forward.clone())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "deputy cannot go on");
            ExitCode::FAILURE
        }
    }
}

async fn serve(config: &Config, forward: Option<Url>) -> anyhow::Result<()> {
    // Before anything else, so that a signal while starting is not lost.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let running = app::start(config, Options { forward, ..Options::default() }).await?;
    tracing::info!(
        address = %running.address(),
        data = %config.data.display(),
        mention = config.mention,
        "deputy {} listens on http://{}", env!("CARGO_PKG_VERSION"), running.address()
    );
    let why = tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    };
    tracing::info!("{why}: finishing what was accepted; again to stop at once");
    tokio::select! {
        () = running.stop() => tracing::info!("stopped"),
        () = again(&mut terminate, &mut interrupt) => {
            tracing::warn!("stopped at once; unfinished work is taken up at the next start");
        }
    }
    Ok(())
}

/// Completes when somebody asks a second time.
///
/// Whoever starts a process often sends its signal twice: to the process, and to its whole group, as `timeout` does.
/// That is one wish.
async fn again(terminate: &mut Signal, interrupt: &mut Signal) {
    let first = Instant::now();
    loop {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        if first.elapsed() > ONE_WISH {
            return;
        }
    }
}
