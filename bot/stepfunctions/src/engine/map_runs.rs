//! Distributed maps: children that are executions of their own, started as concurrency and tolerance allow.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use deputy_asl::map_run::MapRun;
use deputy_asl::{
    ErrorDetails, EventKind, ExecutionType, Integration, ItemSource, MapItem, MapRunId, MapRunRequest,
    Outcome, Payload, ReaderRequest, Seed, TaskId, TaskRequest, Timestamp, item_reader,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::batch::After;
use super::core::Core;
use super::instance::{Instance, Origin, Parent};
use super::start::{ChildOf, Start, random_bytes, uuid_text};
use super::status::Status;
use crate::catalog::{MAP_RUN, Target};
use crate::store::ExecutionId;
use crate::store::writer::Write;
use crate::tasks::{Registry, TaskCall};

/// A distributed map under way or over, as the store keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) number: u64,
    pub(crate) arn: Arc<str>,
    pub(crate) execution: ExecutionId,
    pub(crate) execution_arn: Arc<str>,
    pub(crate) map_run: MapRunId,
    pub(crate) started: Timestamp,
    pub(crate) stopped: Option<Timestamp>,
    pub(crate) status: String,
    pub(crate) max_concurrency: u32,
    pub(crate) tolerated_count: Option<u64>,
    pub(crate) tolerated_percentage: Option<f64>,
    /// As it began; what the children came to is found with them. Of one that did not succeed, as it ended, for a redrive.
    pub(crate) run: Option<MapRun>,
    #[serde(default)]
    pub(crate) redrives: u32,
    #[serde(default)]
    pub(crate) redriven: Option<Timestamp>,
    /// The final counts.
    #[serde(default)]
    pub(crate) items: Counts,
    #[serde(default)]
    pub(crate) executions: Counts,
}

/// How many stand how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) pending: u64,
    pub(crate) running: u64,
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    pub(crate) timed_out: u64,
    pub(crate) aborted: u64,
    pub(crate) total: u64,
    pub(crate) results_written: u64,
}

/// All that are known, by number.
#[derive(Default)]
pub(crate) struct MapRuns {
    records: HashMap<u64, Record>,
    children: HashMap<u64, HashMap<u64, ExecutionId>>,
    /// Those that may start children, or be over. A queue rather than calls: children may end as soon as they start, and
    /// a map of ten thousand of them must not be ten thousand calls deep.
    pub(crate) moved: VecDeque<u64>,
    /// Those whose results are being written.
    pub(super) writing: HashSet<u64>,
}

impl MapRuns {
    pub(crate) fn all(&self) -> impl Iterator<Item = &Record> {
        self.records.values()
    }

    pub(crate) fn get(&self, number: u64) -> Option<&Record> {
        self.records.get(&number)
    }

    pub(crate) fn of_arn(&mut self, arn: &str) -> Option<&mut Record> {
        self.records.values_mut().find(|record| record.arn.as_ref() == arn)
    }
}

impl Core {
    /// A Map state begins, or begins again after a restart.
    pub(crate) fn start_map_run(&mut self, instance: &mut Instance, request: MapRunRequest) {
        let known = self.map_runs.records.values().find(|record| {
            record.execution == instance.id && record.map_run == request.map_run && record.stopped.is_none()
        });
        if let Some(record) = known {
            self.map_runs.moved.push_back(record.number);
            return;
        }
        let now = self.now();
        let number = self.next_id;
        self.next_id += 1;
        let record = Record {
            number,
            arn: Arc::clone(&request.arn),
            execution: instance.id,
            execution_arn: Arc::clone(&instance.origin.info.id),
            map_run: request.map_run,
            started: now,
            stopped: None,
            status: "RUNNING".into(),
            max_concurrency: request.max_concurrency,
            tolerated_count: request.tolerated_failure_count,
            tolerated_percentage: request.tolerated_failure_percentage,
            run: None,
            redrives: 0,
            redriven: None,
            items: Counts::default(),
            executions: Counts::default(),
        };
        self.map_runs.records.insert(number, record);
        let program = Arc::clone(&instance.program);
        match &request.items {
            ItemSource::Input(_) => {
                let run = MapRun::new(&program, request, None, now, Seed(random_bytes()));
                self.map_run_ready(number, run);
            }
            ItemSource::Reader(reader) => {
                let future = read_items(self.config.registry.clone(), reader.clone(), instance);
                let messages = self.messages.clone();
                self.runtime.spawn(async move {
                    let items = future.await;
                    let call = move |core: &mut Core| {
                        let run = items.and_then(|items| {
                            MapRun::new(&program, request, Some(items), now, Seed(random_bytes()))
                        });
                        core.map_run_ready(number, run);
                    };
                    // The engine has stopped when nobody listens; the map begins again when it is back.
                    let _ = messages.send(super::core::Message::Call(Box::new(call)));
                });
            }
        }
    }

    fn map_run_ready(&mut self, number: u64, run: Result<MapRun, ErrorDetails>) {
        let Some(record) = self.map_runs.records.get_mut(&number) else { return };
        match run {
            Ok(run) => {
                record.run = Some(run);
                self.keep_map_run(number);
                // Children are effects: they start when the state that wants them is durable.
                self.gathering.then(After::Call(Box::new(move |core| core.map_runs.moved.push_back(number))));
            }
            Err(error) => self.end_map_run(number, Err(error)),
        }
    }

    fn keep_map_run(&mut self, number: u64) {
        if let Some(record) = self.map_runs.records.get(&number)
            && let Ok(body) = serde_json::to_string(record)
        {
            self.gathering.writes.push(Write::Put { kind: MAP_RUN, key: number.to_string(), body });
        }
    }

    /// Starts as many children as may run, and ends the map when its end has come.
    pub(crate) fn run_children(&mut self, number: u64) {
        loop {
            let Some(record) = self.map_runs.records.get_mut(&number) else { return };
            if record.stopped.is_some() {
                return;
            }
            let Some(run) = &mut record.run else { return };
            let Some((index, child)) = run.start_next() else { break };
            let (execution, arn) = (record.execution, Arc::clone(&record.arn));
            let request = run.request.clone();
            self.start_child(number, index, child, execution, &arn, &request);
        }
        let end =
            self.map_runs.records.get(&number).and_then(|record| record.run.as_ref()).and_then(MapRun::end);
        if let Some(end) = end {
            self.write_results(number, end);
        }
    }

    fn start_child(
        &mut self,
        number: u64,
        index: u32,
        child: deputy_asl::map_run::Child,
        execution: ExecutionId,
        arn: &Arc<str>,
        request: &MapRunRequest,
    ) {
        let Some(parent) = self.load(execution) else { return };
        let origin: Arc<Origin> = Arc::clone(&parent.origin);
        let label: Arc<str> = arn
            .split(":mapRun:")
            .nth(1)
            .and_then(|rest| rest.split_once('/'))
            .and_then(|(_, rest)| rest.split(':').next())
            .unwrap_or(&request.state)
            .into();
        let info = &origin.info;
        let target = Target {
            machine: origin.machine,
            name: info.state_machine_name.to_string(),
            arn: info.state_machine_id.to_string(),
            qualifier: None,
            express: request.execution_type == ExecutionType::Express,
            definition: origin.definition,
            role_arn: Arc::clone(&info.role_arn),
            version: None,
            alias: None,
        };
        // Derived, so that a restart finds the child that it started before.
        let name = child_name(arn, index);
        let item = MapItem { index: u64::from(index), key: None, value: child.input.clone() };
        let start = Start {
            target,
            name: Some(name),
            input: child.input,
            parent: Some(Parent::MapRun { number, child: u64::from(index) }),
            trace_header: None,
            kept: false,
            child: Some(ChildOf {
                workflow: request.processor,
                map_run: number,
                map_run_arn: Arc::clone(arn),
                label,
                item: Some(item),
                items: child.items,
            }),
        };
        match self.start(start) {
            Ok(started) => {
                self.map_runs.children.entry(number).or_default().insert(u64::from(index), started.id);
            }
            // It exists and is over: this is a restart, and its outcome is in the store.
            Err(_) => self.adopt_child(number, index, arn),
        }
    }

    fn adopt_child(&mut self, number: u64, index: u32, arn: &Arc<str>) {
        let child =
            self.config.home.arn("execution", format_args!("{}:{}", machine_of(arn), child_name(arn, index)));
        let id = self.find_arn(&child).ok();
        let outcome = id
            .and_then(|id| self.load(id))
            .and_then(|instance| instance.execution())
            .and_then(|execution| execution.outcome().cloned());
        let again = self.map_runs.get(number).is_some_and(|record| record.redrives > 0)
            && !matches!(outcome, None | Some(Outcome::Succeeded { .. }));
        if let (true, Some(id)) = (again, id)
            && self.redrive(&child).is_ok()
        {
            self.map_runs.children.entry(number).or_default().insert(u64::from(index), id);
            return;
        }
        if let (Some(outcome), Some(run)) =
            (outcome, self.map_runs.records.get_mut(&number).and_then(|record| record.run.as_mut()))
        {
            run.finish(index, outcome);
        }
    }

    /// A child is over.
    pub(crate) fn map_run_child_ended(&mut self, number: u64, child: u64, outcome: Outcome) {
        if let Some(children) = self.map_runs.children.get_mut(&number) {
            children.remove(&child);
        }
        let Some(record) = self.map_runs.records.get_mut(&number) else { return };
        let counts = &mut record.executions;
        match Status::of_outcome(&outcome) {
            Status::Succeeded => counts.succeeded += 1,
            Status::TimedOut => counts.timed_out += 1,
            Status::Aborted => counts.aborted += 1,
            _ => counts.failed += 1,
        }
        let Some(run) = &mut record.run else { return };
        run.finish(u32::try_from(child).unwrap_or(u32::MAX), outcome);
        self.map_runs.moved.push_back(number);
    }

    pub(super) fn end_map_run(&mut self, number: u64, end: Result<Payload, ErrorDetails>) {
        let now = self.now();
        let Some(record) = self.map_runs.records.get_mut(&number) else { return };
        // Stopped while its results were written.
        if record.stopped.is_some() {
            return;
        }
        record.stopped = Some(now);
        record.status = if end.is_ok() { "SUCCEEDED" } else { "FAILED" }.into();
        if let Some(run) = &record.run {
            record.items = item_counts(run);
            record.executions.total = record.items.total;
            if end.is_ok() && run.request.writer.as_ref().is_some_and(|writer| writer.resource.is_some()) {
                record.items.results_written = record.items.succeeded;
                record.executions.results_written = record.executions.succeeded;
            }
        }
        if end.is_ok() {
            record.run = None;
        }
        let (execution, map_run) = (record.execution, record.map_run);
        self.keep_map_run(number);
        self.stop_children(number);
        let event = match end {
            Ok(output) => EventKind::MapRunSucceeded { map_run, output },
            Err(ErrorDetails { error, cause }) => EventKind::MapRunFailed { map_run, error, cause },
        };
        self.ready.push_back((execution, event));
    }

    /// Nobody waits for the map any more.
    pub(crate) fn stop_map_run(&mut self, execution: ExecutionId, map_run: MapRunId) {
        let now = self.now();
        let found = self.map_runs.records.values_mut().find(|record| {
            record.execution == execution && record.map_run == map_run && record.stopped.is_none()
        });
        let Some(record) = found else { return };
        record.stopped = Some(now);
        record.status = "ABORTED".into();
        let number = record.number;
        if let Some(run) = &record.run {
            record.items = item_counts(run);
        }
        self.keep_map_run(number);
        self.stop_children(number);
    }

    /// The execution goes on, and its map with it, under its own name: children that did not succeed run again.
    pub(crate) fn redrive_map_run(&mut self, execution: ExecutionId, map_run: MapRunId) {
        let now = self.now();
        let found = self
            .map_runs
            .records
            .values_mut()
            .find(|record| record.execution == execution && record.map_run == map_run);
        let Some((mut run, record)) = found.and_then(|record| Some((record.run.clone()?, record))) else {
            let cause = "The items of this map run are not known any more: start a new execution.";
            let failed = EventKind::MapRunFailed {
                map_run,
                error: Some("States.Runtime".into()),
                cause: Some(cause.into()),
            };
            self.ready.push_back((execution, failed));
            return;
        };
        run.redrive();
        record.run = Some(run);
        record.stopped = None;
        record.status = "RUNNING".into();
        record.redrives += 1;
        record.redriven = Some(now);
        record.executions = Counts { succeeded: record.executions.succeeded, ..Counts::default() };
        let number = record.number;
        self.keep_map_run(number);
        self.gathering.then(After::Call(Box::new(move |core| core.map_runs.moved.push_back(number))));
    }

    fn stop_children(&mut self, number: u64) {
        for id in self.map_runs.children.remove(&number).unwrap_or_default().into_values() {
            self.ready.push_back((id, EventKind::Stop { error: None, cause: None }));
        }
    }

    /// Takes up what the store knows of distributed maps.
    pub(crate) fn recover_map_runs(&mut self) {
        for (_, body) in std::mem::take(&mut self.catalog.map_runs) {
            if let Ok(record) = serde_json::from_str::<Record>(&body) {
                self.next_id = self.next_id.max(record.number + 1);
                // Nothing else asks for one that was redriven.
                if record.redrives > 0 && record.stopped.is_none() {
                    self.map_runs.moved.push_back(record.number);
                }
                self.map_runs.records.insert(record.number, record);
            }
        }
    }
}

/// The name of a map run's child.
pub(super) fn child_name(map_run_arn: &str, index: u32) -> String {
    let mut hash = Sha256::new();
    hash.update(map_run_arn.as_bytes());
    hash.update(index.to_be_bytes());
    uuid_text(&hash.finalize())
}

/// `MACHINE/LABEL`, in which a map run's children are listed.
pub(super) fn machine_of(map_run_arn: &str) -> &str {
    map_run_arn
        .split(":mapRun:")
        .nth(1)
        .and_then(|rest| rest.rsplit_once(':'))
        .map_or("", |(machine, _)| machine)
}

/// How the items of a map stand.
pub(crate) fn item_counts(run: &MapRun) -> Counts {
    let counts = run.counts();
    Counts {
        pending: counts.pending,
        running: counts.running,
        succeeded: counts.succeeded,
        failed: counts.failed,
        total: counts.total,
        ..Counts::default()
    }
}

/// A call that is no Task state's: of an `ItemReader` or a `ResultWriter`.
pub(super) fn outside_call(
    instance: &Instance,
    state: &str,
    resource: &Arc<str>,
    parameters: Payload,
) -> TaskCall {
    let info = &instance.origin.info;
    TaskCall {
        execution: Arc::clone(&info.id),
        state_machine: Arc::clone(&info.state_machine_id),
        request: Arc::new(TaskRequest {
            task: TaskId(0),
            state: state.into(),
            path: state.into(),
            resource: Arc::clone(resource),
            integration: Integration::parse(resource).unwrap_or(Integration::LambdaFunction),
            parameters,
            timeout_seconds: None,
            heartbeat_seconds: None,
            attempt: 0,
            credentials: None,
            token: None,
        }),
        submitted: Arc::new(|_| {}),
        id: instance.id,
    }
}

/// Has a call done by whoever does such.
pub(super) async fn done_outside(registry: &Registry, call: TaskCall) -> Result<Payload, String> {
    let resource = Arc::clone(&call.request.resource);
    let service = registry
        .find_override(&call)
        .or_else(|| registry.find(&resource, &call.request.integration))
        .cloned()
        .ok_or_else(|| format!("No service here does {resource}."))?;
    service.call(call).await.map_err(|error| error.cause.as_deref().unwrap_or_default().to_owned())
}

/// Fetches the file or listing that the items are in.
fn read_items(
    registry: Registry,
    reader: ReaderRequest,
    instance: &Instance,
) -> impl Future<Output = Result<Vec<Value>, ErrorDetails>> + Send + 'static {
    let first = outside_call(instance, "ItemReader", &reader.resource, reader.parameters.clone());
    async move {
        let mut listed: Vec<Value> = Vec::new();
        let mut call = first;
        loop {
            let again = call.clone();
            let answer = done_outside(&registry, call).await.map_err(|cause| ErrorDetails {
                error: Some("States.ItemReaderFailed".into()),
                cause: Some(cause.into()),
            })?;
            let answer = answer.value();
            if let (None, Some(Value::Array(contents))) = (answer.get("Body"), answer.get("Contents")) {
                listed.extend(contents.iter().cloned());
                // Listings come in pages.
                let Some(Value::String(token)) = answer.get("NextContinuationToken") else {
                    let body = Value::Array(listed).to_string();
                    return item_reader::items_of(reader.config.value(), body.as_bytes());
                };
                let mut request = again.request.as_ref().clone();
                let mut parameters = request.parameters.into_value();
                if let Some(members) = parameters.as_object_mut() {
                    members.insert("ContinuationToken".into(), token.as_str().into());
                }
                request.parameters = Payload::from(parameters);
                call = TaskCall { request: Arc::new(request), ..again };
                continue;
            }
            let body = match answer.get("Body") {
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
                None => String::new(),
            };
            return item_reader::items_of(reader.config.value(), body.as_bytes());
        }
    }
}
