//! AWS's API: one function per operation, JSON in and JSON out, and the HTTP around them.

mod activities;
mod aliases;
mod executions;
mod history;
mod machines;
mod map_runs;
mod paging;
mod params;
pub mod server;
mod shapes;
pub(crate) mod sign;
mod tags;
mod test_state;
mod validate;
mod variables;
mod versions;

use serde_json::Value;

pub(crate) use self::executions::{description, start_execution, without_case};
use self::params::Params;
use crate::engine::Engine;
use crate::error::ApiError;

/// Calls an operation by its name in `X-Amz-Target`.
pub(crate) async fn call(engine: &Engine, operation: &str, request: &Value) -> Result<Value, ApiError> {
    let params = Params::new(request)?;
    match operation {
        "CreateStateMachine" => machines::create(engine, params).await,
        "UpdateStateMachine" => machines::update(engine, params).await,
        "DeleteStateMachine" => machines::delete(engine, params).await,
        "DescribeStateMachine" => machines::describe(engine, params).await,
        "DescribeStateMachineForExecution" => machines::describe_for_execution(engine, params).await,
        "ListStateMachines" => machines::list(engine, params).await,
        "ValidateStateMachineDefinition" => validate::validate(params),
        "PublishStateMachineVersion" => versions::publish(engine, params).await,
        "DeleteStateMachineVersion" => versions::delete(engine, params).await,
        "ListStateMachineVersions" => versions::list(engine, params).await,
        "CreateStateMachineAlias" => aliases::create(engine, params).await,
        "UpdateStateMachineAlias" => aliases::update(engine, params).await,
        "DeleteStateMachineAlias" => aliases::delete(engine, params).await,
        "DescribeStateMachineAlias" => aliases::describe(engine, params).await,
        "ListStateMachineAliases" => aliases::list(engine, params).await,
        "TagResource" => tags::tag(engine, params).await,
        "UntagResource" => tags::untag(engine, params).await,
        "ListTagsForResource" => tags::list(engine, params).await,
        "StartExecution" => executions::start(engine, params).await,
        "StartSyncExecution" => executions::start_sync(engine, params).await,
        "StopExecution" => executions::stop(engine, params).await,
        "RedriveExecution" => executions::redrive(engine, params).await,
        "DescribeExecution" => executions::describe(engine, params).await,
        "ListExecutions" => executions::list(engine, params).await,
        "GetExecutionHistory" => history::get(engine, params).await,
        "CreateActivity" => activities::create(engine, params).await,
        "DeleteActivity" => activities::delete(engine, params).await,
        "DescribeActivity" => activities::describe(engine, params).await,
        "ListActivities" => activities::list(engine, params).await,
        "GetActivityTask" => activities::get_task(engine, params).await,
        "SendTaskSuccess" => activities::success(engine, params).await,
        "SendTaskFailure" => activities::failure(engine, params).await,
        "SendTaskHeartbeat" => activities::heartbeat(engine, params).await,
        "DescribeMapRun" => map_runs::describe(engine, params).await,
        "ListMapRuns" => map_runs::list(engine, params).await,
        "UpdateMapRun" => map_runs::update(engine, params).await,
        "TestState" => test_state::test(engine, params).await,
        _ => Err(ApiError::new("UnknownOperationException", format!("{operation} is not known"))),
    }
}
