//! An App made from a manifest:
//! <https://docs.github.com/en/apps/sharing-github-apps/registering-a-github-app-from-a-manifest>.

use std::time::Duration;

use github_double::Double;
use serde_json::{Value, json};

use crate::support::{jwt, send};

fn manifest() -> Value {
    json!({
        "name": "My Deputy",
        "url": "https://deputy.example",
        "hook_attributes": { "url": "http://127.0.0.1:4000/webhook" },
        "redirect_url": "http://127.0.0.1:4000/setup",
        "callback_urls": ["http://127.0.0.1:4000/auth/callback"],
        "public": false,
        "default_permissions": { "issues": "write", "checks": "write" },
        "default_events": ["issue_comment"],
    })
}

fn code(location: &str) -> String {
    let url = url::Url::parse(location).unwrap();
    let code = url.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    assert!(url.query().unwrap().ends_with("state=nonce"));
    code
}

#[tokio::test]
async fn a_code_buys_the_app_once() {
    let gh = Double::start().await;
    let location = gh.user("ada").create_app(&manifest().to_string(), "nonce").unwrap();
    let path = format!("/app-manifests/{}/conversions", code(&location));
    let made = send(&gh, "POST", &path, &[], Value::Null).await.unwrap();
    assert_eq!((made.status, &made.body["slug"]), (201, &json!("my-deputy")));
    assert_eq!(made.body["permissions"]["checks"], "write");
    assert_eq!(send(&gh, "POST", &path, &[], Value::Null).await.unwrap().status, 404);

    let now = gh.clock().now().timestamp();
    let claims = json!({ "iss": made.body["client_id"], "iat": now - 60, "exp": now + 60 });
    let bearer = format!("Bearer {}", jwt(made.body["pem"].as_str().unwrap(), &claims));
    let config =
        send(&gh, "GET", "/app/hook/config", &[("authorization", &bearer)], Value::Null).await.unwrap();
    assert_eq!(config.body["url"], "http://127.0.0.1:4000/webhook");
    let app = gh.app_by_slug("my-deputy").unwrap();
    assert_eq!(app.webhook_secret(), made.body["webhook_secret"].as_str().unwrap());
    gh.assert_clean().await;
}

#[tokio::test]
async fn a_code_lives_an_hour() {
    let gh = Double::start().await;
    let location = gh.user("ada").create_app(&manifest().to_string(), "nonce").unwrap();
    gh.clock().advance(Duration::from_hours(1));
    let path = format!("/app-manifests/{}/conversions", code(&location));
    assert_eq!(send(&gh, "POST", &path, &[], Value::Null).await.unwrap().status, 404);
}

#[tokio::test]
async fn a_browser_posts_the_form_and_is_sent_back() {
    let gh = Double::start().await;
    gh.user("ada");
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("manifest", &manifest().to_string())
        .finish();
    let page = send(&gh, "POST", "/settings/apps/new?state=nonce", &[], json!(form)).await.unwrap();
    assert_eq!(page.status, 200);
    let form = format!("{form}&state=nonce&login_as=ada");
    let pressed = send(&gh, "POST", "/settings/apps/new", &[], json!(form)).await.unwrap();
    assert_eq!(pressed.status, 302);
    code(pressed.header("location"));
}

#[tokio::test]
async fn a_manifest_is_checked() {
    let gh = Double::start().await;
    let ada = gh.user("ada");
    assert!(ada.create_app("{", "nonce").is_err());
    let mut without = manifest();
    without.as_object_mut().unwrap().remove("redirect_url");
    assert!(ada.create_app(&without.to_string(), "nonce").unwrap_err().contains("redirect_url"));
    let mut unknown = manifest();
    unknown["device_flow"] = json!(true);
    ada.create_app(&unknown.to_string(), "nonce").unwrap();
    assert_eq!(gh.take_violations(), ["manifest: device_flow is none of GitHub's fields"]);
}
