//! `GetExecutionHistory`: the log, applied again.

use std::sync::Arc;

use deputy_asl::{HistoryEvent, Timestamp};
use serde_json::{Value, json};

use super::executions::standard;
use super::paging::{Page, seal, with_token};
use super::params::{Params, date};
use crate::engine::{Engine, history, read_log};
use crate::error::ApiError;
use crate::store::segment;

pub(super) async fn get(engine: &Engine, params: Params<'_>) -> Result<Value, ApiError> {
    let arn = params.required("executionArn")?.to_owned();
    standard(&arn)?;
    let reverse = params.flag("reverseOrder")?;
    let with_data = params.get("includeExecutionData").is_none_or(|value| value != false);
    let page = Page::read(params)?;
    let readers = Arc::clone(engine.readers());
    // Only what is durable is shown: the tail in memory up to where segments hold it.
    let (id, origin, program, tail_from, tail) = engine
        .ask_stored(Some(&arn.clone()), move |core| {
            let id = core.find_arn(&arn)?;
            let instance = core.load(id).ok_or_else(|| ApiError::no_execution(&arn))?;
            let (origin, program) = (Arc::clone(&instance.origin), Arc::clone(&instance.program));
            let found = (id, origin, program, instance.unflushed_from, instance.unflushed.clone());
            if instance.is_over() {
                core.retire(id);
            }
            Ok(found)
        })
        .await?;
    let work = move || {
        let parts = readers.read(|reader| read_log(reader, id)).map_err(|error| {
            tracing::error!(%error, "a history cannot be read");
            ApiError::internal()
        })?;
        let damaged = |_| ApiError::internal();
        let mut logs: Vec<(u64, &[u8])> = Vec::new();
        for (first, body) in &parts {
            let log = if *first == 0 { segment::split_origin(body).map_err(damaged)?.1 } else { body };
            logs.push((*first, log));
        }
        logs.push((tail_from, &tail));
        let mut events: Vec<(Timestamp, HistoryEvent)> = Vec::new();
        history(origin, program, id, &logs, |at, event| events.push((at, event))).map_err(damaged)?;
        Ok(cut(&events, reverse, with_data, &page))
    };
    tokio::task::spawn_blocking(work).await.map_err(|_| ApiError::internal())?
}

fn cut(events: &[(Timestamp, HistoryEvent)], reverse: bool, with_data: bool, page: &Page) -> Value {
    let after = page.after.as_deref().and_then(|after| after.parse::<u64>().ok());
    let is_next = |id: u64| after.is_none_or(|after| if reverse { id < after } else { id > after });
    let ordered: Box<dyn Iterator<Item = &(Timestamp, HistoryEvent)>> =
        if reverse { Box::new(events.iter().rev()) } else { Box::new(events.iter()) };
    let mut rest = ordered.filter(|(_, event)| is_next(event.id));
    let shown: Vec<&(Timestamp, HistoryEvent)> = rest.by_ref().take(page.size).collect();
    let token = match (rest.next(), shown.last()) {
        (Some(_), Some((_, last))) => Some(seal(&last.id.to_string())),
        _ => None,
    };
    let shown: Vec<Value> = shown.into_iter().map(|(at, event)| shape(*at, event, with_data)).collect();
    with_token(json!({"events": shown}), token)
}

fn shape(at: Timestamp, event: &HistoryEvent, with_data: bool) -> Value {
    let mut shown = event.to_json();
    if let Some(members) = shown.as_object_mut() {
        members.insert("timestamp".into(), date(at));
        if !with_data {
            for details in members.values_mut().filter_map(Value::as_object_mut) {
                for data in
                    ["input", "output", "inputDetails", "outputDetails", "parameters", "assignedVariables"]
                {
                    details.remove(data);
                }
            }
        }
    }
    shown
}
