//! Moving executions: one event in, and what follows from it.

use std::sync::Arc;
use std::time::Instant;

use deputy_asl::{EventKind, FailureStage, Integration, Outcome, Pattern, TaskId, TaskRequest, Timestamp};
use sha2::{Digest, Sha256};

use super::batch::After;
use super::core::{Answered, Core, Message};
use super::dispatch::Due;
use super::instance::{Action, Instance, Parent};
use super::load::rebuild;
use super::status::{self, Ended};
use super::workers::{Doer, Job};
use crate::catalog::EXPRESS;
use crate::store::ExecutionId;
use crate::store::writer::Write;
use crate::tasks::{TaskCall, TaskError, TaskResult, is_native};

/// What an execution fails with when the interpreter panics on it.
const PANICKED: &str = "The execution met an internal error of the interpreter.";

impl Core {
    /// Applies an event to an execution, loading it if it rests, and does what it leads to. Events for executions that are
    /// gone or over fall on deaf ears, as the interpreter's rules have it.
    pub(crate) fn deliver(&mut self, id: ExecutionId, kind: EventKind) {
        let now = self.now();
        if self.load(id).is_none() {
            return;
        }
        let Some(mut instance) = self.hot.remove(&id) else { return };
        if instance.is_over() && kind != EventKind::Redrive {
            self.hot.insert(id, instance);
            return;
        }
        instance.interpreter = self.config.interpreter;
        let applied = instance.apply(now, kind).or_else(|| self.restore(&mut instance, now));
        let Some(actions) = applied else {
            // Out of memory it would be out of the segments, too, before long.
            self.hot.insert(id, instance);
            return;
        };
        self.uses += 1;
        instance.touched = self.uses;
        self.resting.push_back((id, self.uses));
        if !instance.origin.is_express() && !std::mem::replace(&mut instance.listed, true) {
            self.gathering.touched.push(id);
        }
        let mut arm = false;
        for action in actions {
            arm |= matches!(action, Action::Arm);
            self.perform(&mut instance, action);
        }
        self.hot.insert(id, instance);
        if arm {
            self.arm(id);
        }
    }

    /// The interpreter panicked. The execution goes back to where it was before the event, and fails there; the engine
    /// lives on. Says what follows from the failure; `None` if the execution stands still.
    fn restore(&mut self, instance: &mut Instance, now: Timestamp) -> Option<Vec<Action>> {
        let arn = Arc::clone(&instance.origin.info.id);
        tracing::error!(execution = %arn, "the interpreter panicked, which is a bug of ours; the execution fails");
        let (error, cause) = (Some("States.Runtime".into()), Some(PANICKED.into()));
        if instance.origin.is_express() {
            return Some(vec![Action::Complete(Outcome::Failed { error, cause })]);
        }
        if let Err(error) = rebuild(&self.reader, &mut self.catalog.programs, instance) {
            tracing::error!(execution = %arn, %error, "its log cannot be applied again; it stands still until a restart");
            return None;
        }
        instance.apply(now, EventKind::Fail { error, cause })
    }

    fn perform(&mut self, instance: &mut Instance, action: Action) {
        let id = instance.id;
        let machine = instance.origin.machine;
        match action {
            Action::Dispatch(request) => {
                self.learn_token(instance, &request);
                if instance.origin.is_express() {
                    // Nothing of it is durable, so there is nothing to wait for.
                    self.lines.push(Due { id, machine, request });
                } else {
                    self.gathering.then(After::Dispatch { id, machine, request });
                }
            }
            Action::Cancel(task) => {
                self.give_up_task(id, task, machine);
            }
            Action::Arm => {}
            Action::StartMapRun(request) => self.start_map_run(instance, *request),
            Action::StopMapRun(map_run) => self.stop_map_run(id, map_run),
            Action::RedriveMapRun(map_run) => self.redrive_map_run(id, map_run),
            Action::Continue => self.ready.push_back((id, EventKind::Continue)),
            Action::Complete(outcome) => self.complete(instance, outcome),
        }
    }

    fn learn_token(&mut self, instance: &mut Instance, request: &TaskRequest) {
        if let Some(token) = &request.token {
            let hash: [u8; 32] = Sha256::digest(token.0.as_bytes()).into();
            self.tokens.insert(hash, (instance.id, request.task));
            instance.tokens.push((hash, request.task));
        }
    }

    /// A task may leave: to the lines, to the activity's workers, or to the engine itself.
    pub(crate) fn dispatch(&mut self, id: ExecutionId, machine: u64, request: Arc<TaskRequest>) {
        if !self.hot.get(&id).is_some_and(|instance| instance.tasks.contains_key(&request.task)) {
            return;
        }
        if request.integration == Integration::Activity {
            self.offer_activity(id, &request);
        } else {
            self.lines.push(Due { id, machine, request });
        }
    }

    /// Hands out as many tasks as may be out at once.
    pub(crate) fn hand_out(&mut self) {
        if self.lines.is_empty() {
            return;
        }
        let mut jobs = Vec::new();
        let now = Instant::now();
        while let Some(Due { id, machine, request }) = self.lines.pop() {
            let Some(instance) = self.hot.get(&id).filter(|it| it.tasks.contains_key(&request.task)) else {
                self.lines.release(machine);
                continue;
            };
            let task = request.task;
            let messages = self.messages.clone();
            let submitted = {
                let messages = messages.clone();
                move |answer| {
                    // The engine has stopped when nobody listens.
                    let _ = messages.send(Message::Submitted { id, task, answer });
                }
            };
            let call = TaskCall {
                execution: Arc::clone(&instance.origin.info.id),
                state_machine: Arc::clone(&instance.origin.info.state_machine_id),
                request: Arc::clone(&request),
                submitted: Arc::new(submitted),
                id,
            };
            self.under_way.insert((id, task), None);
            let doer = if let Some(service) = self.config.registry.find_override(&call) {
                Doer::Service(Arc::clone(service))
            } else if is_native(&request.integration) {
                Doer::Native(self.self_handle.clone())
            } else if let Some(service) = self.config.registry.find(&request.resource, &request.integration) {
                Doer::Service(Arc::clone(service))
            } else {
                let cause = format!("No service here does {}.", request.resource);
                let result = Answered::With(Err(TaskError::new("States.Runtime", cause)));
                let _ = self.messages.send(Message::Report { id, machine, task, result });
                continue;
            };
            jobs.push(Job { doer, call, machine });
            self.handed_out.push_back((now, id, task));
        }
        self.workers.take(jobs);
    }

    /// Stops doing a task that is over.
    pub(crate) fn give_up_if_closed(&mut self, id: ExecutionId, task: TaskId) {
        let Some(instance) = self.hot.get(&id) else { return };
        let machine = instance.origin.machine;
        if !instance.tasks.contains_key(&task) {
            self.give_up_task(id, task, machine);
        }
    }

    /// Stops doing a task, if somebody does it.
    fn give_up_task(&mut self, id: ExecutionId, task: TaskId, machine: u64) {
        if let Some(handle) = self.under_way.remove(&(id, task)) {
            if let Some(handle) = handle {
                handle.abort();
            }
            self.lines.release(machine);
        }
    }

    /// What a task came to becomes an event.
    pub(crate) fn report(&mut self, id: ExecutionId, task: TaskId, result: TaskResult) {
        let Some(instance) = self.load(id) else { return };
        let Some(open) = instance.tasks.get(&task) else { return };
        // Who has said before that the request was taken answers for the callback as well.
        let waits = !open.submitted
            && matches!(
                &open.request.integration,
                Integration::Service { pattern: Pattern::WaitForTaskToken, .. }
            );
        let event = match result {
            Ok(output) if waits => EventKind::TaskSubmitted { task, output },
            Ok(output) => EventKind::TaskSucceeded { task, output },
            Err(TaskError { error, cause, stage }) => {
                let stage = if waits && stage == FailureStage::Run { FailureStage::Submit } else { stage };
                EventKind::TaskFailed { task, stage, error, cause }
            }
        };
        self.deliver(id, event);
    }

    /// An execution is over: its log moves home, whoever waits is told, and it leaves memory after the commit.
    fn complete(&mut self, instance: &mut Instance, outcome: Outcome) {
        let id = instance.id;
        let now = self.now();
        let ended = Ended::new(instance, &outcome, now);
        if !instance.origin.is_express() {
            instance.ended = Some(Box::new(ended.clone()));
            self.shelf.push(id);
            self.gathering.urgent = true;
        }
        for task in instance.finish() {
            self.give_up_task(id, task, instance.origin.machine);
        }
        match instance.origin.parent.clone() {
            Some(Parent::Task { execution, task, output_as_json }) => {
                self.ready.push_back((execution, status::report_to_parent(task, &ended, output_as_json)));
            }
            Some(Parent::MapRun { number, child }) => self.map_run_child_ended(number, child, outcome),
            None => {}
        }
        let watchers = self.watchers.remove(&id).unwrap_or_default();
        if instance.origin.is_express() {
            if instance.origin.kept {
                self.gathering.writes.push(Write::Remove { kind: EXPRESS, key: id.to_string() });
            }
            for watcher in watchers {
                watcher(ended.clone());
            }
            self.gathering.after.push(After::Retire(id));
        } else if !watchers.is_empty() {
            self.gathering.then(After::Call(Box::new(move |_| {
                for watcher in watchers {
                    watcher(ended.clone());
                }
            })));
        }
    }
}

#[cfg(test)]
mod tests {
    use deputy_asl::{Event, Execution, Program, Step};
    use serde_json::json;

    use super::*;
    use crate::tasks::functions::Functions;
    use crate::{Config, Engine, Registry};

    /// Panics when a task answers `"boom"`.
    fn fragile(program: &Program, execution: Execution, event: &Event) -> Step {
        if let EventKind::TaskSucceeded { output, .. } = &event.kind {
            assert_ne!(output.value(), "boom", "a bug of the interpreter's");
        }
        deputy_asl::step(program, execution, event)
    }

    #[tokio::test]
    async fn when_the_interpreter_panics_one_execution_fails_and_the_engine_lives() {
        let folder = tempfile::tempdir().unwrap();
        let open = || {
            let echo = Functions::new().with("echo", |payload, _| async move { Ok(payload) });
            let mut config = Config::new(folder.path());
            config.registry = Registry::new().with(echo);
            config.interpreter = fragile;
            Engine::open(config).unwrap()
        };
        let engine = open();
        let task = |next: &str| {
            json!({"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:echo", "Next": next,
                   "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Done"}]})
        };
        let definition = json!({"StartAt": "A", "States": {"A": task("B"), "B": task("Done"), "Done": {"Type": "Succeed"}}});
        for kind in ["STANDARD", "EXPRESS"] {
            let create = json!({"name": kind, "type": kind, "definition": definition.to_string(),
                                "roleArn": "arn:aws:iam::000000000000:role/r"});
            let machine = engine.request("CreateStateMachine", &create).await.unwrap();
            let machine = machine["stateMachineArn"].clone();
            for (input, status) in [("\"boom\"", "FAILED"), ("1", "SUCCEEDED")] {
                let start = json!({"stateMachineArn": machine, "input": input});
                let ended = match kind {
                    "STANDARD" => engine.run(&start).await.unwrap(),
                    _ => engine.request("StartSyncExecution", &start).await.unwrap(),
                };
                assert_eq!(ended["status"], status, "{ended}");
                if status == "FAILED" {
                    assert_eq!(
                        (&ended["error"], &ended["cause"]),
                        (&json!("States.Runtime"), &json!(PANICKED))
                    );
                }
            }
        }
        engine.close().await;
        drop(engine);
        // The log has no event that nobody can apply.
        let engine = open();
        let listed =
            json!({"stateMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:STANDARD"});
        let listed = engine.request("ListExecutions", &listed).await.unwrap();
        for execution in listed["executions"].as_array().unwrap() {
            let request = json!({"executionArn": execution["executionArn"]});
            let history = engine.request("GetExecutionHistory", &request).await.unwrap();
            let last = history["events"].as_array().unwrap().last().unwrap().clone();
            assert_eq!(
                last["type"],
                format!(
                    "Execution{}",
                    match execution["status"].as_str() {
                        Some("FAILED") => "Failed",
                        _ => "Succeeded",
                    }
                )
            );
        }
        engine.close().await;
    }
}
