//! Answers to task tokens: success, failure, heartbeat; each token is good for one answer.

use deputy_asl::{EventKind, FailureStage, Payload, TaskId};
use rusqlite::OptionalExtension;
use sha2::{Digest, Sha256};
use std::sync::Arc;

use super::core::Core;
use crate::error::ApiError;
use crate::store::ExecutionId;

/// What somebody says about a task.
#[derive(Debug)]
pub(crate) enum TokenAnswer {
    Success(Payload),
    Failure { error: Option<Arc<str>>, cause: Option<Arc<str>> },
    Heartbeat,
}

impl Core {
    /// Takes an answer. Of two answers to one token the first counts; the second is late, and told so.
    pub(crate) fn answer_token(&mut self, token: &str, answer: TokenAnswer) -> Result<(), ApiError> {
        let hash: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let Some((id, task)) = self.find_token(&hash)? else {
            return Err(ApiError::new("InvalidToken", "Invalid Token: 'Invalid token'"));
        };
        let open = self.load(id).is_some_and(|instance| instance.tasks.contains_key(&task));
        if !open {
            return Err(ApiError::new(
                "TaskTimedOut",
                "Task Timed Out: 'Provided task does not exist anymore'",
            ));
        }
        let event = match answer {
            TokenAnswer::Success(output) => EventKind::TaskSucceeded { task, output },
            TokenAnswer::Failure { error, cause } => {
                EventKind::TaskFailed { task, stage: FailureStage::Run, error, cause }
            }
            TokenAnswer::Heartbeat => EventKind::TaskHeartbeat { task },
        };
        self.deliver(id, event);
        // The answer may come before the service has answered that it took the request.
        self.give_up_if_closed(id, task);
        Ok(())
    }

    fn find_token(&self, hash: &[u8; 32]) -> Result<Option<(ExecutionId, TaskId)>, ApiError> {
        if let Some(found) = self.tokens.get(hash) {
            return Ok(Some(*found));
        }
        let row: Option<(u64, u64)> = self
            .reader
            .prepare_cached("SELECT execution, task FROM token WHERE hash = ?")?
            .query_row([hash], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        Ok(row.map(|(id, task)| (id, TaskId(task))))
    }
}
