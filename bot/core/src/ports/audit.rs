//! Who was given which credential, in lines that outlive the process.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::{InstallationId, UserId};

/// The record of what was handed out.
///
/// # What holds after a crash
///
/// When [`record`](Self::record) returns, the line is kept. So a credential is recorded first and handed out after it: a
/// crash in between leaves a line about a token that nobody got, never a token without a line.
#[async_trait]
pub trait Audit: Send + Sync {
    /// Adds a line.
    async fn record(&self, entry: &AuditEntry) -> Result<(), AuditError>;

    /// The newest lines, newest first.
    async fn newest(&self, limit: usize) -> Result<Vec<AuditEntry>, AuditError>;
}

/// A credential that was handed out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When.
    pub at: DateTime<Utc>,
    /// To whom.
    pub user: UserId,
    /// Their login at that time.
    pub login: String,
    /// Through which of their sessions.
    pub session: u64,
    /// Of which App, by its name here.
    pub app: String,
    /// What it is.
    pub credential: Credential,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
    /// SHA-256 of the token in base64, as GitHub's audit log shows it (`hashed_token`).
    pub token_sha256: String,
}

/// What was handed out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Credential {
    /// A JWT of the App itself.
    App,
    /// A token of one of its installations.
    Installation {
        /// Which.
        installation: InstallationId,
        /// On whose account.
        owner: String,
        /// Narrowed to these repositories; empty where it has all that the installation has.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        repositories: BTreeSet<String>,
        /// Narrowed to these permissions; empty where it has all that the installation has.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        permissions: BTreeMap<String, String>,
    },
}

/// The lines could not be written or read. Nothing is handed out.
#[derive(Debug, thiserror::Error)]
#[error("the audit log cannot be reached")]
pub struct AuditError(#[source] pub anyhow::Error);
