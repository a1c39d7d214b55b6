//! The REST API's ways: lists in pages, comments of every kind, reactions, conditional requests, limits.

use std::time::Duration;

use github_double::{Double, Fault, When};
use serde_json::{Value, json};

use crate::support::{World, send};

#[tokio::test]
async fn a_list_comes_in_pages_with_links() {
    let world = World::new().await;
    let issue = world.shop.issue("Hello").by(&world.ada).open().await;
    for number in 1..=5 {
        issue.comment(&world.ada, &number.to_string()).await;
    }
    let path = "/repos/acme/shop/issues/1/comments?per_page=2&page=2";
    let page = world.ask("GET", path, Value::Null).await;
    let texts: Vec<&str> =
        page.body.as_array().unwrap().iter().map(|c| c["body"].as_str().unwrap()).collect();
    assert_eq!(texts, ["3", "4"]);
    let link = page.header("link");
    for rel in ["prev", "next", "first", "last"] {
        assert!(link.contains(&format!("rel=\"{rel}\"")), "{link}");
    }
    let later = "/repos/acme/shop/issues/1/comments?since=2999-01-01T00:00:00Z";
    assert_eq!(world.ask("GET", later, Value::Null).await.body, json!([]));
}

#[tokio::test]
async fn the_api_is_also_under_api_v3_as_on_enterprise_server() {
    let gh = Double::builder().enterprise().start().await;
    gh.user("ada").repo("shop").public();
    let answer = send(&gh, "GET", "/api/v3/repos/ada/shop", &[], Value::Null).await.unwrap();
    let meta = send(&gh, "GET", "/api/v3/meta", &[], Value::Null).await.unwrap();
    assert_eq!(meta.body["installed_version"], meta.header("x-github-enterprise-version"));
    assert_eq!(answer.body["url"], format!("{}/repos/ada/shop", gh.api_url()));
    assert!(gh.api_url().ends_with("/api/v3"));
}

#[tokio::test]
async fn comments_of_every_kind_are_made_changed_and_deleted() {
    let world = World::new().await;
    let pr = world.shop.pull_request("Tea").by(&world.ada).open().await;
    let sha = pr.head_sha();
    let line = json!({ "body": "one", "path": "README.md", "line": 1, "commit_id": sha.as_str() });
    for (create, comments, body) in [
        ("/repos/acme/shop/issues/1/comments".to_owned(), "issues/comments", json!({ "body": "one" })),
        ("/repos/acme/shop/pulls/1/comments".to_owned(), "pulls/comments", line),
        (format!("/repos/acme/shop/commits/{sha}/comments"), "comments", json!({ "body": "one" })),
    ] {
        let made = world.ask("POST", &create, body).await;
        assert_eq!(made.status, 201, "{:?}", made.body);
        assert_eq!(made.header("location"), made.body["url"].as_str().unwrap());
        let path = format!("/repos/acme/shop/{comments}/{}", made.body["id"]);
        let changed = world.ask("PATCH", &path, json!({ "body": "two" })).await;
        assert_eq!((changed.status, &changed.body["body"]), (200, &json!("two")));
        assert_eq!(world.ask("GET", &path, Value::Null).await.body["body"], "two");
        assert_eq!(world.ask("GET", &create, Value::Null).await.body[0]["body"], "two");

        let reactions = format!("{path}/reactions");
        let first = world.ask("POST", &reactions, json!({ "content": "rocket" })).await;
        assert_eq!(first.status, 201);
        let again = world.ask("POST", &reactions, json!({ "content": "rocket" })).await;
        assert_eq!((again.status, &again.body["id"]), (200, &first.body["id"]), "once for each person");
        let all = world.ask("GET", &format!("{reactions}?content=rocket"), Value::Null).await;
        assert_eq!(all.body.as_array().unwrap().len(), 1);
        let one = format!("{reactions}/{}", first.body["id"]);
        assert_eq!(world.ask("DELETE", &one, Value::Null).await.status, 204);

        assert_eq!(world.ask("DELETE", &path, Value::Null).await.status, 204);
        assert_eq!(world.ask("GET", &path, Value::Null).await.status, 404);
    }
}

#[tokio::test]
async fn a_line_comment_is_replied_to_in_its_thread() {
    let world = World::new().await;
    let pr = world.shop.pull_request("Tea").by(&world.ada).open().await;
    let first = pr.comment_on_line(&world.ada, "README.md", 3, "Why?").await;
    let path = format!("/repos/acme/shop/pulls/1/comments/{}/replies", first.id());
    let reply = world.ask("POST", &path, json!({ "body": "Because" })).await;
    assert_eq!((reply.status, &reply.body["in_reply_to_id"]), (201, &json!(first.id())));
    let other = "/repos/acme/shop/pulls/1/comments/1/replies";
    assert_eq!(world.ask("POST", other, json!({ "body": "x" })).await.status, 404);
    assert_eq!(pr.line_comments().len(), 2);
}

#[tokio::test]
async fn a_pull_request_is_reviewed() {
    let world = World::new().await;
    world.shop.pull_request("Tea").by(&world.ada).open().await;
    let path = "/repos/acme/shop/pulls/1/reviews";
    let made = world.ask("POST", path, json!({ "event": "APPROVE", "body": "Fine" })).await;
    assert_eq!((made.status, &made.body["state"]), (200, &json!("APPROVED")));
    let ada = format!("Bearer {}", world.ada.personal_token());
    let own = world.ask_with(&ada, "POST", path, json!({ "event": "APPROVE" })).await;
    assert_eq!(own.status, 422, "nobody approves their own");
    assert_eq!(world.ask("GET", path, Value::Null).await.body.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_text_is_refused_when_missing_or_too_long() {
    let world = World::new().await;
    world.shop.issue("Hello").by(&world.ada).open().await;
    let path = "/repos/acme/shop/issues/1/comments";
    let long = world.ask("POST", path, json!({ "body": "x".repeat(65_537) })).await;
    assert_eq!(long.refusal(), (422, "Validation Failed"));
    assert_eq!(world.ask("POST", path, json!({ "body": "ä".repeat(65_536) })).await.status, 201);
    assert_eq!(world.ask("POST", path, json!({ "body": " " })).await.status, 422);
    assert_eq!(world.ask("POST", path, json!("{")).await.refusal(), (400, "Problems parsing JSON"));
}

#[tokio::test]
async fn an_unchanged_answer_is_304_and_free() {
    let world = World::new().await;
    let issue = world.shop.issue("Hello").by(&world.ada).open().await;
    let token = format!("Bearer {}", world.installation.token());
    let ask = async |etag: &str| {
        let headers = [("authorization", token.as_str()), ("if-none-match", etag)];
        send(&world.gh, "GET", "/repos/acme/shop/issues/1", &headers, Value::Null).await.unwrap()
    };
    let first = ask("").await;
    let again = ask(first.header("etag")).await;
    assert_eq!((again.status, &again.body), (304, &Value::Null));
    assert_eq!(again.header("x-ratelimit-used"), first.header("x-ratelimit-used"));
    issue.comment(&world.ada, "Changed").await;
    let changed = ask(first.header("etag")).await;
    assert_eq!((changed.status, changed.header("x-ratelimit-used")), (200, "2"));
}

#[tokio::test]
async fn every_answer_tells_the_rate_limit_and_an_hour_resets_it() {
    let world = World::new().await;
    let answer = world.ask("GET", "/repos/acme/shop", Value::Null).await;
    assert_eq!(answer.header("x-ratelimit-limit"), "5000");
    assert_eq!(answer.header("x-ratelimit-remaining"), "4999");
    assert_eq!(answer.header("x-ratelimit-resource"), "core");
    assert!(answer.header("x-github-request-id").contains(':'));
    assert!(answer.header("x-github-media-type").starts_with("github.v3"));
    for number in 0..25 {
        world.acme.repo(&format!("many-{number}"));
    }
    let more = world.ask("GET", "/repos/acme/shop", Value::Null).await;
    assert_eq!(more.header("x-ratelimit-limit"), "5300", "26 repositories: six more than twenty");
    world.installation.exhaust_rate_limit();
    let refused = world.ask("GET", "/repos/acme/shop", Value::Null).await;
    assert_eq!((refused.status, refused.header("x-ratelimit-remaining")), (403, "0"));
    let told = world.ask("GET", "/rate_limit", Value::Null).await;
    assert_eq!(told.body["rate"]["remaining"], 0, "asking is free, also then");
    world.gh.clock().advance(Duration::from_secs(3601));
    assert_eq!(world.ask("GET", "/repos/acme/shop", Value::Null).await.status, 200);
}

#[tokio::test]
async fn a_user_agent_is_required_and_an_api_version_must_be_known() {
    let world = World::new().await;
    let headers = [("user-agent", "")];
    assert_eq!(send(&world.gh, "GET", "/meta", &headers, Value::Null).await.unwrap().status, 403);
    let headers = [("x-github-api-version", "1999-01-01")];
    assert_eq!(send(&world.gh, "GET", "/meta", &headers, Value::Null).await.unwrap().status, 400);
    let headers = [("x-github-api-version", "2022-11-28")];
    assert_eq!(send(&world.gh, "GET", "/meta", &headers, Value::Null).await.unwrap().status, 200);
}

#[tokio::test]
async fn faults_meet_the_requests_they_are_meant_for() {
    let world = World::new().await;
    let issue = world.shop.issue("Hello").by(&world.ada).open().await;
    let path = "/repos/acme/shop/issues/1/comments";
    let post = async |body: &str| {
        let token = format!("Bearer {}", world.installation.token());
        send(&world.gh, "POST", path, &[("authorization", &token)], json!({ "body": body })).await
    };
    let comments = || When::path("/repos/*/comments").method("POST");
    world.gh.inject(comments().times(2), Fault::Status(502));
    assert_eq!(world.ask("GET", path, Value::Null).await.status, 200, "another method");
    assert_eq!(post("a").await.unwrap().status, 502);
    assert_eq!(post("a").await.unwrap().status, 502);

    world.gh.inject(comments(), Fault::Drop);
    assert!(post("b").await.is_err());
    assert_eq!(issue.comments().len(), 0, "nothing was done");
    world.gh.inject(comments(), Fault::DropAfter);
    assert!(post("c").await.is_err());
    assert_eq!(issue.comments().len(), 1, "it was done, and nobody told");
    world.gh.inject(comments(), Fault::Truncate);
    assert!(post("d").await.is_err());
    assert_eq!(issue.comments().len(), 2);

    world.gh.inject(comments(), Fault::PrimaryRateLimit(Duration::from_secs(90)));
    let limited = post("e").await.unwrap();
    assert_eq!((limited.status, limited.header("x-ratelimit-remaining")), (403, "0"));
    world.gh.inject(comments(), Fault::SecondaryRateLimit(Duration::from_secs(7)));
    let limited = post("f").await.unwrap();
    assert_eq!((limited.status, limited.header("retry-after")), (403, "7"));
    world.gh.inject(comments(), Fault::TooManyRequests);
    assert_eq!(post("g").await.unwrap().status, 429);
    world.gh.inject(comments().always(), Fault::Delay(Duration::from_millis(1)));
    assert_eq!(post("h").await.unwrap().status, 201);
    world.gh.clear_faults();
}
