//! What every [`Jobs`] keeps.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Map;
use tokio::task::JoinSet;

use super::{ManualClock, delivery_id};
use crate::comment::{Place, Repository};
use crate::ids::{CommentId, InstallationId, Number, RepositoryId, UserId};
use crate::job::{Admission, Asked, Job, JobId, JobRequest, Move, Note, Policy, Requester, Status};
use crate::ports::{Clock, ExecutionId, JobQuery, Jobs, JobsError, move_job};

const HERE: RepositoryId = RepositoryId(1_296_269);

/// A job: one of its own for every `number`, asked for by comment 12 of `HERE`.
pub fn job(number: u64, clock: &ManualClock) -> Job {
    let id = JobId::of_command(clock.now(), delivery_id(number), 0);
    let repository =
        Repository { id: HERE, owner: "octo-org".into(), name: "hello".into(), owner_is_organization: true };
    let place = Place::PullRequest { number: Number(12), comment: Some(CommentId(number)) };
    Job::new(
        id,
        JobRequest {
            workflow: "deploy".to_owned(),
            version: "0123456789ab".to_owned(),
            requester: Requester { id: UserId(583_231), login: "octocat".to_owned() },
            installation: InstallationId(7),
            repository,
            asked: Asked {
                place,
                node_id: format!("IC_{number}"),
                html_url: format!("https://github.com/octo-org/hello/pull/12#issuecomment-{number}"),
                at: Some(clock.now()),
                words: "deploy staging".to_owned(),
            },
            head: Some("6dcb09b5b57875f334f61aebed695e2e4193db5e".parse().expect("it is a SHA")),
            arguments: Map::from_iter([("environment".to_owned(), "staging".into())]),
            group: None,
            policy: Policy::Queue,
            locks: Vec::new(),
            check_name: "deploy".to_owned(),
            created_at: clock.now(),
            deadline: clock.now() + Duration::from_hours(1),
        },
    )
}

fn grouped(number: u64, clock: &ManualClock, policy: Policy) -> Job {
    let mut job = job(number, clock);
    job.request.group = Some("deploy-staging".to_owned());
    job.request.policy = policy;
    job
}

fn cancelled() -> Move {
    Move::End { status: Status::Cancelled, error: None }
}

/// Runs all facts, each on an adapter of its own.
pub async fn jobs<S, F>(make: F)
where
    S: Jobs + 'static,
    F: AsyncFn(Arc<ManualClock>) -> S,
{
    let fresh = async || {
        let clock = Arc::new(ManualClock::default());
        (Arc::new(make(Arc::clone(&clock)).await), clock)
    };
    let (store, clock) = fresh().await;
    creating_twice_makes_one(&*store, &clock).await;
    let (store, clock) = fresh().await;
    no_change_is_lost_however_many_change_it(store, &clock).await;
    let (store, clock) = fresh().await;
    an_update_replaces_only_what_was_read(&*store, &clock).await;
    let (store, clock) = fresh().await;
    one_of_a_group_at_a_time(store, &clock).await;
    let (store, clock) = fresh().await;
    a_policy_says_what_becomes_of_the_next(&*store, &clock).await;
    let (store, clock) = fresh().await;
    a_retry_stands_in_line(&*store, &clock).await;
    let (store, clock) = fresh().await;
    listings_are_newest_first(&*store, &clock).await;
    let (store, clock) = fresh().await;
    what_is_not_settled_comes_up(&*store, &clock).await;
}

async fn create(store: &impl Jobs, job: &Job) -> Admission {
    let created = store.create(job.clone()).await.expect("jobs can be made");
    assert!(created.is_new);
    created.admission
}

async fn get(store: &impl Jobs, id: JobId) -> Job {
    store.get(id).await.expect("jobs can be read").expect("it is there").job
}

async fn happens(store: &impl Jobs, id: JobId, happened: Move, clock: &ManualClock) -> Job {
    move_job(store, id, &happened, clock.now()).await.expect("it can happen")
}

async fn creating_twice_makes_one(store: &impl Jobs, clock: &ManualClock) {
    let first = grouped(1, clock, Policy::Queue);
    assert_eq!(create(store, &first).await, Admission::Now);
    let second = grouped(2, clock, Policy::Queue);
    let after = Admission::After { ahead: vec![first.id], cancel: Vec::new() };
    assert_eq!(create(store, &second).await, after);
    happens(store, first.id, cancelled(), clock).await;
    for (job, admission) in [(&first, Admission::Now), (&second, after)] {
        let again = store.create(job.clone()).await.expect("jobs can be made");
        assert!(!again.is_new);
        assert_eq!(again.admission, admission, "what was decided then");
    }
    assert_eq!(get(store, first.id).await.status, Status::Cancelled, "creating again changes nothing");
    assert!(store.get(job(3, clock).id).await.expect("jobs can be read").is_none());
    let nobody = move_job(store, job(3, clock).id, &cancelled(), clock.now()).await;
    assert!(matches!(nobody, Err(JobsError::NoJob(_))), "{nobody:?}");
}

async fn no_change_is_lost_however_many_change_it<S: Jobs + 'static>(store: Arc<S>, clock: &ManualClock) {
    let job = job(1, clock);
    create(&*store, &job).await;
    let mut changers = JoinSet::new();
    for number in 0..20 {
        let (store, id, at) = (Arc::clone(&store), job.id, clock.now());
        changers.spawn(async move {
            let note = Note { key: number.to_string(), step: "s".to_owned(), text: "x".to_owned() };
            move_job(&*store, id, &Move::Note(note), at).await.expect("it can happen");
        });
    }
    changers.join_all().await;
    let job = get(&*store, job.id).await;
    assert_eq!((job.notes.len(), job.revision), (20, 21));
}

async fn an_update_replaces_only_what_was_read(store: &impl Jobs, clock: &ManualClock) {
    let new = job(1, clock);
    create(store, &new).await;
    let read = store.get(new.id).await.expect("jobs can be read").expect("it is there");
    assert_eq!(read.job, new, "as it was made");
    let mut changed = read.job.clone();
    changed.revision += 1;
    let next = store.update(&changed, read.version).await.expect("jobs can be changed");
    assert!(next.is_some_and(|next| next != read.version));
    assert_eq!(store.update(&new, read.version).await.expect("jobs can be changed"), None);
    assert_eq!(get(store, new.id).await, changed);
}

async fn one_of_a_group_at_a_time<S: Jobs + 'static>(store: Arc<S>, clock: &ManualClock) {
    let mut callers = JoinSet::new();
    for number in 0..10 {
        let (store, job) = (Arc::clone(&store), grouped(number, clock, Policy::Queue));
        callers.spawn(async move { (job.id, create(&*store, &job).await) });
    }
    let created = callers.join_all().await;
    let mut turn: Vec<JobId> =
        created.iter().filter(|(_, admission)| *admission == Admission::Now).map(|(id, _)| *id).collect();
    assert_eq!(turn.len(), 1, "{created:?}");
    let elsewhere = RepositoryId(1);
    assert_eq!(store.admit_next(elsewhere, "deploy-staging").await.expect("it can be asked"), None);
    let mut had = Vec::new();
    while let Some(current) = turn.pop() {
        assert_eq!(
            store.admit_next(HERE, "deploy-staging").await.expect("it can be asked"),
            None,
            "it is taken"
        );
        happens(&*store, current, cancelled(), clock).await;
        had.push(current);
        let mut callers = JoinSet::new();
        for _ in 0..4 {
            let store = Arc::clone(&store);
            callers.spawn(
                async move { store.admit_next(HERE, "deploy-staging").await.expect("it can be asked") },
            );
        }
        turn.extend(callers.join_all().await.into_iter().flatten().map(|job| job.id));
        assert!(turn.len() <= 1, "{turn:?}");
    }
    assert_eq!(had.len(), 10, "everybody had a turn");
    let (_, waited) = had.split_first().expect("there were ten");
    assert!(waited.is_sorted(), "who has waited longest goes first");
}

async fn a_policy_says_what_becomes_of_the_next(store: &impl Jobs, clock: &ManualClock) {
    let first = grouped(1, clock, Policy::Reject);
    assert_eq!(create(store, &first).await, Admission::Now);
    let refused = grouped(2, clock, Policy::Reject);
    let answer = store.create(refused.clone()).await.expect("jobs can be made");
    assert_eq!(answer.admission, Admission::Refused { by: vec![first.id] });
    assert_eq!(store.get(refused.id).await.expect("jobs can be read"), None, "nothing is left behind");
    let newer = grouped(3, clock, Policy::CancelInProgress);
    let after = Admission::After { ahead: vec![first.id], cancel: vec![first.id] };
    assert_eq!(create(store, &newer).await, after);
    assert_eq!(get(store, newer.id).await.status, Status::Waiting);
    // Without a group, nobody is in anybody's way.
    assert_eq!(create(store, &job(4, clock)).await, Admission::Now);
}

async fn a_retry_stands_in_line(store: &impl Jobs, clock: &ManualClock) {
    let (first, second) = (grouped(1, clock, Policy::Queue), grouped(2, clock, Policy::Queue));
    create(store, &first).await;
    create(store, &second).await;
    happens(store, first.id, Move::Start { execution: ExecutionId("e".to_owned()) }, clock).await;
    happens(store, first.id, Move::End { status: Status::Failed, error: None }, clock).await;
    let next = store.admit_next(HERE, "deploy-staging").await.expect("it can be asked");
    assert_eq!(next.map(|job| job.id), Some(second.id));
    let retried = happens(store, first.id, Move::Redrive { deadline: first.request.deadline }, clock).await;
    assert_eq!(retried.status, Status::Waiting);
    assert_eq!(store.admit_next(HERE, "deploy-staging").await.expect("it can be asked"), None);
    happens(store, second.id, cancelled(), clock).await;
    let next = store.admit_next(HERE, "deploy-staging").await.expect("it can be asked");
    assert_eq!(next.map(|job| (job.id, job.status)), Some((first.id, Status::Queued)));
}

async fn listings_are_newest_first(store: &impl Jobs, clock: &ManualClock) {
    let mut made = Vec::new();
    for number in 0..5 {
        let mut job = job(number, clock);
        if number % 2 == 1 {
            job.request.requester.id = UserId(2);
            "check".clone_into(&mut job.request.workflow);
        }
        create(store, &job).await;
        made.push(job.id);
        clock.advance(Duration::from_millis(1));
    }
    made.reverse();
    happens(store, made[0], cancelled(), clock).await;
    let list = async |query: JobQuery| {
        let page = store.list(&query).await.expect("jobs can be listed");
        page.items.into_iter().map(|job| job.id).collect::<Vec<_>>()
    };
    assert_eq!(list(JobQuery::default()).await, made);
    assert_eq!(
        list(JobQuery { repository: Some(HERE), number: Some(Number(12)), ..JobQuery::default() }).await,
        made
    );
    assert!(list(JobQuery { repository: Some(RepositoryId(1)), ..JobQuery::default() }).await.is_empty());
    assert!(list(JobQuery { number: Some(Number(13)), ..JobQuery::default() }).await.is_empty());
    assert_eq!(
        list(JobQuery { requester: Some(UserId(2)), ..JobQuery::default() }).await,
        [made[1], made[3]]
    );
    let checks = JobQuery { workflow: Some("check".to_owned()), ..JobQuery::default() };
    assert_eq!(list(checks).await, [made[1], made[3]]);
    let over = JobQuery { statuses: vec![Status::Cancelled, Status::Failed], ..JobQuery::default() };
    assert_eq!(list(over).await, [made[0]]);
    let page = store.list(&JobQuery { limit: 2, ..JobQuery::default() }).await.expect("jobs can be listed");
    assert_eq!((page.items.len(), page.next.is_some()), (2, true));
    let rest = JobQuery { before: page.items.last().map(|job| job.id), ..JobQuery::default() };
    let rest = store.list(&rest).await.expect("jobs can be listed");
    assert_eq!((rest.items.len(), rest.next.is_some()), (3, false));
}

async fn what_is_not_settled_comes_up(store: &impl Jobs, clock: &ManualClock) {
    let mut made = Vec::new();
    for number in 0..4 {
        let job = job(number, clock);
        create(store, &job).await;
        made.push(job.id);
        clock.advance(Duration::from_millis(1));
    }
    let unsettled = async |after, limit| {
        let jobs = store.unsettled(after, limit).await.expect("jobs can be listed");
        jobs.into_iter().map(|job| job.id).collect::<Vec<_>>()
    };
    let over = happens(store, made[0], cancelled(), clock).await;
    assert_eq!(unsettled(None, 10).await, made, "nobody was told of its end");
    happens(store, made[0], Move::Report { revision: over.revision }, clock).await;
    happens(store, made[1], Move::Report { revision: 1 }, clock).await;
    assert_eq!(unsettled(None, 10).await, made[1..], "what is told of but not over is not settled");
    assert_eq!(unsettled(None, 2).await, made[1..3]);
    assert_eq!(unsettled(Some(made[2]), 10).await, made[3..]);
}
