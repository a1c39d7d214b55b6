//! What reaches an execution from outside: everything that is not in the definition or the state, time and chance included.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::payload::Payload;
use crate::time::Timestamp;

/// One entry of an execution's log. Applying the same entries in the same order gives the same bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The time at which this happened. The interpreter knows no other clock.
    pub at: Timestamp,
    /// Fresh random bytes: UUIDs, random numbers, jitter and task tokens of this step derive from them.
    pub seed: Seed,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum EventKind {
    /// The execution begins. The first event of every log.
    Start,
    /// A timer that [`Effect::SetTimer`](crate::Effect::SetTimer) asked for is due.
    TimerFired {
        /// Which one.
        timer: TimerId,
    },
    /// The task was handed to its service or function; for an activity: a worker took it. Only after this do its
    /// timeout and heartbeat run.
    TaskStarted {
        /// Which one.
        task: TaskId,
        /// The name that an activity worker gave itself.
        worker: Option<String>,
    },
    /// `.sync` and `.waitForTaskToken`: the service took the request and answered `output`.
    TaskSubmitted {
        /// Which one.
        task: TaskId,
        /// The service's answer.
        output: Payload,
    },
    /// The worker or callback says that it is alive.
    TaskHeartbeat {
        /// Which one.
        task: TaskId,
    },
    /// The task gave its result.
    TaskSucceeded {
        /// Which one.
        task: TaskId,
        /// The result.
        output: Payload,
    },
    /// The task failed.
    TaskFailed {
        /// Which one.
        task: TaskId,
        /// How far it had come, which decides the history event.
        stage: FailureStage,
        /// The error's name, if any was given.
        error: Option<Arc<str>>,
        /// The error's text, if any was given.
        cause: Option<Arc<str>>,
    },
    /// The runner's own watch over the task ran out (a timer does the same, for timeouts of the definition).
    TaskTimedOut {
        /// Which one.
        task: TaskId,
        /// `States.Timeout` or `States.HeartbeatTimeout`; `States.Timeout` when not given.
        error: Option<Arc<str>>,
        /// A text, which AWS leaves out.
        cause: Option<Arc<str>>,
    },
    /// A distributed map is over, within its tolerance.
    MapRunSucceeded {
        /// Which one.
        map_run: MapRunId,
        /// The results in the order of the items, or where the `ResultWriter` put them.
        output: Payload,
    },
    /// A distributed map is over: its items could not be read or too many failed.
    MapRunFailed {
        /// Which one.
        map_run: MapRunId,
        /// `States.ItemReaderFailed`, `States.ExceedToleratedFailureThreshold`, …
        error: Option<Arc<str>>,
        /// Why.
        cause: Option<Arc<str>>,
    },
    /// Somebody stops the execution.
    Stop {
        /// What they gave as error.
        error: Option<Arc<str>>,
        /// What they gave as cause.
        cause: Option<Arc<str>>,
    },
    /// The runner cannot go on with the execution, which fails with this, whatever its definition would catch.
    Fail {
        /// The error's name.
        error: Option<Arc<str>>,
        /// The error's text.
        cause: Option<Arc<str>>,
    },
    /// Somebody redrives the execution from where it did not succeed. Ignored unless
    /// [`Execution::is_redrivable`](crate::Execution::is_redrivable).
    Redrive,
    /// The answer to [`Effect::Continue`](crate::Effect::Continue).
    Continue,
}

/// How far a task had come when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum FailureStage {
    /// It ran: `TaskFailed`, `LambdaFunctionFailed`, `ActivityFailed`.
    #[default]
    Run,
    /// It could not be scheduled: `LambdaFunctionScheduleFailed`, `ActivityScheduleFailed`; `TaskFailed` for services.
    Schedule,
    /// It could not be started: `TaskStartFailed`, `LambdaFunctionStartFailed`.
    Start,
    /// The service refused the request: `TaskSubmitFailed`.
    Submit,
}

/// A task of one execution: the id of its `…Scheduled` event, hence unique and in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(pub u64);

/// A timer of one execution, numbered from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TimerId(pub u64);

/// A distributed map of one execution: the id of its `MapRunStarted` event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MapRunId(pub u64);

/// Thirty-two random bytes. Must come from a source fit for secrets, because task tokens derive from them.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Seed(pub [u8; 32]);

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Whoever knows the seed knows the task tokens.
        f.write_str("Seed(…)")
    }
}

impl Serialize for Seed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&crate::entropy::hex(&self.0))
    }
}

impl<'de> Deserialize<'de> for Seed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let digits = text.as_bytes();
        let mut seed = [0; 32];
        if digits.len() != 64 {
            return Err(D::Error::custom("a seed has 64 hexadecimal digits"));
        }
        for (byte, pair) in seed.iter_mut().zip(digits.chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(D::Error::custom)?;
            *byte = u8::from_str_radix(pair, 16).map_err(D::Error::custom)?;
        }
        Ok(Self(seed))
    }
}
