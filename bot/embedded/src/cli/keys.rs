//! `deputy keys`: which keys wrap people's grants, and replacing them while the server runs.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use deputy_core::ports::SystemClock;
use secrecy::SecretString;
use serde_json::json;

use super::{ConfigFile, output, show};
use crate::control::{self, AskError, Request};
use crate::{KeyUse, LocalKeys, LocalVault, Options, Store};

/// How often to look how far the server is.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How long nothing may move before that is an answer, too: a grant that was tampered with stays where it is.
const PATIENCE: Duration = Duration::from_secs(15);

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

/// The data folder, and what opens its keys.
#[derive(Clone, Copy)]
struct Place<'a> {
    data: &'a Path,
    passphrase: Option<&'a SecretString>,
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
    let place = Place { data: &config.data, passphrase: config.vault_passphrase.as_ref() };
    let done = match &arguments.command {
        Command::List(ListArguments { json, .. }) => keys(place).map(|keys| listing(&keys, *json)),
        Command::Rotate(RotateArguments { no_wait, .. }) => {
            let wait = if *no_wait { Wait::ForNothing } else { Wait::ForRewrapping };
            rotate(place, wait, &mut |line| eprintln!("{line}")).map(|key| key + "\n")
        }
    };
    match done {
        Ok(text) => output::print(&text),
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn listing(keys: &[KeyUse], json: bool) -> String {
    if json {
        let keys: Vec<_> = keys
            .iter()
            .map(|KeyUse { id, created_at, active, grants }| {
                json!({ "key": id.0, "created_at": created_at, "active": active, "grants": grants })
            })
            .collect();
        return output::json(&json!(keys));
    }
    let mut text = format!("{:<20} {:<20} {:<8} GRANTS\n", "KEY", "MADE", "STATE");
    for KeyUse { id, created_at, active, grants } in keys {
        let made = created_at.format("%Y-%m-%d %H:%M UTC").to_string();
        let state = if *active { "active" } else { "old" };
        let _ = writeln!(text, "{:<20} {made:<20} {state:<8} {grants}", id.0);
    }
    text
}

/// All keys, from the running server or from the folder.
fn keys(place: Place<'_>) -> anyhow::Result<Vec<KeyUse>> {
    match control::ask_for_keys(place.data) {
        Err(AskError::NotRunning) => offline(place, async |vault| Ok(vault.key_uses().await?)),
        keys => Ok(keys?),
    }
}

/// How long a rotation is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// Until the new key is active.
    ForNothing,
    /// Until nothing uses the old keys any more.
    ForRewrapping,
}

/// Rotates, in the running server or in the folder; the answer is the new key's name.
fn rotate(place: Place<'_>, wait: Wait, say: &mut dyn FnMut(&str)) -> anyhow::Result<String> {
    let key: String = match control::ask(place.data, Request::RotateKeys) {
        Err(AskError::NotRunning) => {
            return offline(place, async |vault| {
                let key = vault.rotate().await?;
                say(&format!("Key {key} is active. Bringing all grants under it…"));
                vault.rewrap_all().await?;
                Ok(key.0)
            });
        }
        key => key?,
    };
    say(&format!("Key {key} is active. The server brings all grants under it."));
    if wait == Wait::ForNothing {
        return Ok(key);
    }
    let (mut shown, mut moved) = (None, Instant::now());
    loop {
        let keys = control::ask_for_keys(place.data)
            .context("the server goes on by itself; see `deputy keys list`")?;
        if keys.iter().all(|key| key.active) {
            say("Done: nothing uses the old keys any more, and they are gone.");
            return Ok(key);
        }
        let left: u64 = keys.iter().filter(|key| !key.active).map(|key| key.grants).sum();
        if shown.replace(left) != Some(left) {
            say(&format!("{left} left"));
            moved = Instant::now();
        }
        anyhow::ensure!(
            moved.elapsed() < PATIENCE,
            "{left} grants stay under old keys, which are kept; the server's log says why"
        );
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Does it in the data folder itself, which no server uses.
fn offline<T>(
    place: Place<'_>,
    work: impl AsyncFnOnce(LocalVault) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let clock = Arc::new(SystemClock);
        // Takes the folder's lock. A server that is just starting has it, and its process number is in the error.
        let store = Store::open(Options::new(place.data), clock.clone(), Arc::new(|_: &_| Vec::new()))?;
        let keys = LocalKeys::open(place.data, place.passphrase, clock)?;
        let vault = LocalVault::open(store.clone(), Arc::new(keys)).await?;
        let done = work(vault).await;
        store.close().await;
        done
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    use chrono::{DateTime, Utc};
    use deputy_core::ids::UserId;
    use deputy_core::ports::{Expected, Grant, Vault as _};

    use crate::control::Control;

    fn grant(user: u64) -> Grant {
        Grant {
            user: UserId(user),
            login: "octocat".to_owned(),
            access_token: "access".into(),
            access_expires_at: None,
            refresh_token: None,
            refresh_expires_at: None,
            granted_at: DateTime::<Utc>::UNIX_EPOCH,
        }
    }

    /// What the vault keeps in a folder, as a server has it.
    async fn open(data: &Path) -> (Store, LocalVault) {
        let clock = Arc::new(SystemClock);
        let store = Store::open(Options::new(data), clock.clone(), Arc::new(|_: &_| Vec::new())).unwrap();
        let keys = LocalKeys::open(data, None, clock).unwrap();
        let vault = LocalVault::open(store.clone(), Arc::new(keys)).await.unwrap();
        (store, vault)
    }

    fn used(keys: &[KeyUse]) -> Vec<(&str, bool, u64)> {
        keys.iter().map(|key| (&*key.id.0, key.active, key.grants)).collect()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_running_server_rotates_without_stopping() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().to_owned();
        let (_store, vault) = open(&data).await;
        for user in 0..200 {
            vault.put(Expected::Anything, grant(user)).await.unwrap();
        }
        let mut serving = tokio::task::JoinSet::new();
        let (served, kept) = (vault.clone(), vault.clone());
        serving.spawn(Control::listen(&data).unwrap().serve(served));
        serving.spawn(async move { kept.keep_rewrapping().await });
        let asking = tokio::task::spawn_blocking(move || {
            let place = Place { data: &data, passphrase: None };
            let before = keys(place).unwrap();
            let mut said = Vec::new();
            let key = rotate(place, Wait::ForRewrapping, &mut |line| said.push(line.to_owned())).unwrap();
            (before, key, said, keys(place).unwrap())
        });
        let (before, key, said, after) = asking.await.unwrap();
        assert_eq!(used(&before), [(&*before[0].id.0, true, 200)]);
        assert_eq!(used(&after), [(&*key, true, 200)]);
        assert_ne!(before[0].id.0, key);
        assert!(said.last().unwrap().starts_with("Done"), "{said:?}");
        for user in 0..200 {
            assert!(vault.load(UserId(user)).await.unwrap().is_some());
        }
        serving.shutdown().await;
        assert!(!folder.path().join(control::FILE).exists(), "the socket goes with the server");
    }

    #[test]
    fn without_a_server_it_works_in_the_folder_itself() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place { data: folder.path(), passphrase: None };
        offline(place, async |vault| Ok(vault.put(Expected::Anything, grant(1)).await?)).unwrap();
        // A socket that a crash left behind is nobody who listens.
        drop(std::os::unix::net::UnixListener::bind(folder.path().join(control::FILE)).unwrap());
        let key = rotate(place, Wait::ForRewrapping, &mut |_| ()).unwrap();
        assert_eq!(used(&keys(place).unwrap()), [(&*key, true, 1)]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_server_that_does_not_listen_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (_store, _vault) = open(folder.path()).await;
        let data = folder.path().to_owned();
        let refused = tokio::task::spawn_blocking(move || keys(Place { data: &data, passphrase: None }));
        let error = format!("{:#}", refused.await.unwrap().unwrap_err());
        assert!(error.contains(&format!("(number {})", std::process::id())), "{error}");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_socket_is_private_and_answers_nonsense_with_words() {
        use std::io::{Read as _, Write as _};
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let (_store, vault) = open(folder.path()).await;
        let socket = folder.path().join(control::FILE);
        let mut serving = tokio::task::JoinSet::new();
        serving.spawn(Control::listen(folder.path()).unwrap().serve(vault));
        assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
        for nonsense in ["", "x\n", "{\"do\":\"give_keys\"}\n", &"x".repeat(10_000)] {
            let (socket, nonsense) = (socket.clone(), nonsense.to_owned());
            let asking = tokio::task::spawn_blocking(move || {
                let mut stream = std::os::unix::net::UnixStream::connect(socket).unwrap();
                // It may have heard enough before the end.
                let _ = stream.write_all(nonsense.as_bytes());
                let _ = stream.shutdown(std::net::Shutdown::Write);
                let mut answer = String::new();
                let _ = stream.read_to_string(&mut answer);
                answer
            });
            let answer = asking.await.unwrap();
            assert!(answer.is_empty() || answer.contains("does not know such a request"), "{answer}");
        }
    }
}
