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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work::WorkLease;

    fn work(items: u16) -> Handed {
        let claimed = Claimed {
            lease: WorkLease { row: 1, token: 1 },
            handler: "handler".into(),
            segment: 1,
            items: (0..items).collect(),
            attempt: 1,
            until: 0,
        };
        (claimed, Arc::default())
    }

    #[test]
    fn no_more_is_promised_than_there_is_room_for() {
        let door = Door::default();
        assert!(!door.promise(1), "nobody said that there is room");
        door.make_room(10);
        assert!(door.promise(7));
        assert!(!door.promise(4));
        // What is on its way takes room until the loop has it.
        door.make_room(10);
        assert!(!door.promise(4));
        door.hand_over(work(7));
        door.make_room(10);
        assert!(!door.promise(4));
        assert_eq!(door.take().0.len(), 1);
        door.make_room(10);
        assert!(door.promise(4));
        door.withdraw(4);
        door.make_room(10);
        assert!(door.promise(10));
    }

    #[test]
    fn a_loop_that_ends_learns_what_still_comes() {
        let door = Door::default();
        door.make_room(10);
        assert!(door.promise(3));
        assert!(matches!(door.shut(), (handed, true) if handed.is_empty()));
        assert!(!door.promise(1));
        door.hand_over(work(3));
        assert!(matches!(door.shut(), (handed, false) if handed.len() == 1));
    }

    #[test]
    fn news_of_the_queue_is_not_lost_behind_what_is_handed_over() {
        let door = Door::default();
        door.make_room(1);
        assert!(door.promise(1));
        door.wake();
        door.hand_over(work(1));
        assert!(matches!(door.take(), (handed, true) if handed.len() == 1));
        assert!(matches!(door.take(), (handed, false) if handed.is_empty()));
    }
}
