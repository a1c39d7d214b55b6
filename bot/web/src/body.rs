//! Reads a request's body whole, within limits of size, time and memory.
//!
//! Three things bound what strangers can make us hold. A body has a largest size. It must keep up a pace, so
//! that nobody holds a place by dribbling. And large bodies share one [`Room`]: small ones, which is nearly all
//! of GitHub's, never wait for it, and are bounded by the number of connections.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Body;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::problem::Problem;

/// How large a body may be, how slow, and how much memory all of them may take.
#[derive(Debug, Clone)]
pub struct BodyLimits {
    /// The largest body in bytes. Default 25 MiB: GitHub sends none larger.
    pub largest: usize,
    /// Up to this many bytes, a body takes no place in [`room`](Self::room). Default 64 KiB.
    pub small: usize,
    /// How many bytes of large bodies may be in memory at once. At least [`largest`](Self::largest). Default
    /// 128 MiB.
    pub room: usize,
    /// How long a body may take before its pace counts, and how long a large one waits for room. Default 5 s.
    pub grace: Duration,
    /// How many bytes a second a body must keep up on average after that. Default 1 MiB: GitHub gives up on
    /// a delivery after 10 s, so that what comes slower is of no use to anybody.
    pub pace: usize,
}

impl Default for BodyLimits {
    fn default() -> Self {
        Self {
            largest: 25 * 1024 * 1024,
            small: 64 * 1024,
            room: 128 * 1024 * 1024,
            grace: Duration::from_secs(5),
            pace: 1024 * 1024,
        }
    }
}

/// The memory that large bodies share, in KiB, so that it counts in `u32` permits however much it is.
pub(crate) struct Room(Arc<Semaphore>);

impl Room {
    pub(crate) fn new(limits: &BodyLimits) -> Self {
        Self(Arc::new(Semaphore::new(kib(limits.room.max(limits.largest)) as usize)))
    }
}

fn kib(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX)
}

/// A body in memory, holding its place in the [`Room`] if it is a large one.
pub(crate) struct Whole {
    pub(crate) bytes: Bytes,
    /// Given back when the delivery has been dealt with.
    pub(crate) place: Option<OwnedSemaphorePermit>,
}

/// Reads `body` to its end.
///
/// The declared length decides before a byte is read, so that a client that waits for `100 Continue` hears of
/// a 413 without sending anything. A length is only a claim, though: what really comes is counted as well.
pub(crate) async fn read<B>(body: B, limits: &BodyLimits, room: &Room) -> Result<Whole, Problem>
where
    B: Body<Data = Bytes> + Unpin,
{
    let declared = body.size_hint().exact();
    let too_large = || Problem::TooLarge { limit: limits.largest };
    if declared.is_some_and(|length| length > limits.largest as u64) {
        return Err(too_large());
    }
    // Fits, being no more than `largest`, which is a `usize`.
    let declared = declared.and_then(|length| usize::try_from(length).ok());

    let mut reading = Reading { body, started: Instant::now(), received: 0, limits };
    let Some(first) = reading.next().await? else {
        return Ok(Whole { bytes: Bytes::new(), place: None });
    };
    // Copied out of the connection's read buffer even where it came in one piece. The buffer is several times as
    // large, would live as long as the delivery waits to be stored, and the connection would need a new one.
    // A large body's memory is only reserved here and not yet used, so that a declared length alone costs nothing.
    let mut whole = Vec::with_capacity(declared.unwrap_or(limits.small));
    let mut place = None;
    let mut next = Some(first);
    while let Some(data) = next {
        if whole.len() + data.len() > limits.largest {
            return Err(too_large());
        }
        if place.is_none() && whole.len() + data.len() > limits.small {
            // All of it at once. Taking it piecemeal could leave every body half read, waiting for the others.
            place = Some(reading.wait_for_room(room, declared.unwrap_or(limits.largest)).await?);
        }
        whole.extend_from_slice(&data);
        drop(data);
        next = reading.next().await?;
    }
    Ok(Whole { bytes: whole.into(), place })
}

struct Reading<'a, B> {
    body: B,
    started: Instant,
    received: usize,
    limits: &'a BodyLimits,
}

impl<B: Body<Data = Bytes> + Unpin> Reading<'_, B> {
    /// The next piece of data, or `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        loop {
            let earned = self.received as u64 * 1000 / (self.limits.pace.max(1) as u64);
            let deadline = self.started + self.limits.grace + Duration::from_millis(earned);
            let frame = match tokio::time::timeout_at(deadline, self.body.frame()).await {
                Err(_elapsed) => return Err(Problem::TooSlow),
                Ok(None) => return Ok(None),
                Ok(Some(Err(_broken))) => return Err(Problem::BodyBroken),
                Ok(Some(Ok(frame))) => frame,
            };
            // What is no data is trailers, and those have nothing for us.
            if let Ok(data) = frame.into_data()
                && !data.is_empty()
            {
                self.received += data.len();
                return Ok(Some(data));
            }
        }
    }

    /// Waits until `bytes` fit. The client cannot send meanwhile, so the wait does not count against its pace.
    async fn wait_for_room(&mut self, room: &Room, bytes: usize) -> Result<OwnedSemaphorePermit, Problem> {
        let asked = Instant::now();
        let permit = room.0.clone().acquire_many_owned(kib(bytes));
        match tokio::time::timeout(self.limits.grace, permit).await {
            Ok(Ok(permit)) => {
                self.started += asked.elapsed();
                Ok(permit)
            }
            // The semaphore is never closed, so that only the time-out is left.
            Ok(Err(_)) | Err(_) => Err(Problem::Busy),
        }
    }
}
