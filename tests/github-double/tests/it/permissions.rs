//! What is seen and allowed, and in which words the rest is refused.

use github_double::{Access, Permission};
use serde_json::{Value, json};

use crate::support::{World, send};

#[tokio::test]
async fn a_private_repository_does_not_exist_for_strangers() {
    let world = World::new().await;
    let eve = format!("Bearer {}", world.gh.user("eve").personal_token());
    assert_eq!(
        world.ask_with(&eve, "GET", "/repos/acme/shop", Value::Null).await.refusal(),
        (404, "Not Found")
    );
    world.shop.public();
    assert_eq!(world.ask_with(&eve, "GET", "/repos/acme/shop", Value::Null).await.status, 200);
    let anonymous = send(&world.gh, "GET", "/repos/acme/shop", &[], Value::Null).await.unwrap();
    assert_eq!(anonymous.status, 200);
    world.shop.issue("Hello").by(&world.ada).open().await;
    let body = json!({ "body": "x" });
    let anonymous = send(&world.gh, "POST", "/repos/acme/shop/issues/1/comments", &[], body).await.unwrap();
    assert_eq!(anonymous.status, 401);
}

#[tokio::test]
async fn an_installation_that_does_not_cover_a_repository_does_not_see_it() {
    let world = World::new().await;
    let cellar = world.acme.repo("cellar");
    world.installation.remove_repository(&world.shop, &world.ada).await;
    assert_eq!(world.ask("GET", "/repos/acme/shop", Value::Null).await.status, 404);
    assert_eq!(world.ask("GET", "/repos/acme/cellar", Value::Null).await.status, 200);
    world.installation.remove_repository(&cellar, &world.ada).await;
    world.installation.add_repository(&world.shop, &world.ada).await;
    assert_eq!(world.ask("GET", "/repos/acme/shop", Value::Null).await.status, 200);
    let bob = world.gh.user("bob").repo("public");
    bob.public();
    bob.issue("Hello").open().await;
    let refused = world.ask("POST", "/repos/bob/public/issues/1/comments", json!({ "body": "x" })).await;
    assert_eq!(refused.refusal(), (403, "Resource not accessible by integration"));
}

#[tokio::test]
async fn a_missing_permission_is_not_accessible_by_integration() {
    let world = World::new().await;
    world.shop.issue("Hello").by(&world.ada).open().await;
    world.installation.set_permissions(&[("metadata", Access::Read)], &world.ada).await;
    let refused = (403, "Resource not accessible by integration");
    assert_eq!(world.ask("GET", "/repos/acme/shop/issues/1", Value::Null).await.refusal(), refused);
    assert_eq!(world.ask("GET", "/orgs/acme/members/ada", Value::Null).await.refusal(), refused);
    let answer = world.ask("POST", "/repos/acme/shop/issues/1/comments", json!({ "body": "x" })).await;
    assert_eq!(answer.refusal(), refused);
    let url = answer.body["documentation_url"].as_str().unwrap();
    assert_eq!(url, "https://docs.github.com/rest/issues/comments#create-an-issue-comment");
}

#[tokio::test]
async fn a_permission_comes_from_ownership_collaboration_team_or_base() {
    let world = World::new().await;
    let permission = async |login: &str| {
        let path = format!("/repos/acme/shop/collaborators/{login}/permission");
        let answer = world.ask("GET", &path, Value::Null).await;
        let text = |field: &str| answer.body[field].as_str().unwrap_or("-").to_owned();
        format!("{} {} {}", answer.status, text("permission"), text("role_name"))
    };
    let gh = &world.gh;
    assert_eq!(permission("ada").await, "200 write write");
    world.acme.add_owner(&gh.user("olga"));
    assert_eq!(permission("olga").await, "200 admin admin");
    world.acme.add_member(&gh.user("mia"));
    assert_eq!(permission("mia").await, "200 read read");
    world.acme.base_permission(Permission::None);
    assert_eq!(permission("mia").await, "200 none none");
    let team = world.acme.team("Tea Makers");
    team.add(&gh.user("mia")).permit(&world.shop, Permission::Maintain);
    assert_eq!(permission("mia").await, "200 write maintain");
    world.shop.permit(&gh.user("theo"), Permission::Triage);
    assert_eq!(permission("theo").await, "200 read triage");
    gh.user("eve");
    assert_eq!(permission("eve").await, "200 none none");
    assert_eq!(permission("nobody").await, "404 - -");
    let membership = async |login: &str| {
        let path = format!("/orgs/acme/teams/{}/memberships/{login}", team.slug());
        world.ask("GET", &path, Value::Null).await.status
    };
    assert_eq!((membership("mia").await, membership("ada").await), (200, 404));
}

#[tokio::test]
async fn membership_is_told_to_members_and_to_apps_with_the_permission() {
    let world = World::new().await;
    world.acme.invite(&world.gh.user("ivy"));
    let member = async |login: &str| {
        world.ask("GET", &format!("/orgs/acme/members/{login}"), Value::Null).await.status
    };
    world.gh.user("eve");
    assert_eq!((member("ada").await, member("ivy").await, member("eve").await), (204, 404, 404));
    let told = world.ask("GET", "/orgs/acme/memberships/ivy", Value::Null).await;
    assert_eq!((told.status, &told.body["state"]), (200, &json!("pending")));
    world.acme.remove_member(&world.ada);
    assert_eq!(member("ada").await, 404);
    let eve = format!("Bearer {}", world.gh.user("eve").personal_token());
    let answer = world.ask_with(&eve, "GET", "/orgs/acme/members/ada", Value::Null).await;
    assert_eq!(answer.status, 302);
}

#[tokio::test]
async fn others_comments_are_changed_from_triage_on() {
    let world = World::new().await;
    let issue = world.shop.issue("Hello").by(&world.ada).open().await;
    let comment = issue.comment(&world.ada, "one").await;
    let mia = world.gh.user("mia");
    world.acme.add_member(&mia);
    let token = format!("Bearer {}", mia.personal_token());
    let path = format!("/repos/acme/shop/issues/comments/{}", comment.id());
    let body = json!({ "body": "two" });
    assert_eq!(world.ask_with(&token, "PATCH", &path, body.clone()).await.status, 403);
    world.shop.permit(&mia, Permission::Triage);
    assert_eq!(world.ask_with(&token, "PATCH", &path, body).await.status, 200);
    assert_eq!((comment.body(), comment.is_edited()), ("two".to_owned(), true));
    issue.lock();
    world.shop.permit(&mia, Permission::Read);
    let answer =
        world.ask_with(&token, "POST", "/repos/acme/shop/issues/1/comments", json!({ "body": "x" })).await;
    assert_eq!(answer.status, 403);
}
