//! Between memory and store: executions that rest, executions that are taken up again, and starting after a crash.

use std::collections::HashMap;
use std::sync::Arc;

use deputy_asl::{EventKind, Execution, Integration, Program};
use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

use super::batch::After;
use super::core::Core;
use super::instance::{Instance, Origin, Parent};
use super::status::{About, Ended, name_key};
use crate::error::EngineError;
use crate::store::ExecutionId;
use crate::store::segment::{self, Damaged};
use crate::store::writer::{ExecutionRow, Write};

/// How many executions are put to rest in one go, so that nobody waits long for it.
const REST_AT_ONCE: usize = 1_024;

/// Events of an execution that are in segments and perhaps not in its log.
struct Tail {
    first: u64,
    origin: Option<Vec<u8>>,
    log: Vec<u8>,
    oldest_segment: u64,
}

impl Core {
    /// The execution of that number in memory, taken up from the store if it rests. `None` if there is none, or if it cannot
    /// be read, which is in the log.
    pub(crate) fn load(&mut self, id: ExecutionId) -> Option<&mut Instance> {
        if !self.hot.contains_key(&id) {
            match read_instance(&self.reader, Some(&self.reader), &mut self.catalog.programs, id, None) {
                Ok(Some(instance)) => self.adopt(instance),
                Ok(None) => return None,
                Err(error) => {
                    tracing::error!(execution = id, %error, "an execution cannot be read");
                    return None;
                }
            }
        }
        self.hot.get_mut(&id).map(Box::as_mut)
    }

    fn adopt(&mut self, mut instance: Instance) {
        let id = instance.id;
        self.names.insert(name_key(&instance.origin.info.id), id);
        for open in instance.tasks.values() {
            if let Some(token) = &open.request.token {
                let hash: [u8; 32] = Sha256::digest(token.0.as_bytes()).into();
                self.tokens.insert(hash, (id, open.request.task));
                if !instance.has_snapshot {
                    instance.tokens.push((hash, open.request.task));
                }
            }
        }
        self.uses += 1;
        instance.touched = self.uses;
        self.resting.push_back((id, self.uses));
        self.hot.insert(id, Box::new(instance));
        self.arm(id);
    }

    /// Moves an execution's events from the segments into its own log.
    pub(crate) fn move_log(&mut self, instance: &mut Instance) {
        if instance.unflushed.is_empty() {
            return;
        }
        let first = instance.unflushed_from;
        let log = instance.take_unflushed();
        let body = if first == 0 { segment::with_origin(&instance.origin_bytes(), &log) } else { log };
        self.gathering.writes.push(Write::Log { id: instance.id, first, body });
    }

    /// The store learns the tokens of an execution's tasks, so that late answers are told from wrong ones.
    pub(crate) fn write_tokens(&mut self, instance: &mut Instance) {
        for (hash, task) in instance.tokens.drain(..) {
            self.tokens.remove(&hash);
            self.gathering.writes.push(Write::Token { hash, id: instance.id, task: task.0 });
        }
    }

    /// Moves all that memory knows of an execution into the store.
    pub(crate) fn flush(&mut self, id: ExecutionId) {
        let Some(mut instance) = self.hot.remove(&id) else { return };
        if let Some(body) = instance.snapshot() {
            self.write_row(&mut instance);
            self.move_log(&mut instance);
            for (hash, task) in &instance.tokens {
                self.gathering.writes.push(Write::Token { hash: *hash, id, task: task.0 });
            }
            instance.tokens.clear();
            instance.has_snapshot = true;
            instance.leaving = true;
            self.gathering.after.push(After::Settled(id));
            self.gathering.writes.push(Write::Snapshot {
                id,
                events: instance.events,
                body,
                wake: instance.next_timer().map(|at| at.0),
                resume: instance.needs_resume(),
            });
        }
        self.hot.insert(id, instance);
    }

    /// Puts those to rest that have not been used for longest, while there are more in memory than there should be.
    pub(crate) fn rest(&mut self) {
        let mut rested = 0;
        while self.hot.len() > self.config.executions_in_memory + rested && rested < REST_AT_ONCE {
            let Some((id, touched)) = self.resting.pop_front() else { return };
            let Some(instance) = self.hot.get(&id) else { continue };
            if instance.touched != touched {
                continue;
            }
            let over = instance.is_over();
            if over && !instance.is_ahead() {
                // It was looked at after its end.
                self.retire(id);
                continue;
            }
            let busy = instance.origin.is_express()
                || over
                || instance
                    .tasks
                    .values()
                    .any(|open| !open.submitted && open.request.integration != Integration::Activity)
                || !instance.map_runs.is_empty();
            if busy {
                // It gets another turn when it is used next.
                continue;
            }
            let events = instance.events;
            self.flush(id);
            self.gathering.then(After::Evict { id, events });
            rested += 1;
        }
        if self.resting.len() > 4 * self.hot.len() + 1024 {
            let hot = &self.hot;
            self.resting
                .retain(|(id, touched)| hot.get(id).is_some_and(|instance| instance.touched == *touched));
        }
    }

    /// Before the end: everything into the store, so that opening again is quick.
    pub(crate) fn rest_all(&mut self) {
        let running: Vec<ExecutionId> = self
            .hot
            .values()
            .filter(|instance| !instance.origin.is_express())
            .filter(|instance| {
                instance.execution().is_some_and(|it| it.status() == deputy_asl::Status::Running)
            })
            .map(|instance| instance.id)
            .collect();
        for id in running {
            self.flush(id);
        }
        self.shelve();
        self.gathering.writes.push(Write::Trim { below: self.next_segment });
        self.gathering.urgent = true;
    }

    pub(crate) fn evict(&mut self, id: ExecutionId, events: u64) {
        if self.hot.get(&id).is_some_and(|instance| instance.events == events) {
            self.retire(id);
        }
    }

    /// What was moved into tables is there.
    pub(crate) fn has_settled(&mut self, id: ExecutionId) {
        if let Some(instance) = self.hot.get_mut(&id) {
            instance.leaving = false;
        }
    }

    /// The store has all of it.
    pub(crate) fn has_left(&mut self, id: ExecutionId) {
        self.has_settled(id);
        self.retire(id);
    }

    /// Out of memory, if the store has all of it.
    pub(crate) fn retire(&mut self, id: ExecutionId) {
        let Some(instance) = self.hot.get(&id) else { return };
        // A redrive may have come between its end and the commit.
        if !instance.origin.is_express() && instance.is_ahead()
            || !instance.is_over() && !instance.has_snapshot
        {
            return;
        }
        if let Some(instance) = self.hot.remove(&id) {
            self.names.remove(&name_key(&instance.origin.info.id));
            for open in instance.tasks.values() {
                if let Some(token) = &open.request.token {
                    self.tokens.remove(&<[u8; 32]>::from(Sha256::digest(token.0.as_bytes())));
                }
            }
        }
    }

    /// Takes up what the last process left: what its segments say, timers, and tasks that nobody has answered.
    pub(crate) fn recover(&mut self) -> Result<(), EngineError> {
        let unreadable = |what: &str| EngineError::Unreadable(what.to_owned());
        self.next_id = self.next_id.max(max_id(&self.reader, "execution")? + 1);
        self.next_segment = max_id(&self.reader, "segment")? + 1;
        self.shelf.next_block = max_id(&self.reader, "block")? + 1;
        self.trimmed_from(self.next_segment);
        let mut tails = read_tails(&self.reader)?;
        if let Some(last) = tails.keys().max() {
            self.next_id = self.next_id.max(last + 1);
        }
        let mut taken_up: Vec<ExecutionId> = tails.keys().copied().collect();
        {
            let mut select = self.reader.prepare("SELECT id FROM execution WHERE resume = 1")?;
            for id in select.query_map([], |row| row.get(0))? {
                let id = id?;
                if !tails.contains_key(&id) {
                    taken_up.push(id);
                }
            }
            let mut select = self.reader.prepare("SELECT wake, id FROM execution WHERE wake IS NOT NULL")?;
            let mut rows = select.query([])?;
            while let Some(row) = rows.next()? {
                let id = row.get(1)?;
                if !tails.contains_key(&id) {
                    self.timers.push(deputy_asl::Timestamp(row.get(0)?), id);
                }
            }
        }
        taken_up.sort_unstable();
        for id in taken_up {
            let tail = tails.remove(&id);
            let rest = match &tail {
                Some(tail) => rested(&self.reader, id, tail)?,
                None => Rest::No,
            };
            if let Rest::Until(wake) = rest {
                // The store knows it as it was, and nothing of it is under way.
                if let Some(wake) = wake {
                    self.timers.push(deputy_asl::Timestamp(wake), id);
                }
                continue;
            }
            let has_row = !matches!(rest, Rest::Unknown);
            let tables = has_row.then_some(&self.reader);
            let instance = read_instance(&self.reader, tables, &mut self.catalog.programs, id, tail)
                .map_err(|error| unreadable(&format!("execution {id}: {error}")))?;
            let Some(mut instance) = instance else { continue };
            self.catalog.last_machine = self.catalog.last_machine.max(instance.origin.machine);
            if !has_row {
                instance.row = Some(Box::new(self.row_of(&instance)));
            }
            if instance.is_over() {
                // It ended, and the process did before the tables heard of it.
                instance.ended = Ended::of_log(&instance).map(Box::new);
                self.shelf.push(id);
            }
            self.adopt(instance);
            self.take_up(id);
        }
        self.recover_express()?;
        Ok(())
    }

    /// The row that an execution was to have from the beginning.
    fn row_of(&self, instance: &Instance) -> ExecutionRow {
        let origin = &instance.origin;
        let map_run = match &origin.parent {
            Some(Parent::MapRun { number, .. }) => self.map_runs.get(*number),
            _ => None,
        };
        let about = About {
            arn: Arc::clone(&origin.info.id),
            machine: Arc::clone(&origin.info.state_machine_id),
            version: origin.version.clone(),
            alias: origin.alias.clone(),
            map_run: map_run.map(|record| Arc::clone(&record.arn)),
            items: origin.items,
            redrives: 0,
            redriven: None,
        };
        ExecutionRow {
            id: instance.id,
            name_key: name_key(&origin.info.id),
            machine: origin.machine,
            map_run: map_run.map(|record| record.number),
            name: Arc::clone(&origin.info.name),
            started: instance.execution().map_or(instance.latest, Execution::started).0,
            about: about.json(),
        }
    }

    /// Express executions are not logged: those that were under way begin again, which is what at-least-once means.
    fn recover_express(&mut self) -> Result<(), EngineError> {
        for (key, body) in self.catalog.take_express() {
            let Ok(id) = key.parse::<ExecutionId>() else { continue };
            let Ok(origin) = serde_json::from_str::<Origin>(&body) else { continue };
            let origin = Arc::new(origin);
            let Some(program) = self.catalog.programs.get(&self.reader, &origin.definition)? else {
                continue;
            };
            self.next_id = self.next_id.max(id + 1);
            self.names.insert(name_key(&origin.info.id), id);
            self.hot.insert(id, Box::new(Instance::new(id, origin, program)));
            self.ready.push_back((id, EventKind::Start));
        }
        Ok(())
    }

    fn take_up(&mut self, id: ExecutionId) {
        let Some(instance) = self.hot.get(&id) else { return };
        let machine = instance.origin.machine;
        let waiting: Vec<_> = instance
            .tasks
            .values()
            // A worker who has taken an activity's task has the token and will answer.
            .filter(|open| {
                !(open.submitted || open.started && open.request.integration == Integration::Activity)
            })
            .map(|open| Arc::clone(&open.request))
            .collect();
        let map_runs: Vec<_> = instance.map_runs.values().map(|request| request.as_ref().clone()).collect();
        if instance.continuing {
            self.ready.push_back((id, EventKind::Continue));
        }
        for request in waiting {
            self.gathering.then(After::Dispatch { id, machine, request });
        }
        for request in map_runs {
            if let Some(mut instance) = self.hot.remove(&id) {
                self.start_map_run(&mut instance, request);
                self.hot.insert(id, instance);
            }
        }
    }
}

/// Whether an execution can stay in the store.
enum Rest {
    /// Until its next timer, if it has one.
    Until(Option<i64>),
    No,
    /// The tables have nothing of it.
    Unknown,
}

/// Whether a snapshot covers all of a tail and nothing has to be taken up; and if so, when the next timer is due.
fn rested(connection: &Connection, id: ExecutionId, tail: &Tail) -> Result<Rest, EngineError> {
    let row: Option<(u64, Option<i64>, bool, u8)> = connection
        .prepare_cached(
            "SELECT coalesce(s.events, 0), e.wake, e.resume, e.status
             FROM execution e LEFT JOIN snapshot s ON s.execution = e.id WHERE e.id = ?",
        )?
        .query_row(params![id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .optional()?;
    let Some((events, wake, resume, status)) = row else { return Ok(Rest::Unknown) };
    let count = segment::count_entries(&tail.log)
        .map_err(|Damaged| EngineError::Unreadable("a segment is damaged".into()))?;
    let over = status != 0;
    let known = events >= tail.first + count && !resume;
    Ok(if over || known { Rest::Until(wake) } else { Rest::No })
}

fn max_id(connection: &Connection, table: &str) -> rusqlite::Result<u64> {
    connection.query_row(&format!("SELECT coalesce(max(id), 0) FROM {table}"), [], |row| row.get(0))
}

fn read_tails(connection: &Connection) -> Result<HashMap<ExecutionId, Tail>, EngineError> {
    let mut tails: HashMap<ExecutionId, Tail> = HashMap::new();
    let mut select = connection.prepare("SELECT id, body FROM segment ORDER BY id")?;
    let mut rows = select.query([])?;
    let damaged = |Damaged| EngineError::Unreadable("a segment is damaged".into());
    while let Some(row) = rows.next()? {
        let number: u64 = row.get(0)?;
        let body =
            segment::unpack(row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?).map_err(damaged)?;
        segment::read_runs(&body, |run| {
            let tail = tails.entry(run.execution).or_insert_with(|| Tail {
                first: run.first,
                origin: None,
                log: Vec::new(),
                oldest_segment: number,
            });
            if !run.origin.is_empty() {
                tail.origin = Some(run.origin.to_vec());
            }
            tail.log.extend_from_slice(run.log);
        })
        .map_err(damaged)?;
    }
    Ok(tails)
}

/// Puts an execution together from snapshot, log and tail. Without `tables`, the tail is known to be all there is.
fn read_instance(
    connection: &Connection,
    tables: Option<&Connection>,
    programs: &mut crate::catalog::Programs,
    id: ExecutionId,
    tail: Option<Tail>,
) -> Result<Option<Instance>, EngineError> {
    let damaged = |Damaged| EngineError::Unreadable("its log is damaged".into());
    let parts = tables.map_or(Ok(Vec::new()), |tables| read_log(tables, id))?;
    let origin = match (parts.first(), &tail) {
        (Some((0, body)), _) => segment::split_origin(body).map_err(damaged)?.0.to_vec(),
        (_, Some(Tail { origin: Some(origin), .. })) => origin.clone(),
        _ => return Ok(None),
    };
    let origin: Origin = serde_json::from_slice(&origin)
        .map_err(|error| EngineError::Unreadable(format!("its origin: {error}")))?;
    let Some(program) = programs.get(connection, &origin.definition)? else {
        return Err(EngineError::Unreadable("its definition is missing".into()));
    };
    let mut instance = Instance::new(id, Arc::new(origin), program);
    let snapshot: Option<(u64, Vec<u8>)> = match tables {
        Some(tables) => tables
            .prepare_cached("SELECT events, body FROM snapshot WHERE execution = ?")?
            .query_row(params![id], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?,
        None => None,
    };
    if let Some((events, body)) = snapshot {
        instance.restore(events, &segment::unpack(&body).map_err(damaged)?);
        instance.has_snapshot = true;
    }
    let mut flushed = 0;
    for (first, body) in &parts {
        let log = if *first == 0 { segment::split_origin(body).map_err(damaged)?.1 } else { body };
        instance.replay_log(*first, log, |_, _| {}).map_err(damaged)?;
        flushed = first + segment::count_entries(log).map_err(damaged)?;
    }
    instance.unflushed_from = flushed;
    if let Some(tail) = tail {
        let known = flushed.saturating_sub(tail.first);
        let count = segment::count_entries(&tail.log).map_err(damaged)?;
        if known < count {
            let rest = segment::skip_entries(&tail.log, known).map_err(damaged)?;
            instance.replay_log(flushed, rest, |_, _| {}).map_err(damaged)?;
            instance.unflushed = rest.to_vec();
            instance.in_segments = (rest.len(), count - known);
            instance.oldest_segment = Some(tail.oldest_segment);
        }
    }
    Ok(Some(instance))
}

/// Puts the interpreter's state together again, as it was after the last event that is written down.
pub(crate) fn rebuild(
    connection: &Connection,
    programs: &mut crate::catalog::Programs,
    instance: &mut Instance,
) -> Result<(), EngineError> {
    let tail = Tail {
        first: instance.unflushed_from,
        origin: Some(instance.origin_bytes()),
        log: instance.unflushed.clone(),
        oldest_segment: instance.oldest_segment.unwrap_or_default(),
    };
    let events = instance.events;
    let rebuilt = read_instance(connection, Some(connection), programs, instance.id, Some(tail))?
        .filter(|rebuilt| rebuilt.events == events)
        .ok_or_else(|| EngineError::Unreadable("its log is not whole".into()))?;
    instance.take_state(rebuilt);
    Ok(())
}

/// The pieces of an execution's own log, first to last.
pub(crate) fn read_log(connection: &Connection, id: ExecutionId) -> Result<Vec<(u64, Vec<u8>)>, EngineError> {
    let damaged = |Damaged| EngineError::Unreadable("its log is damaged".into());
    let mut parts = Vec::new();
    let block: Option<Vec<u8>> = connection
        .prepare_cached("SELECT b.body FROM execution e JOIN block b ON b.id = e.block WHERE e.id = ?")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    if let Some(block) = block {
        let block = segment::unpack(&block).map_err(damaged)?;
        segment::read_runs(&block, |run| {
            if run.execution == id {
                parts.push((run.first, segment::with_origin(run.origin, run.log)));
            }
        })
        .map_err(damaged)?;
    }
    let mut select =
        connection.prepare_cached("SELECT first, body FROM log WHERE execution = ? ORDER BY first")?;
    let rows = select.query_map([id], |row| Ok((row.get::<_, u64>(0)?, row.get::<_, Vec<u8>>(1)?)))?;
    for row in rows {
        let (first, body) = row?;
        parts.push((first, segment::unpack(&body).map_err(damaged)?));
    }
    Ok(parts)
}

/// The history of an execution, oldest first: the log, applied again.
pub(crate) fn history(
    origin: Arc<Origin>,
    program: Arc<Program>,
    id: ExecutionId,
    logs: &[(u64, &[u8])],
    mut each: impl FnMut(deputy_asl::Timestamp, deputy_asl::HistoryEvent),
) -> Result<(), Damaged> {
    let mut instance = Instance::new(id, origin, program);
    for (first, log) in logs {
        instance
            .replay_log(*first, log, |at, events| events.into_iter().for_each(|event| each(at, event)))?;
    }
    Ok(())
}
