//! Running workflows on this machine: `deputy-stepfunctions`, with Deputy's tasks behind `${DeputyTask}`.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use deputy_asl::{Payload, Timestamp};
use deputy_core::job::{HistoryEvent, JobError, JobId, Status, What};
use deputy_core::ports::{
    Answered, Clock, Described, ExecutionId, Machine, Orchestrator, OrchestratorError, Start, TaskToken,
    TokenAnswer,
};
use deputy_core::task::{RunTask, TaskEnd, TaskError};
use deputy_stepfunctions::tasks::functions::Functions;
use deputy_stepfunctions::{ApiError, Config, Engine, Home, Registry};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// What `${DeputyTask}` becomes: the one function there is.
const FUNCTION: &str = "deputy-task";
/// Nobody checks it on this machine, but a machine must name one.
const ROLE: &str = "arn:aws:iam::000000000000:role/deputy";
/// As many events as one request may answer.
const PAGE: u32 = 1_000;

/// Is told when something has happened in a job's execution, so that its history is worth reading.
pub type OnProgress = Arc<dyn Fn(JobId) + Send + Sync>;

/// The state machines of one data folder, running.
///
/// An Express workflow runs as a Standard one: nothing on one machine is gained by forgetting, and the five minutes are
/// its job's deadline.
pub struct LocalOrchestrator {
    engine: Engine,
    home: Home,
    slot: Arc<Slot>,
    on_progress: OnProgress,
    watchers: Arc<Mutex<Watchers>>,
    ticker: JoinHandle<()>,
}

/// Who waits for ends. Dropped with the orchestrator, as each of them holds the engine.
#[derive(Default)]
struct Watchers {
    executions: HashSet<String>,
    waiting: JoinSet<()>,
}

/// The engine, for those whom the engine itself holds. Empty before it is open and after it was closed.
#[derive(Default)]
struct Slot(Mutex<Option<Engine>>);

impl Slot {
    fn get(&self) -> Option<Engine> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, engine: Option<Engine>) {
        let before = std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), engine);
        // Outside the lock: the last one that goes waits for the engine's threads.
        drop(before);
    }
}

impl LocalOrchestrator {
    /// Opens `folder`, and goes on with what was under way.
    pub async fn open(
        folder: PathBuf,
        clock: Arc<dyn Clock>,
        tasks: Arc<dyn RunTask>,
        on_progress: OnProgress,
    ) -> anyhow::Result<Self> {
        let slot = Arc::new(Slot::default());
        let (alarm, alarms) = watch::channel(None);
        let mut config = Config::new(folder);
        let home = config.home.clone();
        config.clock = Arc::new(EngineClock { clock: Arc::clone(&clock), alarm });
        config.registry = Registry::new().with(function(tasks, Arc::clone(&slot), Arc::clone(&on_progress)));
        let runtime = tokio::runtime::Handle::current();
        let engine = tokio::task::spawn_blocking(move || {
            // It runs its tasks on the runtime that it is opened in.
            let _inside = runtime.enter();
            Engine::open(config)
        })
        .await
        .context("opening the workflows' store panicked")?
        .context("cannot open the workflows' store")?;
        slot.set(Some(engine.clone()));
        let ticker = tokio::spawn(keep_ticking(alarms, clock, Arc::clone(&slot)));
        Ok(Self { engine, home, slot, on_progress, watchers: Arc::default(), ticker })
    }

    /// Writes what there is and ends. What was under way goes on after the next [`open`](Self::open).
    pub async fn close(&self) {
        self.slot.set(None);
        self.engine.close().await;
    }

    async fn ask(&self, operation: &str, request: &Value) -> Result<Value, ApiError> {
        self.engine.request(operation, request).await
    }

    async fn ask_of(
        &self,
        execution: &ExecutionId,
        operation: &str,
        mut request: Value,
    ) -> Result<Value, OrchestratorError> {
        request["executionArn"] = execution.0.as_str().into();
        self.ask(operation, &request).await.map_err(|error| match error.code {
            "ExecutionDoesNotExist" => OrchestratorError::NoExecution(execution.clone()),
            "ExecutionNotRedrivable" => OrchestratorError::NotRedrivable(error.message),
            _ => unavailable(error),
        })
    }

    fn machine_arn(&self, workflow: &str, version: &str) -> String {
        self.home.arn("stateMachine", machine_name(workflow, version))
    }

    /// Says when the execution has ended. In each process once for each execution that somebody asks about.
    fn watch(&self, execution: &ExecutionId) {
        let (engine, arn) = (self.engine.clone(), execution.0.clone());
        let (on_progress, job) = (Arc::clone(&self.on_progress), job_of(execution));
        let Some(job) = job else { return };
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        if !watchers.executions.insert(arn.clone()) {
            return;
        }
        // Those that have ended would be kept until the end otherwise.
        while watchers.waiting.try_join_next().is_some() {}
        let all = Arc::downgrade(&self.watchers);
        watchers.waiting.spawn(async move {
            let ended = engine.wait(&arn).await.is_ok();
            let Some(all) = all.upgrade() else { return };
            all.lock().unwrap_or_else(PoisonError::into_inner).executions.remove(&arn);
            // An engine that closes answers nobody: then there is nothing to say.
            if ended {
                on_progress(job);
            }
        });
    }
}

impl Drop for LocalOrchestrator {
    fn drop(&mut self) {
        self.ticker.abort();
        self.slot.set(None);
    }
}

#[async_trait]
impl Orchestrator for LocalOrchestrator {
    async fn prepare(&self, machine: &Machine<'_>) -> Result<(), OrchestratorError> {
        let arn = self.machine_arn(machine.workflow, machine.version);
        if self.ask("DescribeStateMachine", &json!({"stateMachineArn": arn})).await.is_ok() {
            return Ok(());
        }
        let create = json!({
            "name": machine_name(machine.workflow, machine.version),
            "definition": machine.definition.replace("${DeputyTask}", FUNCTION),
            "roleArn": ROLE,
            "type": "STANDARD",
        });
        match self.ask("CreateStateMachine", &create).await {
            Ok(_) => Ok(()),
            // Another call was faster; the version is the definition's.
            Err(error) if error.code == "StateMachineAlreadyExists" => Ok(()),
            Err(error) if error.status < 500 => Err(OrchestratorError::Definition(error.message)),
            Err(error) => Err(unavailable(error)),
        }
    }

    async fn start(&self, start: &Start<'_>) -> Result<ExecutionId, OrchestratorError> {
        let name = start.job.to_string();
        let request = json!({
            "stateMachineArn": self.machine_arn(start.workflow, start.version),
            "name": name,
            "input": start.input.to_string(),
        });
        let execution = match self.ask("StartExecution", &request).await {
            Ok(started) => ExecutionId(started["executionArn"].as_str().unwrap_or_default().to_owned()),
            // It has ended, or its input was written otherwise by an earlier version: it is this job's all the same.
            Err(error) if error.code == "ExecutionAlreadyExists" => {
                let machine = machine_name(start.workflow, start.version);
                ExecutionId(self.home.arn("execution", format_args!("{machine}:{name}")))
            }
            Err(error) if error.status < 500 => return Err(OrchestratorError::Definition(error.message)),
            Err(error) => return Err(unavailable(error)),
        };
        self.watch(&execution);
        Ok(execution)
    }

    async fn stop(&self, execution: &ExecutionId, why: &JobError) -> Result<(), OrchestratorError> {
        self.ask_of(execution, "StopExecution", json!({"error": why.error, "cause": why.cause})).await?;
        Ok(())
    }

    async fn describe(&self, execution: &ExecutionId) -> Result<Described, OrchestratorError> {
        let answer = self.ask_of(execution, "DescribeExecution", json!({})).await?;
        let status = status(answer["status"].as_str().unwrap_or_default());
        if status == Status::Running {
            self.watch(execution);
        }
        let output = answer["output"].as_str().map(serde_json::from_str).transpose();
        Ok(Described {
            status,
            started_at: time(&answer["startDate"]).unwrap_or_default(),
            ended_at: time(&answer["stopDate"]),
            output: output.map_err(|error| OrchestratorError::Unavailable(error.into()))?,
            error: matches!(status, Status::Failed | Status::Cancelled | Status::TimedOut)
                .then(|| error_of(&answer)),
        })
    }

    async fn history(&self, execution: &ExecutionId) -> Result<Vec<HistoryEvent>, OrchestratorError> {
        let mut events = Vec::new();
        let mut request = json!({"maxResults": PAGE, "includeExecutionData": false});
        loop {
            let page = self.ask_of(execution, "GetExecutionHistory", request.clone()).await?;
            events.extend(page["events"].as_array().into_iter().flatten().map(event));
            match page["nextToken"].as_str() {
                Some(next) => request["nextToken"] = next.into(),
                None => return Ok(events),
            }
        }
    }

    async fn redrive(&self, execution: &ExecutionId) -> Result<(), OrchestratorError> {
        match self.ask_of(execution, "RedriveExecution", json!({})).await {
            Ok(_) => {}
            Err(OrchestratorError::NotRedrivable(why)) => {
                if self.describe(execution).await?.status != Status::Running {
                    return Err(OrchestratorError::NotRedrivable(why));
                }
            }
            Err(error) => return Err(error),
        }
        self.watch(execution);
        Ok(())
    }

    async fn answer(&self, token: &TaskToken, answer: &TokenAnswer) -> Result<Answered, OrchestratorError> {
        answer_token(&self.engine, &token.0, answer).await.map_err(unavailable)
    }
}

async fn answer_token(engine: &Engine, token: &str, answer: &TokenAnswer) -> Result<Answered, ApiError> {
    let (operation, request) = match answer {
        TokenAnswer::Success(output) => {
            ("SendTaskSuccess", json!({"taskToken": token, "output": output.to_string()}))
        }
        TokenAnswer::Failure(JobError { error, cause }) => {
            ("SendTaskFailure", json!({"taskToken": token, "error": error, "cause": cause}))
        }
        TokenAnswer::Heartbeat => ("SendTaskHeartbeat", json!({"taskToken": token})),
    };
    match engine.request(operation, &request).await {
        Ok(_) => Ok(Answered::Taken),
        Err(error) if matches!(error.code, "TaskTimedOut" | "TaskDoesNotExist" | "InvalidToken") => {
            Ok(Answered::Gone)
        }
        Err(error) => Err(error),
    }
}

/// The function behind `${DeputyTask}`.
fn function(tasks: Arc<dyn RunTask>, slot: Arc<Slot>, on_progress: OnProgress) -> Functions {
    Functions::new().with(FUNCTION, move |payload, call| {
        let (tasks, slot, on_progress) = (Arc::clone(&tasks), Arc::clone(&slot), Arc::clone(&on_progress));
        async move {
            let job = job_of(&ExecutionId(call.execution.to_string()));
            let tell = || job.into_iter().for_each(|job| on_progress(job));
            tell();
            let end = tasks.run(payload.value()).await;
            tell();
            match (end, call.token()) {
                (Ok(TaskEnd::Done(output)), None) => Ok(Payload::from(output)),
                // Before the call ends: once it has, nobody would do it again.
                (Ok(TaskEnd::Done(output)), Some(token)) => {
                    let engine = slot.get().ok_or_else(closing)?;
                    let answer = TokenAnswer::Success(output);
                    answer_token(&engine, &token.0, &answer).await.map_err(|_| closing())?;
                    Ok(Payload::from(Value::Null))
                }
                (Ok(TaskEnd::Waits), _) => Ok(Payload::from(Value::Null)),
                (Err(TaskError { error, cause, .. }), _) => {
                    Err(deputy_stepfunctions::TaskError::new(&error, cause))
                }
            }
        }
    })
}

fn closing() -> deputy_stepfunctions::TaskError {
    deputy_stepfunctions::TaskError::new(TaskError::UNAVAILABLE, "The workflows' store is closing.")
}

/// Deputy's clock as the engine wants it. The engine never sleeps by itself: it says when, and is told.
struct EngineClock {
    clock: Arc<dyn Clock>,
    alarm: watch::Sender<Option<DateTime<Utc>>>,
}

impl deputy_stepfunctions::Clock for EngineClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.clock.now().timestamp_millis())
    }

    fn sleep_until(&self, at: Timestamp) -> Option<std::time::Duration> {
        let at = DateTime::from_timestamp_millis(at.0);
        self.alarm.send_if_modified(|alarm| {
            let differs = *alarm != at;
            *alarm = at;
            differs
        });
        None
    }
}

/// Rings when the engine wants to be woken.
async fn keep_ticking(
    mut alarms: watch::Receiver<Option<DateTime<Utc>>>,
    clock: Arc<dyn Clock>,
    slot: Arc<Slot>,
) {
    loop {
        let alarm = *alarms.borrow_and_update();
        let ring = async {
            match alarm {
                Some(at) => clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = ring => {
                let Some(engine) = slot.get() else { return };
                engine.tick();
                // The same alarm again only if the engine asks again.
                if alarms.changed().await.is_err() {
                    return;
                }
            }
            changed = alarms.changed() => {
                if changed.is_err() {
                    return;
                }
            }
        }
    }
}

fn machine_name(workflow: &str, version: &str) -> String {
    format!("{workflow}-{version}")
}

/// The job whose execution this is: the name is the ARN's last part.
fn job_of(execution: &ExecutionId) -> Option<JobId> {
    execution.0.rsplit(':').next()?.parse().ok()
}

fn status(text: &str) -> Status {
    match text {
        "SUCCEEDED" => Status::Succeeded,
        "FAILED" => Status::Failed,
        "TIMED_OUT" => Status::TimedOut,
        "ABORTED" => Status::Cancelled,
        _ => Status::Running,
    }
}

fn event(event: &Value) -> HistoryEvent {
    let number = |member: &str| event[member].as_u64().unwrap_or_default();
    let kind = event["type"].as_str().unwrap_or_default();
    HistoryEvent {
        id: number("id"),
        previous_id: number("previousEventId"),
        at: time(&event["timestamp"]).unwrap_or_default(),
        what: what(kind, event),
    }
}

fn what(kind: &str, event: &Value) -> What {
    let name = |details: &str| event[details]["name"].as_str().unwrap_or_default().to_owned();
    // Details stand under the type's own name, with a small first letter.
    let details = || {
        let mut member = format!("{kind}EventDetails");
        member[..1].make_ascii_lowercase();
        error_of(&event[member.as_str()])
    };
    let ended = |status| What::Ended { status, error: (status != Status::Succeeded).then(details) };
    match kind {
        "ExecutionSucceeded" => ended(Status::Succeeded),
        "ExecutionFailed" => ended(Status::Failed),
        "ExecutionTimedOut" => ended(Status::TimedOut),
        "ExecutionAborted" => ended(Status::Cancelled),
        "ExecutionRedriven" => What::Redriven,
        "TaskScheduled" | "LambdaFunctionScheduled" | "ActivityScheduled" => What::Scheduled,
        "TaskSubmitted" => What::Submitted,
        _ if kind.ends_with("StateEntered") => What::Entered { state: name("stateEnteredEventDetails") },
        _ if kind.ends_with("StateExited") => What::Left { state: name("stateExitedEventDetails") },
        _ if kind.ends_with("StateAborted") => What::Aborted,
        _ if (kind.starts_with("Task")
            || kind.starts_with("LambdaFunction")
            || kind.starts_with("Activity"))
            && (kind.ends_with("Failed") || kind.ends_with("TimedOut")) =>
        {
            What::TaskFailed(details())
        }
        _ => What::Other,
    }
}

fn error_of(details: &Value) -> JobError {
    let text = |member: &str| details[member].as_str().map(str::to_owned);
    JobError {
        error: text("error").unwrap_or_else(|| "States.Runtime".to_owned()),
        cause: text("cause").unwrap_or_default(),
    }
}

/// AWS's seconds since 1970, with a fraction.
fn time(seconds: &Value) -> Option<DateTime<Utc>> {
    let millis = (seconds.as_f64()? * 1_000.0).round();
    #[allow(clippy::cast_possible_truncation, reason = "the milliseconds of this millennium fit")]
    DateTime::from_timestamp_millis(millis as i64)
}

fn unavailable(error: ApiError) -> OrchestratorError {
    OrchestratorError::Unavailable(error.into())
}
