//! A way into the running server for who may use its data folder: a socket in the folder, and a line each way.
//!
//! Rotating keys is the running server's to do, because nobody else may write in its folder. Whoever can connect
//! can read the keys anyway: the folder is 0700 and the socket 0600. A request is one line of JSON, `{"do": "rotate_keys"}`,
//! and so is the answer, `{"ok": …}` or `{"error": "…"}`; then the connection ends.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

use crate::rotation::KeyUse;
use crate::vault::LocalVault;

/// The socket's name in the data folder.
pub(crate) const FILE: &str = "control.sock";
/// No request is longer.
const LONGEST: u64 = 4096;
/// How long either side waits for the other's line.
const PATIENCE: Duration = Duration::from_secs(10);
/// More connections than that wait.
const AT_ONCE: usize = 16;

/// What can be asked of a running server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(crate) enum Request {
    /// All keys and what they wrap: [`KeyUse`]s.
    ListKeys,
    /// Adds a key and makes it active; the answer is its name. Re-wrapping goes on after the answer.
    RotateKeys,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer<T> {
    Ok(T),
    Error(String),
}

/// Why a running server did not answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// Nobody listens: no server runs in this folder.
    #[error("no server runs in this data folder")]
    NotRunning,
    /// It says no.
    #[error("the server says: {0}")]
    Refused(String),
    /// It runs, but something is wrong between it and us.
    #[error("the running server cannot be asked")]
    Broken(#[source] io::Error),
}

/// The listening side. Dropping it removes the socket.
pub(crate) struct Control {
    listener: UnixListener,
    path: PathBuf,
}

impl Control {
    /// Listens in a folder that this process has locked.
    pub(crate) fn listen(folder: &Path) -> io::Result<Self> {
        let path = folder.join(FILE);
        // The folder is locked, so what stands there is of a process that died.
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Self { listener, path })
    }

    /// Answers until it is dropped.
    pub(crate) async fn serve(self, vault: LocalVault) {
        let mut conversations = JoinSet::new();
        loop {
            if conversations.len() >= AT_ONCE {
                conversations.join_next().await;
            }
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let vault = vault.clone();
                    conversations
                        .spawn(async move { tokio::time::timeout(PATIENCE, converse(stream, &vault)).await });
                }
                Err(error) => {
                    tracing::warn!(%error, "the control socket could not take a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
            while conversations.try_join_next().is_some() {}
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // One that stays is removed by the next start.
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn converse(mut stream: UnixStream, vault: &LocalVault) -> io::Result<()> {
    let (reading, mut writing) = stream.split();
    let mut line = String::new();
    tokio::io::BufReader::new(reading.take(LONGEST)).read_line(&mut line).await?;
    let mut answer = answer(&line, vault).await?;
    answer.push(b'\n');
    writing.write_all(&answer).await?;
    writing.shutdown().await
}

async fn answer(line: &str, vault: &LocalVault) -> serde_json::Result<Vec<u8>> {
    fn encode<T: Serialize>(result: anyhow::Result<T>) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(&match result {
            Ok(value) => Answer::Ok(value),
            Err(error) => Answer::Error(format!("{error:#}")),
        })
    }
    match serde_json::from_str(line) {
        Ok(Request::ListKeys) => encode(vault.key_uses().await.map_err(Into::into)),
        Ok(Request::RotateKeys) => encode(vault.rotate().await.map(|key| key.0).map_err(Into::into)),
        Err(_) => encode::<()>(Err(anyhow::anyhow!("this release does not know such a request"))),
    }
}

/// Asks the server that runs in a data folder. Blocks.
pub(crate) fn ask<T: DeserializeOwned>(folder: &Path, request: Request) -> Result<T, AskError> {
    let mut stream = match BlockingStream::connect(folder.join(FILE)) {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Err(AskError::NotRunning);
        }
        Err(error) => return Err(AskError::Broken(error)),
    };
    let exchange = || -> io::Result<String> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut line = serde_json::to_vec(&request)?;
        line.push(b'\n');
        stream.write_all(&line)?;
        let mut answer = String::new();
        BufReader::new((&mut stream).take(1 << 20)).read_line(&mut answer)?;
        Ok(answer)
    };
    let answer = { exchange }().map_err(AskError::Broken)?;
    match serde_json::from_str(&answer) {
        Ok(Answer::Ok(value)) => Ok(value),
        Ok(Answer::Error(text)) => Err(AskError::Refused(text)),
        Err(error) => Err(AskError::Broken(error.into())),
    }
}

/// [`ask`] for the keys.
pub(crate) fn ask_for_keys(folder: &Path) -> Result<Vec<KeyUse>, AskError> {
    ask(folder, Request::ListKeys)
}
