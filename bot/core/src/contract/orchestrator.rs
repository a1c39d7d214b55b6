//! What every [`Orchestrator`] keeps.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::{ManualClock, delivery_id};
use crate::job::{JobError, JobId, Status, StepStatus, fold};
use crate::ports::{
    Answered, Clock, Described, ExecutionId, Machine, Orchestrator, OrchestratorError, Start, TaskToken,
    TokenAnswer,
};
use crate::task::{RunTask, TaskCall, TaskEnd, TaskError};

/// How long anything may take, in real time.
const PATIENCE: Duration = Duration::from_secs(30);

/// Tasks that do what their names say, and remember who called.
#[derive(Default)]
pub struct ScriptedTasks {
    calls: Mutex<Vec<TaskCall>>,
    called: Notify,
    /// How often `flaky` fails before it succeeds.
    failures: Mutex<u32>,
}

#[async_trait]
impl RunTask for ScriptedTasks {
    async fn run(&self, payload: &Value) -> Result<TaskEnd, TaskError> {
        let call = TaskCall::read(payload).expect("the context reaches the task");
        let (task, input) = (call.task.clone(), call.input.clone());
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
        self.called.notify_waiters();
        match task.as_str() {
            "echo" => Ok(TaskEnd::Done(input)),
            "wait" => Ok(TaskEnd::Waits),
            "flaky" => {
                let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
                match failures.checked_sub(1) {
                    Some(left) => {
                        *failures = left;
                        Err(TaskError::new("Test.Flaky", "not yet"))
                    }
                    None => Ok(TaskEnd::Done(json!("at last"))),
                }
            }
            other => Err(TaskError::new("Test.Failed", format!("{other} fails"))),
        }
    }
}

impl ScriptedTasks {
    /// Waits until there were so many calls.
    async fn calls(&self, number: usize) -> Vec<TaskCall> {
        let enough = async {
            loop {
                let called = self.called.notified();
                let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone();
                if calls.len() >= number {
                    return calls;
                }
                called.await;
            }
        };
        tokio::time::timeout(PATIENCE, enough).await.expect("the tasks are called")
    }

    fn fail(&self, times: u32) {
        *self.failures.lock().unwrap_or_else(PoisonError::into_inner) = times;
    }
}

/// Runs all facts, each on an adapter of its own.
pub async fn orchestrator<S, F>(make: F)
where
    S: Orchestrator + 'static,
    F: AsyncFn(Arc<ManualClock>, Arc<dyn RunTask>) -> S,
{
    let fresh = async || {
        let (clock, tasks) = (Arc::new(ManualClock::default()), Arc::new(ScriptedTasks::default()));
        let runner = make(Arc::clone(&clock), Arc::clone(&tasks) as Arc<dyn RunTask>).await;
        Bench { runner, tasks, clock }
    };
    a_name_starts_one_execution(fresh().await).await;
    a_token_is_answered_once(fresh().await).await;
    the_history_tells_the_steps(fresh().await).await;
    time_is_the_clocks(fresh().await).await;
    what_is_stopped_stays_stopped(fresh().await).await;
    a_redrive_keeps_what_succeeded(fresh().await).await;
    a_bad_definition_is_refused(fresh().await).await;
}

struct Bench<S> {
    runner: S,
    tasks: Arc<ScriptedTasks>,
    clock: Arc<ManualClock>,
}

impl<S: Orchestrator> Bench<S> {
    async fn start(&self, definition: &Value, input: &Value) -> ExecutionId {
        let definition = definition.to_string();
        let machine =
            Machine { workflow: "deploy", version: "0123456789ab", express: false, definition: &definition };
        for _ in 0..2 {
            self.runner.prepare(&machine).await.expect("the definition is good");
        }
        self.start_again(1, input).await
    }

    async fn start_again(&self, number: u64, input: &Value) -> ExecutionId {
        let job = JobId::of_command(self.clock.now(), delivery_id(number), 0);
        let start = Start { job, workflow: "deploy", version: "0123456789ab", input };
        self.runner.start(&start).await.expect("it can be started")
    }

    /// Waits for the end, which nothing tells: so it looks again and again.
    async fn end(&self, execution: &ExecutionId) -> Described {
        let ended = async {
            loop {
                let described = self.runner.describe(execution).await.expect("it is there");
                if described.status.is_over() {
                    return described;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, ended).await.expect("it ends")
    }
}

fn task(task: &str, and: &Value) -> Value {
    let waits = task == "wait";
    let mut state = json!({
        "Type": "Task",
        "Resource": if waits { "arn:aws:states:::lambda:invoke.waitForTaskToken" } else { "arn:aws:states:::lambda:invoke" },
        "Parameters": {
            "FunctionName": "${DeputyTask}",
            "Payload": {"task": task, "context.$": "$$", "input.$": "$"},
        },
    });
    if !waits {
        state["OutputPath"] = "$.Payload".into();
    }
    for (member, value) in and.as_object().into_iter().flatten() {
        state[member] = value.clone();
    }
    state
}

fn one(state: Value) -> Value {
    let mut state = state;
    state["End"] = true.into();
    json!({"StartAt": "Only", "States": {"Only": state}})
}

async fn a_name_starts_one_execution<S: Orchestrator>(bench: Bench<S>) {
    let input = json!({"greeting": "hello \u{e4}"});
    let execution = bench.start(&one(task("wait", &json!({}))), &input).await;
    assert_eq!(bench.start_again(1, &input).await, execution);
    let finish = async |execution: &ExecutionId, number| {
        let call = bench.tasks.calls(number).await.pop().expect("there was one");
        let answer = TokenAnswer::Success(call.input);
        bench.runner.answer(&call.token.expect("it waits"), &answer).await.expect("it can be answered");
        bench.end(execution).await
    };
    let end = finish(&execution, 1).await;
    assert_eq!((end.status, end.output, end.error), (Status::Succeeded, Some(input.clone()), None));
    assert_eq!(bench.start_again(1, &input).await, execution, "after its end as well");
    let other = bench.start_again(2, &input).await;
    assert_ne!(other, execution);
    finish(&other, 2).await;
    assert_eq!(bench.tasks.calls(2).await.len(), 2, "each ran once");
    let nothing = ExecutionId(execution.0.replace("deploy-0123456789ab", "nothing"));
    let error = bench.runner.describe(&nothing).await;
    assert!(matches!(error, Err(OrchestratorError::NoExecution(_))), "{error:?}");
}

async fn a_token_is_answered_once<S: Orchestrator>(bench: Bench<S>) {
    let execution = bench.start(&one(task("wait", &json!({}))), &json!({})).await;
    let token = bench.tasks.calls(1).await.remove(0).token.expect("the task gets its token");
    let answer = async |answer| bench.runner.answer(&token, &answer).await.expect("it can be answered");
    assert_eq!(answer(TokenAnswer::Heartbeat).await, Answered::Taken);
    assert_eq!(answer(TokenAnswer::Success(json!({"run": 7}))).await, Answered::Taken);
    let end = bench.end(&execution).await;
    assert_eq!((end.status, end.output), (Status::Succeeded, Some(json!({"run": 7}))));
    let late = TokenAnswer::Failure(JobError { error: "Too.Late".to_owned(), cause: String::new() });
    assert_eq!(answer(late).await, Answered::Gone);
    let made_up = TaskToken("made up".to_owned());
    let answered = bench.runner.answer(&made_up, &TokenAnswer::Success(json!(1))).await;
    assert_eq!(answered.expect("it can be answered"), Answered::Gone);
}

async fn the_history_tells_the_steps<S: Orchestrator>(bench: Bench<S>) {
    bench.tasks.fail(1);
    let retry = json!({"Retry": [{"ErrorEquals": ["Test.Flaky"], "IntervalSeconds": 1}], "Next": "Last"});
    let definition = json!({"StartAt": "First", "States": {"First": task("flaky", &retry), "Last": {"Type": "Fail", "Error": "Its.End", "Cause": "as written"}}});
    let execution = bench.start(&definition, &json!({})).await;
    bench.tasks.calls(1).await;
    let end = async {
        loop {
            // The retry waits for the clock, and nothing tells when it has begun to wait.
            bench.clock.advance(Duration::from_secs(1));
            if bench.runner.describe(&execution).await.expect("it is there").status.is_over() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, end).await.expect("it ends");
    let calls = bench.tasks.calls(2).await;
    assert_eq!((calls[0].attempt, calls[1].attempt), (0, 1));
    assert_eq!(calls[0].effect, calls[1].effect, "a retry is the same effect");
    let folded = fold(&bench.runner.history(&execution).await.expect("it can be read"));
    let error = |error: &str, cause: &str| JobError { error: error.to_owned(), cause: cause.to_owned() };
    assert_eq!(folded.end, Some((Status::Failed, Some(error("Its.End", "as written")))));
    let steps: Vec<_> =
        folded.steps.iter().map(|step| (step.name.as_str(), step.status, step.attempts)).collect();
    assert_eq!(steps, [("First", StepStatus::Succeeded, 2), ("Last", StepStatus::Failed, 0)]);
    assert_eq!(folded.steps[0].error, Some(error("Test.Flaky", "not yet")));
    assert!(folded.steps.iter().all(|step| step.left_at.is_some()));
    assert_eq!(bench.end(&execution).await.error, Some(error("Its.End", "as written")));
}

async fn time_is_the_clocks<S: Orchestrator>(bench: Bench<S>) {
    let hour = one(json!({"Type": "Wait", "Seconds": 3_600}));
    let execution = bench.start(&hour, &json!({})).await;
    let began = bench.runner.describe(&execution).await.expect("it is there");
    assert_eq!((began.status, began.ended_at), (Status::Running, None));
    bench.clock.advance(Duration::from_hours(1));
    let end = bench.end(&execution).await;
    let took = end.ended_at.expect("it ended") - end.started_at;
    assert_eq!((end.status, took.num_seconds()), (Status::Succeeded, 3_600));
}

async fn what_is_stopped_stays_stopped<S: Orchestrator>(bench: Bench<S>) {
    let execution = bench.start(&one(task("wait", &json!({}))), &json!({})).await;
    bench.tasks.calls(1).await;
    let why = JobError { error: "Deputy.Cancelled".to_owned(), cause: "octocat cancelled it.".to_owned() };
    bench.runner.stop(&execution, &why).await.expect("it can be stopped");
    let end = bench.end(&execution).await;
    assert_eq!((end.status, end.error), (Status::Cancelled, Some(why.clone())));
    let later = JobError { error: "Other".to_owned(), ..why.clone() };
    bench.runner.stop(&execution, &later).await.expect("twice is once");
    assert_eq!(bench.end(&execution).await.error, Some(why));
    let folded = fold(&bench.runner.history(&execution).await.expect("it can be read"));
    assert_eq!(folded.steps[0].status, StepStatus::Aborted);
}

async fn a_redrive_keeps_what_succeeded<S: Orchestrator>(bench: Bench<S>) {
    bench.tasks.fail(1);
    let definition = json!({
        "StartAt": "First",
        "States": {"First": task("echo", &json!({"Next": "Second"})), "Second": task("flaky", &json!({"End": true}))},
    });
    let execution = bench.start(&definition, &json!({})).await;
    assert_eq!(bench.end(&execution).await.status, Status::Failed);
    bench.clock.advance(Duration::from_mins(1));
    bench.runner.redrive(&execution).await.expect("it failed");
    assert_eq!(bench.end(&execution).await.status, Status::Succeeded);
    let calls = bench.tasks.calls(3).await;
    let steps: Vec<_> = calls.iter().map(|call| call.step.as_str()).collect();
    assert_eq!(steps, ["First", "Second", "Second"]);
    assert_ne!(calls[1].effect, calls[2].effect, "somebody asked for it to be done again");
    let folded = fold(&bench.runner.history(&execution).await.expect("it can be read"));
    assert_eq!((folded.redrives, folded.end), (1, Some((Status::Succeeded, None))));
    assert!(folded.steps.iter().all(|step| step.status == StepStatus::Succeeded), "{:?}", folded.steps);
    let again = bench.runner.redrive(&execution).await;
    assert!(matches!(again, Err(OrchestratorError::NotRedrivable(_))), "{again:?}");
}

async fn a_bad_definition_is_refused<S: Orchestrator>(bench: Bench<S>) {
    let definition = json!({"StartAt": "Nowhere", "States": {"Only": {"Type": "Succeed"}}}).to_string();
    let machine = Machine { workflow: "bad", version: "0", express: false, definition: &definition };
    let refused = bench.runner.prepare(&machine).await;
    assert!(
        matches!(&refused, Err(OrchestratorError::Definition(why)) if why.contains("Nowhere")),
        "{refused:?}"
    );
}
