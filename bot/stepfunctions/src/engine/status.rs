//! How executions stand and end, in AWS's words.

use std::sync::Arc;

use deputy_asl::{EventKind, ExecutionType, FailureStage, Outcome, Payload, TaskId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::instance::{Instance, Origin};

/// As `DescribeExecution` has it. The codes are what the store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Status {
    Running = 0,
    Succeeded = 1,
    Failed = 2,
    TimedOut = 3,
    Aborted = 4,
}

impl Status {
    pub(crate) fn code(self) -> u8 {
        self as u8
    }

    pub(crate) fn of_code(code: u8) -> Self {
        match code {
            1 => Self::Succeeded,
            2 => Self::Failed,
            3 => Self::TimedOut,
            4 => Self::Aborted,
            _ => Self::Running,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::TimedOut => "TIMED_OUT",
            Self::Aborted => "ABORTED",
        }
    }

    pub(crate) fn of_outcome(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Succeeded { .. } => Self::Succeeded,
            Outcome::Failed { .. } => Self::Failed,
            Outcome::TimedOut { .. } => Self::TimedOut,
            Outcome::Aborted { .. } => Self::Aborted,
        }
    }

    pub(crate) fn of_name(name: &str) -> Option<Self> {
        [Self::Running, Self::Succeeded, Self::Failed, Self::TimedOut, Self::Aborted]
            .into_iter()
            .find(|status| status.name() == name)
    }
}

/// The key under which an execution's ARN is found.
pub(crate) fn name_key(arn: &str) -> [u8; 16] {
    let hash: [u8; 32] = Sha256::digest(arn.as_bytes()).into();
    let mut key = [0; 16];
    key.copy_from_slice(&hash[..16]);
    key
}

/// What lists show of an execution besides its row's columns.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct About {
    pub(crate) arn: Arc<str>,
    pub(crate) machine: Arc<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) alias: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) map_run: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) items: Option<u64>,
    #[serde(default)]
    pub(crate) redrives: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) redriven: Option<i64>,
}

impl About {
    pub(crate) fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// An execution that has ended.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    pub(crate) origin: Arc<Origin>,
    pub(crate) status: Status,
    pub(crate) started: Timestamp,
    pub(crate) stopped: Timestamp,
    pub(crate) result: Kept,
    pub(crate) redrives: u32,
    pub(crate) redrivable: bool,
}

/// An outcome as the store keeps it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Kept {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) output: Option<Payload>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cause: Option<Arc<str>>,
    /// Whether a redrive would find where to go on.
    #[serde(default)]
    pub(crate) redrivable: bool,
}

impl Ended {
    pub(crate) fn new(instance: &Instance, outcome: &Outcome, stopped: Timestamp) -> Self {
        let execution = instance.execution();
        let redrivable =
            !instance.origin.is_express() && execution.is_some_and(deputy_asl::Execution::is_redrivable);
        let failed = |error: &Option<Arc<str>>, cause: &Option<Arc<str>>| Kept {
            output: None,
            error: error.clone(),
            cause: cause.clone(),
            redrivable,
        };
        let (status, result) = match outcome {
            Outcome::Succeeded { output } => {
                (Status::Succeeded, Kept { output: Some(output.clone()), ..Kept::default() })
            }
            Outcome::Failed { error, cause } => (Status::Failed, failed(error, cause)),
            Outcome::TimedOut { error, cause } => (Status::TimedOut, failed(error, cause)),
            Outcome::Aborted { error, cause } => (Status::Aborted, failed(error, cause)),
        };
        Self {
            origin: Arc::clone(&instance.origin),
            status,
            started: execution.map_or(stopped, deputy_asl::Execution::started),
            stopped,
            result,
            redrives: execution.map_or(0, deputy_asl::Execution::redrive_count),
            redrivable,
        }
    }

    /// How an execution ended that was taken up from its log.
    pub(crate) fn of_log(instance: &Instance) -> Option<Self> {
        let outcome = instance.execution()?.outcome()?.clone();
        Some(Self::new(instance, &outcome, instance.latest))
    }

    pub(crate) fn outcome_json(&self) -> String {
        serde_json::to_string(&self.result).unwrap_or_default()
    }
}

/// What `RedriveStatus` and its reason say.
pub(crate) fn redrive_status(
    express: bool,
    status: Status,
    redrivable: bool,
) -> (&'static str, Option<String>) {
    match status {
        _ if express => ("NOT_REDRIVABLE", Some("Execution is EXPRESS and cannot be redriven".into())),
        Status::Running | Status::Succeeded => {
            ("NOT_REDRIVABLE", Some(format!("Execution is {} and cannot be redriven", status.name())))
        }
        _ if redrivable => ("REDRIVABLE", None),
        _ => ("NOT_REDRIVABLE", Some("Execution history event limit exceeded".into())),
    }
}

/// The end of a nested execution, as the task that waits for it hears of it.
pub(crate) fn report_to_parent(task: TaskId, ended: &Ended, output_as_json: bool) -> EventKind {
    let info = &ended.origin.info;
    let document = |payload: &Payload| {
        if output_as_json { payload.value().clone() } else { Value::String(payload.text().into_owned()) }
    };
    let mut answer = Map::new();
    let text = |text: &Arc<str>| Value::String(text.to_string());
    if let Some(cause) = &ended.result.cause {
        answer.insert("Cause".into(), text(cause));
    }
    if let Some(error) = &ended.result.error {
        answer.insert("Error".into(), text(error));
    }
    answer.insert("ExecutionArn".into(), text(&info.id));
    answer.insert("Input".into(), document(&info.input));
    answer.insert("InputDetails".into(), json!({"Included": true}));
    answer.insert("Name".into(), text(&info.name));
    if let Some(output) = &ended.result.output {
        answer.insert("Output".into(), document(output));
        answer.insert("OutputDetails".into(), json!({"Included": true}));
    }
    let express = info.execution_type == ExecutionType::Express;
    let (status, reason) = redrive_status(express, ended.status, ended.redrivable);
    answer.insert("RedriveCount".into(), ended.redrives.into());
    answer.insert("RedriveStatus".into(), status.into());
    if let Some(reason) = reason {
        answer.insert("RedriveStatusReason".into(), reason.into());
    }
    answer.insert("StartDate".into(), ended.started.0.into());
    answer.insert("StateMachineArn".into(), crate::api::without_case(&info.state_machine_id).into());
    answer.insert("Status".into(), ended.status.name().into());
    answer.insert("StopDate".into(), ended.stopped.0.into());
    let answer = Value::Object(answer);
    if ended.status == Status::Succeeded {
        EventKind::TaskSucceeded { task, output: Payload::from(answer) }
    } else {
        EventKind::TaskFailed {
            task,
            stage: FailureStage::Run,
            error: Some("States.TaskFailed".into()),
            cause: Some(answer.to_string().into()),
        }
    }
}
