//! The audit log: a line of JSON for each credential that was handed out, in a private file of the data folder.
//!
//! A file and no table: it is for whoever looks into an incident, with the tools of the machine, also when the database is
//! what the incident is about. Deputy only ever adds to it; a file that somebody moved away is begun anew.

use std::fs::OpenOptions;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use deputy_core::ports::{Audit, AuditEntry, AuditError};

use crate::folder::private_file;

const FILE: &str = "audit.jsonl";
/// As far back as the newest lines are looked for.
const TAIL: u64 = 1 << 20;

/// The audit log of a data folder.
#[derive(Clone)]
pub struct AuditLog {
    path: PathBuf,
    /// One line at a time.
    writing: Arc<Mutex<()>>,
}

impl AuditLog {
    /// The log in this folder, which exists.
    pub fn in_folder(folder: &Path) -> Self {
        Self { path: folder.join(FILE), writing: Arc::default() }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> io::Result<T> + Send + 'static,
    ) -> Result<T, AuditError> {
        let log = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&log)).await;
        done.map_err(|error| AuditError(error.into()))?.map_err(|error| AuditError(error.into()))
    }

    fn append(&self, line: &[u8]) -> io::Result<()> {
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut file = private_file(&self.path)?;
        let length = file.seek(SeekFrom::End(0))?;
        let mut whole = Vec::with_capacity(line.len() + 2);
        // A process that died while it wrote left half a line; ours must not be part of it.
        if length > 0 && !ends_its_line(&mut file)? {
            whole.push(b'\n');
        }
        whole.extend_from_slice(line);
        whole.push(b'\n');
        file.seek(SeekFrom::End(0))?;
        file.write_all(&whole)?;
        file.sync_data()
    }

    fn tail(&self, limit: usize) -> io::Result<Vec<AuditEntry>> {
        let mut file = match OpenOptions::new().read(true).open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let length = file.seek(SeekFrom::End(0))?;
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        let mut text = String::new();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        text.push_str(&String::from_utf8_lossy(&bytes));
        // Half a line at either end is none.
        Ok(text.lines().rev().filter_map(|line| serde_json::from_str(line).ok()).take(limit).collect())
    }
}

fn ends_its_line(file: &mut std::fs::File) -> io::Result<bool> {
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

#[async_trait]
impl Audit for AuditLog {
    async fn record(&self, entry: &AuditEntry) -> Result<(), AuditError> {
        let line = serde_json::to_vec(entry).map_err(|error| AuditError(error.into()))?;
        self.blocking(move |log| log.append(&line)).await
    }

    async fn newest(&self, limit: usize) -> Result<Vec<AuditEntry>, AuditError> {
        self.blocking(move |log| log.tail(limit)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_keeps_its_contract() {
        let folder = tempfile::tempdir().unwrap();
        deputy_core::contract::audit(async || AuditLog::in_folder(folder.path())).await;
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn half_a_line_of_a_process_that_died_costs_no_other_and_nobody_else_may_look() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let log = AuditLog::in_folder(folder.path());
        std::fs::write(&log.path, b"{\"at\":\"2026-").unwrap();
        std::fs::set_permissions(&log.path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let whole = r#"{"at":"2026-03-01T12:00:00Z","user":1,"login":"ada","session":1,"app":"deputy","credential":{"kind":"app"},"expires_at":"2026-03-01T12:09:00Z","token_sha256":"x"}"#;
        let entry: AuditEntry = serde_json::from_str(whole).unwrap();
        log.record(&entry).await.unwrap();
        assert_eq!(log.newest(10).await.unwrap(), std::slice::from_ref(&entry));
        std::fs::remove_file(&log.path).unwrap();
        log.record(&entry).await.unwrap();
        let mode = std::fs::metadata(&log.path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
    }

    #[tokio::test]
    async fn what_cannot_be_written_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let log = AuditLog::in_folder(&folder.path().join("gone"));
        let entry = r#"{"at":"2026-03-01T12:00:00Z","user":1,"login":"ada","session":1,"app":"deputy","credential":{"kind":"app"},"expires_at":"2026-03-01T12:09:00Z","token_sha256":"x"}"#;
        log.record(&serde_json::from_str(entry).unwrap()).await.unwrap_err();
    }
}
