//! Lists that GitHub gives page by page.

use deputy_core::ports::GitHubError;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Answer, Call, Client, Identity};

/// How many pages of a hundred are read.
const MOST_PAGES: usize = 10;

impl Client {
    /// All items of a list, up to a thousand.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        identity: Identity,
        call: Call,
    ) -> Result<Vec<T>, GitHubError> {
        self.pages(identity, call, Answer::json).await
    }

    /// All items of a list that GitHub wraps in an object, under `key`; up to a thousand.
    pub(super) async fn list_in<T: DeserializeOwned>(
        &self,
        identity: Identity,
        call: Call,
        key: &str,
    ) -> Result<Vec<T>, GitHubError> {
        let items = |answer: &Answer| {
            let mut wrapped: Map<String, Value> = answer.json()?;
            let items = wrapped.remove(key).unwrap_or_default();
            serde_json::from_value(items).map_err(|error| {
                // The error's own text may quote what it stumbled over.
                let why = crate::payload::unreadable(&error);
                GitHubError::Unavailable(anyhow::anyhow!(
                    "GitHub's list is not of the documented shape: {why}"
                ))
            })
        };
        self.pages(identity, call, items).await
    }

    async fn pages<T>(
        &self,
        identity: Identity,
        mut call: Call,
        items: impl Fn(&Answer) -> Result<Vec<T>, GitHubError>,
    ) -> Result<Vec<T>, GitHubError> {
        let mut all = Vec::new();
        let repository = call.repository;
        for _ in 0..MOST_PAGES {
            let answer = self.send(identity, call).await?;
            all.extend(items(&answer)?);
            let Some(next) = self.next_page(&answer) else { return Ok(all) };
            call = Call::page(next);
            call.repository = repository;
        }
        tracing::warn!(items = all.len(), "a list of GitHub's goes on; the rest is left out");
        Ok(all)
    }
}
