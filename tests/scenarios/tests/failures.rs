//! GitHub has a bad day, or we have one.

use std::time::Duration;

use github_double::{Fault, When};
use scenarios::World;

#[tokio::test]
async fn an_answer_that_never_arrived_is_not_given_twice() {
    let world = World::new().await;
    let pr = world.pull_request().await;
    // GitHub makes the comment and the connection breaks: whether it is there, only looking can tell.
    world.github.inject(When::path("/repos/*/*/issues/*/comments").method("POST"), Fault::DropAfter);
    pr.comment(&world.ada, "@deputy ping").await;
    world.reply_on(&pr, 0).await;
    world.quiet().await;
    assert_eq!(pr.comments().len(), 2, "{}", world.github.transcript());
    world.end().await;
}

#[tokio::test]
async fn a_command_that_keeps_failing_ends_with_an_apology_and_a_dead_letter() {
    let world = World::new().await;
    let pr = world.pull_request().await;
    world.github.inject(When::path("/orgs/*/members/*").always(), Fault::Status(500));
    world.github.inject(When::path("/orgs/*/memberships/*").always(), Fault::Status(500));
    pr.comment(&world.ada, "@deputy ping").await;
    let dead = world.dead_letters().await;
    assert_eq!(dead.len(), 1);
    assert_eq!((dead[0].handler.as_str(), dead[0].attempts), ("commands", 5));
    let apology = world.reply_on(&pr, 0).await;
    assert!(apology.contains(&dead[0].delivery.to_string()), "{apology}");
    assert!(!apology.contains("500"), "an internal text: {apology}");
}

#[tokio::test]
async fn what_stands_below_a_command_that_fails_is_not_dropped_without_a_word() {
    let world = World::new().await;
    let pr = world.pull_request().await;
    world.github.inject(When::path("/orgs/*/members/*").always(), Fault::Status(500));
    world.github.inject(When::path("/orgs/*/memberships/*").always(), Fault::Status(500));
    pr.comment(&world.ada, "@deputy ping\n@deputy help\n").await;
    assert_eq!(world.dead_letters().await.len(), 1);
    let apology = world.reply_on(&pr, 0).await;
    assert!(
        apology.contains("please repeat the command, and those below it, which were not run, later"),
        "{apology}"
    );
    assert_eq!(pr.comments().len(), 2);
}

#[tokio::test]
async fn a_redelivery_of_what_was_accepted_does_nothing() {
    let world = World::new().await;
    let pr = world.pull_request().await;
    pr.comment(&world.ada, "@deputy ping").await;
    world.reply_on(&pr, 0).await;
    let delivery = world.app.deliveries().pop().unwrap();
    let again = world.app.redeliver(&delivery).await;
    world.quiet().await;
    let again = world.app.deliveries().into_iter().find(|known| known.id == again.id).unwrap();
    assert_eq!(again.guid, delivery.guid);
    assert_eq!(again.status, Some(202));
    assert!(again.answer.contains("duplicate"), "{}", again.answer);
    assert_eq!(pr.comments().len(), 2);
    world.end().await;
}

#[tokio::test]
async fn a_comment_that_arrived_before_a_restart_is_answered_after_it() {
    let mut world = World::new().await;
    let pr = world.pull_request().await;
    world.github.inject(When::path("/orgs/*/members/*").times(1), Fault::Delay(Duration::from_millis(200)));
    // The reply's own webhook may come while nobody listens.
    world.github.allow_failed_deliveries();
    pr.comment(&world.ada, "@deputy ping").await;
    world.stop().await;
    world.start().await;
    assert!(world.reply_on(&pr, 0).await.contains("pong"));
    world.quiet().await;
    assert_eq!(pr.comments().len(), 2);
    world.end().await;
}
