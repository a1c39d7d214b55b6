//! Who may ask for what.

use github_double::Permission;
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
    garden.public().permit(&world.grace, Permission::Write);
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
