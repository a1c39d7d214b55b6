//! Running handlers on what was accepted: one loop a handler, each with its own limit.
//!
//! A loop claims work, runs up to its limit of items at once, and settles what ended. Claims and settlements
//! travel in the writer's shared transactions; while one is on its way the next gathers, so a busy handler pays
//! for few of them. No loop waits for another's items.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use deputy_core::delivery::Delivery;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::error::WriteError;
use crate::lane::{LaneLoop, Stop};
use crate::store::Store;
use crate::work::ALONE;

/// Runs one handler on one delivery.
#[async_trait]
pub trait Run: Send + Sync + 'static {
    /// An error means: try again later, unless [`Permanent`](deputy_core::ports::Permanent) marks it. So does a panic, and taking too long.
    /// [`Busy`](deputy_core::ports::Busy) means that this was no attempt.
    ///
    /// `attempt` is 1 the first time. An earlier attempt may have had its effect, see
    /// [`Once`](deputy_core::ports::Once).
    async fn run(&self, handler: &str, delivery: Delivery, attempt: u32) -> anyhow::Result<()>;
}

/// A handler's share of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    /// Its name, as [`Subscriptions`](crate::Subscriptions) gives it.
    pub handler: String,
    /// How many deliveries it works on at once. Default 8.
    pub concurrency: usize,
    /// How long one may take. Default 10 minutes.
    pub timeout: Duration,
}

impl Lane {
    /// The defaults for this handler.
    pub fn new(handler: impl Into<String>) -> Self {
        Self { handler: handler.into(), concurrency: 8, timeout: Duration::from_mins(10) }
    }
}

/// The loops of all handlers.
pub struct Workers {
    store: Store,
    stop: watch::Sender<Stop>,
    loops: JoinSet<usize>,
}

impl Workers {
    /// Starts a loop a lane, and one for what must run alone, on the current runtime.
    pub async fn start(store: &Store, run: Arc<dyn Run>, lanes: Vec<Lane>) -> Result<Self, WriteError> {
        let (stop, stopped) = watch::channel(Stop::No);
        let timeouts: Arc<HashMap<String, Duration>> =
            Arc::new(lanes.iter().map(|lane| (lane.handler.clone(), lane.timeout)).collect());
        let mut loops = JoinSet::new();
        let mut served = vec![(ALONE, 1)];
        for lane in lanes {
            served.push((store.lane_of(&lane.handler).await?, lane.concurrency.max(1)));
        }
        for (lane, concurrency) in served {
            let lane_loop = LaneLoop::new(
                store.clone(),
                Arc::clone(&run),
                lane,
                concurrency,
                Arc::clone(&timeouts),
                stopped.clone(),
            );
            loops.spawn(lane_loop.run());
        }
        Ok(Self { store: store.clone(), stop, loops })
    }

    /// Stops claiming, waits until what runs has ended or `patience` has, and gives the rest back as it was.
    /// Returns how many deliveries were cut short.
    pub async fn drain(mut self, patience: Duration) -> usize {
        let now: DateTime<Utc> = self.store.shared().clock.now();
        // No receiver means that every loop has ended already.
        let _ = self.stop.send(Stop::By(now + patience));
        let mut cut_short = 0;
        while let Some(ended) = self.loops.join_next().await {
            match ended {
                Ok(count) => cut_short += count,
                Err(error) => tracing::error!(%error, "a handler's loop did not end by itself"),
            }
        }
        cut_short
    }
}
