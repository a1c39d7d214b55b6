//! Everything that runs for a person runs with their own grant: asking for it, waiting for it, losing it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use deputy_core::ports::{DeadLetterQuery, DeadLetters as _};
use github_double::{Comment, Fault, When};
use scenarios::{World, said, visible};

/// The link in a reply that asks to log in.
fn link(prompt: &Comment) -> String {
    let body = prompt.body();
    let (_, rest) = body.split_once("](").expect("a link");
    rest.split_once(')').expect("the link's end").0.to_owned()
}

/// The prompt without its link, which names ports.
fn words(prompt: &Comment) -> String {
    visible(&prompt.body()).replace(&link(prompt), "…")
}

#[tokio::test]
async fn who_has_not_logged_in_is_asked_once_and_their_commands_run_by_themselves_afterwards() {
    let world = World::with_logins().await;
    let pr = world.pull_request().await;
    pr.comment(&world.ada, "@deputy echo one").await;
    let prompt = world.comment_on(&pr, 0).await;
    insta::assert_snapshot!(words(&prompt), @"`echo` acts as you, and you have not logged in yet. [**Log in with GitHub**](…), and your commands here run by themselves; you need not repeat them. They wait for an hour.");
    assert_eq!(prompt.author(), "deputy[bot]");
    let second = pr.comment(&world.ada, "@deputy echo two").await;
    world.quiet().await;
    assert_eq!(said(&pr).len(), 1, "asked once");
    assert!(second.has_reaction("deputy[bot]", "eyes"));

    let page = world.log_in(&world.ada, &link(&prompt)).await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(page.body.contains("echo"), "{}", page.body);
    let (one, two) = (world.comment_on(&pr, 1).await, world.comment_on(&pr, 2).await);
    assert!(one.body().contains("one") && two.body().contains("two"), "in their order");
    for reply in [&one, &two] {
        assert_eq!((reply.author().as_str(), reply.via_app().as_deref()), ("ada", Some("deputy")));
    }
    assert!(second.has_reaction("ada", "eyes"));
    world.deputy().resumptions().finish().await;
    insta::assert_snapshot!(visible(&prompt.body()), @"Logged in. The commands that waited here run by themselves.");

    // Logged in, nobody is asked again, and what Deputy says as a person is no command of theirs.
    pr.comment(&world.ada, "@deputy echo three").await;
    assert_eq!(world.comment_on(&pr, 3).await.author(), "ada");
    world.quiet().await;
    assert_eq!(said(&pr).len(), 4);
    world.end().await;
}

#[tokio::test]
async fn nobody_is_sent_to_log_in_for_what_they_may_not_do_anyway() {
    let world = World::with_logins().await;
    let pr = world.pull_request().await;
    pr.comment(&world.mallory, "@deputy echo mine").await;
    assert!(world.reply_on(&pr, 0).await.contains("members of the organization **acme**"));
    pr.comment(&world.grace, "@deputy echo mine").await;
    assert!(world.reply_on(&pr, 1).await.contains("needs **write** permission"));
    world.end().await;
}

#[tokio::test]
async fn a_request_to_log_in_says_when_it_has_expired_and_the_next_command_asks_anew() {
    let world = World::with_logins().await;
    let pr = world.pull_request().await;
    pr.comment(&world.ada, "@deputy echo late").await;
    let prompt = world.comment_on(&pr, 0).await;
    world.quiet().await;
    world.github.clock().advance(Duration::from_mins(61));
    pr.wait_for(|pr| said(pr)[0].body().contains("expired")).await;
    insta::assert_snapshot!(visible(&prompt.body()), @"This request to log in has expired: nobody logged in within an hour, and nothing was run. Write the command again to get a new link.");

    pr.comment(&world.ada, "@deputy echo again").await;
    let prompt = world.comment_on(&pr, 1).await;
    world.log_in(&world.ada, &link(&prompt)).await;
    let reply = world.comment_on(&pr, 2).await;
    assert!(reply.body().contains("again"));
    world.deputy().resumptions().finish().await;
    assert_eq!(said(&pr).len(), 3, "what had expired does not run");
    world.end().await;
}

#[tokio::test]
async fn who_left_between_asking_and_logging_in_may_no_more() {
    let world = World::with_logins().await;
    let pr = world.pull_request().await;
    pr.comment(&world.ada, "@deputy echo mine").await;
    let prompt = world.comment_on(&pr, 0).await;
    world.acme.remove_member(&world.ada);
    world.quiet().await;
    world.log_in(&world.ada, &link(&prompt)).await;
    let reply = world.comment_on(&pr, 1).await;
    assert!(reply.body().contains("members of the organization **acme**"));
    assert_eq!(reply.author(), "deputy[bot]");
    world.end().await;
}

#[tokio::test]
async fn a_link_made_for_one_person_runs_nothing_for_another() {
    let world = World::with_logins().await;
    let pr = world.pull_request().await;
    pr.comment(&world.ada, "@deputy echo mine").await;
    let prompt = world.comment_on(&pr, 0).await;
    world.log_in(&world.mallory, &link(&prompt)).await;
    assert!(world.grant_of(&world.mallory).await.is_none());
    world.log_in(&world.ada, &link(&prompt)).await;
    assert_eq!(world.comment_on(&pr, 1).await.author(), "ada");
    world.end().await;
}

#[tokio::test]
async fn a_token_that_is_about_to_run_out_is_refreshed_at_use() {
    let world = World::new().await;
    let pr = world.pull_request().await;
    pr.comment(&world.ada, "@deputy echo one").await;
    assert_eq!(world.comment_on(&pr, 0).await.author(), "ada");
    world.quiet().await;
    world.github.clock().advance(Duration::from_mins(8 * 60 - 5));
    pr.comment(&world.ada, "@deputy echo two").await;
    let reply = world.comment_on(&pr, 1).await;
    assert!(reply.body().contains("two"));
    assert_eq!(reply.author(), "ada");
    world.end().await;
}

#[tokio::test]
async fn a_hundred_commands_of_one_person_refresh_their_token_once() {
    let world = World::new().await;
    world.github.clock().advance(Duration::from_mins(8 * 60 - 5));
    let pr = world.pull_request().await;
    for number in 0..100 {
        pr.comment(&world.ada, &format!("@deputy echo {number}")).await;
    }
    // GitHub takes a comment a second from one person.
    for so_many in (10..=100).step_by(10) {
        let answered = pr.wait_for(|pr| said(pr).len() >= so_many);
        world.while_time_passes(Duration::from_secs(10), answered).await;
    }
    world.quiet().await;
    let replies = said(&pr);
    assert_eq!(replies.len(), 100);
    assert!(replies.iter().all(|reply| reply.author() == "ada"));
    let asked = world.github.transcript().matches("/login/oauth/access_token").count();
    assert_eq!(asked, 1, "one refresh for all of them");
    assert_eq!(world.ada.live_tokens(&world.app), 1, "the pair before it is dead");
    world.end().await;
}

#[tokio::test]
async fn a_command_that_waited_and_keeps_failing_is_a_dead_letter_that_can_be_redriven() {
    let world = World::with_logins().await;
    let pr = world.pull_request().await;
    pr.comment(&world.ada, "@deputy echo at last").await;
    let prompt = world.comment_on(&pr, 0).await;
    world.quiet().await;
    // Longer than a yes is remembered.
    world.github.clock().advance(Duration::from_mins(2));
    world.github.inject(When::path("/orgs/*/memberships/*").always(), Fault::Status(500));
    world.log_in(&world.ada, &link(&prompt)).await;
    // It is handed out under a lease, and again when that has ended, until it was tried often enough.
    let letters = DeadLetterQuery::default();
    let letters = || world.deputy().store().list(&letters);
    let buried = async {
        while letters().await.unwrap().items.is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    world.while_time_passes(Duration::from_mins(1), buried).await;
    let dead = letters().await.unwrap().items;
    assert_eq!((dead.len(), dead[0].handler.as_str(), dead[0].attempts), (1, "commands", 6));
    assert_eq!((dead[0].event.as_str(), dead[0].repository.as_deref()), ("issue_comment", Some("acme/shop")));
    let apology = world.comment_on(&pr, 1).await;
    let number = dead[0].delivery.to_string();
    assert!(
        apology.body().contains(&number) && apology.author() == "deputy[bot]",
        "{}",
        world.github.transcript()
    );

    world.github.clear_faults();
    assert!(world.deputy().store().redrive(dead[0].id).await.unwrap());
    let reply = world.comment_on(&pr, 2).await;
    assert!(reply.body().contains("at\nlast"), "{}", reply.body());
    assert_eq!(reply.author(), "ada");
    world.quiet().await;
    assert_eq!(said(&pr).len(), 3);
    world.end().await;
}

#[tokio::test]
async fn a_login_that_github_ended_is_asked_for_again_once() {
    let world = World::new().await;
    let pr = world.pull_request().await;
    pr.comment(&world.ada, "@deputy echo one").await;
    world.comment_on(&pr, 0).await;
    world.quiet().await;
    // The event that tells of it is lost, and the last yes is still remembered.
    world.app.stop_webhooks();
    world.ada.revoke(&world.app).await;
    world.app.send_webhooks_to(&format!("http://{}/webhook", world.deputy().address()));
    pr.comment(&world.ada, "@deputy echo two").await;
    let prompt = world.comment_on(&pr, 1).await;
    assert_eq!(prompt.author(), "deputy[bot]");
    assert!(prompt.body().contains("Log in with GitHub"), "{}", prompt.body());
    pr.comment(&world.ada, "@deputy echo three").await;
    world.quiet().await;
    assert_eq!(said(&pr).len(), 2, "asked once");
    world.log_in(&world.ada, &link(&prompt)).await;
    assert!(world.comment_on(&pr, 2).await.body().contains("two"));
    assert!(world.comment_on(&pr, 3).await.body().contains("three"));
    world.end().await;
}

#[tokio::test]
async fn revoking_at_github_deletes_the_grant_here() {
    let world = World::new().await;
    world.ada.revoke(&world.app).await;
    world.quiet().await;
    assert!(world.grant_of(&world.ada).await.is_none());
    assert!(world.grant_of(&world.grace).await.is_some());
    world.end().await;
}

#[tokio::test]
async fn whoami_answers_as_the_person() {
    let world = World::new().await;
    let pr = world.pull_request().await;
    pr.comment(&world.ada, "@deputy whoami").await;
    let reply = world.comment_on(&pr, 0).await;
    assert_eq!(reply.author(), "ada");
    let text = visible(&reply.body());
    assert!(
        text.starts_with("You are **ada**, with **write** permission in acme/shop. You logged in on "),
        "{text}"
    );
    world.end().await;
}

#[tokio::test]
async fn login_and_logout() {
    let world = World::with_logins().await;
    let pr = world.pull_request().await;
    pr.comment(&world.ada, "@deputy logout").await;
    insta::assert_snapshot!(world.reply_on(&pr, 0).await, @"You are not logged in, so there was nothing to end.");
    pr.comment(&world.ada, "@deputy login").await;
    let reply = world.comment_on(&pr, 1).await;
    assert_eq!(world.log_in(&world.ada, &link(&reply)).await.status, 200);
    pr.comment(&world.ada, "@deputy login").await;
    assert!(world.reply_on(&pr, 2).await.starts_with("You are logged in already."));
    pr.comment(&world.ada, "@deputy logout").await;
    insta::assert_snapshot!(world.reply_on(&pr, 3).await, @"You are logged out. GitHub has ended your authorization of this App, and what was kept of it here is deleted, sessions in terminals included. `login` begins anew.");
    world.quiet().await;
    assert!(world.grant_of(&world.ada).await.is_none());
    assert_eq!(world.ada.live_tokens(&world.app), 0);
    world.end().await;
}

#[tokio::test]
async fn without_logins_only_commands_that_do_nothing_for_anybody_run() {
    let mut world = World::without_deputy().await;
    world.start().await;
    let pr = world.pull_request().await;
    pr.comment(&world.ada, "@deputy ping").await;
    assert!(world.reply_on(&pr, 0).await.contains("pong"));
    pr.comment(&world.ada, "@deputy echo hello").await;
    insta::assert_snapshot!(world.reply_on(&pr, 1).await, @"`echo` acts with the authority of whoever asks for it, and nobody can log in to this Deputy yet. Ask the people who run it to set the App's client secret and its public URL; `deputy check-config` tells them how.");
    world.end().await;
}
