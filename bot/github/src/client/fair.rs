//! A door that lets one in at a time and takes turns between repositories, so that a busy one starves no other.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// The door. First come, first served within a key; in turn between keys.
#[derive(Debug, Clone, Default)]
pub(crate) struct FairDoor(Arc<Mutex<Queue>>);

#[derive(Debug, Default)]
struct Queue {
    taken: bool,
    /// The keys that somebody waits for, next first.
    order: VecDeque<u64>,
    waiting: HashMap<u64, VecDeque<oneshot::Sender<Turn>>>,
}

/// Being inside. Dropping it lets the next one in.
#[derive(Debug)]
pub(crate) struct Turn(Option<FairDoor>);

impl FairDoor {
    /// Waits for a turn. Giving up while waiting is fine.
    pub(crate) async fn enter(&self, key: u64) -> Turn {
        let next = {
            let mut queue = self.lock();
            if !queue.taken {
                queue.taken = true;
                return Turn(Some(self.clone()));
            }
            let (sender, receiver) = oneshot::channel();
            let line = queue.waiting.entry(key).or_default();
            line.push_back(sender);
            if line.len() == 1 {
                queue.order.push_back(key);
            }
            receiver
        };
        // The sender stays in the queue until it is used, so only a turn can come.
        next.await.unwrap_or_else(|_| Turn(None))
    }

    fn release(&self) {
        loop {
            let Some(next) = self.lock().next() else { return };
            match next.send(Turn(Some(self.clone()))) {
                Ok(()) => return,
                // Gave up meanwhile. Its turn must not release the door a second time.
                Err(mut turn) => turn.0 = None,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Every change to the queue is whole before anything can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// Who is next; where nobody is, the door is free.
    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        while let Some(key) = self.order.pop_front() {
            let Some(line) = self.waiting.get_mut(&key) else { continue };
            let next = line.pop_front();
            if line.is_empty() {
                self.waiting.remove(&key);
            } else {
                self.order.push_back(key);
            }
            if next.is_some() {
                return next;
            }
        }
        self.taken = false;
        None
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(door) = self.0.take() {
            door.release();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Starts waiting, and returns once it stands in the queue.
    async fn queue_up(door: &FairDoor, key: u64, log: &Arc<Mutex<Vec<u64>>>) -> tokio::task::JoinHandle<()> {
        let (door, log) = (door.clone(), Arc::clone(log));
        let task = tokio::spawn(async move {
            let _turn = door.enter(key).await;
            log.lock().unwrap().push(key);
        });
        tokio::task::yield_now().await;
        task
    }

    #[tokio::test]
    async fn a_busy_repository_waits_between_the_others() {
        let door = FairDoor::default();
        let log = Arc::default();
        let inside = door.enter(0).await;
        let mut tasks = Vec::new();
        for key in [1, 1, 1, 1, 2, 3, 2] {
            tasks.push(queue_up(&door, key, &log).await);
        }
        drop(inside);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*log.lock().unwrap(), [1, 2, 3, 1, 2, 1, 1]);
        assert!(!door.lock().taken);
    }

    #[tokio::test]
    async fn who_gives_up_loses_nobody_elses_turn() {
        let door = FairDoor::default();
        let log = Arc::default();
        let inside = door.enter(0).await;
        let gone = queue_up(&door, 1, &log).await;
        let stays = queue_up(&door, 2, &log).await;
        gone.abort();
        gone.await.unwrap_err();
        drop(inside);
        stays.await.unwrap();
        // Let in and given up in the same moment: the turn comes back by itself.
        let inside = door.enter(0).await;
        let gone = queue_up(&door, 1, &log).await;
        gone.abort();
        drop(inside);
        gone.await.unwrap_err();
        drop(door.enter(3).await);
    }
}
