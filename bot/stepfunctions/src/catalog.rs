//! State machines, versions, aliases, activities and definitions: small, so all of it is in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use deputy_asl::{ExecutionType, Program, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::error::EngineError;

/// Kinds of catalog entries in the store.
pub(crate) const MACHINE: &str = "machine";
pub(crate) const ACTIVITY: &str = "activity";
pub(crate) const EXPRESS: &str = "express";
pub(crate) const MAP_RUN: &str = "map-run";

/// A definition's hash.
pub(crate) type Hash = [u8; 32];

/// The hash under which a definition is kept: of its type and text.
pub(crate) fn definition_hash(text: &str, express: bool) -> Hash {
    let mut hash = Sha256::new();
    hash.update([u8::from(express)]);
    hash.update(text.as_bytes());
    hash.finalize().into()
}

/// A state machine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// Never used again, not even by a later machine of the same name.
    pub(crate) number: u64,
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) express: bool,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
    pub(crate) current: Revision,
    /// Absent until the first update.
    pub(crate) revision_id: Option<String>,
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) versions: BTreeMap<u64, Version>,
    pub(crate) last_version: u64,
    #[serde(default)]
    pub(crate) aliases: BTreeMap<String, Alias>,
}

/// What an update changes and a version keeps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Revision {
    pub(crate) definition: Hash,
    pub(crate) role_arn: Arc<str>,
    pub(crate) logging: Value,
    pub(crate) tracing: Value,
    pub(crate) encryption: Value,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Version {
    pub(crate) revision: Revision,
    pub(crate) revision_id: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) created: Timestamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Alias {
    pub(crate) description: Option<String>,
    /// Version numbers and their weights.
    pub(crate) routes: Vec<(u64, u32)>,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Activity {
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) created: Timestamp,
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
}

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    /// By name.
    pub(crate) machines: BTreeMap<String, Machine>,
    /// By name.
    pub(crate) activities: BTreeMap<String, Activity>,
    pub(crate) programs: Programs,
    pub(crate) last_machine: u64,
    express: Vec<(String, String)>,
    pub(crate) map_runs: Vec<(String, String)>,
}

impl Catalog {
    pub(crate) fn load(connection: &Connection) -> Result<Self, EngineError> {
        let mut catalog = Self::default();
        let mut select = connection.prepare("SELECT kind, key, body FROM catalog")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let (kind, key, body): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let unreadable = |error| EngineError::Unreadable(format!("{kind} {key}: {error}"));
            match kind.as_str() {
                MACHINE => {
                    let machine: Machine = serde_json::from_str(&body).map_err(unreadable)?;
                    catalog.last_machine = catalog.last_machine.max(machine.number);
                    catalog.machines.insert(key, machine);
                }
                ACTIVITY => {
                    let activity = serde_json::from_str(&body).map_err(unreadable)?;
                    catalog.activities.insert(key, activity);
                }
                EXPRESS => catalog.express.push((key, body)),
                MAP_RUN => catalog.map_runs.push((key, body)),
                _ => {}
            }
        }
        let last: Option<u64> = connection
            .query_row("SELECT max(machine) FROM execution", [], |row| row.get(0))
            .optional()?
            .flatten();
        catalog.last_machine = catalog.last_machine.max(last.unwrap_or(0));
        Ok(catalog)
    }

    /// Express executions that were under way.
    pub(crate) fn take_express(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.express)
    }
}

/// Definitions and what they were parsed into, by hash.
#[derive(Debug, Default)]
pub(crate) struct Programs {
    texts: HashMap<Hash, (Arc<str>, bool)>,
    parsed: HashMap<Hash, Arc<Program>>,
}

impl Programs {
    /// Remembers a definition that was just parsed.
    pub(crate) fn learn(&mut self, hash: Hash, text: Arc<str>, express: bool, program: Arc<Program>) {
        self.texts.insert(hash, (text, express));
        self.parsed.insert(hash, program);
    }

    /// The definition's text.
    pub(crate) fn text(
        &mut self,
        connection: &Connection,
        hash: &Hash,
    ) -> Result<Option<Arc<str>>, EngineError> {
        Ok(self.read(connection, hash)?.map(|(text, _)| text))
    }

    /// The definition as the interpreter wants it. `None` if there is none, or none that this version accepts.
    pub(crate) fn get(
        &mut self,
        connection: &Connection,
        hash: &Hash,
    ) -> Result<Option<Arc<Program>>, EngineError> {
        if let Some(program) = self.parsed.get(hash) {
            return Ok(Some(Arc::clone(program)));
        }
        let Some((text, express)) = self.read(connection, hash)? else { return Ok(None) };
        let kind = if express { ExecutionType::Express } else { ExecutionType::Standard };
        let Some(program) = Program::parse(&text, kind).program else { return Ok(None) };
        self.parsed.insert(*hash, Arc::clone(&program));
        Ok(Some(program))
    }

    fn read(
        &mut self,
        connection: &Connection,
        hash: &Hash,
    ) -> Result<Option<(Arc<str>, bool)>, EngineError> {
        if let Some(known) = self.texts.get(hash) {
            return Ok(Some(known.clone()));
        }
        let read: Option<(String, bool)> = connection
            .prepare_cached("SELECT body, express FROM definition WHERE hash = ?")?
            .query_row(params![hash], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((text, express)) = read else { return Ok(None) };
        let known: (Arc<str>, bool) = (text.into(), express);
        self.texts.insert(*hash, known.clone());
        Ok(Some(known))
    }
}

/// Which revision of which machine to start, and as what.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) machine: u64,
    pub(crate) name: String,
    pub(crate) arn: String,
    /// What the ARN said besides the name: a version's number or an alias.
    pub(crate) qualifier: Option<String>,
    pub(crate) express: bool,
    pub(crate) definition: Hash,
    pub(crate) role_arn: Arc<str>,
    pub(crate) version: Option<Arc<str>>,
    pub(crate) alias: Option<Arc<str>>,
}

impl Machine {
    /// Which version an alias sends an execution to; `chance` is below 100.
    pub(crate) fn route(&self, alias: &Alias, chance: u32) -> Option<(u64, &Version)> {
        let mut sum = 0;
        let number = alias.routes.iter().find(|(_, weight)| {
            sum += weight;
            chance < sum
        })?;
        self.versions.get(&number.0).map(|version| (number.0, version))
    }

    /// What an ARN with this qualifier starts.
    pub(crate) fn target(&self, qualifier: Option<&str>, chance: u32) -> Option<Target> {
        let versioned = |number: u64| -> Arc<str> { format!("{}:{number}", self.arn).into() };
        let (revision, version, alias) = match qualifier {
            None => (&self.current, None, None),
            Some(qualifier) => match qualifier.parse::<u64>() {
                Ok(number) => (&self.versions.get(&number)?.revision, Some(versioned(number)), None),
                Err(_) => {
                    let (number, version) = self.route(self.aliases.get(qualifier)?, chance)?;
                    let alias: Arc<str> = format!("{}:{qualifier}", self.arn).into();
                    (&version.revision, Some(versioned(number)), Some(alias))
                }
            },
        };
        Some(Target {
            machine: self.number,
            name: self.name.clone(),
            arn: self.arn.clone(),
            qualifier: qualifier.map(Into::into),
            express: self.express,
            definition: revision.definition,
            role_arn: Arc::clone(&revision.role_arn),
            version,
            alias,
        })
    }
}
