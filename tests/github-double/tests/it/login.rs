//! People logging in:
//! <https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-user-access-token-for-a-github-app>.

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use github_double::{Access, Permission};
use serde_json::{Value, json};

use crate::support::{Answer, Receiver, World, send};

const CALLBACK: &str = "http://127.0.0.1:4000/auth/callback";
const VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters-x";

impl World {
    async fn with_login() -> Self {
        let world = Self::new().await;
        world.app.add_callback_url(CALLBACK).enable_device_flow();
        world
    }

    fn authorize_url(&self, more: &[(&str, &str)]) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query
            .append_pair("client_id", &self.app.client_id())
            .append_pair("state", "nonce")
            .extend_pairs(more);
        format!("{}/login/oauth/authorize?{}", self.gh.base_url(), query.finish())
    }

    /// Asks the token endpoint with the client's credentials.
    async fn token(&self, more: &[(&str, &str)]) -> Value {
        let (id, secret) = (self.app.client_id(), self.app.client_secret());
        let mut form = vec![("client_id", id.as_str()), ("client_secret", secret.as_str())];
        form.extend(more);
        self.token_as(&form).await.body
    }

    async fn token_as(&self, form: &[(&str, &str)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let headers = [("accept", "application/json"), ("content-type", "application/x-www-form-urlencoded")];
        send(&self.gh, "POST", "/login/oauth/access_token", &headers, json!(body)).await.unwrap()
    }

    async fn whoami(&self, token: &str) -> Answer {
        self.ask_with(&format!("Bearer {token}"), "GET", "/user", Value::Null).await
    }
}

fn parameters(url: &str) -> HashMap<String, String> {
    url::Url::parse(url).unwrap().query_pairs().into_owned().collect()
}

fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(ring::digest::digest(&ring::digest::SHA256, VERIFIER.as_bytes()))
}

fn text(json: &Value, field: &str) -> String {
    json[field].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn the_web_flow_ends_with_expiring_tokens() {
    let world = World::with_login().await;
    let challenge = challenge();
    let url = world.authorize_url(&[
        ("redirect_uri", CALLBACK),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ]);
    let back = world.ada.approve(&url);
    assert!(back.starts_with(CALLBACK), "{back}");
    let back = parameters(&back);
    assert_eq!(back["state"], "nonce");
    let grant = world
        .token(&[("code", &back["code"]), ("redirect_uri", CALLBACK), ("code_verifier", VERIFIER)])
        .await;
    assert!(text(&grant, "access_token").starts_with("ghu_"));
    assert!(text(&grant, "refresh_token").starts_with("ghr_"));
    assert_eq!((&grant["expires_in"], &grant["token_type"]), (&json!(28_800), &json!("bearer")));
    assert_eq!(grant["refresh_token_expires_in"], 15_897_600);
    assert_eq!(world.whoami(&text(&grant, "access_token")).await.body["login"], "ada");
    let again = world.token(&[("code", &back["code"]), ("code_verifier", VERIFIER)]).await;
    assert_eq!(again["error"], "bad_verification_code", "a code is used once");
}

#[tokio::test]
async fn a_browser_sees_pages_and_is_sent_back() {
    let world = World::with_login().await;
    let url = world.authorize_url(&[]);
    let path = url.strip_prefix(&world.gh.base_url()).unwrap();
    let page = send(&world.gh, "GET", path, &[], Value::Null).await.unwrap();
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    let form = format!("client_id={}&state=nonce&login_as=ada", world.app.client_id());
    let pressed = send(&world.gh, "POST", "/login/oauth/authorize", &[], json!(form)).await.unwrap();
    assert_eq!(pressed.status, 302);
    let code = parameters(pressed.header("location"))["code"].clone();
    assert!(text(&world.token(&[("code", &code)]).await, "access_token").starts_with("ghu_"));
    let form = format!("client_id={}&state=nonce&deny=1", world.app.client_id());
    let pressed = send(&world.gh, "POST", "/login/oauth/authorize", &[], json!(form)).await.unwrap();
    assert_eq!(parameters(pressed.header("location"))["error"], "access_denied");
}

#[tokio::test]
async fn what_is_wrong_with_a_login_is_said() {
    let world = World::with_login().await;
    let denied = parameters(&world.ada.deny(&world.authorize_url(&[])));
    assert_eq!((denied["error"].as_str(), denied["state"].as_str()), ("access_denied", "nonce"));
    let elsewhere = world.authorize_url(&[("redirect_uri", "http://evil.example/")]);
    let back = world.ada.approve(&elsewhere);
    assert!(back.starts_with(CALLBACK), "{back}");
    assert_eq!(parameters(&back)["error"], "redirect_uri_mismatch");
    let plain = world.authorize_url(&[("code_challenge", VERIFIER), ("code_challenge_method", "plain")]);
    assert_eq!(parameters(&world.ada.approve(&plain))["error"], "invalid_request", "S256 only");

    let id = world.app.client_id();
    let wrong = world.token_as(&[("client_id", &id), ("client_secret", "x"), ("code", "y")]).await;
    assert_eq!((wrong.status, &wrong.body["error"]), (200, &json!("incorrect_client_credentials")));
    assert_eq!(world.token(&[("code", "made-up")]).await["error"], "bad_verification_code");
    assert_eq!(world.token(&[("grant_type", "password")]).await["error"], "unsupported_grant_type");
    let code = async || {
        parameters(&world.ada.approve(&world.authorize_url(&[("redirect_uri", CALLBACK)])))["code"].clone()
    };
    let answer = world.token(&[("code", &code().await), ("redirect_uri", "http://127.0.0.1/other")]).await;
    assert_eq!(answer["error"], "redirect_uri_mismatch");
    let late = code().await;
    world.gh.clock().advance(Duration::from_mins(10));
    assert_eq!(world.token(&[("code", &late)]).await["error"], "bad_verification_code");
}

#[tokio::test]
async fn pkce_is_enforced_and_cannot_be_downgraded() {
    let world = World::with_login().await;
    let challenge = challenge();
    let code = async |more: &[(&str, &str)]| {
        parameters(&world.ada.approve(&world.authorize_url(more)))["code"].clone()
    };
    let with = [("code_challenge", challenge.as_str()), ("code_challenge_method", "S256")];
    let bad = json!("bad_verification_code");
    assert_eq!(world.token(&[("code", &code(&with).await)]).await["error"], bad, "no verifier");
    let wrong = [("code", &*code(&with).await), ("code_verifier", "wrong")];
    assert_eq!(world.token(&wrong).await["error"], bad);
    let stripped = [("code", &*code(&[]).await), ("code_verifier", VERIFIER)];
    assert_eq!(world.token(&stripped).await["error"], bad, "the challenge was stripped on the way");
}

#[tokio::test]
async fn refreshing_kills_the_old_pair() {
    let world = World::with_login().await;
    let old = world.ada.tokens_of(&world.app);
    let refresh = old.refresh_token.unwrap();
    let renewed = world.token(&[("grant_type", "refresh_token"), ("refresh_token", &refresh)]).await;
    assert_eq!(world.whoami(&old.access_token).await.status, 401);
    assert_eq!(world.whoami(&text(&renewed, "access_token")).await.status, 200);
    let again = world.token(&[("grant_type", "refresh_token"), ("refresh_token", &refresh)]).await;
    assert_eq!(again["error"], "bad_refresh_token");

    world.gh.clock().advance(Duration::from_hours(8));
    assert_eq!(world.whoami(&text(&renewed, "access_token")).await.status, 401, "eight hours");
    let refresh = text(&renewed, "refresh_token");
    let no_secret = [
        ("client_id", &*world.app.client_id()),
        ("grant_type", "refresh_token"),
        ("refresh_token", &*refresh),
    ];
    assert_eq!(world.token_as(&no_secret).await.body["error"], "incorrect_client_credentials");
    let renewed = world.token(&[("grant_type", "refresh_token"), ("refresh_token", &refresh)]).await;
    world.gh.clock().advance(Duration::from_hours(184 * 24));
    let refresh = text(&renewed, "refresh_token");
    let late = world.token(&[("grant_type", "refresh_token"), ("refresh_token", &refresh)]).await;
    assert_eq!(late["error"], "bad_refresh_token", "six months");
}

#[tokio::test]
async fn an_eleventh_token_drops_the_oldest() {
    let world = World::with_login().await;
    let tokens: Vec<_> = (0..11).map(|_| world.ada.tokens_of(&world.app).access_token).collect();
    assert_eq!(world.ada.live_tokens(&world.app), 10);
    assert_eq!(world.whoami(&tokens[0]).await.status, 401);
    assert_eq!(world.whoami(&tokens[1]).await.status, 200);
}

#[tokio::test]
async fn the_device_flow_gives_each_of_its_answers() {
    let world = World::with_login().await;
    let id = world.app.client_id();
    let start = async || {
        let headers = [("accept", "application/json")];
        let form = json!(format!("client_id={id}"));
        send(&world.gh, "POST", "/login/device/code", &headers, form).await.unwrap().body
    };
    let poll = async |device: &Value| {
        let code = text(device, "device_code");
        let grant_type = "urn:ietf:params:oauth:grant-type:device_code";
        world.token_as(&[("client_id", &id), ("device_code", &code), ("grant_type", grant_type)]).await.body
    };
    let wait = |seconds| world.gh.clock().advance(Duration::from_secs(seconds));
    let device = start().await;
    assert_eq!((&device["expires_in"], &device["interval"]), (&json!(900), &json!(5)));
    assert_eq!(text(&device, "user_code").len(), 9);
    assert_eq!(poll(&device).await["error"], "authorization_pending");
    let hasty = poll(&device).await;
    assert_eq!((&hasty["error"], &hasty["interval"]), (&json!("slow_down"), &json!(10)));
    wait(5);
    assert_eq!(poll(&device).await["interval"], 15, "still too soon for the new interval");
    wait(15);
    assert!(world.ada.approve_device(&text(&device, "user_code")));
    let grant = poll(&device).await;
    assert_eq!(world.whoami(&text(&grant, "access_token")).await.body["login"], "ada");
    assert_eq!(poll(&device).await["error"], "incorrect_device_code", "used once");
    let refresh = text(&grant, "refresh_token");
    let renewed = world
        .token_as(&[("client_id", &id), ("grant_type", "refresh_token"), ("refresh_token", &refresh)])
        .await;
    assert!(text(&renewed.body, "access_token").starts_with("ghu_"), "no secret is asked of a device");

    let device = start().await;
    assert!(world.ada.deny_device(&text(&device, "user_code")));
    assert_eq!(poll(&device).await["error"], "access_denied");
    let device = start().await;
    wait(900);
    assert_eq!(poll(&device).await["error"], "expired_token");
    assert!(!world.ada.approve_device("ABCD-EFGH"));
}

#[tokio::test]
async fn the_device_flow_must_be_enabled() {
    let world = World::new().await;
    let form = json!(format!("client_id={}", world.app.client_id()));
    let headers = [("accept", "application/json")];
    let answer = send(&world.gh, "POST", "/login/device/code", &headers, form.clone()).await.unwrap();
    assert_eq!((answer.status, &answer.body["error"]), (200, &json!("device_flow_disabled")));
    let form_encoded = send(&world.gh, "POST", "/login/device/code", &[], form).await.unwrap();
    assert!(form_encoded.header("content-type").starts_with("application/x-www-form-urlencoded"));
}

#[tokio::test]
async fn a_user_token_does_what_both_the_person_and_the_app_may() {
    let world = World::with_login().await;
    let token = format!("Bearer {}", world.ada.tokens_of(&world.app).access_token);
    let issue = world.shop.issue("Hello").by(&world.ada).open().await;
    let path = "/repos/acme/shop/issues/1/comments";
    let body = json!({ "body": "x" });
    assert_eq!(world.ask_with(&token, "POST", path, body.clone()).await.status, 201);
    let comment = issue.last_comment().unwrap();
    assert_eq!((comment.author(), comment.via_app()), ("ada".to_owned(), Some("deputy".to_owned())));

    world.acme.remove_member(&world.ada);
    world.shop.permit(&world.ada, Permission::None);
    assert_eq!(world.ask_with(&token, "POST", path, body.clone()).await.status, 404, "the person may not");
    world.shop.permit(&world.ada, Permission::Write);
    let read = [("metadata", Access::Read), ("issues", Access::Read)];
    world.installation.set_permissions(&read, &world.ada).await;
    assert_eq!(
        world.ask_with(&token, "POST", path, body).await.refusal(),
        (403, "Resource not accessible by integration"),
        "the App may not"
    );
    let seen = world.ask_with(&token, "GET", "/user/installations", Value::Null).await;
    assert_eq!(seen.body["total_count"], 1);
    let path = format!("/user/installations/{}/repositories", world.installation.id());
    assert_eq!(world.ask_with(&token, "GET", &path, Value::Null).await.body["total_count"], 1);
}

#[tokio::test]
async fn a_token_can_be_narrowed_to_one_repository() {
    let world = World::with_login().await;
    let cellar = world.acme.repo("cellar");
    cellar.permit(&world.ada, Permission::Write);
    let code = parameters(&world.ada.approve(&world.authorize_url(&[])))["code"].clone();
    let id = world.shop.id().to_string();
    let grant = world.token(&[("code", &code), ("repository_id", &id)]).await;
    let token = format!("Bearer {}", text(&grant, "access_token"));
    assert_eq!(world.ask_with(&token, "GET", "/repos/acme/shop", Value::Null).await.status, 200);
    assert_eq!(world.ask_with(&token, "GET", "/repos/acme/cellar", Value::Null).await.status, 404);
}

#[tokio::test]
async fn revoking_ends_every_token_and_is_told_to_the_app() {
    let world = World::with_login().await;
    let receiver = Receiver::start().await;
    world.app.send_webhooks_to(&receiver.url);
    let (first, second) = (world.ada.tokens_of(&world.app), world.ada.tokens_of(&world.app));
    let id = world.app.client_id();
    let basic = format!("Basic {}", STANDARD.encode(format!("{id}:{}", world.app.client_secret())));
    let token = |token: &str| json!({ "access_token": token });

    let path = format!("/applications/{id}/token");
    let checked = world.ask_with(&basic, "POST", &path, token(&first.access_token)).await;
    assert_eq!(checked.body["user"]["login"], "ada");
    assert_eq!(world.ask_with(&basic, "DELETE", &path, token(&first.access_token)).await.status, 204);
    assert_eq!(world.whoami(&first.access_token).await.status, 401);
    assert_eq!(world.whoami(&second.access_token).await.status, 200);
    let path = format!("/applications/{id}/grant");
    assert_eq!(world.ask_with(&basic, "DELETE", &path, token(&second.access_token)).await.status, 204);
    assert_eq!(world.whoami(&second.access_token).await.status, 401);
    world.gh.settled().await;
    assert_eq!(receiver.names(), ["github_app_authorization.revoked"]);

    let third = world.ada.tokens_of(&world.app);
    world.ada.revoke(&world.app).await;
    assert_eq!(world.whoami(&third.access_token).await.status, 401);
    assert_eq!(receiver.hooks()[1].json()["sender"]["login"], "ada");
    let strange = format!("Basic {}", STANDARD.encode(format!("{id}:wrong")));
    assert_eq!(world.ask_with(&strange, "DELETE", &path, token("x")).await.status, 401);
    world.gh.assert_clean().await;
}

#[tokio::test]
async fn credentials_in_an_address_and_unknown_parameters_are_violations() {
    let world = World::with_login().await;
    let path = format!("/login/oauth/access_token?client_secret={}", world.app.client_secret());
    send(&world.gh, "POST", &path, &[], json!("colour=red")).await.unwrap();
    world.ada.approve(&world.authorize_url(&[("colour", "red")]));
    assert_eq!(world.gh.take_violations().len(), 3);
}
