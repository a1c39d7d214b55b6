//! The deliveries that were accepted last, kept for the handlers that are about to get them.
//!
//! Reading a segment back and decompressing it costs as much as writing it. Handlers that keep up find their
//! deliveries here; those that fall behind read from the disk. Losing an entry costs time, never a delivery.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use deputy_core::delivery::Delivery;

use crate::segment::raw_size;

/// Bodies and headers that may stay.
const MAX_BYTES: usize = 6 << 20;

/// Recently written or read segments.
#[derive(Default)]
pub(crate) struct Warm(Mutex<Segments>);

#[derive(Default)]
struct Segments {
    bytes: usize,
    /// Oldest first: id, bytes, deliveries.
    kept: VecDeque<(u64, usize, Arc<[Delivery]>)>,
}

impl Warm {
    /// Keeps a segment, at the cost of the oldest.
    pub(crate) fn keep(&self, segment: u64, deliveries: Arc<[Delivery]>) {
        let bytes: usize = deliveries.iter().map(|delivery| raw_size(delivery) + size_of::<Delivery>()).sum();
        if bytes > MAX_BYTES {
            return;
        }
        let mut segments = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if segments.kept.iter().any(|(kept, ..)| *kept == segment) {
            return;
        }
        segments.bytes += bytes;
        segments.kept.push_back((segment, bytes, deliveries));
        while segments.bytes > MAX_BYTES {
            let Some((_, dropped, _)) = segments.kept.pop_front() else { break };
            segments.bytes -= dropped;
        }
    }

    /// A segment, where it is still here.
    pub(crate) fn get(&self, segment: u64) -> Option<Arc<[Delivery]>> {
        let segments = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (.., deliveries) = segments.kept.iter().rev().find(|(kept, ..)| *kept == segment)?;
        Some(Arc::clone(deliveries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(number: u64) -> Delivery {
        deputy_core::contract::delivery(number, chrono::DateTime::UNIX_EPOCH)
    }

    #[test]
    fn the_oldest_makes_room() {
        let warm = Warm::default();
        let mut large = delivery(1);
        large.body = vec![b'x'; 4 << 20].into();
        warm.keep(1, [large.clone()].into());
        warm.keep(2, [delivery(2)].into());
        assert!(warm.get(1).is_some());
        warm.keep(3, [large.clone()].into());
        assert!(warm.get(1).is_none());
        assert!(warm.get(2).is_some() && warm.get(3).is_some());
        large.body = vec![b'x'; 20 << 20].into();
        warm.keep(4, [large].into());
        assert!(warm.get(4).is_none() && warm.get(3).is_some());
    }
}
