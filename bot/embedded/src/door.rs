//! Where the writer and a handler's loop meet: news of work, and work handed over without a claim.
//!
//! Claiming work that a loop is waiting for would cost another write and another commit before its handler may
//! start. So a loop says how much it has room for, and what is accepted within that is written as leased to it
//! already, and handed over from memory once the commit is through.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use deputy_core::delivery::Delivery;
use tokio::sync::Notify;

use crate::work::Claimed;

/// Work, and the segment it is in.
pub(crate) type Handed = (Claimed, Arc<[Delivery]>);

/// One lane's.
#[derive(Default)]
pub(crate) struct Door {
    /// Told when there is work: handed over, or in the queue.
    pub(crate) news: Notify,
    inside: Mutex<Inside>,
}

#[derive(Default)]
struct Inside {
    /// Items that may be handed over.
    room: usize,
    /// Items in transactions that are not through yet.
    promised: usize,
    handed: Vec<Handed>,
    /// Whether something new is in the queue.
    queued: bool,
}

impl Door {
    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The writer asks: may these items be leased to the loop as they are written?
    pub(crate) fn promise(&self, items: usize) -> bool {
        let mut inside = self.lock();
        let fits = items <= inside.room;
        if fits {
            inside.room -= items;
            inside.promised += items;
        }
        fits
    }

    /// The transaction failed: nothing comes of the promise.
    pub(crate) fn withdraw(&self, items: usize) {
        self.lock().promised -= items;
    }

    /// The transaction is through.
    pub(crate) fn hand_over(&self, work: Handed) {
        let mut inside = self.lock();
        inside.promised -= work.0.items.len();
        inside.handed.push(work);
        drop(inside);
        self.news.notify_one();
    }

    /// There is something new in the queue.
    pub(crate) fn wake(&self) {
        self.lock().queued = true;
        self.news.notify_one();
    }

    /// The loop takes what was handed over, and learns whether there is something in the queue.
    pub(crate) fn take(&self) -> (Vec<Handed>, bool) {
        let mut inside = self.lock();
        (std::mem::take(&mut inside.handed), std::mem::take(&mut inside.queued))
    }

    /// The loop says how many items it could take beside what it has taken already.
    pub(crate) fn make_room(&self, room: usize) {
        let mut inside = self.lock();
        let coming = inside.promised + inside.handed.iter().map(|(work, _)| work.items.len()).sum::<usize>();
        inside.room = room.saturating_sub(coming);
    }

    /// The loop ends: it takes nothing more. What is promised still comes, so ask until nothing is.
    pub(crate) fn shut(&self) -> (Vec<Handed>, bool) {
        let mut inside = self.lock();
        inside.room = 0;
        (std::mem::take(&mut inside.handed), inside.promised > 0)
    }
}
