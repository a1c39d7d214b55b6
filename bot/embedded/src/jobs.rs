//! Jobs: a row each, the job itself as JSON, and beside it what jobs are looked for by.

use std::fmt::Write as _;
use std::sync::Arc;

use anyhow::Context as _;
use async_trait::async_trait;
use deputy_core::ids::RepositoryId;
use deputy_core::job::{Admission, Job, JobId, Move, Moved, Status, admit, advance};
use deputy_core::ports::{Created, Cursor, JobQuery, JobVersion, Jobs, JobsError, Page, Stored};
use rusqlite::types::ToSql;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::de::DeserializeOwned;

use crate::store::Store;

/// The most that one listing answers.
const MOST: usize = 100;

#[async_trait]
impl Jobs for Store {
    async fn create(&self, job: Job) -> Result<Created, JobsError> {
        let shared = Arc::clone(self.shared());
        self.write(move |connection| {
            let now = shared.clock.now();
            create(connection, job, now)
        })
        .await
        .map_err(unavailable)
    }

    async fn get(&self, id: JobId) -> Result<Option<Stored>, JobsError> {
        self.shared()
            .read(move |connection| {
                let row = connection
                    .prepare_cached("SELECT body, version FROM job WHERE id = ?")?
                    .query_row([id.to_string()], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))
                    .optional()?;
                let Some((body, version)) = row else { return Ok(None) };
                Ok(Some(Stored { job: job(&body)?, version: JobVersion(version as u64) }))
            })
            .await
            .map_err(JobsError::Unavailable)
    }

    async fn update(&self, job: &Job, read: JobVersion) -> Result<Option<JobVersion>, JobsError> {
        let job = job.clone();
        self.write(move |connection| Ok(replace(connection, &job, read)?.then_some(JobVersion(read.0 + 1))))
            .await
            .map_err(unavailable)
    }

    async fn list(&self, query: &JobQuery) -> Result<Page<Job>, JobsError> {
        let query = query.clone();
        self.shared().read(move |connection| list(connection, &query)).await.map_err(JobsError::Unavailable)
    }

    async fn unsettled(&self, after: Option<JobId>, limit: usize) -> Result<Vec<Job>, JobsError> {
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        self.shared()
            .read(move |connection| {
                let mut select = connection.prepare_cached(
                    "SELECT body FROM job WHERE settled = 0 AND id > ? ORDER BY id LIMIT ?",
                )?;
                let rows = select.query_map(params![after, limit as i64], |row| row.get::<_, String>(0))?;
                rows.map(|body| job(&body?)).collect()
            })
            .await
            .map_err(JobsError::Unavailable)
    }

    async fn admit_next(&self, repository: RepositoryId, group: &str) -> Result<Option<Job>, JobsError> {
        let (shared, group) = (Arc::clone(self.shared()), group.to_owned());
        self.write(move |connection| {
            let line = in_line(connection, repository, &group)?;
            // Names sort by when a comment arrived, so one that waits may be older than one whose turn it is.
            if line.iter().any(|(job, _)| job.status != Status::Waiting) {
                return Ok(None);
            }
            let Some((first, version)) = line.into_iter().next() else { return Ok(None) };
            let Ok(Moved::To(admitted)) = advance(&first, Move::Admit, shared.clock.now()) else {
                return Ok(None);
            };
            replace(connection, &admitted, version)?;
            Ok(Some(*admitted))
        })
        .await
        .map_err(unavailable)
    }
}

fn create(
    connection: &Connection,
    mut job: Job,
    now: chrono::DateTime<chrono::Utc>,
) -> rusqlite::Result<Created> {
    let known: Option<String> = connection
        .prepare_cached("SELECT admission FROM job WHERE id = ?")?
        .query_row([job.id.to_string()], |row| row.get(0))
        .optional()?;
    if let Some(admission) = known {
        return Ok(Created { is_new: false, admission: read_json(&admission)? });
    }
    let others = match &job.request.group {
        Some(group) => in_line(connection, job.request.repository.id, group)?,
        None => Vec::new(),
    };
    let others: Vec<Job> = others.into_iter().map(|(job, _)| job).collect();
    let admission = admit(&job, &others);
    match &admission {
        Admission::Refused { .. } => return Ok(Created { is_new: false, admission }),
        Admission::After { .. } => {
            if let Ok(Moved::To(waiting)) = advance(&job, Move::Line, now) {
                job = *waiting;
            }
        }
        Admission::Now => {}
    }
    connection
        .prepare_cached(
            "INSERT INTO job (id, version, repository, number, requester, workflow, line, status, is_over, settled,
                              admission, body)
             VALUES (?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            job.id.to_string(),
            job.request.repository.id.0 as i64,
            job.request.asked.place.number().map(|number| number.0 as i64),
            job.request.requester.id.0 as i64,
            job.request.workflow,
            job.request.group,
            job.status.as_str(),
            job.status.is_over(),
            job.is_settled(),
            json(&admission)?,
            json(&job)?,
        ])?;
    Ok(Created { is_new: true, admission })
}

/// Jobs of a group that are not over, oldest first.
fn in_line(
    connection: &Connection,
    repository: RepositoryId,
    group: &str,
) -> rusqlite::Result<Vec<(Job, JobVersion)>> {
    connection
        .prepare_cached(
            "SELECT body, version FROM job WHERE repository = ? AND line = ? AND is_over = 0 ORDER BY id",
        )?
        .query_map(params![repository.0 as i64, group], |row| {
            Ok((read_json(row.get_ref(0)?.as_str()?)?, JobVersion(row.get::<_, i64>(1)? as u64)))
        })?
        .collect()
}

fn replace(connection: &Connection, job: &Job, read: JobVersion) -> rusqlite::Result<bool> {
    let changed = connection
        .prepare_cached(
            "UPDATE job SET version = version + 1, status = ?, is_over = ?, settled = ?, body = ?
             WHERE id = ? AND version = ?",
        )?
        .execute(params![
            job.status.as_str(),
            job.status.is_over(),
            job.is_settled(),
            json(job)?,
            job.id.to_string(),
            read.0 as i64,
        ])?;
    Ok(changed == 1)
}

fn list(connection: &Connection, query: &JobQuery) -> anyhow::Result<Page<Job>> {
    let mut sql = "SELECT body FROM job WHERE 1 = 1".to_owned();
    let mut values: Vec<Box<dyn ToSql>> = Vec::new();
    let mut and = |condition: &str, value: Box<dyn ToSql>| {
        sql.push_str(" AND ");
        sql.push_str(condition);
        values.push(value);
    };
    if let Some(repository) = query.repository {
        and("repository = ?", Box::new(repository.0 as i64));
    }
    if let Some(number) = query.number {
        and("number = ?", Box::new(number.0 as i64));
    }
    if let Some(requester) = query.requester {
        and("requester = ?", Box::new(requester.0 as i64));
    }
    if let Some(workflow) = &query.workflow {
        and("workflow = ?", Box::new(workflow.clone()));
    }
    if let Some(before) = query.before {
        and("id < ?", Box::new(before.to_string()));
    }
    if !query.statuses.is_empty() {
        let places = vec!["?"; query.statuses.len()].join(", ");
        _ = write!(sql, " AND status IN ({places})");
        values.extend(query.statuses.iter().map(|status| Box::new(status.as_str()) as Box<dyn ToSql>));
    }
    let limit = if query.limit == 0 { MOST } else { query.limit.min(MOST) };
    // One more tells whether there are more.
    _ = write!(sql, " ORDER BY id DESC LIMIT {}", limit + 1);
    let mut select = connection.prepare_cached(&sql)?;
    let rows = select.query_map(rusqlite::params_from_iter(values), |row| row.get::<_, String>(0))?;
    let mut items = rows.map(|body| job(&body?)).collect::<anyhow::Result<Vec<_>>>()?;
    let more = items.len() > limit;
    items.truncate(limit);
    let next = more.then(|| items.last().map(|last| last.id.to_string())).flatten();
    Ok(Page { items, next: next.map(Cursor) })
}

fn job(body: &str) -> anyhow::Result<Job> {
    serde_json::from_str(body).context("a job cannot be read")
}

fn json(value: &impl serde::Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

fn read_json<T: DeserializeOwned>(text: &str) -> rusqlite::Result<T> {
    serde_json::from_str(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, error.into())
    })
}

fn unavailable(error: impl Into<anyhow::Error>) -> JobsError {
    JobsError::Unavailable(error.into())
}
