//! State machines: create, update, delete, describe, list.

use std::collections::BTreeMap;
use std::sync::Arc;

use deputy_asl::{ExecutionType, Program};
use serde_json::{Map, Value, json};

use super::paging::{Page, with_token};
use super::params::{Params, constraint, date};
use super::{executions, tags, variables, versions};
use crate::catalog::{MACHINE, Machine, Revision, definition_hash};
use crate::engine::core::Core;
use crate::engine::{Engine, random_uuid};
use crate::error::ApiError;
use crate::names::{Named, check_name, expect_arn};
use crate::store::writer::Write;
use crate::tasks::Registry;

/// How large a definition may be, in bytes.
const MAX_DEFINITION: usize = 1_048_576;
/// The role of machines that are created without one, which the real service would refuse.
const NO_ROLE: &str = "arn:aws:iam::000000000000:role/none";

/// A definition that was accepted.
struct Accepted {
    text: Arc<str>,
    program: Arc<Program>,
}

pub(super) async fn create(engine: &Engine, params: Params<'_>) -> Result<Value, ApiError> {
    let name = params.required("name")?;
    check_name(name)?;
    let express = match params.one_of("type", &["STANDARD", "EXPRESS"])? {
        Some(kind) => kind == "EXPRESS",
        None => false,
    };
    let publish = params.flag("publish")?;
    let description = params.bounded("versionDescription", 256)?.map(ToOwned::to_owned);
    if description.is_some() && !publish {
        return Err(ApiError::validation("Version description can only be set when publish is true"));
    }
    let accepted = accept(params.required("definition")?, name, express, &engine.config().registry)?;
    let hash = definition_hash(&accepted.text, express);
    let revision = Revision {
        definition: hash,
        role_arn: params.text("roleArn")?.unwrap_or(NO_ROLE).into(),
        logging: logging(params.get("loggingConfiguration"))?,
        tracing: tracing(params.get("tracingConfiguration")),
        encryption: encryption(params.get("encryptionConfiguration")),
    };
    let tags = tags::read(params.list("tags")?)?;
    let name = name.to_owned();
    engine
        .write(move |core| {
            let now = core.now();
            let arn = core.config.home.arn("stateMachine", &name);
            if let Some(known) = core.catalog.machines.get(&name) {
                let same = known.express == express
                    && known.current.definition == hash
                    && known.current.logging == revision.logging
                    && known.current.tracing == revision.tracing;
                if !same {
                    return Err(ApiError::new(
                        "StateMachineAlreadyExists",
                        format!("State Machine Already Exists: '{arn}'"),
                    ));
                }
            } else {
                core.learn(hash, &accepted, express);
                core.catalog.last_machine += 1;
                let machine = Machine {
                    number: core.catalog.last_machine,
                    name: name.clone(),
                    arn: arn.clone(),
                    express,
                    created: now,
                    updated: now,
                    current: revision,
                    revision_id: None,
                    tags,
                    versions: BTreeMap::new(),
                    last_version: 0,
                    aliases: BTreeMap::new(),
                };
                core.catalog.machines.insert(name.clone(), machine);
                core.name_limits();
            }
            let version =
                if publish { Some(versions::publish_current(core, &name, description)?) } else { None };
            core.keep_machine(&name);
            let created = core.catalog.machines.get(&name).map_or(now, |machine| machine.created);
            let mut answer = json!({"stateMachineArn": arn, "creationDate": date(created)});
            if let (Some(members), Some((version, _))) = (answer.as_object_mut(), version) {
                members.insert("stateMachineVersionArn".into(), version.into());
            }
            Ok(answer)
        })
        .await
}

pub(super) async fn update(engine: &Engine, params: Params<'_>) -> Result<Value, ApiError> {
    let arn = params.required("stateMachineArn")?.to_owned();
    let (name, _) = machine_of(&arn)?;
    let definition = params.text("definition")?.map(ToOwned::to_owned);
    let role = params.text("roleArn")?.map(Arc::<str>::from);
    let logged = params.get("loggingConfiguration").map(|value| logging(Some(value))).transpose()?;
    let traced = params.get("tracingConfiguration").map(|value| tracing(Some(value)));
    let encrypted = params.get("encryptionConfiguration").map(|value| encryption(Some(value)));
    let publish = params.flag("publish")?;
    let description = params.bounded("versionDescription", 256)?.map(ToOwned::to_owned);
    if definition.is_none()
        && role.is_none()
        && logged.is_none()
        && traced.is_none()
        && encrypted.is_none()
        && !publish
    {
        return Err(ApiError::new(
            "MissingRequiredParameter",
            "Either the definition, the role ARN, the LoggingConfiguration, the EncryptionConfiguration or the \
             TracingConfiguration must be specified",
        ));
    }
    let registry = engine.config().registry.clone();
    engine
        .write(move |core| {
            let now = core.now();
            let machine = core.catalog.machines.get(&name).ok_or_else(|| ApiError::no_machine(&arn))?;
            let express = machine.express;
            let mut revision = machine.current.clone();
            if let Some(definition) = &definition {
                let accepted = accept(definition, &name, express, &registry)?;
                revision.definition = definition_hash(&accepted.text, express);
                core.learn(revision.definition, &accepted, express);
            }
            revision.role_arn = role.unwrap_or(revision.role_arn);
            revision.logging = logged.unwrap_or(revision.logging);
            revision.tracing = traced.unwrap_or(revision.tracing);
            revision.encryption = encrypted.unwrap_or(revision.encryption);
            let machine = core.catalog.machines.get_mut(&name).ok_or_else(|| ApiError::no_machine(&arn))?;
            machine.updated = now;
            if machine.current != revision {
                machine.current = revision;
                machine.revision_id = Some(random_uuid());
            }
            let revision_id = machine.revision_id.clone();
            let version =
                if publish { Some(versions::publish_current(core, &name, description)?) } else { None };
            core.keep_machine(&name);
            let mut answer = Map::new();
            answer.insert("updateDate".into(), date(now));
            if let Some(revision_id) = revision_id {
                answer.insert("revisionId".into(), revision_id.into());
            }
            if let Some((version, _)) = version {
                answer.insert("stateMachineVersionArn".into(), version.into());
            }
            Ok(Value::Object(answer))
        })
        .await
}

pub(super) async fn delete(engine: &Engine, params: Params<'_>) -> Result<Value, ApiError> {
    let (name, _) = machine_of(params.required("stateMachineArn")?)?;
    engine
        .write(move |core| {
            if core.catalog.machines.remove(&name).is_some() {
                core.gathering.writes.push(Write::Remove { kind: MACHINE, key: name });
            }
            Ok(json!({}))
        })
        .await
}

pub(super) async fn describe(engine: &Engine, params: Params<'_>) -> Result<Value, ApiError> {
    let arn = params.required("stateMachineArn")?.to_owned();
    let (name, qualifier) = machine_of(&arn)?;
    let all = params.text("includedData")? != Some("METADATA_ONLY");
    engine
        .ask(move |core| {
            let machine =
                core.catalog.machines.get(&name).cloned().ok_or_else(|| ApiError::no_machine(&arn))?;
            let version = match &qualifier {
                None => None,
                Some(qualifier) => {
                    let number = qualifier.parse::<u64>().ok();
                    let alias = machine.aliases.get(qualifier).and_then(|alias| alias.routes.first());
                    let number = number.or(alias.map(|(number, _)| *number));
                    let found = number.and_then(|number| machine.versions.get(&number));
                    Some(found.ok_or_else(|| ApiError::no_machine(&arn))?)
                }
            };
            let revision = version.map_or(&machine.current, |version| &version.revision);
            let mut answer = shape(core, &machine.name, revision, all)?;
            answer.insert("stateMachineArn".into(), arn.into());
            answer.insert("status".into(), "ACTIVE".into());
            answer.insert("type".into(), if machine.express { "EXPRESS" } else { "STANDARD" }.into());
            let created = version.map_or(machine.created, |version| version.created);
            answer.insert("creationDate".into(), date(created));
            let revision_id = version.map_or(&machine.revision_id, |version| &version.revision_id);
            if let Some(revision_id) = revision_id {
                answer.insert("revisionId".into(), revision_id.as_str().into());
            }
            if let Some(description) = version.and_then(|version| version.description.as_deref()) {
                answer.insert("description".into(), description.into());
            }
            Ok(Value::Object(answer))
        })
        .await
}

pub(super) async fn describe_for_execution(engine: &Engine, params: Params<'_>) -> Result<Value, ApiError> {
    let arn = params.required("executionArn")?.to_owned();
    if expect_arn(&arn, &["execution", "express"])? == Named::Express {
        return Err(ApiError::wrong_type());
    }
    let all = params.text("includedData")? != Some("METADATA_ONLY");
    engine
        .ask(move |core| {
            let id = core.find_arn(&arn)?;
            let origin = {
                let instance = core.load(id).ok_or_else(|| ApiError::no_execution(&arn))?;
                Arc::clone(&instance.origin)
            };
            let name = origin.info.state_machine_name.to_string();
            let machine = core.catalog.machines.get(&name).cloned();
            let mut revision = match &machine {
                Some(machine) => machine.current.clone(),
                None => Revision {
                    definition: origin.definition,
                    role_arn: Arc::clone(&origin.info.role_arn),
                    logging: logging(None)?,
                    tracing: tracing(None),
                    encryption: encryption(None),
                },
            };
            revision.definition = origin.definition;
            revision.role_arn = Arc::clone(&origin.info.role_arn);
            let mut answer = shape(core, &name, &revision, all)?;
            let arn = executions::without_case(&origin.info.state_machine_id);
            answer.insert("stateMachineArn".into(), arn.into());
            let now = core.now();
            answer.insert("updateDate".into(), date(machine.as_ref().map_or(now, |machine| machine.updated)));
            if let Some(revision_id) = machine.and_then(|machine| machine.revision_id) {
                answer.insert("revisionId".into(), revision_id.into());
            }
            Ok(Value::Object(answer))
        })
        .await
}

/// What both kinds of description have.
fn shape(
    core: &mut Core,
    name: &str,
    revision: &Revision,
    all: bool,
) -> Result<Map<String, Value>, ApiError> {
    let definition = core
        .catalog
        .programs
        .text(&core.reader, &revision.definition)
        .map_err(|_| ApiError::internal())?
        .ok_or_else(ApiError::internal)?;
    let mut answer = Map::new();
    answer.insert("name".into(), name.into());
    if all {
        answer.insert("definition".into(), definition.as_ref().into());
        let references = variables::references(&definition);
        if !references.is_empty() {
            answer.insert("variableReferences".into(), json!(references));
        }
    }
    answer.insert("roleArn".into(), revision.role_arn.as_ref().into());
    answer.insert("loggingConfiguration".into(), revision.logging.clone());
    answer.insert("tracingConfiguration".into(), revision.tracing.clone());
    answer.insert("encryptionConfiguration".into(), revision.encryption.clone());
    Ok(answer)
}

pub(super) async fn list(engine: &Engine, params: Params<'_>) -> Result<Value, ApiError> {
    let page = Page::read(params)?;
    engine
        .ask(move |core| {
            let (machines, token) = page.cut(core.catalog.machines.values(), |machine| machine.name.clone());
            let machines: Vec<Value> = machines
                .into_iter()
                .map(|machine| {
                    json!({
                        "stateMachineArn": machine.arn,
                        "name": machine.name,
                        "type": if machine.express { "EXPRESS" } else { "STANDARD" },
                        "creationDate": date(machine.created),
                    })
                })
                .collect();
            Ok(with_token(json!({"stateMachines": machines}), token))
        })
        .await
}

/// The machine's name, and the version or alias, of an ARN.
pub(super) fn machine_of(arn: &str) -> Result<(String, Option<String>), ApiError> {
    match expect_arn(arn, &["stateMachine"])? {
        Named::StateMachine { name, qualifier } => Ok((name, qualifier)),
        _ => Err(ApiError::invalid_arn(arn)),
    }
}

/// What AWS says of a member that is too long.
pub(super) fn too_long(name: &str, limit: usize) -> ApiError {
    constraint("", name, &format!("Member must have length less than or equal to {limit}"))
}

/// Parses a definition; the error lists all that is wrong. What nobody here can do is wrong as well.
fn accept(text: &str, name: &str, express: bool, registry: &Registry) -> Result<Accepted, ApiError> {
    let invalid = |message: String| ApiError::new("InvalidDefinition", message);
    if text.len() > MAX_DEFINITION {
        return Err(too_long("definition", MAX_DEFINITION));
    }
    let kind = if express { ExecutionType::Express } else { ExecutionType::Standard };
    let report = Program::parse(text, kind);
    if let Some(message) = report.invalid_definition() {
        return Err(invalid(message));
    }
    let program = report.program.ok_or_else(|| invalid("Invalid State Machine Definition: ''".into()))?;
    let missing: Vec<String> = registry
        .missing(&program, name)
        .into_iter()
        .map(|(pointer, state, resource)| {
            format!(
                "SCHEMA_VALIDATION_FAILED: The resource '{resource}' of the state '{state}' is not available on this \
                 machine at {pointer}/Resource"
            )
        })
        .collect();
    if missing.is_empty() {
        Ok(Accepted { text: text.into(), program })
    } else {
        Err(invalid(format!("Invalid State Machine Definition: '{}'", missing.join(", "))))
    }
}

/// Checks a logging configuration and fills in what is not said.
fn logging(given: Option<&Value>) -> Result<Value, ApiError> {
    let invalid = |why: &str| {
        ApiError::new("InvalidLoggingConfiguration", format!("Invalid Logging Configuration: {why}"))
    };
    let mut members = match given {
        Some(Value::Object(members)) => members.clone(),
        _ => Map::new(),
    };
    let level = members.entry("level").or_insert_with(|| "OFF".into()).clone();
    members.entry("includeExecutionData").or_insert(false.into());
    let destinations = members.get("destinations").and_then(Value::as_array).map_or(0, Vec::len);
    if destinations > 1 || level != "OFF" && destinations == 0 {
        return Err(invalid("Must specify exactly one Log Destination."));
    }
    Ok(Value::Object(members))
}

fn tracing(given: Option<&Value>) -> Value {
    let enabled = given.and_then(|given| given.get("enabled")).and_then(Value::as_bool).unwrap_or(false);
    json!({"enabled": enabled})
}

fn encryption(given: Option<&Value>) -> Value {
    given.cloned().unwrap_or_else(|| json!({"type": "AWS_OWNED_KEY"}))
}

impl Core {
    fn learn(&mut self, hash: [u8; 32], accepted: &Accepted, express: bool) {
        let body = Arc::clone(&accepted.text);
        self.catalog.programs.learn(hash, Arc::clone(&body), express, Arc::clone(&accepted.program));
        self.gathering.writes.push(Write::Definition { hash, express, body });
    }

    /// Writes a machine as it is now.
    pub(super) fn keep_machine(&mut self, name: &str) {
        if let Some(machine) = self.catalog.machines.get(name)
            && let Ok(body) = serde_json::to_string(machine)
        {
            self.gathering.writes.push(Write::Put { kind: MACHINE, key: name.into(), body });
        }
    }
}
