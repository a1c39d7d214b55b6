//! Versions of state machines: revisions that stay as they are.

use serde_json::{Value, json};

use super::machines::machine_of;
use super::paging::{Page, with_token};
use super::params::{Params, date};
use crate::catalog::Version;
use crate::engine::Engine;
use crate::engine::core::Core;
use crate::error::ApiError;
use deputy_asl::Timestamp;

pub(super) async fn publish(engine: &Engine, params: Params<'_>) -> Result<Value, ApiError> {
    let arn = params.required("stateMachineArn")?.to_owned();
    let (name, _) = machine_of(&arn)?;
    let description = params.bounded("description", 256)?.map(ToOwned::to_owned);
    let revision_id = params.text("revisionId")?.map(ToOwned::to_owned);
    engine
        .write(move |core| {
            let machine = core.catalog.machines.get(&name).ok_or_else(|| ApiError::no_machine(&arn))?;
            let current = machine.revision_id.as_deref().unwrap_or("INITIAL");
            if let Some(wanted) = revision_id.filter(|wanted| wanted != current) {
                return Err(ApiError::new(
                    "ConflictException",
                    format!(
                        "Failed to publish the State Machine version for revision {wanted}. The current State Machine \
                         revision is {current}."
                    ),
                ));
            }
            let (arn, created) = publish_current(core, &name, description)?;
            core.keep_machine(&name);
            Ok(json!({"stateMachineVersionArn": arn, "creationDate": date(created)}))
        })
        .await
}

/// Publishes what the machine is now; again, if the latest version is of the same revision.
pub(super) fn publish_current(
    core: &mut Core,
    name: &str,
    description: Option<String>,
) -> Result<(String, Timestamp), ApiError> {
    let now = core.now();
    let machine = core.catalog.machines.get_mut(name).ok_or_else(|| ApiError::no_machine(name))?;
    if let Some((number, version)) = machine.versions.last_key_value()
        && version.revision_id == machine.revision_id
    {
        return Ok((format!("{}:{number}", machine.arn), version.created));
    }
    machine.last_version += 1;
    let version = Version {
        revision: machine.current.clone(),
        revision_id: machine.revision_id.clone(),
        description,
        created: now,
    };
    machine.versions.insert(machine.last_version, version);
    Ok((format!("{}:{}", machine.arn, machine.last_version), now))
}

pub(super) async fn delete(engine: &Engine, params: Params<'_>) -> Result<Value, ApiError> {
    let arn = params.required("stateMachineVersionArn")?;
    let (name, qualifier) = machine_of(arn)?;
    let number: u64 = qualifier
        .and_then(|qualifier| qualifier.parse().ok())
        .ok_or_else(|| ApiError::validation("The version ARN must end in a version number"))?;
    engine
        .write(move |core| {
            let Some(machine) = core.catalog.machines.get_mut(&name) else { return Ok(json!({})) };
            let users: Vec<&str> = machine
                .aliases
                .iter()
                .filter(|(_, alias)| alias.routes.iter().any(|(routed, _)| *routed == number))
                .map(|(name, _)| name.as_str())
                .collect();
            if !users.is_empty() {
                return Err(ApiError::new(
                    "ConflictException",
                    format!(
                        "Version to be deleted must not be referenced by an alias. Current list of aliases referencing \
                         this version: [{}]",
                        users.join(", ")
                    ),
                ));
            }
            machine.versions.remove(&number);
            core.keep_machine(&name);
            Ok(json!({}))
        })
        .await
}

pub(super) async fn list(engine: &Engine, params: Params<'_>) -> Result<Value, ApiError> {
    let arn = params.required("stateMachineArn")?.to_owned();
    let (name, _) = machine_of(&arn)?;
    let page = Page::read(params)?;
    engine
        .ask(move |core| {
            let machine = core.catalog.machines.get(&name).ok_or_else(|| ApiError::no_machine(&arn))?;
            let (versions, token) = page.cut(machine.versions.iter().rev(), |(number, _)| number.to_string());
            let versions: Vec<Value> = versions
                .into_iter()
                .map(|(number, version)| {
                    json!({
                        "stateMachineVersionArn": format!("{}:{number}", machine.arn),
                        "creationDate": date(version.created),
                    })
                })
                .collect();
            Ok(with_token(json!({"stateMachineVersions": versions}), token))
        })
        .await
}
