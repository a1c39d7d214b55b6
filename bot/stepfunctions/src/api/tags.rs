//! Tags of state machines and activities.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::params::Params;
use crate::catalog::ACTIVITY;
use crate::engine::Engine;
use crate::engine::core::Core;
use crate::error::ApiError;
use crate::names::{Named, expect_arn};
use crate::store::writer::Write;

/// How many tags a resource may have.
const MAX_TAGS: usize = 50;

/// Tags as a request lists them.
pub(super) fn read(list: Option<&Vec<Value>>) -> Result<BTreeMap<String, String>, ApiError> {
    let mut tags = BTreeMap::new();
    for tag in list.into_iter().flatten() {
        let tag = Params::new(tag)?;
        let (key, value) = (tag.required("key")?, tag.text("value")?.unwrap_or_default());
        tags.insert(key.to_owned(), value.to_owned());
    }
    if tags.len() > MAX_TAGS {
        return Err(too_many(""));
    }
    Ok(tags)
}

fn too_many(arn: &str) -> ApiError {
    ApiError::new("TooManyTags", format!("Too many tags on the resource '{arn}': {MAX_TAGS} are allowed"))
}

pub(super) async fn tag(engine: &Engine, params: Params<'_>) -> Result<Value, ApiError> {
    let arn = params.required("resourceArn")?.to_owned();
    let added = read(params.list("tags")?)?;
    engine
        .write(move |core| {
            let tags = of(core, &arn)?;
            tags.extend(added);
            if tags.len() > MAX_TAGS {
                return Err(too_many(&arn));
            }
            keep(core, &arn);
            Ok(json!({}))
        })
        .await
}

pub(super) async fn untag(engine: &Engine, params: Params<'_>) -> Result<Value, ApiError> {
    let arn = params.required("resourceArn")?.to_owned();
    let keys: Vec<String> = params
        .list("tagKeys")?
        .into_iter()
        .flatten()
        .filter_map(|key| key.as_str().map(ToOwned::to_owned))
        .collect();
    engine
        .write(move |core| {
            let tags = of(core, &arn)?;
            for key in &keys {
                tags.remove(key);
            }
            keep(core, &arn);
            Ok(json!({}))
        })
        .await
}

pub(super) async fn list(engine: &Engine, params: Params<'_>) -> Result<Value, ApiError> {
    let arn = params.required("resourceArn")?.to_owned();
    engine
        .ask(move |core| {
            let tags: Vec<Value> =
                of(core, &arn)?.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
            Ok(json!({"tags": tags}))
        })
        .await
}

fn of<'c>(core: &'c mut Core, arn: &str) -> Result<&'c mut BTreeMap<String, String>, ApiError> {
    let found = match expect_arn(arn, &["stateMachine", "activity"])? {
        Named::StateMachine { name, qualifier: None } => {
            core.catalog.machines.get_mut(&name).map(|machine| &mut machine.tags)
        }
        Named::Activity { name } => core.catalog.activities.get_mut(&name).map(|activity| &mut activity.tags),
        _ => None,
    };
    found.ok_or_else(|| ApiError::no_resource(arn))
}

fn keep(core: &mut Core, arn: &str) {
    match expect_arn(arn, &["stateMachine", "activity"]) {
        Ok(Named::StateMachine { name, .. }) => core.keep_machine(&name),
        Ok(Named::Activity { name }) => {
            if let Some(body) =
                core.catalog.activities.get(&name).and_then(|it| serde_json::to_string(it).ok())
            {
                core.gathering.writes.push(Write::Put { kind: ACTIVITY, key: name, body });
            }
        }
        _ => {}
    }
}
