//! A command works wherever people write, and the answer comes where they wrote.

use github_double::Verdict;
use scenarios::{World, visible};

#[tokio::test]
async fn in_the_text_of_a_new_issue_and_of_a_new_pull_request() {
    let world = World::new().await;
    let issue = world.shop.issue("Tea").by(&world.ada).body("@deputy ping").open().await;
    assert!(world.reply_on(&issue, 0).await.contains("pong"));
    assert!(issue.reactions().iter().any(|reaction| reaction.content == "eyes"));
    let pr = world.shop.pull_request("Tea").by(&world.ada).body("@deputy ping").open().await;
    assert!(world.reply_on(&pr, 0).await.contains("pong"));
    world.end().await;
}

#[tokio::test]
async fn on_a_line_of_the_diff_the_answer_joins_the_thread() {
    let world = World::new().await;
    let pr = world.pull_request().await;
    let asked = pr.comment_on_line(&world.ada, "README.md", 1, "@deputy ping").await;
    pr.wait_for(|pr| pr.line_comments().len() == 2).await;
    let reply = pr.line_comments().pop().unwrap();
    assert!(visible(&reply.body()).contains("pong"));
    assert!(asked.has_reaction("deputy[bot]", "eyes"));
    world.end().await;
}

#[tokio::test]
async fn in_a_review() {
    let world = World::new().await;
    let pr = world.pull_request().await;
    let review = pr.review(&world.ada, Verdict::Commented, "@deputy ping").await;
    assert!(world.reply_on(&pr, 0).await.contains("pong"));
    assert!(review.reactions().iter().any(|reaction| reaction.content == "eyes"));
    world.end().await;
}

#[tokio::test]
async fn on_a_commit() {
    let world = World::new().await;
    let commit = world.shop.head("main").unwrap();
    world.shop.comment_on_commit(&world.ada, &commit, "@deputy ping").await;
    let shop = world.shop.clone();
    world.github.wait_for("a reply on the commit", || shop.commit_comments(&commit).len() == 2).await;
    assert!(world.shop.commit_comments(&commit)[1].body().contains("pong"));
    world.end().await;
}

#[tokio::test]
async fn in_a_discussion() {
    let world = World::new().await;
    let discussion = world.shop.discuss(&world.ada, "Tea?", "@deputy ping").await;
    discussion.wait_for(|discussion| discussion.comments().len() == 1).await;
    let asked = discussion.comment(&world.ada, "@deputy echo here").await;
    discussion.wait_for(|discussion| discussion.comments().len() == 3).await;
    assert!(asked.has_reaction("ada", "eyes"));
    world.end().await;
}
