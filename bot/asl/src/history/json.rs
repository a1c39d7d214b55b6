//! History events in the shapes of AWS's API.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{Details, ErrorDetails, HistoryEvent, ServiceResource};
use crate::payload::Payload;

impl HistoryEvent {
    /// AWS's name of the event type, such as `PassStateEntered`.
    pub fn type_name(&self) -> &'static str {
        self.details.type_name()
    }

    /// The event as `GetExecutionHistory` shows it, without its `timestamp`.
    pub fn to_json(&self) -> Value {
        let mut event = Map::new();
        event.insert("type".into(), self.type_name().into());
        event.insert("id".into(), self.id.into());
        event.insert("previousEventId".into(), self.previous_id.into());
        if let Some((key, details)) = self.details.to_json() {
            event.insert(key.into(), details);
        }
        Value::Object(event)
    }
}

impl Details {
    /// The member of the event that holds its details, and they. Events such as `MapStateSucceeded` have none.
    fn to_json(&self) -> Option<(&'static str, Value)> {
        let mut shape = Shape::default();
        let key = match self {
            Self::ExecutionStarted { input, role_arn } => {
                shape.input(input).text("roleArn", role_arn);
                "executionStartedEventDetails"
            }
            Self::ExecutionSucceeded { output } => {
                shape.output(output);
                "executionSucceededEventDetails"
            }
            Self::ExecutionFailed(error) => {
                shape.error(error);
                "executionFailedEventDetails"
            }
            Self::ExecutionTimedOut(error) => {
                shape.error(error);
                "executionTimedOutEventDetails"
            }
            Self::ExecutionAborted(error) => {
                shape.error(error);
                "executionAbortedEventDetails"
            }
            Self::ExecutionRedriven { redrive_count } => {
                shape.number("redriveCount", Some(u64::from(*redrive_count)));
                "executionRedrivenEventDetails"
            }
            Self::StateEntered { name, input, .. } => {
                shape.text("name", name).input(input);
                "stateEnteredEventDetails"
            }
            Self::StateExited { name, output, assigned, .. } => {
                shape.text("name", name).output(output);
                if let Some(assigned) = assigned {
                    let texts = assigned.iter().map(|(name, value)| (name.to_string(), value.text().into()));
                    shape.0.insert("assignedVariables".into(), Value::Object(texts.collect()));
                    shape.0.insert("assignedVariablesDetails".into(), json!({"truncated": false}));
                }
                "stateExitedEventDetails"
            }
            Self::EvaluationFailed { error, cause, location, state } => {
                shape.text("error", error).text("cause", cause).optional("location", location.as_ref());
                shape.text("state", state);
                "evaluationFailedEventDetails"
            }
            Self::LambdaFunctionScheduled { resource, input, timeout_seconds, credentials } => {
                shape.text("resource", resource).input(input).number("timeoutInSeconds", *timeout_seconds);
                shape.credentials(credentials.as_ref());
                "lambdaFunctionScheduledEventDetails"
            }
            Self::LambdaFunctionSucceeded { output } => {
                shape.output(output);
                "lambdaFunctionSucceededEventDetails"
            }
            Self::LambdaFunctionScheduleFailed(error) => {
                shape.error(error);
                "lambdaFunctionScheduleFailedEventDetails"
            }
            Self::LambdaFunctionStartFailed(error) => {
                shape.error(error);
                "lambdaFunctionStartFailedEventDetails"
            }
            Self::LambdaFunctionFailed(error) => {
                shape.error(error);
                "lambdaFunctionFailedEventDetails"
            }
            Self::LambdaFunctionTimedOut(error) => {
                shape.error(error);
                "lambdaFunctionTimedOutEventDetails"
            }
            Self::ActivityScheduled { resource, input, timeout_seconds, heartbeat_seconds } => {
                shape.text("resource", resource).input(input).number("timeoutInSeconds", *timeout_seconds);
                shape.number("heartbeatInSeconds", *heartbeat_seconds);
                "activityScheduledEventDetails"
            }
            Self::ActivityStarted { worker } => {
                shape.optional("workerName", worker.as_ref());
                "activityStartedEventDetails"
            }
            Self::ActivitySucceeded { output } => {
                shape.output(output);
                "activitySucceededEventDetails"
            }
            Self::ActivityScheduleFailed(error) => {
                shape.error(error);
                "activityScheduleFailedEventDetails"
            }
            Self::ActivityFailed(error) => {
                shape.error(error);
                "activityFailedEventDetails"
            }
            Self::ActivityTimedOut(error) => {
                shape.error(error);
                "activityTimedOutEventDetails"
            }
            Self::TaskScheduled {
                service,
                region,
                parameters,
                timeout_seconds,
                heartbeat_seconds,
                credentials,
            } => {
                shape.service(service).text("region", region);
                shape.0.insert("parameters".into(), parameters.text().into());
                shape
                    .number("timeoutInSeconds", *timeout_seconds)
                    .number("heartbeatInSeconds", *heartbeat_seconds);
                shape.credentials(credentials.as_ref());
                "taskScheduledEventDetails"
            }
            Self::TaskStarted { service } => {
                shape.service(service);
                "taskStartedEventDetails"
            }
            Self::TaskSubmitted { service, output } => {
                shape.service(service).output(output);
                "taskSubmittedEventDetails"
            }
            Self::TaskSucceeded { service, output } => {
                shape.service(service).output(output);
                "taskSucceededEventDetails"
            }
            Self::TaskStartFailed { service, error } => {
                shape.service(service).error(error);
                "taskStartFailedEventDetails"
            }
            Self::TaskSubmitFailed { service, error } => {
                shape.service(service).error(error);
                "taskSubmitFailedEventDetails"
            }
            Self::TaskFailed { service, error } => {
                shape.service(service).error(error);
                "taskFailedEventDetails"
            }
            Self::TaskTimedOut { service, error } => {
                shape.service(service).error(error);
                "taskTimedOutEventDetails"
            }
            Self::MapStateStarted { length } => {
                shape.number("length", Some(*length));
                "mapStateStartedEventDetails"
            }
            Self::MapIterationStarted { name, index } => {
                shape.text("name", name).number("index", Some(*index));
                "mapIterationStartedEventDetails"
            }
            Self::MapIterationSucceeded { name, index } => {
                shape.text("name", name).number("index", Some(*index));
                "mapIterationSucceededEventDetails"
            }
            Self::MapIterationFailed { name, index } => {
                shape.text("name", name).number("index", Some(*index));
                "mapIterationFailedEventDetails"
            }
            Self::MapIterationAborted { name, index } => {
                shape.text("name", name).number("index", Some(*index));
                "mapIterationAbortedEventDetails"
            }
            Self::MapRunStarted { arn } => {
                shape.text("mapRunArn", arn);
                "mapRunStartedEventDetails"
            }
            Self::MapRunFailed(error) => {
                shape.error(error);
                "mapRunFailedEventDetails"
            }
            Self::MapRunRedriven { arn, redrive_count } => {
                shape.text("mapRunArn", arn).number("redriveCount", Some(u64::from(*redrive_count)));
                "mapRunRedrivenEventDetails"
            }
            Self::StateAborted { .. }
            | Self::LambdaFunctionStarted
            | Self::ParallelStateStarted
            | Self::ParallelStateSucceeded
            | Self::ParallelStateFailed
            | Self::MapStateSucceeded
            | Self::MapStateFailed
            | Self::MapRunSucceeded
            | Self::MapRunAborted => return None,
        };
        Some((key, Value::Object(shape.0)))
    }
}

/// The details of one event while they are put together.
#[derive(Default)]
struct Shape(Map<String, Value>);

impl Shape {
    fn text(&mut self, key: &str, text: &Arc<str>) -> &mut Self {
        self.0.insert(key.into(), text.as_ref().into());
        self
    }

    fn optional(&mut self, key: &str, text: Option<&Arc<str>>) -> &mut Self {
        if let Some(text) = text {
            self.text(key, text);
        }
        self
    }

    fn number(&mut self, key: &str, number: Option<u64>) -> &mut Self {
        if let Some(number) = number {
            self.0.insert(key.into(), number.into());
        }
        self
    }

    fn input(&mut self, input: &Payload) -> &mut Self {
        self.0.insert("input".into(), input.text().into());
        self.0.insert("inputDetails".into(), json!({"truncated": false}));
        self
    }

    fn output(&mut self, output: &Payload) -> &mut Self {
        self.0.insert("output".into(), output.text().into());
        self.0.insert("outputDetails".into(), json!({"truncated": false}));
        self
    }

    fn error(&mut self, error: &ErrorDetails) -> &mut Self {
        self.optional("error", error.error.as_ref()).optional("cause", error.cause.as_ref())
    }

    fn service(&mut self, service: &ServiceResource) -> &mut Self {
        self.text("resourceType", &service.resource_type).text("resource", &service.resource)
    }

    fn credentials(&mut self, role_arn: Option<&Arc<str>>) -> &mut Self {
        if let Some(role_arn) = role_arn {
            self.0.insert("taskCredentials".into(), json!({"roleArn": role_arn.as_ref()}));
        }
        self
    }
}
