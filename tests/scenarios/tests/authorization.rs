//! Who may ask for what.

use deputy_core::authorization::RunsAs;
use deputy_core::command::{Command, Reply};
use deputy_core::language::Definition;
use deputy_core::permission::Permission;
use scenarios::World;

#[tokio::test]
async fn a_stranger_is_told_who_may() {
    let world = World::new().await;
    let pr = world.pull_request().await;
    let asked = pr.comment(&world.mallory, "@deputy echo hello").await;
    insta::assert_snapshot!(world.reply_on(&pr, 0).await, @"`echo` can only be used by members of the organization **acme**. If you are one, ask an owner whether your invitation is still pending; otherwise ask a member to run it for you.");
    assert!(asked.has_reaction("deputy[bot]", "confused"));
    assert!(!asked.has_reaction("deputy[bot]", "eyes"));
    world.end().await;
}

#[tokio::test]
async fn echo_needs_write_access() {
    let world = World::new().await;
    let pr = world.pull_request().await;
    pr.comment(&world.grace, "@deputy echo hello").await;
    insta::assert_snapshot!(world.reply_on(&pr, 0).await, @"`echo` needs **write** permission on this repository, and you have **read**. Ask a maintainer to raise it, or to run the command for you.");
    world.end().await;
}

#[tokio::test]
async fn somebody_who_left_the_organization_may_no_more() {
    let world = World::new().await;
    let pr = world.pull_request().await;
    world.acme.remove_member(&world.ada);
    pr.comment(&world.ada, "@deputy ping").await;
    assert!(world.reply_on(&pr, 0).await.contains("members of the organization **acme**"));
    world.end().await;
}

#[tokio::test]
async fn on_somebodys_own_repository_collaborators_may() {
    let world = World::new().await;
    let garden = world.ada.repo("garden");
    garden.public().permit(&world.grace, github_double::Permission::Write);
    world.app.install_on_user(&world.ada);
    let issue = garden.issue("Water").by(&world.ada).open().await;
    issue.comment(&world.ada, "@deputy ping").await;
    assert!(world.reply_on(&issue, 0).await.contains("pong"));
    issue.comment(&world.grace, "@deputy ping").await;
    assert!(world.reply_on(&issue, 1).await.contains("pong"));
    issue.comment(&world.mallory, "@deputy ping").await;
    insta::assert_snapshot!(world.reply_on(&issue, 2).await, @"`ping` can only be used by collaborators of this repository. Ask **ada** to add you, or to run it for you.");
    world.end().await;
}

static RELEASE: Command = Command {
    definition: Definition {
        name: "release",
        aliases: &[],
        summary: "Put it into the shop window",
        permission: Permission::Read,
        examples: &["release"],
        arguments: |command| command,
    },
    runs_as: RunsAs::Person,
    team: Some("releasers"),
    run: |_| Box::pin(async { Ok(Reply::new("released")) }),
};

#[tokio::test]
async fn a_command_that_is_kept_for_a_team_runs_for_its_members_as_long_as_they_are_in_it() {
    let mut world = World::without_deputy().await;
    world.set_up_logins(scenarios::browser::PUBLIC_URL);
    world.add_command(&RELEASE);
    world.start().await;
    world.has_logged_in(&world.ada).await;
    world.has_logged_in(&world.grace).await;
    let pr = world.pull_request().await;

    // Nobody is in a team that there is not.
    pr.comment(&world.ada, "@deputy release").await;
    insta::assert_snapshot!(world.reply_on(&pr, 0).await, @"`release` is kept for the team **acme/releasers**, and you are not in it. Ask one of its maintainers to add you, or somebody in it to run the command for you.");

    let releasers = world.acme.team("releasers");
    releasers.add(&world.grace);
    pr.comment(&world.ada, "@deputy release").await;
    assert!(world.reply_on(&pr, 1).await.contains("kept for the team"), "write permission is not enough");
    pr.comment(&world.grace, "@deputy release").await;
    let released = world.comment_on(&pr, 2).await;
    assert_eq!((released.author().as_str(), &*scenarios::visible(&released.body())), ("grace", "released"));

    // The yes is remembered, and `membership` ends it.
    releasers.remove(&world.grace);
    world.quiet().await;
    pr.comment(&world.grace, "@deputy release").await;
    let refused = world.comment_on(&pr, 3).await;
    assert!(refused.body().contains("kept for the team"), "{}", refused.body());
    assert_eq!(refused.author(), "deputy[bot]");
    pr.comment(&world.mallory, "@deputy release").await;
    assert!(world.reply_on(&pr, 4).await.contains("members of the organization **acme**"));
    world.end().await;
}

#[tokio::test]
async fn on_somebodys_own_repository_there_are_no_teams() {
    let mut world = World::without_deputy().await;
    world.set_up_logins(scenarios::browser::PUBLIC_URL);
    world.add_command(&RELEASE);
    world.start().await;
    let garden = world.ada.repo("garden");
    world.app.install_on_user(&world.ada);
    let issue = garden.issue("Water").by(&world.ada).open().await;
    issue.comment(&world.ada, "@deputy release").await;
    insta::assert_snapshot!(world.reply_on(&issue, 0).await, @"`release` is kept for the team **releasers**, and this repository belongs to a person, who has no teams. Use it in a repository of the team's organization.");
    world.end().await;
}

static SHIP: Command = Command {
    definition: Definition {
        name: "ship",
        aliases: &[],
        summary: "Send it off, which cannot be taken back",
        permission: Permission::Write,
        examples: &["ship"],
        arguments: |command| command,
    },
    runs_as: RunsAs::PersonAskedAnew,
    team: None,
    run: |_| Box::pin(async { Ok(Reply::new("shipped")) }),
};

#[tokio::test]
async fn what_cannot_be_taken_back_is_asked_anew_whatever_is_remembered() {
    let mut world = World::without_deputy().await;
    world.set_up_logins(scenarios::browser::PUBLIC_URL);
    world.add_command(&SHIP);
    world.start().await;
    world.has_logged_in(&world.ada).await;
    let pr = world.pull_request().await;
    pr.comment(&world.ada, "@deputy ship").await;
    assert!(world.reply_on(&pr, 0).await.contains("shipped"));
    world.quiet().await;
    // She leaves, and the event that tells of it is lost.
    world.app.stop_webhooks();
    world.acme.remove_member(&world.ada);
    world.app.send_webhooks_to(&format!("http://{}/webhook", world.deputy().address()));
    pr.comment(&world.ada, "@deputy echo from memory").await;
    assert!(world.reply_on(&pr, 1).await.contains("memory"));
    world.quiet().await;
    pr.comment(&world.ada, "@deputy ship").await;
    assert!(world.reply_on(&pr, 2).await.contains("members of the organization **acme**"));
    pr.comment(&world.ada, "@deputy echo no more").await;
    assert!(
        world.reply_on(&pr, 3).await.contains("members of the organization **acme**"),
        "a no ends the memory"
    );
    world.end().await;
}
