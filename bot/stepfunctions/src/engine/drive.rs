//! Moving executions: one event in, and what follows from it.

use std::sync::Arc;
use std::time::Instant;

use deputy_asl::{EventKind, FailureStage, Integration, Outcome, Pattern, TaskId, TaskRequest};
use sha2::{Digest, Sha256};

use super::batch::After;
use super::core::{Answered, Core, Message};
use super::dispatch::Due;
use super::instance::{Action, Instance, Parent};
use super::status::{self, Ended};
use crate::catalog::EXPRESS;
use crate::store::ExecutionId;
use crate::store::writer::Write;
use crate::tasks::{TaskCall, TaskError, TaskFuture, TaskResult, is_native};

impl Core {
    /// Applies an event to an execution, loading it if it rests, and does what it leads to. Events for executions that are
    /// gone or over fall on deaf ears, as the interpreter's rules have it.
    pub(crate) fn deliver(&mut self, id: ExecutionId, kind: EventKind) {
        let now = self.now();
        if self.load(id).is_none() {
            return;
        }
        let Some(mut instance) = self.hot.remove(&id) else { return };
        let Some(actions) = instance.apply(now, kind) else {
            tracing::error!(execution = %instance.origin.info.id, "the interpreter panicked; the execution stands still");
            self.names.remove(&status::name_key(&instance.origin.info.id));
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
                if let Some(handle) = self.under_way.remove(&(id, task)) {
                    handle.abort();
                    self.lines.release(machine);
                }
            }
            Action::Arm => {}
            Action::StartMapRun(request) => self.start_map_run(instance, *request),
            Action::StopMapRun(map_run) => self.stop_map_run(id, map_run),
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
            let mut answer = Answer { messages, id, machine, task, given: false };
            let running = if let Some(service) = self.config.registry.find_override(&call) {
                self.runtime.spawn(answer.wait_for(service.call(call)))
            } else if is_native(&request.integration) {
                let engine = self.self_handle.clone();
                self.runtime.spawn(async move {
                    let result = super::native::run(engine, call).await;
                    answer.give(result);
                })
            } else if let Some(service) = self.config.registry.find(&request.resource, &request.integration) {
                self.runtime.spawn(answer.wait_for(service.call(call)))
            } else {
                let cause = format!("No service here does {}.", request.resource);
                answer.give(Answered::With(Err(TaskError::new("States.Runtime", cause))));
                continue;
            };
            self.under_way.insert((id, task), running.abort_handle());
            self.handed_out.push_back((Instant::now(), id, task));
        }
    }

    /// Stops doing a task that is over.
    pub(crate) fn give_up_if_closed(&mut self, id: ExecutionId, task: TaskId) {
        let Some(instance) = self.hot.get(&id) else { return };
        let machine = instance.origin.machine;
        if !instance.tasks.contains_key(&task)
            && let Some(handle) = self.under_way.remove(&(id, task))
        {
            handle.abort();
            self.lines.release(machine);
        }
    }

    /// What a task came to becomes an event.
    pub(crate) fn report(&mut self, id: ExecutionId, task: TaskId, result: TaskResult) {
        let Some(instance) = self.load(id) else { return };
        let Some(open) = instance.tasks.get(&task) else { return };
        let waits = matches!(
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
            self.move_log(instance);
            self.write_tokens(instance);
            if std::mem::take(&mut instance.has_snapshot) {
                self.gathering.writes.push(Write::DropSnapshot { id });
            }
            self.gathering.writes.push(Write::Outcome {
                id,
                status: ended.status.code(),
                stopped: Some(now.0),
                about: None,
                outcome: Some(ended.outcome_json()),
            });
        }
        for task in instance.finish() {
            if let Some(handle) = self.under_way.remove(&(id, task)) {
                handle.abort();
                self.lines.release(instance.origin.machine);
            }
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
            watchers.into_iter().for_each(|watcher| watcher(ended.clone()));
            self.gathering.after.push(After::Retire(id));
        } else {
            if !watchers.is_empty() {
                self.gathering.then(After::Call(Box::new(move |_| {
                    watchers.into_iter().for_each(|watcher| watcher(ended.clone()));
                })));
            }
            self.gathering.then(After::Retire(id));
        }
    }
}

/// Sees to it that every task that was handed out is answered, even one that panicked.
struct Answer {
    messages: std::sync::mpsc::Sender<Message>,
    id: ExecutionId,
    machine: u64,
    task: TaskId,
    given: bool,
}

impl Answer {
    async fn wait_for(mut self, future: TaskFuture) {
        let result = future.await;
        self.give(Answered::With(result));
    }

    fn give(&mut self, result: Answered) {
        self.given = true;
        let Self { id, machine, task, .. } = *self;
        // The engine has stopped when nobody listens.
        let _ = self.messages.send(Message::Report { id, machine, task, result });
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        // An aborted task is dropped as well, but that never finds its way into an execution: nobody waits for it.
        if !self.given && std::thread::panicking() {
            self.give(Answered::With(Err(TaskError::new("States.TaskFailed", "The task's code panicked."))));
        }
    }
}
