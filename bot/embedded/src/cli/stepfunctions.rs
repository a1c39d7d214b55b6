//! `deputy stepfunctions`: the Step Functions API on this machine.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use deputy_stepfunctions::{Config, Credentials, Engine, Home, Registry, Server, ServerConfig};
use tokio::signal::unix::{SignalKind, signal};

use super::services::Services;
use crate::config::{LogConfig, LogFormat};
use crate::log;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API of AWS Step Functions until SIGTERM or Ctrl-C; executions survive
    Serve(Box<ServeArguments>),
}

#[derive(Debug, Args)]
struct ServeArguments {
    /// The data folder; made if it is not there
    #[arg(long, value_name = "DIR", env = "DEPUTY_STEPFUNCTIONS_DATA")]
    data: PathBuf,
    /// The port; 0 for any that is free
    #[arg(long, default_value_t = 8083)]
    port: u16,
    /// The address; any but a loopback one needs --credentials
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    listen: IpAddr,
    /// Whose signatures to accept: a file like ~/.aws/credentials. Only loopback addresses do without
    #[arg(long, value_name = "FILE")]
    credentials: Option<PathBuf>,
    /// The account in ARNs
    #[arg(long, value_name = "DIGITS", default_value = "000000000000", value_parser = account)]
    account: String,
    /// How many tasks may be under way at once, over all state machines
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000)]
    tasks: usize,
    /// Log JSON, one object a line
    #[arg(long)]
    log_json: bool,
    #[command(flatten)]
    services: Services,
}

fn account(text: &str) -> Result<String, String> {
    if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        Err("an account has twelve digits".into())
    }
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let Command::Serve(arguments) = &arguments.command;
    match prepare(arguments) {
        Ok((config, server)) => serve(arguments, config, server),
        Err(problem) => {
            eprintln!("deputy stepfunctions serve: {problem}");
            ExitCode::from(2)
        }
    }
}

fn prepare(arguments: &ServeArguments) -> Result<(Config, ServerConfig), String> {
    let mut config = Config::new(&arguments.data);
    config.home = Home { region: arguments.services.region.clone(), account: arguments.account.clone() };
    config.registry = arguments.services.registry(Registry::new())?;
    config.tasks_at_once = arguments.tasks.max(1);
    let credentials = match &arguments.credentials {
        Some(file) => read_credentials(file)?,
        None => Vec::new(),
    };
    if !arguments.listen.is_loopback() && credentials.is_empty() {
        return Err(format!(
            "{} can be reached from elsewhere, so callers must sign: give --credentials FILE, a file like \
             ~/.aws/credentials, or leave --listen out",
            arguments.listen
        ));
    }
    let listen = SocketAddr::from((arguments.listen, arguments.port));
    Ok((config, ServerConfig { listen, credentials }))
}

fn serve(arguments: &ServeArguments, config: Config, server: ServerConfig) -> ExitCode {
    let format = if arguments.log_json { LogFormat::Json } else { LogFormat::Human };
    let _log = log::start(&LogConfig { filter: "info".into(), format });
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "the machine gives no threads");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(async {
        // Before anything else, so that a signal while starting is not lost.
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let data = config.data.display().to_string();
        let engine = Engine::open(config)?;
        let server = Server::bind(engine, server).await?;
        let address = server.address()?;
        tracing::info!(%address, data, "Step Functions listens; aws --endpoint-url http://{address} stepfunctions list-state-machines");
        server
            .run(async move {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                tracing::info!("finishing what was begun");
            })
            .await?;
        anyhow::Ok(())
    });
    match outcome {
        Ok(()) => {
            tracing::info!("stopped");
            ExitCode::SUCCESS
        }
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "Step Functions cannot go on");
            ExitCode::FAILURE
        }
    }
}

/// The access keys in a file of the form of `~/.aws/credentials`.
pub(super) fn read_credentials(file: &Path) -> Result<Vec<Credentials>, String> {
    let shown = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| format!("{shown}: cannot be read: {error}"))?;
    let mut found = Vec::new();
    let (mut id, mut secret) = (None, None);
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';', '[']) {
            if line.starts_with('[') {
                (id, secret) = (None, None);
            }
            continue;
        }
        // The line is not shown: it may hold a secret.
        let (name, value) = line
            .split_once('=')
            .map(|(name, value)| (name.trim(), value.trim().to_owned()))
            .ok_or_else(|| format!("{shown}, line {number}: is neither [profile] nor name = value"))?;
        match name {
            "aws_access_key_id" => id = Some(value),
            "aws_secret_access_key" => secret = Some(value),
            // Profiles have more to say, and none of it matters here.
            _ => {}
        }
        if let (Some(access_key_id), Some(secret_access_key)) = (&id, &secret) {
            if access_key_id.is_empty() || secret_access_key.is_empty() {
                return Err(format!(
                    "{shown}, line {number}: an access key and its secret must not be empty"
                ));
            }
            found.push(Credentials {
                access_key_id: access_key_id.clone(),
                secret_access_key: secret_access_key.clone(),
            });
            (id, secret) = (None, None);
        }
    }
    if found.is_empty() {
        return Err(format!("{shown}: holds no aws_access_key_id with its aws_secret_access_key"));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Credentials>, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("credentials");
        std::fs::write(&file, text).unwrap();
        read_credentials(&file)
    }

    #[test]
    fn every_profile_may_sign() {
        let text = "# mine\n[default]\naws_access_key_id = A\naws_secret_access_key=s1\nregion = x\n\n\
                    [ci]\naws_secret_access_key = s2==\naws_access_key_id = B\n";
        let keys: Vec<(String, String)> =
            read(text).unwrap().into_iter().map(|key| (key.access_key_id, key.secret_access_key)).collect();
        assert_eq!(keys, [("A".into(), "s1".into()), ("B".into(), "s2==".into())]);
    }

    #[test]
    fn half_a_key_is_none_and_no_secret_is_shown() {
        assert!(read("[a]\naws_access_key_id = A\n[b]\naws_secret_access_key = hush\n").is_err());
        assert!(
            read("aws_access_key_id = A\naws_secret_access_key =\n").unwrap_err().contains("not be empty")
        );
        assert!(!read("[a]\nhush\n").unwrap_err().contains("hush"));
    }
}
