//! The context object: `$$` in JSONPath, `$states.context` in JSONata.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::effect::TaskToken;
use crate::payload::Payload;
use crate::program::ExecutionType;
use crate::time::Timestamp;

/// Who an execution is: what its context object and ARNs show. Fixed for its whole life.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExecutionInfo {
    /// The execution's ARN.
    pub id: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// The state machine's ARN.
    pub state_machine_id: Arc<str>,
    /// The state machine's name.
    pub state_machine_name: Arc<str>,
    /// The role that it runs as.
    pub role_arn: Arc<str>,
    /// Where it runs, as in `us-east-1`.
    pub region: Arc<str>,
    /// Whose it is: twelve digits.
    pub account: Arc<str>,
    /// Standard or Express.
    pub execution_type: ExecutionType,
    /// Its input.
    pub input: Payload,
    /// For the child of a distributed map: the item it works on.
    pub item: Option<MapItem>,
}

/// `Map.Item` of the context object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MapItem {
    /// The item's position, from 0.
    pub index: u64,
    /// The member's name, when the items are an object's members.
    pub key: Option<Arc<str>>,
    /// The item.
    pub value: Payload,
}

impl MapItem {
    /// The context object's `Map`.
    pub(crate) fn to_context(&self) -> Value {
        let mut shown = Map::new();
        shown.insert("Index".into(), self.index.into());
        if let Some(key) = &self.key {
            shown.insert("Key".into(), key.as_ref().into());
        }
        shown.insert("Value".into(), self.value.value().clone());
        Value::Object(Map::from_iter([("Item".into(), Value::Object(shown))]))
    }
}

/// What a context object is made of.
pub(crate) struct ContextSource<'a> {
    pub(crate) info: &'a ExecutionInfo,
    pub(crate) started: Timestamp,
    pub(crate) redrives: u32,
    pub(crate) redriven: Option<Timestamp>,
    pub(crate) state: &'a Arc<str>,
    pub(crate) entered: Timestamp,
    /// Only of states that can be retried.
    pub(crate) retries: Option<u32>,
    pub(crate) token: Option<&'a TaskToken>,
    pub(crate) item: Option<&'a MapItem>,
}

impl ContextSource<'_> {
    pub(crate) fn build(&self) -> Value {
        let mut execution = Map::new();
        execution.insert("Id".into(), self.info.id.as_ref().into());
        execution.insert("Input".into(), self.info.input.value().clone());
        execution.insert("StartTime".into(), self.started.to_string().into());
        execution.insert("Name".into(), self.info.name.as_ref().into());
        execution.insert("RoleArn".into(), self.info.role_arn.as_ref().into());
        // Express executions cannot be redriven, and their context object does not speak of it.
        if self.info.execution_type == ExecutionType::Standard {
            execution.insert("RedriveCount".into(), self.redrives.into());
        }
        if let Some(redriven) = self.redriven {
            execution.insert("RedriveTime".into(), redriven.to_string().into());
        }
        let mut machine = Map::new();
        machine.insert("Id".into(), self.info.state_machine_id.as_ref().into());
        machine.insert("Name".into(), self.info.state_machine_name.as_ref().into());
        let mut state = Map::new();
        state.insert("Name".into(), self.state.as_ref().into());
        state.insert("EnteredTime".into(), self.entered.to_string().into());
        if let Some(retries) = self.retries {
            state.insert("RetryCount".into(), retries.into());
        }
        let mut context = Map::new();
        context.insert("Execution".into(), Value::Object(execution));
        if let Some(item) = self.item {
            let mut shown = Map::new();
            shown.insert("Index".into(), item.index.into());
            if let Some(key) = &item.key {
                shown.insert("Key".into(), key.as_ref().into());
            }
            shown.insert("Value".into(), item.value.value().clone());
            context
                .insert("Map".into(), Value::Object(Map::from_iter([("Item".into(), Value::Object(shown))])));
        }
        context.insert("StateMachine".into(), Value::Object(machine));
        context.insert("State".into(), Value::Object(state));
        if let Some(token) = self.token {
            let task = Map::from_iter([("Token".into(), token.0.as_ref().into())]);
            context.insert("Task".into(), Value::Object(task));
        }
        Value::Object(context)
    }
}
