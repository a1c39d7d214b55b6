//! Activities: tasks that wait for workers, and workers that wait for tasks.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use deputy_asl::{EventKind, FailureStage, TaskId, TaskRequest, TaskToken};
use tokio::sync::oneshot;

use super::batch::After;
use super::core::Core;
use crate::store::ExecutionId;

/// What a worker gets.
#[derive(Debug)]
pub(crate) struct ActivityTask {
    pub(crate) token: Option<TaskToken>,
    pub(crate) input: String,
}

/// A worker that waits.
pub(crate) struct Poll {
    pub(crate) worker: Option<String>,
    pub(crate) answer: oneshot::Sender<ActivityTask>,
}

/// Queues, by the activity's ARN.
#[derive(Default)]
pub(crate) struct Activities {
    tasks: HashMap<Arc<str>, VecDeque<(ExecutionId, TaskId)>>,
    polls: HashMap<Arc<str>, VecDeque<Poll>>,
}

impl Core {
    /// A task of an activity is there for the taking.
    pub(crate) fn offer_activity(&mut self, id: ExecutionId, request: &TaskRequest) {
        let arn = &request.resource;
        let name = arn.rsplit(':').next().unwrap_or_default();
        if !self.catalog.activities.contains_key(name) {
            let failed = EventKind::TaskFailed {
                task: request.task,
                stage: FailureStage::Schedule,
                error: Some("ActivityDoesNotExist".into()),
                cause: Some(format!("The activity {arn} does not exist.").into()),
            };
            self.ready.push_back((id, failed));
            return;
        }
        while let Some(poll) = self.activities.polls.get_mut(arn).and_then(VecDeque::pop_front) {
            // A worker that has gone away must not take a task with it.
            if !poll.answer.is_closed() && self.give(id, request.task, poll).is_none() {
                return;
            }
        }
        self.activities.tasks.entry(Arc::clone(arn)).or_default().push_back((id, request.task));
    }

    /// A worker asks. It is answered now or when there is a task, unless it goes away before.
    pub(crate) fn poll_activity(&mut self, arn: &Arc<str>, poll: Poll) {
        let mut poll = poll;
        while let Some((id, task)) = self.activities.tasks.get_mut(arn).and_then(VecDeque::pop_front) {
            match self.give(id, task, poll) {
                None => return,
                Some(back) => poll = back,
            }
        }
        let polls = self.activities.polls.entry(Arc::clone(arn)).or_default();
        polls.retain(|poll| !poll.answer.is_closed());
        polls.push_back(poll);
    }

    /// Gives a task to a worker; the worker comes back if nobody waits for the task any more.
    fn give(&mut self, id: ExecutionId, task: TaskId, poll: Poll) -> Option<Poll> {
        let open = self.load(id).and_then(|instance| instance.tasks.get(&task));
        let Some(open) = open.filter(|open| !open.started) else { return Some(poll) };
        let token = open.request.token.clone();
        let input = open.request.parameters.text().into_owned();
        self.deliver(id, EventKind::TaskStarted { task, worker: poll.worker });
        self.gathering.then(After::Call(Box::new(move |_| {
            // Gone in the meantime: the task's timeout takes care, as on AWS.
            let _ = poll.answer.send(ActivityTask { token, input });
        })));
        None
    }
}
