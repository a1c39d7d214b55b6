//! What every [`Locks`] keeps.

use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use tokio::task::JoinSet;

use super::{ManualClock, delivery_id};
use crate::ids::{RepositoryId, UserId};
use crate::job::{JobId, Requester};
use crate::ports::{Acquired, AskLock, Clock, Holder, Lock, LockName, Locks, ReleasedLock};

const HERE: RepositoryId = RepositoryId(1_296_269);

/// Runs all facts, each on an adapter of its own.
pub async fn locks<S, F>(make: F)
where
    S: Locks + 'static,
    F: AsyncFn(Arc<ManualClock>) -> S,
{
    let fresh = async || {
        let clock = Arc::new(ManualClock::default());
        (Arc::new(make(Arc::clone(&clock)).await), clock)
    };
    let (store, clock) = fresh().await;
    one_holds_it_and_asking_again_changes_nothing(&*store, &clock).await;
    let (store, clock) = fresh().await;
    of_simultaneous_holders_one_gets_it(store, &clock).await;
    let (store, clock) = fresh().await;
    who_waits_gets_it_in_order(&*store, &clock).await;
    let (store, clock) = fresh().await;
    only_its_holder_releases_it_and_a_person_unlocks_it(&*store, &clock).await;
    let (store, clock) = fresh().await;
    nothing_is_left_of_a_holder(&*store, &clock).await;
    let (store, clock) = fresh().await;
    locks_do_not_touch_each_other(&*store, &clock).await;
}

fn of(number: u64) -> Holder {
    Holder::Job(JobId::of_command(DateTime::UNIX_EPOCH, delivery_id(number), 0))
}

fn name(environment: &str) -> LockName {
    LockName { repository: HERE, environment: environment.to_owned() }
}

fn ask(number: u64, clock: &ManualClock) -> AskLock {
    AskLock {
        name: name("staging"),
        holder: of(number),
        person: Requester { id: UserId(number), login: format!("octocat-{number}") },
        reason: Some("try \u{e4}".to_owned()),
        at: clock.now(),
        waits: false,
    }
}

async fn acquire(store: &impl Locks, ask: &AskLock) -> Acquired {
    store.acquire(ask).await.expect("locks can be asked for")
}

async fn holder(store: &impl Locks) -> Option<Lock> {
    store.get(&name("staging")).await.expect("locks can be read")
}

async fn one_holds_it_and_asking_again_changes_nothing(store: &impl Locks, clock: &ManualClock) {
    assert_eq!(holder(store).await, None);
    let first = ask(1, clock);
    let Acquired::Yes(lock) = acquire(store, &first).await else { panic!("it is free") };
    assert_eq!(
        (&lock.holder, &lock.reason, lock.person.login.as_str()),
        (&of(1), &first.reason, "octocat-1")
    );
    clock.advance(Duration::from_mins(1));
    let again = acquire(store, &ask(1, clock)).await;
    let Acquired::Yes(again) = again else { panic!("it is theirs: {again:?}") };
    assert_eq!(again.since.timestamp_millis(), lock.since.timestamp_millis(), "since then, not since now");
    let other = acquire(store, &ask(2, clock)).await;
    let Acquired::Held(held) = other else { panic!("it is held: {other:?}") };
    assert_eq!((held.holder, held.waiting), (of(1), Vec::new()), "who does not wait is not in line");
}

async fn of_simultaneous_holders_one_gets_it<S: Locks + 'static>(store: Arc<S>, clock: &ManualClock) {
    let mut callers = JoinSet::new();
    for number in 0..10 {
        let (store, ask) = (Arc::clone(&store), ask(number, clock));
        callers.spawn(async move { acquire(&*store, &ask).await });
    }
    let answers = callers.join_all().await;
    assert_eq!(answers.iter().filter(|answer| matches!(answer, Acquired::Yes(_))).count(), 1, "{answers:?}");
}

async fn who_waits_gets_it_in_order(store: &impl Locks, clock: &ManualClock) {
    acquire(store, &ask(1, clock)).await;
    for number in [3, 2, 3, 4] {
        let ask = AskLock { waits: true, ..ask(number, clock) };
        assert!(matches!(acquire(store, &ask).await, Acquired::Held(_)));
    }
    assert_eq!(holder(store).await.map(|lock| lock.waiting), Some(vec![of(3), of(2), of(4)]));
    // Who gives up waiting is passed over.
    let left = store.release(&name("staging"), &of(2)).await.expect("it can be given up");
    assert_eq!(left, ReleasedLock::NotHeld);
    clock.advance(Duration::from_mins(1));
    let released = store.release(&name("staging"), &of(1)).await.expect("it can be given up");
    let ReleasedLock::HandedTo(next) = released else { panic!("somebody waits: {released:?}") };
    assert_eq!((next.holder.clone(), next.waiting), (of(3), vec![of(4)]));
    assert_eq!(next.since.timestamp_millis(), clock.now().timestamp_millis());
    assert!(matches!(acquire(store, &ask(3, clock)).await, Acquired::Yes(_)), "who was not told asks again");
    assert!(matches!(acquire(store, &ask(5, clock)).await, Acquired::Held(_)), "nobody steps in between");
}

async fn only_its_holder_releases_it_and_a_person_unlocks_it(store: &impl Locks, clock: &ManualClock) {
    assert_eq!(store.unlock(&name("staging")).await.expect("it can be asked"), ReleasedLock::NotHeld);
    acquire(store, &ask(1, clock)).await;
    let by_another = store.release(&name("staging"), &of(2)).await.expect("it can be asked");
    assert_eq!(by_another, ReleasedLock::NotHeld);
    assert_eq!(holder(store).await.map(|lock| lock.holder), Some(of(1)));
    assert_eq!(store.unlock(&name("staging")).await.expect("it can be asked"), ReleasedLock::Free);
    assert_eq!(holder(store).await, None);
    let late = store.release(&name("staging"), &of(1)).await.expect("it can be asked");
    assert_eq!(late, ReleasedLock::NotHeld);
}

async fn nothing_is_left_of_a_holder(store: &impl Locks, clock: &ManualClock) {
    acquire(store, &ask(1, clock)).await;
    let production = |number, clock: &ManualClock| AskLock { name: name("production"), ..ask(number, clock) };
    acquire(store, &production(2, clock)).await;
    acquire(store, &AskLock { waits: true, ..production(1, clock) }).await;
    acquire(store, &AskLock { waits: true, ..ask(3, clock) }).await;
    let released = store.release_all(&of(1)).await.expect("it can be given up");
    assert_eq!(released.len(), 2);
    assert!(
        matches!(&released[0], (_, ReleasedLock::HandedTo(lock)) if lock.holder == of(3)),
        "{released:?}"
    );
    assert_eq!(released[1], (name("production"), ReleasedLock::NotHeld));
    let locks = store.list(HERE).await.expect("locks can be listed");
    let held: Vec<_> =
        locks.into_iter().map(|lock| (lock.name.environment, lock.holder, lock.waiting)).collect();
    assert_eq!(held, [("production".into(), of(2), vec![]), ("staging".into(), of(3), vec![])]);
    assert!(store.release_all(&of(1)).await.expect("it can be given up").is_empty());
}

async fn locks_do_not_touch_each_other(store: &impl Locks, clock: &ManualClock) {
    let person = Holder::Person(UserId(1));
    let elsewhere = LockName { repository: RepositoryId(1), environment: "staging".to_owned() };
    let asks = [
        ask(1, clock),
        AskLock { name: name("Staging"), ..ask(2, clock) },
        AskLock { name: elsewhere.clone(), holder: person.clone(), ..ask(3, clock) },
    ];
    for ask in &asks {
        assert!(matches!(acquire(store, ask).await, Acquired::Yes(_)), "{ask:?}");
    }
    assert_eq!(store.list(HERE).await.expect("locks can be listed").len(), 2);
    assert_eq!(store.release(&elsewhere, &person).await.expect("it can be given up"), ReleasedLock::Free);
    assert_eq!(store.list(HERE).await.expect("locks can be listed").len(), 2);
}
