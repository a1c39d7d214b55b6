//! `deputy keys`: which keys wrap people's grants, and replacing them while the server runs.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use deputy_core::ports::SystemClock;
use serde_json::json;

use super::{ConfigFile, show};
use crate::config::Config;
use crate::control::{self, AskError, Request};
use crate::{KeyUse, LocalKeys, LocalVault, Options, Store};

/// How often to look how far the server is.
const LOOK_EVERY: Duration = Duration::from_millis(200);

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the keys, which of them is active, and how many grants each wraps
    List(ListArguments),
    /// Make a new key and bring all grants under it; nobody has to log in again
    ///
    /// Works on the running server, and without one. The old keys are destroyed once nothing uses them: a backup of
    /// the database from before needs the key file from before.
    Rotate(RotateArguments),
}

#[derive(Debug, Args)]
struct ListArguments {
    #[command(flatten)]
    config: ConfigFile,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct RotateArguments {
    #[command(flatten)]
    config: ConfigFile,
    /// Return as soon as the new key is active; the server goes on by itself
    #[arg(long)]
    no_wait: bool,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let file = match &arguments.command {
        Command::List(list) => &list.config,
        Command::Rotate(rotate) => &rotate.config,
    };
    let config = match file.load() {
        Ok(config) => config,
        Err(problems) => return show(&problems),
    };
    let done = match &arguments.command {
        Command::List(arguments) => list(&config, arguments),
        Command::Rotate(arguments) => rotate(&config, arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn list(config: &Config, arguments: &ListArguments) -> anyhow::Result<()> {
    let keys = match control::ask_for_keys(&config.data) {
        Err(AskError::NotRunning) => offline(config, async |vault| Ok(vault.key_uses().await?))?,
        keys => keys?,
    };
    if arguments.json {
        let keys: Vec<_> = keys.iter().map(described).collect();
        println!("{:#}", json!(keys));
        return Ok(());
    }
    println!("{:<20} {:<20} {:<8} GRANTS", "KEY", "MADE", "STATE");
    for KeyUse { id, created_at, active, grants } in &keys {
        let (made, state) = (created_at.format("%Y-%m-%d %H:%M UTC"), if *active { "active" } else { "old" });
        println!("{:<20} {made:<20} {state:<8} {grants}", id.0);
    }
    Ok(())
}

fn described(key: &KeyUse) -> serde_json::Value {
    let KeyUse { id, created_at, active, grants } = key;
    json!({ "key": id.0, "created_at": created_at, "active": active, "grants": grants })
}

fn rotate(config: &Config, arguments: &RotateArguments) -> anyhow::Result<()> {
    let key: String = match control::ask(&config.data, Request::RotateKeys) {
        Err(AskError::NotRunning) => {
            let key = offline(config, async |vault| {
                let key = vault.rotate().await?;
                eprintln!("Key {key} is active. Bringing all grants under it…");
                vault.rewrap_all().await?;
                Ok(key)
            })?;
            println!("{key}");
            return Ok(());
        }
        key => key?,
    };
    println!("{key}");
    if arguments.no_wait {
        eprintln!("Key {key} is active. The server brings all grants under it.");
        return Ok(());
    }
    eprintln!("Key {key} is active. The server is bringing all grants under it…");
    let mut shown = None;
    loop {
        let keys = control::ask_for_keys(&config.data)
            .context("the server goes on by itself; see `deputy keys list`")?;
        if keys.iter().all(|other| other.active) {
            eprintln!("Done: nothing uses the old keys any more, and they are gone.");
            return Ok(());
        }
        let left: u64 = keys.iter().filter(|key| !key.active).map(|key| key.grants).sum();
        if shown.replace(left) != Some(left) {
            eprintln!("{left} left");
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Does it in the data folder itself, which no server uses.
fn offline<T>(config: &Config, work: impl AsyncFnOnce(LocalVault) -> anyhow::Result<T>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let clock = Arc::new(SystemClock);
        // Takes the folder's lock. A server that starts, or one whose socket is broken, has it, and its process
        // number is in the error.
        let store = Store::open(Options::new(&config.data), clock.clone(), Arc::new(|_: &_| Vec::new()))?;
        let keys = LocalKeys::open(&config.data, config.vault_passphrase.as_ref(), clock)?;
        let vault = LocalVault::open(store.clone(), Arc::new(keys)).await?;
        let done = work(vault).await;
        store.close().await;
        done
    })
}
