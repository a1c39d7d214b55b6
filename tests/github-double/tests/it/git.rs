//! Files, branches, merges and cherry-picks: <https://docs.github.com/en/rest/git>.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{World, send};

#[tokio::test]
async fn a_file_is_read_as_json_or_raw() {
    let world = World::new().await;
    world.shop.write_file(&world.ada, "main", ".github/deputy.toml", "mention = \"deputy\"\n").await;
    let path = "/repos/acme/shop/contents/.github/deputy.toml";
    let file = world.ask("GET", &format!("{path}?ref=main"), Value::Null).await;
    let content = STANDARD.decode(file.body["content"].as_str().unwrap()).unwrap();
    assert_eq!(content, b"mention = \"deputy\"\n");
    let token = format!("Bearer {}", world.installation.token());
    let headers = [("authorization", token.as_str()), ("accept", "application/vnd.github.raw+json")];
    let raw = send(&world.gh, "GET", path, &headers, Value::Null).await.unwrap();
    assert_eq!((raw.status, raw.header("content-length")), (200, "19"));
    let folder = world.ask("GET", "/repos/acme/shop/contents/.github", Value::Null).await;
    assert_eq!(folder.body[0]["name"], "deputy.toml");
    assert_eq!(world.ask("GET", "/repos/acme/shop/contents/missing", Value::Null).await.status, 404);
    world.gh.assert_clean().await;
}

#[tokio::test]
async fn a_commit_is_picked_to_another_branch() {
    let world = World::new().await;
    let (shop, ada) = (&world.shop, &world.ada);
    shop.push(ada, "release/1.x", "Release").await;
    shop.write_file(ada, "main", "fix.txt", "fixed").await;
    let ask = async |method: &str, path: &str, body: Value| {
        let answer = world.ask(method, &format!("/repos/acme/shop{path}"), body).await;
        assert!(answer.status < 300, "{method} {path}: {} {:?}", answer.status, answer.body);
        answer.body
    };
    let base = ask("GET", "/git/ref/heads/release/1.x", Value::Null).await["object"]["sha"].clone();
    let tip = ask("GET", &format!("/git/commits/{}", base.as_str().unwrap()), Value::Null).await;
    let blob = ask("POST", "/git/blobs", json!({ "content": "fixed", "encoding": "utf-8" })).await;
    let entry = json!({ "path": "fix.txt", "mode": "100644", "type": "blob", "sha": blob["sha"] });
    let tree = ask("POST", "/git/trees", json!({ "base_tree": tip["tree"]["sha"], "tree": [entry] })).await;
    let commit = json!({ "message": "Fix (backport)", "tree": tree["sha"], "parents": [base] });
    let commit = ask("POST", "/git/commits", commit).await;
    ask("POST", "/git/refs", json!({ "ref": "refs/heads/backport/1", "sha": commit["sha"] })).await;
    assert_eq!(shop.file("backport/1", "fix.txt").as_deref(), Some("fixed"));
    let pull =
        json!({ "title": "Backport", "head": "backport/1", "base": "release/1.x", "body": "As asked" });
    let pull = ask("POST", "/pulls", pull).await;
    assert_eq!(pull["base"]["ref"], "release/1.x");
    let compared = ask("GET", "/compare/release/1.x...backport/1", Value::Null).await;
    assert_eq!((&compared["status"], &compared["ahead_by"]), (&json!("ahead"), &json!(1)));
    let commits = ask("GET", &format!("/pulls/{}/commits", pull["number"]), Value::Null).await;
    assert_eq!(commits.as_array().unwrap().len(), 1);

    let again = json!({ "ref": "refs/heads/backport/1", "sha": commit["sha"] });
    assert_eq!(
        world.ask("POST", "/repos/acme/shop/git/refs", again).await.refusal(),
        (422, "Reference already exists")
    );
    let back = json!({ "sha": base });
    let path = "/repos/acme/shop/git/refs/heads/backport/1";
    assert_eq!(world.ask("PATCH", path, back.clone()).await.refusal(), (422, "Update is not a fast forward"));
    ask("PATCH", "/git/refs/heads/backport/1", json!({ "sha": base, "force": true })).await;
    assert_eq!(world.ask("DELETE", path, Value::Null).await.status, 204);
    assert!(shop.head("backport/1").is_none());
    world.gh.assert_clean().await;
}

#[tokio::test]
async fn a_pull_request_is_merged_when_nothing_stands_in_the_way() {
    let world = World::new().await;
    let (shop, ada) = (&world.shop, &world.ada);
    shop.require_checks(&["ci"]);
    let pr = shop.pull_request("Tea").by(ada).open().await;
    let path = "/repos/acme/shop/pulls/1/merge";
    let refused = world.ask("PUT", path, json!({})).await;
    assert_eq!(refused.refusal(), (405, "Required status check \"ci\" is expected."));
    let branch = world.ask("GET", "/repos/acme/shop/branches/main", Value::Null).await;
    assert_eq!(branch.body["protection"]["required_status_checks"]["contexts"], json!(["ci"]));
    shop.report_check(&pr.head_sha(), "ci", Some("success")).await;
    assert_eq!(world.ask("PUT", path, json!({ "sha": "0".repeat(40) })).await.status, 409, "another head");
    let merged = world.ask("PUT", path, json!({ "sha": pr.head_sha().as_str() })).await;
    assert_eq!((merged.status, &merged.body["merged"]), (200, &json!(true)));
    assert!(pr.is_merged());
    assert_eq!(shop.head("main").unwrap().as_str(), merged.body["sha"].as_str().unwrap());
    assert_eq!(world.ask("PUT", path, json!({})).await.status, 405);
    assert_eq!(world.ask("GET", path, Value::Null).await.status, 204);
    world.gh.assert_clean().await;
}

#[tokio::test]
async fn a_conflict_is_not_merged() {
    let world = World::new().await;
    let (shop, ada) = (&world.shop, &world.ada);
    shop.write_file(ada, "feature", "tea.txt", "green").await;
    shop.pull_request("Tea").by(ada).from_branch("feature").open().await;
    shop.write_file(ada, "main", "tea.txt", "black").await;
    let merged = world.ask("PUT", "/repos/acme/shop/pulls/1/merge", json!({})).await;
    assert_eq!(merged.refusal(), (405, "Pull Request has merge conflicts"));
    let body = json!({ "base": "main", "head": "feature" });
    assert_eq!(world.ask("POST", "/repos/acme/shop/merges", body).await.status, 409);
    shop.push(ada, "other", "Cups").await;
    let body = json!({ "base": "main", "head": "other" });
    assert_eq!(world.ask("POST", "/repos/acme/shop/merges", body.clone()).await.status, 201);
    assert_eq!(world.ask("POST", "/repos/acme/shop/merges", body).await.status, 204, "there already");
}

#[tokio::test]
async fn a_pull_request_from_a_fork_shows_its_repository() {
    let world = World::new().await;
    let eve = world.gh.user("eve");
    world.acme.add_member(&eve);
    let fork = world.shop.fork(&eve);
    let pr = world.shop.pull_request("Tea").by(&eve).from_fork(&fork).open().await;
    let told = world.ask("GET", "/repos/acme/shop/pulls/1", Value::Null).await;
    assert_eq!(
        (&told.body["head"]["repo"]["full_name"], &told.body["head"]["repo"]["fork"]),
        (&json!("eve/shop"), &json!(true))
    );
    pr.push(&eve, "More").await;
    let commit = format!("/repos/acme/shop/commits/{}", pr.head_sha());
    assert_eq!(world.ask("GET", &commit, Value::Null).await.status, 200, "the base sees it");
}

#[tokio::test]
async fn a_release_makes_its_tag() {
    let world = World::new().await;
    let body = json!({ "tag_name": "v1.0.0", "target_commitish": "main", "name": "One", "generate_release_notes": true });
    let made = world.ask("POST", "/repos/acme/shop/releases", body.clone()).await;
    assert_eq!(made.status, 201, "{:?}", made.body);
    assert_eq!(world.ask("POST", "/repos/acme/shop/releases", body).await.status, 422);
    assert_eq!(world.ask("GET", "/repos/acme/shop/releases/tags/v1.0.0", Value::Null).await.status, 200);
    assert_eq!(
        world.ask("GET", "/repos/acme/shop/releases/latest", Value::Null).await.body["tag_name"],
        "v1.0.0"
    );
    let tag = world.ask("GET", "/repos/acme/shop/git/ref/tags/v1.0.0", Value::Null).await;
    assert_eq!(tag.body["object"]["sha"], world.shop.head("main").unwrap().as_str());
    let notes =
        world.ask("POST", "/repos/acme/shop/releases/generate-notes", json!({ "tag_name": "v1.0.0" })).await;
    assert_eq!(notes.status, 200);
}

#[tokio::test]
async fn issues_and_pull_requests_are_opened_changed_and_closed() {
    let world = World::new().await;
    let made = world.ask("POST", "/repos/acme/shop/issues", json!({ "title": "Hello", "body": "x" })).await;
    assert_eq!((made.status, &made.body["user"]["login"]), (201, &json!("deputy[bot]")));
    let body = json!({ "title": "Bye", "state": "closed" });
    let changed = world.ask("PATCH", "/repos/acme/shop/issues/1", body).await;
    assert_eq!((&changed.body["title"], &changed.body["state"]), (&json!("Bye"), &json!("closed")));
    world.shop.push(&world.ada, "feature", "One").await;
    let pull = json!({ "title": "Tea", "head": "feature", "base": "main" });
    assert_eq!(world.ask("POST", "/repos/acme/shop/pulls", pull.clone()).await.status, 201);
    assert_eq!(world.ask("POST", "/repos/acme/shop/pulls", pull).await.status, 422, "one of a kind");
    let list = world.ask("GET", "/repos/acme/shop/pulls?head=acme:feature", Value::Null).await;
    assert_eq!(list.body[0]["number"], 2);
    let changed = world.ask("PATCH", "/repos/acme/shop/pulls/2", json!({ "state": "closed" })).await;
    assert_eq!(changed.body["state"], "closed");
    world.gh.assert_clean().await;
}
