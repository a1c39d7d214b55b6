//! Executions: start, stop, redrive, describe, list.

use std::sync::Arc;
use std::time::Duration;

use deputy_asl::{Execution, MAX_PAYLOAD_BYTES, Payload, Timestamp};
use rusqlite::OptionalExtension;
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;

use super::machines::{machine_of, too_long};
use super::paging::{Page, seal, with_token};
use super::params::{Params, date};
use crate::catalog::Target;
use crate::engine::core::Core;
use crate::engine::{About, Ended, Engine, Kept, Origin, Parent, Start, Status, redrive_status};
use crate::error::ApiError;
use crate::names::{Named, check_name, expect_arn};

/// How long a synchronous execution may take.
const SYNC_LIMIT: Duration = Duration::from_mins(5);
/// AWS bills Express executions by steps of 100 ms and of 64 MB.
const BILLED_STEP_MS: i64 = 100;
const BILLED_MEMORY_MB: u32 = 64;

pub(super) async fn start(engine: &Engine, params: Params<'_>) -> Result<Value, ApiError> {
    start_execution_of(engine, params, None).await
}

/// `StartExecution`, for somebody who may wait for the end.
pub(crate) async fn start_execution(
    engine: &Engine,
    request: &Value,
    parent: Option<Parent>,
) -> Result<Value, ApiError> {
    start_execution_of(engine, Params::new(request)?, parent).await
}

async fn start_execution_of(
    engine: &Engine,
    params: Params<'_>,
    parent: Option<Parent>,
) -> Result<Value, ApiError> {
    let arn = params.required("stateMachineArn")?.to_owned();
    let (name, input, trace_header) = request(params)?;
    let started = engine
        .write(move |core| {
            let target = target(core, &arn)?;
            let kept = target.express;
            core.start(Start { target, name, input, parent, trace_header, kept, child: None })
        })
        .await?;
    Ok(json!({"executionArn": started.arn, "startDate": date(started.at)}))
}

pub(super) async fn start_sync(engine: &Engine, params: Params<'_>) -> Result<Value, ApiError> {
    let arn = params.required("stateMachineArn")?.to_owned();
    let (name, input, trace_header) = request(params)?;
    let (tell, told) = oneshot::channel();
    let id = engine
        .ask(move |core| {
            let target = target(core, &arn)?;
            if !target.express {
                return Err(ApiError::wrong_type());
            }
            // It may end before the next line runs, so the watcher is there first.
            let id = core.next_id;
            core.watch(id, Box::new(move |ended| drop(tell.send(ended))));
            let start = Start { target, name, input, parent: None, trace_header, kept: false, child: None };
            core.start(start).inspect_err(|_| drop(core.watchers.remove(&id)))?;
            Ok(id)
        })
        .await?;
    let ended = match tokio::time::timeout(SYNC_LIMIT, told).await {
        Ok(ended) => ended.map_err(|_| ApiError::internal())?,
        Err(_) => return time_out(engine, id).await,
    };
    Ok(sync_answer(&ended))
}

/// Five minutes have passed: it ends now.
async fn time_out(engine: &Engine, id: u64) -> Result<Value, ApiError> {
    let (tell, told) = oneshot::channel();
    engine
        .ask(move |core| {
            core.watch(id, Box::new(move |ended| drop(tell.send(ended))));
            let timeout = deputy_asl::EventKind::Stop { error: Some("States.Timeout".into()), cause: None };
            core.deliver(id, timeout);
            Ok(())
        })
        .await?;
    let mut ended = told.await.map_err(|_| ApiError::internal())?;
    ended.status = Status::TimedOut;
    Ok(sync_answer(&ended))
}

fn sync_answer(ended: &Ended) -> Value {
    let info = &ended.origin.info;
    let mut answer = Map::new();
    answer.insert("executionArn".into(), info.id.as_ref().into());
    answer.insert("stateMachineArn".into(), without_case(&info.state_machine_id).into());
    answer.insert("name".into(), info.name.as_ref().into());
    answer.insert("startDate".into(), date(ended.started));
    answer.insert("stopDate".into(), date(ended.stopped));
    answer.insert("status".into(), ended.status.name().into());
    payload(&mut answer, "input", &info.input);
    result(&mut answer, &ended.result);
    if let Some(header) = &ended.origin.trace_header {
        answer.insert("traceHeader".into(), header.as_str().into());
    }
    let millis = (ended.stopped.0 - ended.started.0).max(1);
    let billed = millis.div_euclid(BILLED_STEP_MS) + i64::from(millis.rem_euclid(BILLED_STEP_MS) > 0);
    answer.insert(
        "billingDetails".into(),
        json!({
            "billedMemoryUsedInMB": BILLED_MEMORY_MB,
            "billedDurationInMilliseconds": billed * BILLED_STEP_MS,
        }),
    );
    Value::Object(answer)
}

/// Name, input and trace header of a request to start.
fn request(params: Params<'_>) -> Result<(Option<String>, Payload, Option<String>), ApiError> {
    let name = params.text("name")?;
    if let Some(name) = name {
        check_name(name)?;
    }
    let input = parse_input(params.text("input")?.unwrap_or("{}"))?;
    let trace_header = params.text("traceHeader")?.map(ToOwned::to_owned);
    Ok((name.map(ToOwned::to_owned), input, trace_header))
}

/// An input as text, if it is JSON of no more than 256 KiB.
pub(super) fn parse_input(text: &str) -> Result<Payload, ApiError> {
    if text.len() > MAX_PAYLOAD_BYTES {
        return Err(too_long("input", MAX_PAYLOAD_BYTES));
    }
    Payload::parse(text).map_err(|error| {
        ApiError::new("InvalidExecutionInput", format!("Invalid State Machine Execution Input: '{error}'"))
    })
}

/// What an ARN starts; with a test case of the mocks behind `#`, as in Step Functions Local.
fn target(core: &mut Core, arn: &str) -> Result<Target, ApiError> {
    let Some((plain, case)) = arn.split_once('#') else { return plain_target(core, arn) };
    let mut target = plain_target(core, plain)?;
    let known = core.config.registry.test_cases(&target.name);
    if !known.iter().any(|known| known == case) {
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err(ApiError::validation(format!(
            "The mock configuration has no test case '{case}' of the state machine '{}'; it has: {known}",
            target.name
        )));
    }
    // The execution keeps it with its machine, so that it outlives the process.
    target.arn = format!("{}#{case}", target.arn);
    Ok(target)
}

fn plain_target(core: &mut Core, arn: &str) -> Result<Target, ApiError> {
    let (name, qualifier) = machine_of(arn)?;
    let machine = core.catalog.machines.get(&name).ok_or_else(|| ApiError::no_machine(arn))?;
    let [byte, ..] = crate::engine::random_bytes();
    let chance = u32::from(byte) * 100 / 256;
    machine.target(qualifier.as_deref(), chance).ok_or_else(|| ApiError::no_machine(arn))
}

/// A machine's ARN without the test case that an execution keeps there.
pub(crate) fn without_case(arn: &str) -> &str {
    arn.split_once('#').map_or(arn, |(arn, _)| arn)
}

pub(super) async fn stop(engine: &Engine, params: Params<'_>) -> Result<Value, ApiError> {
    let arn = params.required("executionArn")?.to_owned();
    standard(&arn)?;
    let error = params.bounded("error", 256)?.map(Arc::from);
    let cause = params.bounded("cause", 32_768)?.map(Arc::from);
    let stopped = engine.write(move |core| core.stop(&arn, error, cause)).await?;
    Ok(json!({"stopDate": date(stopped)}))
}

pub(super) async fn redrive(engine: &Engine, params: Params<'_>) -> Result<Value, ApiError> {
    let arn = params.required("executionArn")?.to_owned();
    standard(&arn)?;
    engine.ask_stored(Some(&arn), |_| Ok(())).await?;
    let redriven = engine.write(move |core| core.redrive(&arn)).await?;
    Ok(json!({"redriveDate": date(redriven)}))
}

/// Express executions can be neither described nor stopped.
pub(super) fn standard(arn: &str) -> Result<(), ApiError> {
    match expect_arn(arn, &["execution", "express"])? {
        Named::Express => Err(ApiError::wrong_type()),
        _ => Ok(()),
    }
}

/// An execution as descriptions show it.
struct Described {
    origin: Arc<Origin>,
    status: Status,
    started: Timestamp,
    stopped: Option<Timestamp>,
    result: Kept,
    redrives: (u32, Option<i64>),
    map_run: Option<Arc<str>>,
}

pub(super) async fn describe(engine: &Engine, params: Params<'_>) -> Result<Value, ApiError> {
    let arn = params.required("executionArn")?.to_owned();
    standard(&arn)?;
    let all = params.text("includedData")? != Some("METADATA_ONLY");
    let described = engine.ask_stored(Some(&arn.clone()), move |core| describe_one(core, &arn)).await?;
    Ok(shown(described, all))
}

/// What `DescribeExecution` says of an execution that has just ended.
pub(crate) fn description(ended: &Ended) -> Value {
    let described = Described {
        origin: Arc::clone(&ended.origin),
        status: ended.status,
        started: ended.started,
        stopped: Some(ended.stopped),
        result: ended.result.clone(),
        redrives: (ended.redrives, None),
        map_run: None,
    };
    shown(described, true)
}

fn shown(described: Described, all: bool) -> Value {
    let Described { origin, status, started, stopped, result: kept, redrives, map_run } = described;
    let mut answer = Map::new();
    let info = &origin.info;
    answer.insert("executionArn".into(), info.id.as_ref().into());
    answer.insert("stateMachineArn".into(), without_case(&info.state_machine_id).into());
    answer.insert("name".into(), info.name.as_ref().into());
    answer.insert("status".into(), status.name().into());
    answer.insert("startDate".into(), date(started));
    if let Some(stopped) = stopped {
        answer.insert("stopDate".into(), date(stopped));
    }
    if all {
        payload(&mut answer, "input", &info.input);
        result(&mut answer, &kept);
    }
    if let Some(header) = &origin.trace_header {
        answer.insert("traceHeader".into(), header.as_str().into());
    }
    for (key, arn) in [("stateMachineVersionArn", &origin.version), ("stateMachineAliasArn", &origin.alias)] {
        if let Some(arn) = arn {
            answer.insert(key.into(), arn.as_ref().into());
        }
    }
    let (redrives, redriven) = redrives;
    if let Some(map_run) = map_run {
        answer.insert("mapRunArn".into(), map_run.as_ref().into());
    }
    answer.insert("redriveCount".into(), redrives.into());
    if let Some(redriven) = redriven {
        answer.insert("redriveDate".into(), date(Timestamp(redriven)));
    }
    let (redrivable, reason) = redrive_status(false, status, kept.redrivable);
    answer.insert("redriveStatus".into(), redrivable.into());
    if let Some(reason) = reason {
        answer.insert("redriveStatusReason".into(), reason.into());
    }
    Value::Object(answer)
}

fn describe_one(core: &mut Core, arn: &str) -> Result<Described, ApiError> {
    let id = core.find_arn(arn)?;
    let row: Option<(u8, i64, Option<i64>, String)> = core
        .reader
        .prepare_cached("SELECT status, started, stopped, about FROM execution WHERE id = ?")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .optional()?;
    let kept = core.kept(id)?;
    let instance = core.load(id).ok_or_else(|| ApiError::no_execution(arn))?;
    let origin = Arc::clone(&instance.origin);
    let running = instance.execution().is_some_and(|it| it.status() == deputy_asl::Status::Running);
    let began = instance.execution().map(Execution::started);
    // What is in memory but not yet durable has not happened, as far as anybody can tell.
    let (status, started, stopped, about) = match row {
        Some((status, started, stopped, about)) => (
            Status::of_code(status),
            Timestamp(started),
            stopped.map(Timestamp),
            serde_json::from_str::<About>(&about).ok(),
        ),
        None => (Status::Running, began.unwrap_or_default(), None, None),
    };
    if !running && status != Status::Running {
        core.retire(id);
    }
    let redrives = about.as_ref().map_or((0, None), |about| (about.redrives, about.redriven));
    let map_run = about.and_then(|about| about.map_run);
    Ok(Described { origin, status, started, stopped, result: kept.unwrap_or_default(), redrives, map_run })
}

fn payload(answer: &mut Map<String, Value>, name: &str, payload: &Payload) {
    answer.insert(name.into(), payload.text().into());
    answer.insert(format!("{name}Details"), json!({"included": true}));
}

fn result(answer: &mut Map<String, Value>, kept: &Kept) {
    if let Some(output) = &kept.output {
        payload(answer, "output", output);
    }
    for (name, text) in [("error", &kept.error), ("cause", &kept.cause)] {
        if let Some(text) = text {
            answer.insert(name.into(), text.as_ref().into());
        }
    }
}

pub(super) async fn list(engine: &Engine, params: Params<'_>) -> Result<Value, ApiError> {
    let words = ["SUCCEEDED", "TIMED_OUT", "PENDING_REDRIVE", "ABORTED", "FAILED", "RUNNING"];
    let filter = params.one_of("statusFilter", &words)?.map(ToOwned::to_owned);
    let page = Page::read(params)?;
    let machine = params.text("stateMachineArn")?.map(ToOwned::to_owned);
    let map_run = params.text("mapRunArn")?.map(ToOwned::to_owned);
    let (column, number, version) = engine
        .ask_stored(None, move |core| match (machine, map_run) {
            (Some(arn), None) => {
                let (name, qualifier) = machine_of(&arn)?;
                let machine = core.catalog.machines.get(&name).ok_or_else(|| ApiError::no_machine(&arn))?;
                if machine.express {
                    return Err(ApiError::wrong_type());
                }
                Ok(("machine", machine.number, qualifier.map(|_| arn)))
            }
            (None, Some(arn)) => {
                expect_arn(&arn, &["mapRun"])?;
                let record = core.map_runs.of_arn(&arn).ok_or_else(|| ApiError::no_resource(&arn))?;
                Ok(("map_run", record.number, None))
            }
            _ => Err(ApiError::validation("Must provide a state machine ARN or a map run ARN")),
        })
        .await?;
    let readers = Arc::clone(engine.readers());
    let rows = tokio::task::spawn_blocking(move || {
        readers.read(|reader| rows(reader, column, number, filter.as_deref(), version.as_deref(), &page))
    });
    rows.await.map_err(|_| ApiError::internal())?
}

fn rows(
    reader: &rusqlite::Connection,
    column: &str,
    number: u64,
    filter: Option<&str>,
    qualified: Option<&str>,
    page: &Page,
) -> Result<Value, ApiError> {
    let status = match filter {
        Some(name) => match Status::of_name(name) {
            Some(status) => format!("AND status = {}", status.code()),
            None => "AND status = 99".to_owned(),
        },
        None => String::new(),
    };
    let children = if column == "machine" { "AND map_run IS NULL" } else { "" };
    let before = page.after.as_deref().and_then(|after| after.parse::<u64>().ok());
    let mut select = reader.prepare_cached(&format!(
        "SELECT id, name, status, started, stopped, about FROM execution
         WHERE {column} = ? AND id < ? {status} {children} ORDER BY id DESC"
    ))?;
    let mut rows = select.query((number, before.unwrap_or(u64::MAX >> 1)))?;
    let mut executions = Vec::new();
    let mut last = None;
    let mut token = None;
    while let Some(row) = rows.next()? {
        let about: String = row.get(5)?;
        let Ok(about) = serde_json::from_str::<About>(&about) else { continue };
        let is = |arn: &Option<Arc<str>>| arn.as_deref() == qualified;
        if qualified.is_some() && !is(&about.version) && !is(&about.alias) {
            continue;
        }
        if executions.len() == page.size {
            token = last.map(|id: u64| seal(&id.to_string()));
            break;
        }
        last = Some(row.get(0)?);
        let mut shown = json!({
            "executionArn": about.arn,
            "stateMachineArn": without_case(&about.machine),
            "name": row.get::<_, String>(1)?,
            "status": Status::of_code(row.get(2)?).name(),
            "startDate": date(Timestamp(row.get(3)?)),
        });
        if let Some(members) = shown.as_object_mut() {
            if let Some(stopped) = row.get::<_, Option<i64>>(4)? {
                members.insert("stopDate".into(), date(Timestamp(stopped)));
            }
            for (key, arn) in [
                ("stateMachineVersionArn", &about.version),
                ("stateMachineAliasArn", &about.alias),
                ("mapRunArn", &about.map_run),
            ] {
                if let Some(arn) = arn {
                    members.insert(key.into(), arn.as_ref().into());
                }
            }
            if let Some(items) = about.items {
                members.insert("itemCount".into(), items.into());
            }
            if about.redrives > 0 {
                members.insert("redriveCount".into(), about.redrives.into());
            }
            if let Some(redriven) = about.redriven {
                members.insert("redriveDate".into(), date(Timestamp(redriven)));
            }
        }
        executions.push(shown);
    }
    Ok(with_token(json!({"executions": executions}), token))
}
