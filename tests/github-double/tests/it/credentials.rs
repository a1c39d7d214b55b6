//! Who is asking: <https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app>.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{World, jwt, send};

#[tokio::test]
async fn an_unknown_token_is_bad_credentials() {
    let world = World::new().await;
    let answer = world.ask_with("Bearer ghs_nonsense", "GET", "/repos/acme/shop", Value::Null).await;
    assert_eq!(answer.refusal(), (401, "Bad credentials"));
    assert_eq!(answer.body["status"], "401");
    let answer = send(&world.gh, "GET", "/repos/acme/shop", &[], Value::Null).await.unwrap();
    assert_eq!(answer.refusal(), (404, "Not Found"));
}

#[tokio::test]
async fn an_app_is_known_by_client_id_or_number_and_a_jwt_of_ten_minutes() {
    let world = World::new().await;
    let now = world.gh.clock().now().timestamp();
    let key = world.app.private_key();
    let ask = async |key: &str, claims: Value| {
        let jwt = format!("Bearer {}", jwt(key, &claims));
        world.ask_with(&jwt, "GET", "/app", Value::Null).await
    };
    let id = world.app.id();
    let claims = |iss: Value, iat: i64, exp: i64| json!({ "iss": iss, "iat": now + iat, "exp": now + exp });
    assert_eq!(ask(&key, claims(json!(world.app.client_id()), -60, 540)).await.body["slug"], "deputy");
    assert_eq!(ask(&key, claims(json!(id), -60, 600)).await.status, 200);
    assert_eq!(ask(&key, claims(json!(id.to_string()), -60, 600)).await.status, 200);
    assert_eq!(ask(&key, claims(json!(id), -60, 660)).await.status, 401, "more than ten minutes");
    assert_eq!(ask(&key, claims(json!(id), -60, -1)).await.status, 401, "expired");
    assert_eq!(ask(&key, claims(json!(id), 30, 540)).await.status, 401, "issued in the future");
    assert_eq!(ask(&key, claims(json!("nobody"), -60, 540)).await.status, 404);
    assert_eq!(ask(&key, json!({ "iss": id, "exp": now + 60 })).await.status, 401, "no iat");

    let second = world.app.add_private_key();
    assert_eq!(ask(&second, claims(json!(id), -60, 540)).await.status, 200);
    assert_eq!(ask(&key, claims(json!(id), -60, 540)).await.status, 200, "both keys are valid");
    world.app.delete_old_private_keys();
    assert_eq!(ask(&key, claims(json!(id), -60, 540)).await.status, 401);
}

#[tokio::test]
async fn an_installation_token_lives_an_hour() {
    let world = World::new().await;
    let path = format!("/app/installations/{}/access_tokens", world.installation.id());
    let made = world.ask_as_app("POST", &path, Value::Null).await;
    assert_eq!(made.status, 201);
    assert_eq!(made.body["repository_selection"], "all");
    let token = format!("token {}", made.body["token"].as_str().unwrap());
    assert!(token.starts_with("token ghs_"));
    let ask = async || world.ask_with(&token, "GET", "/repos/acme/shop", Value::Null).await.status;
    assert_eq!(ask().await, 200);
    world.gh.clock().advance(Duration::from_secs(3599));
    assert_eq!(ask().await, 200);
    world.gh.clock().advance(Duration::from_secs(2));
    assert_eq!(ask().await, 401);
}

#[tokio::test]
async fn an_installation_token_can_be_narrowed_and_never_widened() {
    let world = World::new().await;
    world.acme.repo("cellar");
    let path = format!("/app/installations/{}/access_tokens", world.installation.id());
    let asked = json!({ "repositories": ["shop"], "permissions": { "issues": "read" } });
    let made = world.ask_as_app("POST", &path, asked).await;
    assert_eq!(made.body["permissions"], json!({ "issues": "read", "metadata": "read" }));
    assert_eq!(made.body["repositories"][0]["full_name"], "acme/shop");
    let token = format!("Bearer {}", made.body["token"].as_str().unwrap());
    let covered = world.ask_with(&token, "GET", "/installation/repositories", Value::Null).await;
    assert_eq!(covered.body["total_count"], 1);
    world.shop.issue("Hello").by(&world.ada).open().await;
    assert_eq!(world.ask_with(&token, "GET", "/repos/acme/shop/issues/1", Value::Null).await.status, 200);
    assert_eq!(world.ask_with(&token, "GET", "/repos/acme/cellar", Value::Null).await.status, 404);
    let path_comments = "/repos/acme/shop/issues/1/comments";
    let refused = world.ask_with(&token, "POST", path_comments, json!({ "body": "x" })).await;
    assert_eq!(refused.refusal(), (403, "Resource not accessible by integration"));

    let too_much = json!({ "permissions": { "members": "write" } });
    assert_eq!(world.ask_as_app("POST", &path, too_much).await.status, 422);
    assert_eq!(world.ask_as_app("POST", &path, json!({ "repositories": ["moon"] })).await.status, 422);
    assert_eq!(world.ask_with(&token, "DELETE", "/installation/token", Value::Null).await.status, 204);
    assert_eq!(world.ask_with(&token, "GET", "/installation/repositories", Value::Null).await.status, 401);
}

#[tokio::test]
async fn a_suspended_installation_gets_no_tokens_and_its_tokens_do_nothing() {
    let world = World::new().await;
    let token = format!("Bearer {}", world.installation.token());
    world.installation.suspend(&world.ada).await;
    let path = format!("/app/installations/{}/access_tokens", world.installation.id());
    assert_eq!(world.ask_as_app("POST", &path, Value::Null).await.status, 403);
    assert_eq!(world.ask_with(&token, "GET", "/repos/acme/shop", Value::Null).await.status, 403);
    let path = format!("/app/installations/{}", world.installation.id());
    let told = world.ask_as_app("GET", &path, Value::Null).await;
    assert_eq!(told.body["suspended_by"]["login"], "ada");
    world.installation.unsuspend(&world.ada).await;
    assert_eq!(world.ask_with(&token, "GET", "/repos/acme/shop", Value::Null).await.status, 200);
    world.installation.uninstall(&world.ada).await;
    assert_eq!(world.ask_with(&token, "GET", "/repos/acme/shop", Value::Null).await.status, 401);
}

#[tokio::test]
async fn installations_are_found_by_repository_organization_and_user() {
    let world = World::new().await;
    let mine = world.app.install_on_user(&world.ada);
    let id = |answer: crate::support::Answer| answer.body["id"].as_u64().unwrap();
    let acme = world.installation.id().0;
    assert_eq!(id(world.ask_as_app("GET", "/repos/acme/shop/installation", Value::Null).await), acme);
    assert_eq!(id(world.ask_as_app("GET", "/orgs/acme/installation", Value::Null).await), acme);
    assert_eq!(id(world.ask_as_app("GET", "/users/ada/installation", Value::Null).await), mine.id().0);
    assert_eq!(world.ask_as_app("GET", "/orgs/nobody/installation", Value::Null).await.status, 404);
    assert_eq!(world.ask("GET", "/orgs/acme/installation", Value::Null).await.status, 401, "JWT only");
    let all = world.ask_as_app("GET", "/app/installations?per_page=1", Value::Null).await;
    assert_eq!(all.body.as_array().unwrap().len(), 1);
    assert!(all.header("link").contains("rel=\"next\""));
}

#[tokio::test]
async fn only_an_app_by_jwt_sees_its_deliveries() {
    let world = World::new().await;
    assert_eq!(world.ask("GET", "/app/hook/deliveries", Value::Null).await.status, 401);
    assert_eq!(world.ask_as_app("GET", "/app/hook/deliveries", Value::Null).await.status, 200);
}
