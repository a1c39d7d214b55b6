//! Map runs: describe, list, and change concurrency and tolerance while they run.

use serde_json::{Map, Value, json};

use super::executions::standard;
use super::paging::{Page, with_token};
use super::params::{Params, date};
use crate::engine::{Counts, Engine, Record, item_counts};
use crate::error::ApiError;
use crate::names::expect_arn;

pub(super) async fn describe(engine: &Engine, params: Params<'_>) -> Result<Value, ApiError> {
    let arn = params.required("mapRunArn")?.to_owned();
    expect_arn(&arn, &["mapRun"])?;
    engine
        .ask(move |core| {
            let record = core.map_runs.of_arn(&arn).ok_or_else(|| ApiError::no_resource(&arn))?;
            Ok(shape(record))
        })
        .await
}

fn shape(record: &Record) -> Value {
    let over = record.stopped.is_some();
    let items = record.run.as_ref().filter(|_| !over).map_or(record.items, item_counts);
    let done = record.executions;
    let finished = done.succeeded + done.failed + done.timed_out + done.aborted;
    let executions =
        Counts { total: items.total, running: items.total.saturating_sub(finished + items.pending), ..done };
    let mut answer = Map::new();
    answer.insert("mapRunArn".into(), record.arn.as_ref().into());
    answer.insert("executionArn".into(), record.execution_arn.as_ref().into());
    answer.insert("status".into(), record.status.as_str().into());
    answer.insert("startDate".into(), date(record.started));
    if let Some(stopped) = record.stopped {
        answer.insert("stopDate".into(), date(stopped));
    }
    answer.insert("maxConcurrency".into(), record.max_concurrency.into());
    answer.insert("toleratedFailurePercentage".into(), record.tolerated_percentage.unwrap_or(0.0).into());
    answer.insert("toleratedFailureCount".into(), record.tolerated_count.unwrap_or(0).into());
    answer.insert("itemCounts".into(), counts(&items));
    answer.insert("executionCounts".into(), counts(&executions));
    answer.insert("redriveCount".into(), record.redrives.into());
    if let Some(redriven) = record.redriven {
        answer.insert("redriveDate".into(), date(redriven));
    }
    Value::Object(answer)
}

fn counts(counts: &Counts) -> Value {
    json!({
        "pending": counts.pending,
        "running": counts.running,
        "succeeded": counts.succeeded,
        "failed": counts.failed,
        "timedOut": counts.timed_out,
        "aborted": counts.aborted,
        "total": counts.total,
        "resultsWritten": counts.results_written,
        "failuresNotRedrivable": 0,
        "pendingRedrive": 0,
    })
}

pub(super) async fn list(engine: &Engine, params: Params<'_>) -> Result<Value, ApiError> {
    let arn = params.required("executionArn")?.to_owned();
    standard(&arn)?;
    let page = Page::read(params)?;
    engine
        .ask(move |core| {
            core.find_arn(&arn)?;
            let mut records: Vec<&Record> =
                core.map_runs.all().filter(|record| record.execution_arn.as_ref() == arn).collect();
            records.sort_by_key(|record| record.number);
            let (records, token) = page.cut(records.into_iter(), |record| record.number.to_string());
            let shown: Vec<Value> = records
                .into_iter()
                .map(|record| {
                    let mut shown = json!({
                        "executionArn": record.execution_arn,
                        "mapRunArn": record.arn,
                        "stateMachineArn": machine_arn(record),
                        "startDate": date(record.started),
                    });
                    if let (Some(members), Some(stopped)) = (shown.as_object_mut(), record.stopped) {
                        members.insert("stopDate".into(), date(stopped));
                    }
                    shown
                })
                .collect();
            Ok(with_token(json!({"mapRuns": shown}), token))
        })
        .await
}

/// The ARN of the machine that the children run: `stateMachine:MACHINE/LABEL`.
fn machine_arn(record: &Record) -> String {
    let arn = record.arn.replacen(":mapRun:", ":stateMachine:", 1);
    arn.rsplit_once(':').map_or(arn.clone(), |(machine, _)| machine.to_owned())
}

pub(super) async fn update(engine: &Engine, params: Params<'_>) -> Result<Value, ApiError> {
    let arn = params.required("mapRunArn")?.to_owned();
    expect_arn(&arn, &["mapRun"])?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    // Negative numbers become 0, AWS's "no limit".
    let concurrency = params.number("maxConcurrency")?.map(|number| number as u32);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let count = params.number("toleratedFailureCount")?.map(|number| number as u64);
    let percentage = params.number("toleratedFailurePercentage")?;
    engine
        .write(move |core| {
            let record = core.map_runs.of_arn(&arn).ok_or_else(|| ApiError::no_resource(&arn))?;
            record.max_concurrency = concurrency.unwrap_or(record.max_concurrency);
            record.tolerated_count = count.or(record.tolerated_count);
            record.tolerated_percentage = percentage.or(record.tolerated_percentage);
            if let Some(run) = &mut record.run {
                run.request.max_concurrency = record.max_concurrency;
                run.request.tolerated_failure_count = record.tolerated_count;
                run.request.tolerated_failure_percentage = record.tolerated_percentage;
            }
            let number = record.number;
            core.run_children(number);
            Ok(json!({}))
        })
        .await
}
