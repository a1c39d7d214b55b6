//! What every [`Audit`] keeps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::task::JoinSet;

use crate::ids::{InstallationId, UserId};
use crate::ports::{Audit, AuditEntry, Credential};

/// Runs all facts. `make` opens the same log again each time that it is called after the first.
pub async fn audit<S, F>(make: F)
where
    S: Audit + 'static,
    F: AsyncFn() -> S,
{
    lines_are_kept_as_they_were_and_newest_first(make().await).await;
    another_process_reads_them(&make().await).await;
    simultaneous_lines_stay_whole(Arc::new(make().await)).await;
}

fn entry(number: u32) -> AuditEntry {
    let at: DateTime<Utc> = DateTime::from_timestamp(1_790_000_000, 123_000_000).expect("a time");
    let credential = if number.is_multiple_of(2) {
        Credential::App
    } else {
        Credential::Installation {
            installation: InstallationId(number.into()),
            owner: "a \"quoted\"\nöwner".to_owned(),
            repositories: BTreeSet::from(["shop".to_owned()]),
            permissions: BTreeMap::from([("contents".to_owned(), "read".to_owned())]),
        }
    };
    AuditEntry {
        at: at + TimeDelta::seconds(number.into()),
        user: UserId(583_231),
        login: "octocat".to_owned(),
        session: 7,
        app: "deputy".to_owned(),
        credential,
        expires_at: at + TimeDelta::hours(1),
        token_sha256: format!("{number:064}"),
    }
}

async fn newest(log: &impl Audit, limit: usize) -> Vec<AuditEntry> {
    log.newest(limit).await.expect("the lines can be read")
}

async fn lines_are_kept_as_they_were_and_newest_first(log: impl Audit) {
    assert!(newest(&log, 10).await.is_empty());
    for number in 0..5 {
        log.record(&entry(number)).await.expect("a line can be written");
    }
    assert_eq!(newest(&log, 10).await, [4, 3, 2, 1, 0].map(entry));
    assert_eq!(newest(&log, 2).await, [4, 3].map(entry));
    assert!(newest(&log, 0).await.is_empty());
}

async fn another_process_reads_them(log: &impl Audit) {
    assert_eq!(newest(log, 10).await, [4, 3, 2, 1, 0].map(entry));
}

async fn simultaneous_lines_stay_whole(log: Arc<impl Audit + 'static>) {
    let mut writers = JoinSet::new();
    for number in 5..55 {
        let log = Arc::clone(&log);
        writers.spawn(async move { log.record(&entry(number)).await.expect("a line can be written") });
    }
    writers.join_all().await;
    let mut lines = newest(&*log, 100).await;
    assert_eq!(lines.len(), 55);
    lines.sort_by_key(|line| line.at);
    assert_eq!(lines, (0..55).map(entry).collect::<Vec<_>>());
}
