//! Starting, stopping and redriving executions, and letting go of old ones.

use std::collections::hash_map::Entry;
use std::sync::Arc;

use deputy_asl::{EventKind, ExecutionInfo, ExecutionType, MapItem, Payload, Timestamp, WorkflowId};
use rusqlite::OptionalExtension;

use super::batch::After;
use super::core::Core;
use super::instance::{Instance, Origin, Parent};
use super::status::{About, Kept, name_key};
use crate::catalog::{EXPRESS, Target};
use crate::error::ApiError;
use crate::store::ExecutionId;
use crate::store::writer::{ExecutionRow, Write};

/// How often old executions are looked for.
const RETENTION_EVERY_MS: i64 = 60_000;
/// How many are let go of at once.
const FORGET_AT_ONCE: usize = 512;
/// How long after its end an execution can be redriven: 14 days.
const REDRIVABLE_MS: i64 = 14 * 24 * 3_600_000;

/// An execution to start.
pub(crate) struct Start {
    pub(crate) target: Target,
    /// Random if absent.
    pub(crate) name: Option<String>,
    pub(crate) input: Payload,
    pub(crate) parent: Option<Parent>,
    pub(crate) trace_header: Option<String>,
    /// For Express: whether it begins again after a crash. Of synchronous ones the caller is gone by then.
    pub(crate) kept: bool,
    /// For the child of a distributed map.
    pub(crate) child: Option<ChildOf>,
}

/// What makes an execution a child of a distributed map.
pub(crate) struct ChildOf {
    pub(crate) workflow: WorkflowId,
    pub(crate) map_run: u64,
    pub(crate) map_run_arn: Arc<str>,
    pub(crate) label: Arc<str>,
    pub(crate) item: Option<MapItem>,
    pub(crate) items: u64,
}

/// An execution that was started.
#[derive(Debug, Clone)]
pub(crate) struct Started {
    pub(crate) id: ExecutionId,
    pub(crate) arn: Arc<str>,
    pub(crate) at: Timestamp,
}

impl Core {
    /// Starts an execution. It is durable with the next commit.
    pub(crate) fn start(&mut self, start: Start) -> Result<Started, ApiError> {
        let now = self.now();
        let Start { target, name, input, parent, trace_header, kept, child } = start;
        let given = name.is_some();
        let name = name.unwrap_or_else(random_uuid);
        let config = Arc::clone(&self.config);
        let home = &config.home;
        let machine_name = match &child {
            Some(child) => format!("{}/{}", target.name, child.label),
            None => match &target.qualifier {
                Some(qualifier) => format!("{}:{qualifier}", target.name),
                None => target.name.clone(),
            },
        };
        let arn: Arc<str> = if target.express {
            home.arn("express", format_args!("{machine_name}:{name}:{}", random_uuid())).into()
        } else {
            home.arn("execution", format_args!("{machine_name}:{name}")).into()
        };
        let key = name_key(&arn);
        if given
            && !target.express
            && let Some(started) = self.already(&key, &arn, &input)?
        {
            return Ok(started);
        }
        let program = self
            .catalog
            .programs
            .get(&self.reader, &target.definition)
            .map_err(|error| {
                tracing::error!(%error, "a definition cannot be read");
                ApiError::internal()
            })?
            .ok_or_else(ApiError::internal)?;
        let id = self.next_id;
        self.next_id += 1;
        let info = ExecutionInfo {
            id: Arc::clone(&arn),
            name: name.as_str().into(),
            state_machine_id: target.arn.as_str().into(),
            state_machine_name: target.name.as_str().into(),
            role_arn: Arc::clone(&target.role_arn),
            region: home.region.as_str().into(),
            account: home.account.as_str().into(),
            execution_type: if target.express { ExecutionType::Express } else { ExecutionType::Standard },
            input,
            item: child.as_ref().and_then(|child| child.item.clone()),
        };
        let origin = Arc::new(Origin {
            info,
            definition: target.definition,
            secret: random_bytes(),
            workflow: child.as_ref().map_or(WorkflowId::ROOT, |child| child.workflow),
            machine: target.machine,
            version: target.version.clone(),
            alias: target.alias.clone(),
            parent,
            items: child.as_ref().map(|child| child.items),
            trace_header,
            kept,
        });
        let mut instance = Instance::new(id, Arc::clone(&origin), program);
        if target.express {
            if kept {
                let body = String::from_utf8(instance.origin_bytes()).unwrap_or_default();
                self.gathering.writes.push(Write::Put { kind: EXPRESS, key: id.to_string(), body });
            }
        } else {
            let about = About {
                arn: Arc::clone(&arn),
                machine: target.arn.as_str().into(),
                version: target.version,
                alias: target.alias,
                map_run: child.as_ref().map(|child| Arc::clone(&child.map_run_arn)),
                items: child.as_ref().map(|child| child.items),
                redrives: 0,
                redriven: None,
            };
            instance.row = Some(Box::new(ExecutionRow {
                id,
                name_key: key,
                machine: target.machine,
                map_run: child.as_ref().map(|child| child.map_run),
                name: Arc::clone(&origin.info.name),
                started: now.0,
                about: about.json(),
            }));
        }
        self.names.insert(key, id);
        self.hot.insert(id, Box::new(instance));
        self.deliver(id, EventKind::Start);
        // Its first event has the last word on when it began, also after a restart.
        let mut at = now;
        if let Some(instance) = self.hot.get_mut(&id) {
            at = instance.execution().map_or(now, deputy_asl::Execution::started);
            if let Some(row) = &mut instance.row {
                row.started = at.0;
            }
        }
        Ok(Started { id, arn, at })
    }

    /// AWS's idempotency: the same name and input while it runs is the same execution; anything else is refused.
    fn already(
        &mut self,
        key: &[u8; 16],
        arn: &Arc<str>,
        input: &Payload,
    ) -> Result<Option<Started>, ApiError> {
        let Some(id) = self.find(key)? else { return Ok(None) };
        let exists = || ApiError::new("ExecutionAlreadyExists", format!("Execution Already Exists: '{arn}'"));
        let Some(instance) = self.load(id) else { return Err(exists()) };
        let execution = instance.execution().ok_or_else(exists)?;
        let running = execution.status() == deputy_asl::Status::Running;
        if running && instance.origin.info.input.value() == input.value() {
            return Ok(Some(Started { id, arn: Arc::clone(arn), at: execution.started() }));
        }
        if !running {
            self.retire(id);
        }
        Err(exists())
    }

    /// The number of the execution with that key.
    pub(crate) fn find(&self, key: &[u8; 16]) -> Result<Option<ExecutionId>, ApiError> {
        if let Some(id) = self.names.get(key) {
            return Ok(Some(*id));
        }
        let mut select = self.reader.prepare_cached("SELECT id FROM execution WHERE name_key = ?")?;
        Ok(select.query_row([key], |row| row.get(0)).optional()?)
    }

    /// The number of the execution with that ARN.
    pub(crate) fn find_arn(&self, arn: &str) -> Result<ExecutionId, ApiError> {
        self.find(&name_key(arn))?.ok_or_else(|| ApiError::no_execution(arn))
    }

    /// Stops an execution; says when it ended, which may be long ago.
    pub(crate) fn stop(
        &mut self,
        arn: &str,
        error: Option<Arc<str>>,
        cause: Option<Arc<str>>,
    ) -> Result<Timestamp, ApiError> {
        let id = self.find_arn(arn)?;
        let now = self.now();
        let running = self
            .load(id)
            .and_then(|instance| instance.execution())
            .is_some_and(|execution| execution.status() == deputy_asl::Status::Running);
        if running {
            self.deliver(id, EventKind::Stop { error, cause });
            return Ok(now);
        }
        if let Some(instance) = self.hot.get(&id).filter(|instance| instance.is_over()) {
            return Ok(instance.latest);
        }
        let stopped: Option<i64> = self
            .reader
            .prepare_cached("SELECT stopped FROM execution WHERE id = ?")?
            .query_row([id], |row| row.get(0))
            .optional()?
            .flatten();
        Ok(stopped.map_or(now, Timestamp))
    }

    /// Redrives an execution from where it did not succeed; says when.
    pub(crate) fn redrive(&mut self, arn: &str) -> Result<Timestamp, ApiError> {
        let id = self.find_arn(arn)?;
        let now = self.now();
        let refused = |why: &str| {
            ApiError::new("ExecutionNotRedrivable", format!("Execution is not redrivable: '{why}'"))
        };
        let row: Option<(u8, Option<i64>, String)> = self
            .reader
            .prepare_cached("SELECT status, stopped, about FROM execution WHERE id = ?")?
            .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        let instance = self.load(id).ok_or_else(|| ApiError::no_execution(arn))?;
        let execution = instance.execution().ok_or_else(ApiError::internal)?;
        match execution.status() {
            deputy_asl::Status::Running | deputy_asl::Status::Created => {
                return Err(refused("Execution is RUNNING and cannot be redriven"));
            }
            deputy_asl::Status::Succeeded => {
                return Err(refused("Execution is SUCCEEDED and cannot be redriven"));
            }
            _ if !execution.is_redrivable() => return Err(refused("Execution history event limit exceeded")),
            _ => {}
        }
        let Some((_, stopped, about)) = row else { return Err(ApiError::no_execution(arn)) };
        if stopped.is_some_and(|stopped| now.0 - stopped > REDRIVABLE_MS) {
            return Err(refused("Execution's redrivable period exceeded"));
        }
        let redrives = execution.redrive_count() + 1;
        if let Ok(mut about) = serde_json::from_str::<About>(&about) {
            (about.redrives, about.redriven) = (redrives, Some(now.0));
            self.gathering.writes.push(Write::Redriven { id, about: about.json() });
        }
        self.deliver(id, EventKind::Redrive);
        Ok(now)
    }

    /// Whether an execution runs, so that watching it makes sense.
    pub(crate) fn is_unsettled(&mut self, id: ExecutionId) -> bool {
        self.load(id)
            .and_then(|instance| instance.execution())
            .is_some_and(|execution| execution.status() == deputy_asl::Status::Running)
    }

    /// Calls `watcher` when the execution is over and that is durable.
    pub(crate) fn watch(&mut self, id: ExecutionId, watcher: super::Watcher) {
        match self.watchers.entry(id) {
            Entry::Occupied(mut watchers) => watchers.get_mut().push(watcher),
            Entry::Vacant(place) => {
                place.insert(vec![watcher]);
            }
        }
    }

    /// Lets go of executions that ended longer ago than retention says.
    pub(crate) fn retain(&mut self) {
        let now = self.now();
        if now < self.retention_due {
            return;
        }
        if self.bring_in(None) {
            // It looks at tables, which have everything after this batch.
            self.gathering.urgent = true;
            return;
        }
        self.retention_due = Timestamp(now.0 + RETENTION_EVERY_MS);
        let kept = i64::try_from(self.config.retention.as_millis()).unwrap_or(i64::MAX);
        match self.old(now.0.saturating_sub(kept)) {
            Ok(ids) if ids.is_empty() => {}
            Ok(ids) => {
                if ids.len() == FORGET_AT_ONCE {
                    self.retention_due = now;
                }
                for id in &ids {
                    self.retire(*id);
                }
                self.gathering.writes.push(Write::Forget { ids });
                self.gathering.urgent = true;
            }
            Err(error) => tracing::error!(%error, "old executions cannot be looked for"),
        }
    }

    fn old(&mut self, cutoff: i64) -> rusqlite::Result<Vec<ExecutionId>> {
        let mut select = self
            .reader
            .prepare_cached("SELECT id, started, stopped FROM execution WHERE id > ? ORDER BY id")?;
        let mut rows = select.query([self.retention_cursor])?;
        let mut ids = Vec::new();
        let mut all_gone = true;
        while ids.len() < FORGET_AT_ONCE
            && let Some(row) = rows.next()?
        {
            let (id, started, stopped): (ExecutionId, i64, Option<i64>) =
                (row.get(0)?, row.get(1)?, row.get(2)?);
            // Executions are numbered in the order of their starts, and none ends before it starts.
            if started >= cutoff {
                break;
            }
            if stopped.is_some_and(|stopped| stopped < cutoff) {
                ids.push(id);
            } else {
                all_gone = false;
            }
            if all_gone {
                self.retention_cursor = id;
            }
        }
        Ok(ids)
    }

    /// How a finished execution ended.
    pub(crate) fn kept(&self, id: ExecutionId) -> Result<Option<Kept>, ApiError> {
        let text: Option<String> = self
            .reader
            .prepare_cached("SELECT outcome FROM execution WHERE id = ?")?
            .query_row([id], |row| row.get(0))
            .optional()?
            .flatten();
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Answers when everything up to now is durable.
    pub(crate) fn when_durable(&mut self, call: impl FnOnce() + Send + 'static) {
        self.gathering.then(After::Call(Box::new(move |_| call())));
    }
}

/// Thirty-two bytes fit for secrets.
pub(crate) fn random_bytes() -> [u8; 32] {
    let mut bytes = [0; 32];
    // Linux and macOS give random bytes always; without them no token would be safe.
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    bytes
}

/// A random UUID.
pub(crate) fn random_uuid() -> String {
    let mut bytes = random_bytes();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    uuid_text(&bytes)
}

/// The first sixteen bytes in the form of a UUID.
pub(crate) fn uuid_text(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().take(16).enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
