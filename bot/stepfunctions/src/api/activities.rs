//! Activities and task tokens: workers take tasks, and anybody with a token answers.

use std::sync::Arc;
use std::time::Duration;

use deputy_asl::{MAX_PAYLOAD_BYTES, Payload};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::machines;
use super::paging::{Page, with_token};
use super::params::{Params, date};
use super::tags;
use crate::catalog::{ACTIVITY, Activity};
use crate::engine::{Engine, Poll, TokenAnswer};
use crate::error::ApiError;
use crate::names::{Named, check_name, expect_arn};
use crate::store::writer::Write;

/// How long a worker waits for a task.
const LONG_POLL: Duration = Duration::from_secs(60);

pub(super) async fn create(engine: &Engine, params: Params<'_>) -> Result<Value, ApiError> {
    let name = params.required("name")?.to_owned();
    check_name(&name)?;
    let tags = tags::read(params.list("tags")?)?;
    engine
        .write(move |core| {
            let now = core.now();
            let arn = core.config.home.arn("activity", &name);
            let activity = core.catalog.activities.entry(name.clone()).or_insert_with(|| Activity {
                name: name.clone(),
                arn,
                created: now,
                tags,
            });
            let answer = json!({"activityArn": activity.arn, "creationDate": date(activity.created)});
            if let Ok(body) = serde_json::to_string(activity) {
                core.gathering.writes.push(Write::Put { kind: ACTIVITY, key: name, body });
            }
            Ok(answer)
        })
        .await
}

pub(super) async fn delete(engine: &Engine, params: Params<'_>) -> Result<Value, ApiError> {
    let name = name_of(params.required("activityArn")?)?;
    engine
        .write(move |core| {
            if core.catalog.activities.remove(&name).is_some() {
                core.gathering.writes.push(Write::Remove { kind: ACTIVITY, key: name });
            }
            Ok(json!({}))
        })
        .await
}

pub(super) async fn describe(engine: &Engine, params: Params<'_>) -> Result<Value, ApiError> {
    let arn = params.required("activityArn")?.to_owned();
    let name = name_of(&arn)?;
    engine
        .ask(move |core| {
            let activity = core.catalog.activities.get(&name).ok_or_else(|| ApiError::no_activity(&arn))?;
            Ok(json!({
                "activityArn": activity.arn,
                "name": activity.name,
                "creationDate": date(activity.created),
                "encryptionConfiguration": {"type": "AWS_OWNED_KEY"},
            }))
        })
        .await
}

pub(super) async fn list(engine: &Engine, params: Params<'_>) -> Result<Value, ApiError> {
    let page = Page::read(params)?;
    engine
        .ask(move |core| {
            let (activities, token) =
                page.cut(core.catalog.activities.values(), |activity| activity.name.clone());
            let activities: Vec<Value> = activities
                .into_iter()
                .map(|activity| {
                    json!({
                        "activityArn": activity.arn,
                        "name": activity.name,
                        "creationDate": date(activity.created),
                    })
                })
                .collect();
            Ok(with_token(json!({"activities": activities}), token))
        })
        .await
}

pub(super) async fn get_task(engine: &Engine, params: Params<'_>) -> Result<Value, ApiError> {
    let arn = params.required("activityArn")?.to_owned();
    let name = name_of(&arn)?;
    let worker = params.bounded("workerName", 80)?.map(ToOwned::to_owned);
    let (answer, answered) = oneshot::channel();
    engine
        .ask(move |core| {
            if !core.catalog.activities.contains_key(&name) {
                return Err(ApiError::no_activity(&arn));
            }
            core.poll_activity(&Arc::from(arn), Poll { worker, answer });
            Ok(())
        })
        .await?;
    match tokio::time::timeout(LONG_POLL, answered).await {
        Ok(Ok(task)) => {
            let token = task.token.map(|token| token.0.to_string());
            Ok(json!({"taskToken": token, "input": task.input}))
        }
        Ok(Err(_)) => Err(ApiError::internal()),
        Err(_) => Ok(json!({})),
    }
}

fn name_of(arn: &str) -> Result<String, ApiError> {
    match expect_arn(arn, &["activity"])? {
        Named::Activity { name } => Ok(name),
        _ => Err(ApiError::invalid_arn(arn)),
    }
}

pub(super) async fn success(engine: &Engine, params: Params<'_>) -> Result<Value, ApiError> {
    let token = params.required("taskToken")?.to_owned();
    let output = params.required("output")?;
    if output.len() > MAX_PAYLOAD_BYTES {
        return Err(machines::too_long("output", MAX_PAYLOAD_BYTES));
    }
    let output = Payload::parse(output)
        .map_err(|error| ApiError::new("InvalidOutput", format!("Invalid Output: '{error}'")))?;
    answer(engine, token, TokenAnswer::Success(output)).await
}

pub(super) async fn failure(engine: &Engine, params: Params<'_>) -> Result<Value, ApiError> {
    let token = params.required("taskToken")?.to_owned();
    let error = params.bounded("error", 256)?.map(Arc::from);
    let cause = params.bounded("cause", 32_768)?.map(Arc::from);
    answer(engine, token, TokenAnswer::Failure { error, cause }).await
}

pub(super) async fn heartbeat(engine: &Engine, params: Params<'_>) -> Result<Value, ApiError> {
    let token = params.required("taskToken")?.to_owned();
    answer(engine, token, TokenAnswer::Heartbeat).await
}

async fn answer(engine: &Engine, token: String, answer: TokenAnswer) -> Result<Value, ApiError> {
    engine.write(move |core| core.answer_token(&token, answer)).await?;
    Ok(json!({}))
}
