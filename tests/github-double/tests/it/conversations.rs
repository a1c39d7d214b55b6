//! People and Apps talking: what the one does, the other hears.

use serde_json::{Value, json};

use crate::support::{Receiver, World};

#[tokio::test]
async fn a_comment_is_told_to_the_app_and_the_reply_is_seen() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    world.app.send_webhooks_to(&receiver.url);
    let pr = world.shop.pull_request("Sell tea").by(&world.ada).open().await;
    let asked = pr.comment(&world.ada, "@deputy ping").await;
    assert_eq!(receiver.names(), ["pull_request.opened", "issue_comment.created"]);

    let told = receiver.hooks()[1].json();
    let url = format!("/repos/acme/shop/issues/comments/{}/reactions", told["comment"]["id"]);
    assert_eq!(world.ask("POST", &url, json!({ "content": "eyes" })).await.status, 201);
    let url = "/repos/acme/shop/issues/1/comments";
    let answer = world.ask("POST", url, json!({ "body": "pong" })).await;
    assert_eq!(answer.status, 201);

    let reply = pr.wait_for_reply("deputy[bot]", 0).await;
    assert_eq!(reply.body(), "pong");
    assert_eq!(reply.via_app().as_deref(), Some("deputy"));
    assert!(asked.has_reaction("deputy[bot]", "eyes"));
    world.gh.assert_clean().await;
}

#[tokio::test]
async fn every_kind_of_comment_is_as_github_describes_it() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    world.app.send_webhooks_to(&receiver.url);
    let ada = &world.ada;
    let issue = world.shop.issue("No coffee").by(ada).body("Why?").open().await;
    let pr = world.shop.pull_request("Sell coffee").by(ada).open().await;
    let in_issue = issue.comment(ada, "one").await;
    in_issue.edit(ada, "two").await;
    in_issue.delete(ada).await;
    let on_line = pr.comment_on_line(ada, "README.md", 3, "three").await;
    on_line.reply(ada, "four").await;
    on_line.edit(ada, "five").await;
    on_line.delete(ada).await;
    let review = pr.review(&world.gh.user("bob"), github_double::Verdict::Approved, "six").await;
    review.edit(&world.gh.user("bob"), "seven").await;
    world.shop.comment_on_commit(ada, &pr.head_sha(), "eight").await;
    let discussion = world.shop.discuss(ada, "Beans", "Which?").await;
    let comment = discussion.comment(ada, "nine").await;
    comment.reply(ada, "ten").await;
    comment.edit(ada, "eleven").await;
    comment.delete(ada).await;
    pr.push(ada, "More").await;
    pr.edit(ada, "A text").await;
    issue.edit(ada, "Another text").await;
    issue.close(ada).await;
    issue.reopen(ada).await;
    pr.close(ada).await;
    pr.reopen(ada).await;
    pr.merge(ada).await;
    world.app.ping().await;
    let names = receiver.names();
    for name in
        ["commit_comment.created", "discussion_comment.edited", "pull_request.synchronize", "push", "ping"]
    {
        assert!(names.iter().any(|known| known == name), "{name} is not among {names:?}");
    }
    world.gh.assert_clean().await;
}

#[tokio::test]
async fn a_webhook_carries_githubs_headers_and_valid_signatures() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    world.app.send_webhooks_to(&receiver.url);
    world.shop.issue("Hello").by(&world.ada).open().await;
    let hook = receiver.hooks().remove(0);
    assert_eq!(hook.header("x-github-event"), "issues");
    assert_eq!(hook.header("content-type"), "application/json");
    assert_eq!(hook.header("x-github-hook-installation-target-type"), "integration");
    assert_eq!(hook.header("x-github-hook-installation-target-id"), world.app.id().to_string());
    assert!(hook.header("user-agent").starts_with("GitHub-Hookshot/"));
    assert_eq!(hook.header("x-github-delivery").len(), 36);
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, world.app.webhook_secret().as_bytes());
    let hex = hook.header("x-hub-signature-256").strip_prefix("sha256=").unwrap();
    let tag: Vec<u8> =
        (0..64).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
    ring::hmac::verify(&key, &hook.bytes, &tag).unwrap();
    world.gh.assert_clean().await;
}

#[tokio::test]
async fn redelivery_keeps_the_guid() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    world.app.send_webhooks_to(&receiver.url);
    receiver.answer(500);
    world.shop.issue("Hello").by(&world.ada).open().await;
    let failed = world.ask_as_app("GET", "/app/hook/deliveries?status=failure", Value::Null).await;
    assert_eq!(failed.body[0]["status_code"], 500);
    receiver.answer(202);
    let path = format!("/app/hook/deliveries/{}/attempts", failed.body[0]["id"]);
    assert_eq!(world.ask_as_app("POST", &path, Value::Null).await.status, 202);
    world.gh.settled().await;
    let hooks = receiver.hooks();
    assert_eq!(hooks[0].header("x-github-delivery"), hooks[1].header("x-github-delivery"));
    let delivery = &world.app.deliveries()[1];
    let path = format!("/app/hook/deliveries/{}", delivery.id);
    let told = world.ask_as_app("GET", &path, Value::Null).await;
    assert_eq!(told.body["redelivery"], true);
    assert_eq!(told.body["request"]["payload"]["issue"]["title"], "Hello");
    world.gh.assert_clean().await;
}
