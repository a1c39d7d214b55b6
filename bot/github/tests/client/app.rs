//! The App itself: its settings, installations, deliveries, vended tokens, and how it is registered.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use deputy_core::ports::GitHubError;
use deputy_github::app::Scope;
use deputy_github::manifest;
use secrecy::{ExposeSecret as _, SecretString};

use super::*;

fn attempt(id: u64, guid: &str, status_code: u16) -> serde_json::Value {
    json!({"id": id, "guid": guid, "delivered_at": "2026-11-20T12:00:00Z", "redelivery": false, "duration": 0.27,
        "status": "OK", "status_code": status_code, "event": "issues", "action": "opened",
        "installation_id": 5, "repository_id": 11, "throttled_at": null})
}

const GUID: &str = "0b989ba4-242f-11e5-81e1-c7b6966d2516";

#[tokio::test]
async fn deliveries_are_read_page_by_page_as_the_app() {
    let world = World::new(|asked| {
        let host = asked.header("host").unwrap();
        match asked.path.as_str() {
            "/app/hook/deliveries?per_page=100" => {
                let link =
                    format!(r#"<http://{host}/app/hook/deliveries?per_page=100&cursor=v1_2>; rel="next""#);
                let page = json!([attempt(9_007_199_254_740_993, GUID, 502), attempt(3, "odd", 200)]);
                Reply::json(200, &page).with("link", link)
            }
            "/app/hook/deliveries?per_page=100&cursor=v1_2" => {
                Reply::json(200, &json!([attempt(2, GUID, 200)]))
            }
            "/app/hook/deliveries/2" => {
                let mut detail = attempt(2, GUID, 200);
                detail["request"] =
                    json!({"headers": {"X-GitHub-Event": "issues"}, "payload": {"b": 1, "a": 2}});
                Reply::json(200, &detail)
            }
            _ => Reply::json(202, &json!({})),
        }
    })
    .await;
    let first = world.client.delivery_attempts(None).await.unwrap();
    assert_eq!(first.attempts.len(), 1, "an odd GUID is left out");
    assert_eq!(first.attempts[0].id, 9_007_199_254_740_993);
    assert!(!first.attempts[0].arrived());
    let second = world.client.delivery_attempts(first.next).await.unwrap();
    assert!(second.attempts[0].arrived() && second.next.is_none());
    let detail = world.client.delivery_attempt(2).await.unwrap();
    assert_eq!(detail.payload, br#"{"b":1,"a":2}"#);
    assert_eq!(detail.headers, [("X-GitHub-Event".to_owned(), "issues".to_owned())]);
    world.client.redeliver(2).await.unwrap();
    let asked = world.server.asked();
    assert_eq!(asked[3].path, "/app/hook/deliveries/2/attempts");
    assert!(asked.iter().all(|asked| asked.header("authorization").unwrap().starts_with("Bearer eyJ")));
}

#[tokio::test]
async fn a_token_is_narrowed_and_kept_by_what_it_is_narrowed_to() {
    let world = World::new(|_| Reply::json(200, &json!({}))).await;
    let scope = Scope {
        repositories: BTreeSet::from(["rocket".to_owned()]),
        permissions: [("contents".to_owned(), "read".to_owned())].into(),
    };
    let mut tokens = Vec::new();
    for scope in [&scope, &Scope::default(), &scope] {
        let token = world.client.installation_token(InstallationId(5), scope).await.unwrap();
        tokens.push(token.token.expose_secret().to_owned());
    }
    assert_eq!(tokens, ["ghs_1", "ghs_2", "ghs_1"]);
    let asked = world.server.all();
    assert_eq!(asked[0].json(), json!({"repositories": ["rocket"], "permissions": {"contents": "read"}}));
    assert_eq!(asked[1].body, "");
    world.client.forget_installation(InstallationId(5));
    world.client.installation_token(InstallationId(5), &scope).await.unwrap();
    assert_eq!(world.server.token_requests(), 3);
}

#[tokio::test]
async fn installations_are_listed_and_found_by_owner() {
    let installation = |id: u64, login: &str| {
        json!({"id": id, "account": {"id": 12, "login": login, "type": "Organization"},
            "repository_selection": "all", "permissions": {"issues": "write"}, "suspended_at": null})
    };
    let world = World::new(move |asked| match asked.path.as_str() {
        "/app/installations?per_page=100" => Reply::json(200, &json!([installation(5, "acme")])),
        "/orgs/acme/installation" => Reply::json(200, &installation(5, "acme")),
        "/users/ada/installation" => Reply::json(200, &installation(6, "ada")),
        _ => Reply::json(404, &json!({"message": "Not Found"})),
    })
    .await;
    let all = world.client.installations().await.unwrap();
    assert_eq!((all.len(), all[0].account.login.as_str()), (1, "acme"));
    for (owner, id) in [("acme", Some(5)), ("ada", Some(6)), ("nobody", None)] {
        let found = world.client.installation_of(owner).await.unwrap();
        assert_eq!(found.map(|found| found.id), id.map(InstallationId), "{owner}");
    }
}

#[tokio::test]
async fn what_a_doctor_asks_is_answered() {
    let world = World::new(|asked| match asked.path.as_str() {
        "/app" => Reply::json(
            200,
            &json!({"id": 3, "slug": "deputy", "client_id": "Iv23test", "html_url": "h", "name": "Deputy",
                "permissions": {"checks": "write"}, "events": ["issues"]}),
        ),
        "/app/hook/config" => Reply::json(
            200,
            &json!({"url": "https://d/webhook", "content_type": "json", "secret": "********", "insecure_ssl": "0"}),
        ),
        "/rate_limit" => Reply::json(
            200,
            &json!({"resources": {"core": {"limit": 5000, "used": 1, "remaining": 4999, "reset": 1_800_000_100}}}),
        ),
        _ => Reply::json(200, &json!({})).with("date", "Fri, 15 Jan 2027 08:00:00 GMT"),
    })
    .await;
    let settings = world.client.app_settings().await.unwrap();
    assert_eq!((settings.slug.as_str(), settings.permissions["checks"].as_str()), ("deputy", "write"));
    let hook = world.client.hook_config().await.unwrap();
    assert!(hook.has_secret);
    assert_eq!(hook.url.as_deref(), Some("https://d/webhook"));
    let limits = world.client.rate_limits(InstallationId(5)).await.unwrap();
    assert_eq!((limits.rest.unwrap().remaining, limits.graphql), (4999, None));
    assert_eq!(world.client.readings(InstallationId(5)), limits, "one account of it");
    assert_eq!(world.client.clock_drift().await.unwrap(), Some(TimeDelta::zero()));
    world.client.set_hook("https://e/webhook", &"hush".into()).await.unwrap();
    let set = world.server.asked().pop().unwrap();
    assert_eq!(set.json(), json!({"url": "https://e/webhook", "content_type": "json", "secret": "hush"}));
}

#[tokio::test]
async fn a_manifests_code_becomes_the_apps_credentials() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/app-manifests/a%2Fb/conversions" => Reply::json(
            201,
            &json!({"id": 3, "slug": "deputy", "html_url": "h", "client_id": "Iv1", "client_secret": "s3cret",
                "webhook_secret": "hush", "pem": "-----BEGIN", "owner": {"login": "ada"}}),
        ),
        _ => Reply::json(404, &json!({"message": "Not Found"})),
    })
    .await;
    let config = || ClientConfig::with_api(&server.url, &server.url).unwrap();
    let clock: Arc<DrivenClock> = Arc::new(DrivenClock::new());
    let code = |code: &str| SecretString::from(code.to_owned());
    let new = manifest::convert(config(), clock.clone(), &code("a/b")).await.unwrap();
    assert_eq!(new.webhook_secret.as_ref().unwrap().expose_secret(), "hush");
    assert!(!format!("{new:?}").contains("s3cret"));
    assert_eq!(server.asked()[0].header("authorization"), None);
    let gone = manifest::convert(config(), clock, &code("used")).await.unwrap_err();
    assert!(matches!(gone, GitHubError::NotFound));
    let url = manifest::registration_url(&config(), Some("a cme"), "s&t");
    assert!(url.ends_with("/organizations/a%20cme/settings/apps/new?state=s%26t"), "{url}");
}
