//! `TestState`: one state on its own, with a mock or with the real services.

use std::sync::Arc;

use deputy_asl::program::Kind;
use deputy_asl::{
    ErrorDetails, ExecutionInfo, ExecutionType, Inspection, Integration, Mock, Pattern, Payload, Probe,
    Program, Seed, TaskRequest, Verdict, inspect,
};
use serde_json::{Map, Value};

use super::params::Params;
use super::{executions, shapes};
use crate::engine::{Engine, random_bytes, random_uuid};
use crate::error::ApiError;
use crate::tasks::{TaskCall, TaskResult};

/// The name of a state whose definition comes without one.
const UNNAMED: &str = "StateName";
const NO_MAPS: &str = "TestState API does not support Map or Parallel states. Supported state types include: [Task, Wait, \
                       Pass, Succeed, Fail, Choice]";

pub(super) async fn test(engine: &Engine, params: Params<'_>) -> Result<Value, ApiError> {
    let definition = params.required("definition")?;
    let level = params.one_of("inspectionLevel", &["INFO", "DEBUG", "TRACE"])?.unwrap_or("INFO");
    let (program, name) = parse(definition, params.text("stateName")?)?;
    let (workflow, state) =
        program.find_state(&name).ok_or_else(|| ApiError::validation("State not found in definition"))?;
    let defined = program.state(workflow, state);
    let configuration = params.get("stateConfiguration").and_then(Value::as_object);
    let number = |key: &str| configuration.and_then(|it| it.get(key)).and_then(Value::as_u64);
    let mock = mock(params, &defined.kind, number("mapIterationFailureCount"))?;
    let context = context(params, &defined.kind)?;
    let input = executions::parse_input(params.text("input")?.unwrap_or("{}"))?;
    let variables = match params.text("variables")? {
        Some(text) => {
            serde_json::from_str(text).map_err(|_| ApiError::validation("Variables must be a JSON object"))?
        }
        None => Map::new(),
    };
    let home = &engine.config().home;
    let (machine, execution) = (random_uuid(), random_uuid());
    let info = ExecutionInfo {
        id: home.arn("express", format_args!("{machine}:{execution}")).into(),
        name: execution.into(),
        state_machine_id: home.arn("stateMachine", &machine).into(),
        state_machine_name: machine.into(),
        role_arn: params.text("roleArn")?.unwrap_or("arn:aws:iam::000000000000:role/none").into(),
        region: home.region.as_str().into(),
        account: home.account.as_str().into(),
        // It runs as a state of an Express execution does.
        execution_type: ExecutionType::Express,
        input,
        item: None,
    };
    let mut probe = Probe {
        workflow,
        state,
        info,
        context,
        variables,
        mock,
        retry_count: number("retrierRetryCount").and_then(|count| u32::try_from(count).ok()).unwrap_or(0),
        failed_iterations: number("mapIterationFailureCount").unwrap_or(0),
        at: engine.config().clock.now(),
        seed: Seed(random_bytes()),
    };
    let mut inspection = inspect(&program, &probe);
    if let Verdict::Task(request) = &inspection.verdict {
        let result = run(engine, &probe.info, request.as_ref().clone()).await;
        probe.mock = Some(match result {
            Ok(output) => Mock::Result(output),
            Err(error) => Mock::Error(ErrorDetails { error: error.error, cause: error.cause }),
        });
        inspection = inspect(&program, &probe);
    }
    answer(&inspection, level)
}

/// The program, and the name of the state in it.
fn parse(definition: &str, name: Option<&str>) -> Result<(Arc<Program>, String), ApiError> {
    let is_machine = serde_json::from_str::<Value>(definition).is_ok_and(|it| it.get("States").is_some());
    let report = match (is_machine, name) {
        (true, None) => {
            return Err(ApiError::validation("State name must be provided for a state machine definition"));
        }
        (true, Some(_)) => Program::parse(definition, ExecutionType::Standard),
        (false, name) => Program::parse_state(definition, name.unwrap_or(UNNAMED), ExecutionType::Standard),
    };
    let invalid = |message: String| ApiError::new("InvalidDefinition", message);
    if is_machine
        && let Some(name) = name
        && let Some(program) = &report.program
        && program.find_state(name).is_none()
    {
        return Err(ApiError::validation("State not found in definition"));
    }
    if let Some(message) = report.invalid_definition() {
        return Err(invalid(message));
    }
    let program = report.program.ok_or_else(|| invalid("Invalid State Machine Definition: ''".into()))?;
    Ok((program, name.unwrap_or(UNNAMED).to_owned()))
}

fn mock(params: Params<'_>, kind: &Kind, failed_iterations: Option<u64>) -> Result<Option<Mock>, ApiError> {
    let refused = |text: &str| Err(ApiError::validation(text));
    let groups = matches!(kind, Kind::Map(_) | Kind::Parallel { .. });
    let Some(mock) = params.get("mock").and_then(Value::as_object) else {
        if failed_iterations.is_some() {
            return refused(
                "TestState does not support MapIterationFailureCount when a mock is not specified.",
            );
        }
        return if groups { Err(ApiError::new("InvalidDefinition", NO_MAPS)) } else { Ok(None) };
    };
    if params.flag("revealSecrets")? {
        return refused("TestState does not support RevealSecrets when a mock is specified.");
    }
    if !groups && !matches!(kind, Kind::Task(_)) {
        let name = kind.state_type().name();
        return refused(&format!("State type '{name}' is not supported when a mock is specified"));
    }
    match (mock.get("result").and_then(Value::as_str), mock.get("errorOutput")) {
        (Some(_), Some(_)) => {
            refused("A test mock should have only one of the following fields: [result, errorOutput].")
        }
        (None, None) => refused("A test mock must have one of the following fields: [result, errorOutput]."),
        (None, Some(error)) => {
            let text = |name: &str| error.get(name).and_then(Value::as_str).map(Arc::from);
            Ok(Some(Mock::Error(ErrorDetails { error: text("error"), cause: text("cause") })))
        }
        (Some(text), None) => {
            let Ok(result) = Payload::parse(text) else {
                return refused("Mocked result must be valid JSON.");
            };
            check_result(kind, &result, mock.get("fieldValidationMode").and_then(Value::as_str))?;
            let items = result.value().as_array().map_or(0, Vec::len) as u64;
            if matches!(kind, Kind::Map(_)) && failed_iterations.is_some_and(|failed| failed > items) {
                return refused(
                    "Map iteration failure count must be less than or equal to the number of Map iterations",
                );
            }
            Ok(Some(Mock::Result(result)))
        }
    }
}

/// Whether a mocked result is of the shape that the state can have.
fn check_result(kind: &Kind, result: &Payload, mode: Option<&str>) -> Result<(), ApiError> {
    match kind {
        Kind::Task(task) if mode != Some("NONE") => {
            match shapes::check(&task.resource, result.value(), mode.is_none_or(|mode| mode == "STRICT")) {
                None => Ok(()),
                Some(fault) => {
                    Err(ApiError::validation(format!("Mock result schema validation error: {fault}")))
                }
            }
        }
        Kind::Map(map) => {
            let written = match &map.mode {
                deputy_asl::program::MapMode::Distributed(distributed) => distributed.writer.is_some(),
                deputy_asl::program::MapMode::Inline => false,
            };
            if written || result.value().is_array() {
                Ok(())
            } else {
                Err(ApiError::validation("Mocked result must be an array."))
            }
        }
        Kind::Parallel { .. } if !result.value().is_array() => {
            Err(ApiError::validation("Mocked result must be an array."))
        }
        _ => Ok(()),
    }
}

/// The context object of a request, if there is one that could be one.
fn context(params: Params<'_>, kind: &Kind) -> Result<Option<Payload>, ApiError> {
    let Some(text) = params.text("context")? else { return Ok(None) };
    let invalid = |why: &str| ApiError::validation(format!("Invalid Context object provided: {why}"));
    let context = Payload::parse(text).map_err(|_| invalid("not a valid JSON document"))?;
    let Value::Object(members) = context.value() else { return Err(invalid("must be a JSON object")) };
    for (name, member) in members {
        let fields: &[(&str, bool)] = match name.as_str() {
            "Execution" => &[
                ("Id", true),
                ("Input", false),
                ("Name", true),
                ("RoleArn", true),
                ("StartTime", true),
                ("RedriveCount", false),
                ("RedriveTime", true),
            ],
            "State" => &[("EnteredTime", true), ("Name", true), ("RetryCount", false)],
            "StateMachine" => &[("Id", true), ("Name", true)],
            "Task" => &[("Token", true)],
            "Map" => &[("Item", false)],
            _ => return Err(invalid(&format!("Field '{name}' is not allowed"))),
        };
        let Value::Object(inner) = member else { return Err(invalid(&format!("{name} must be an object"))) };
        for (field, value) in inner {
            match fields.iter().find(|(known, _)| known == field) {
                None => return Err(invalid(&format!("Field '{field}' is not allowed"))),
                Some((_, true)) if !value.is_string() => {
                    return Err(invalid(&format!("{name}.{field} must be a string")));
                }
                Some(_) => {}
            }
        }
        if name == "State" && inner.get("RetryCount").is_some_and(|count| !count.is_number()) {
            return Err(invalid("State.RetryCount must be a number"));
        }
    }
    let waits = matches!(kind, Kind::Task(task) if matches!(
        task.integration,
        Integration::Service { pattern: Pattern::Sync | Pattern::WaitForTaskToken, .. }
    ));
    if members.contains_key("Task") && !waits {
        return Err(invalid(
            "Context object contains 'Task' when state is not a Task state with a '.sync' or '.waitForTaskToken' service \
             integration pattern",
        ));
    }
    if members.contains_key("Map") && !matches!(kind, Kind::Map(_)) {
        return Err(invalid("Context object contains 'Map' when state is not a Map state"));
    }
    Ok(Some(context))
}

/// Does the task of the state for real.
async fn run(engine: &Engine, info: &ExecutionInfo, request: TaskRequest) -> TaskResult {
    let (resource, integration) = (Arc::clone(&request.resource), request.integration.clone());
    let call = TaskCall {
        execution: Arc::clone(&info.id),
        state_machine: Arc::clone(&info.state_machine_id),
        request: Arc::new(request),
        submitted: Arc::new(|_| {}),
        id: 0,
    };
    let registry = &engine.config().registry;
    let service = registry.find_override(&call).or_else(|| registry.find(&resource, &integration));
    match service {
        Some(service) => service.call(call).await,
        None => {
            Err(crate::tasks::TaskError::new("States.Runtime", format!("No service here does {resource}.")))
        }
    }
}

fn answer(inspection: &Inspection, level: &str) -> Result<Value, ApiError> {
    let mut answer = Map::new();
    let mut failed = |error: &ErrorDetails, status: &str| {
        answer.insert("status".into(), status.into());
        for (name, text) in [("error", &error.error), ("cause", &error.cause)] {
            if let Some(text) = text {
                answer.insert(name.into(), text.as_ref().into());
            }
        }
    };
    match &inspection.verdict {
        Verdict::Failed(error) => failed(error, "FAILED"),
        Verdict::Retriable(error) => failed(error, "RETRIABLE"),
        Verdict::Caught { error, .. } => failed(error, "CAUGHT_ERROR"),
        Verdict::Succeeded { .. } => {
            answer.insert("status".into(), "SUCCEEDED".into());
        }
        Verdict::Task(_) | Verdict::MapRun(_) | Verdict::Pending => {
            return Err(ApiError::new("InvalidDefinition", NO_MAPS));
        }
    }
    if let Verdict::Succeeded { output, next } | Verdict::Caught { output, next, .. } = &inspection.verdict {
        answer.insert("output".into(), output.text().into());
        if let Some(next) = next {
            answer.insert("nextState".into(), next.as_ref().into());
        }
    }
    if level != "INFO" {
        answer.insert("inspectionData".into(), inspection.trace.to_json());
    }
    Ok(Value::Object(answer))
}
