//! What every [`Waiting`] keeps.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::{ManualClock, delivery_id};
use crate::comment::{Place, Repository};
use crate::ids::{CommentId, InstallationId, Number, RepositoryId, UserId};
use crate::ports::{
    ASKING, Ask, PostedComment, Prompt, PromptId, PromptKey, Released, WAITING_LIFETIME, Waiting,
    WaitingCommand,
};

const SOMEBODY: UserId = UserId(583_231);
const SOMEBODY_ELSE: UserId = UserId(583_232);
const LEASE: Duration = Duration::from_mins(1);
const MOMENT: Duration = Duration::from_millis(2);

/// Runs all facts, each on an adapter of its own.
pub async fn waiting<S, F>(make: F)
where
    S: Waiting + 'static,
    F: AsyncFn(Arc<ManualClock>) -> S,
{
    let fresh = async || {
        let clock = Arc::new(ManualClock::default());
        (Arc::new(make(Arc::clone(&clock)).await), clock)
    };
    let (store, _) = fresh().await;
    one_is_asked_once_in_one_place(store).await;
    let (store, clock) = fresh().await;
    who_dies_before_asking_is_replaced(&*store, &clock).await;
    let (store, _) = fresh().await;
    a_login_sets_free_what_is_theirs(&*store).await;
    let (store, clock) = fresh().await;
    what_is_not_finished_is_handed_out_again(&*store, &clock).await;
    let (store, clock) = fresh().await;
    a_prompt_expires_with_its_last_command(&*store, &clock).await;
    let (store, clock) = fresh().await;
    after_expiry_and_after_a_login_one_is_asked_anew(&*store, &clock).await;
}

fn command(user: UserId, number: u64, place: &str) -> WaitingCommand {
    WaitingCommand {
        delivery: delivery_id(number),
        index: 0,
        name: format!("deploy{number}"),
        prompt: PromptKey { user, place: place.to_owned() },
        installation: InstallationId(7),
        repository: Repository {
            id: RepositoryId(1_296_269),
            owner: "octo-org".into(),
            name: "hello \u{e4}".into(),
            owner_is_organization: true,
        },
        html_url: format!("https://github.com/octo-org/hello/pull/12#{number}"),
    }
}

fn reply(id: u64) -> PostedComment {
    PostedComment {
        place: Place::PullRequest { number: Number(12), comment: Some(CommentId(id)) },
        id,
        node_id: format!("IC_{id}"),
        html_url: "https://github.com/octo-org/hello/pull/12".to_owned(),
    }
}

async fn keep(store: &impl Waiting, command: &WaitingCommand) -> Ask {
    store.keep(command.clone(), WAITING_LIFETIME).await.expect("it can be kept")
}

async fn asks(store: &impl Waiting, command: &WaitingCommand) -> PromptId {
    match keep(store, command).await {
        Ask::Prompt(prompt) => prompt,
        Ask::Asked => panic!("{} should ask", command.name),
    }
}

async fn prompted(store: &impl Waiting, prompt: PromptId, id: u64) {
    store.prompted(prompt, reply(id)).await.expect("it can be recorded");
}

async fn take_all(store: &impl Waiting, user: UserId) -> Released {
    store.take_all(user, LEASE).await.expect("they can be taken")
}

async fn resume(store: &impl Waiting) -> Vec<WaitingCommand> {
    store.resume(LEASE, 100).await.expect("they can be taken")
}

async fn finish(store: &impl Waiting, command: &WaitingCommand) {
    store.finish(command.delivery, command.index).await.expect("it can be finished");
}

async fn expired(store: &impl Waiting) -> Vec<Prompt> {
    store.expired(100).await.expect("they can be listed")
}

async fn one_is_asked_once_in_one_place(store: Arc<impl Waiting + 'static>) {
    let mut keepers = JoinSet::new();
    for number in 0..20 {
        let store = Arc::clone(&store);
        keepers.spawn(async move { keep(&*store, &command(SOMEBODY, number, "here")).await });
    }
    let answers = keepers.join_all().await;
    let asking: Vec<_> = answers.iter().filter(|answer| **answer != Ask::Asked).collect();
    assert_eq!(asking.len(), 1, "{answers:?}");
    let store = &*store;
    // The one who asks may come back, and has to ask still.
    let mut again = Vec::new();
    for number in 0..20 {
        again.push(keep(store, &command(SOMEBODY, number, "here")).await);
    }
    assert_eq!(again.iter().filter(|answer| *answer == asking[0]).count(), 1);
    assert_eq!(again.iter().filter(|answer| **answer == Ask::Asked).count(), 19);
    let Ask::Prompt(prompt) = *asking[0] else { unreachable!("those were filtered out") };
    prompted(store, prompt, 1).await;
    prompted(store, prompt, 1).await;
    for number in 0..20 {
        assert_eq!(keep(store, &command(SOMEBODY, number, "here")).await, Ask::Asked);
    }
    // Another place and another person are asked on their own; so is a delivery's second command elsewhere.
    assert_ne!(asks(store, &command(SOMEBODY, 20, "there")).await, prompt);
    assert_ne!(asks(store, &command(SOMEBODY_ELSE, 21, "here")).await, prompt);
    assert_eq!(keep(store, &WaitingCommand { index: 1, ..command(SOMEBODY, 0, "here") }).await, Ask::Asked);
    assert_eq!(take_all(store, SOMEBODY).await.commands.len(), 22);
}

async fn who_dies_before_asking_is_replaced(store: &impl Waiting, clock: &ManualClock) {
    let (first, second) = (command(SOMEBODY, 1, "here"), command(SOMEBODY, 2, "here"));
    let prompt = asks(store, &first).await;
    clock.advance(ASKING.saturating_sub(MOMENT));
    assert_eq!(keep(store, &second).await, Ask::Asked);
    clock.advance(MOMENT * 2);
    assert_eq!(keep(store, &second).await, Ask::Prompt(prompt), "the first one had its time");
    assert_eq!(keep(store, &first).await, Ask::Asked);
}

async fn a_login_sets_free_what_is_theirs(store: &impl Waiting) {
    let here = command(SOMEBODY, 1, "here");
    let there = WaitingCommand { index: 3, ..command(SOMEBODY, 2, "there") };
    let other = command(SOMEBODY_ELSE, 3, "here");
    assert_eq!(take_all(store, SOMEBODY).await, Released::default());
    let prompt = asks(store, &here).await;
    prompted(store, prompt, 1).await;
    asks(store, &there).await;
    asks(store, &other).await;
    let released = take_all(store, SOMEBODY).await;
    assert_eq!(released.commands, [here.clone(), there.clone()], "oldest first, and whole");
    assert_eq!(released.prompts.len(), 2);
    assert_eq!((released.prompts[0].id, &released.prompts[0].key), (prompt, &here.prompt));
    assert_eq!(released.prompts[0].reply, Some(reply(1)));
    assert_eq!(released.prompts[0].repository, here.repository);
    assert_eq!(released.prompts[1].reply, None, "it was never said to be posted");
    assert_eq!(take_all(store, SOMEBODY).await, Released::default(), "they are being handled");
    for command in [&here, &there, &here] {
        finish(store, command).await;
    }
    assert_eq!(take_all(store, SOMEBODY_ELSE).await.commands, [other]);
}

async fn what_is_not_finished_is_handed_out_again(store: &impl Waiting, clock: &ManualClock) {
    let (first, second) = (command(SOMEBODY, 1, "here"), command(SOMEBODY, 2, "here"));
    for command in [&first, &second] {
        keep(store, command).await;
    }
    assert!(resume(store).await.is_empty(), "nobody has logged in");
    finish(store, &first).await;
    assert_eq!(take_all(store, SOMEBODY).await.commands.len(), 2, "what waits cannot be finished");
    finish(store, &first).await;
    clock.advance(LEASE.saturating_sub(MOMENT));
    assert!(resume(store).await.is_empty());
    clock.advance(MOMENT * 2);
    assert_eq!(resume(store).await, std::slice::from_ref(&second));
    assert!(resume(store).await.is_empty());
    // However long it takes: the person was told that it runs.
    clock.advance(WAITING_LIFETIME * 3);
    assert_eq!(take_all(store, SOMEBODY).await.commands, std::slice::from_ref(&second));
    finish(store, &second).await;
    clock.advance(LEASE * 2);
    assert!(resume(store).await.is_empty());
    assert!(expired(store).await.is_empty());
}

async fn a_prompt_expires_with_its_last_command(store: &impl Waiting, clock: &ManualClock) {
    let (early, late) = (command(SOMEBODY, 1, "here"), command(SOMEBODY, 2, "here"));
    let prompt = asks(store, &early).await;
    prompted(store, prompt, 1).await;
    clock.advance(WAITING_LIFETIME / 2);
    assert_eq!(keep(store, &late).await, Ask::Asked);
    assert_eq!(keep(store, &early).await, Ask::Asked, "keeping it again does not make it wait longer");
    clock.advance(WAITING_LIFETIME / 2 + MOMENT);
    assert!(expired(store).await.is_empty(), "one still waits");
    clock.advance(WAITING_LIFETIME / 2);
    let listed = expired(store).await;
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].id, &listed[0].key), (prompt, &early.prompt));
    assert_eq!((&listed[0].reply, listed[0].installation), (&Some(reply(1)), early.installation));
    assert_eq!(expired(store).await, listed, "until it is dropped");
    assert_eq!(take_all(store, SOMEBODY).await, Released::default(), "nothing waits any more");
    assert_eq!(expired(store).await, listed, "a login too late does not change that");
    for _ in 0..2 {
        store.dropped(prompt).await.expect("it can be dropped");
    }
    assert!(expired(store).await.is_empty());
    // Of two commands that wait, one may expire before the login.
    let (early, late) = (command(SOMEBODY, 3, "here"), command(SOMEBODY, 4, "here"));
    keep(store, &early).await;
    clock.advance(WAITING_LIFETIME / 2);
    keep(store, &late).await;
    clock.advance(WAITING_LIFETIME / 2 + MOMENT);
    assert_eq!(take_all(store, SOMEBODY).await.commands, [late]);
}

async fn after_expiry_and_after_a_login_one_is_asked_anew(store: &impl Waiting, clock: &ManualClock) {
    let (first, second) = (command(SOMEBODY, 1, "here"), command(SOMEBODY, 2, "here"));
    let old = asks(store, &first).await;
    prompted(store, old, 1).await;
    clock.advance(WAITING_LIFETIME + MOMENT);
    let new = asks(store, &second).await;
    assert_ne!(new, old, "the old reply will say that it has expired");
    assert_eq!(keep(store, &first).await, Ask::Asked, "it waits again, under the new prompt");
    prompted(store, new, 2).await;
    assert_eq!(expired(store).await.iter().map(|prompt| prompt.id).collect::<Vec<_>>(), [old]);
    store.dropped(old).await.expect("it can be dropped");
    let released = take_all(store, SOMEBODY).await;
    assert_eq!(released.commands.len(), 2);
    assert_eq!(released.prompts.iter().map(|prompt| prompt.id).collect::<Vec<_>>(), [new]);
    // The login did not last: what was handed out asks anew, and finishing the old run leaves it waiting.
    let newest = asks(store, &second).await;
    assert!(newest != new && newest != old);
    finish(store, &first).await;
    finish(store, &second).await;
    clock.advance(LEASE * 2);
    assert!(resume(store).await.is_empty());
    assert_eq!(take_all(store, SOMEBODY).await.commands, [second]);
}
