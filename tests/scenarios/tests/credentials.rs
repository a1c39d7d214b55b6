//! The Apps' credentials: administrators get tokens, as narrow as they ask for, and every one is written down.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deputy_core::ids::UserId;
use deputy_core::ports::Sessions as _;
use github_double::{Access, User};
use scenarios::World;
use scenarios::browser::ask;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

/// A terminal that the person has logged in from.
async fn session(world: &World, person: &User) -> String {
    let user = UserId(person.id().0);
    let day = Duration::from_hours(24);
    let (_, token) = world.deputy().store().create(user, &person.login(), "desk", day).await.unwrap();
    token.expose_secret().to_owned()
}

async fn order(world: &World, session: &str, order: Value) -> (u16, Value) {
    ask(world.deputy().address(), "POST", "/api/v1/tokens", Some(session), Some(&order)).await
}

async fn list(world: &World, session: &str, path: &str) -> Vec<Value> {
    let (status, answer) = ask(world.deputy().address(), "GET", path, Some(session), None).await;
    assert_eq!(status, 200, "{answer}");
    answer.as_object().unwrap().values().next().unwrap().as_array().unwrap().clone()
}

async fn owners(world: &World, session: &str) -> Vec<String> {
    let known = list(world, session, "/api/v1/installations").await;
    known.iter().map(|it| it["owner"].as_str().unwrap().to_owned()).collect()
}

/// Waits until something that nothing tells of is so.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_mins(1), waiting).await.is_ok(), "in vain: {what}");
}

/// GitHub, as whoever holds the token sees it.
async fn github(world: &World, token: &Value, path: &str) -> (u16, Value) {
    let address: SocketAddr = world.github.base_url().trim_start_matches("http://").parse().unwrap();
    ask(address, "GET", path, token.as_str(), None).await
}

fn sha256(token: &Value) -> String {
    STANDARD.encode(ring::digest::digest(&ring::digest::SHA256, token.as_str().unwrap().as_bytes()))
}

#[tokio::test]
async fn an_administrator_gets_a_token_as_narrow_as_asked_and_it_is_written_down() {
    let world = World::new().await;
    world.acme.repo("site");
    let ada = session(&world, &world.ada).await;
    let narrow = json!({ "owner": "ACME", "repositories": ["shop"], "permissions": { "contents": "read" } });
    let (status, first) = order(&world, &ada, narrow.clone()).await;
    assert_eq!(status, 200, "{first}");
    assert_eq!((&first["app"], &first["credential"]["owner"]), (&json!("deputy"), &json!("acme")));
    assert_eq!(github(&world, &first["token"], "/repos/acme/shop").await.0, 200);
    assert_eq!(github(&world, &first["token"], "/repos/acme/site").await.0, 404, "it is for the one alone");
    let issues = github(&world, &first["token"], "/repos/acme/site/issues/1").await;
    assert_ne!(issues.0, 200, "{}", issues.1);

    // Kept and given again, and written down again.
    let (_, again) = order(&world, &ada, narrow).await;
    assert_eq!(again["token"], first["token"]);
    let (_, wide) = order(&world, &ada, json!({ "installation": world.installation.id().0 })).await;
    assert_eq!(github(&world, &wide["token"], "/repos/acme/site").await.0, 200);
    let (status, app) =
        ask(world.deputy().address(), "POST", "/api/v1/tokens/app", Some(&ada), Some(&json!({}))).await;
    assert_eq!(status, 200, "{app}");
    assert_eq!(github(&world, &app["token"], "/app").await.1["slug"], "deputy");

    let lines = list(&world, &ada, "/api/v1/audit?limit=10").await;
    let hashes: Vec<_> = lines.iter().map(|line| line["token_sha256"].as_str().unwrap()).collect();
    let expected = [&app, &wide, &first, &first].map(|it| sha256(&it["token"]));
    assert_eq!(hashes, expected, "as GitHub's audit log has it, newest first");
    assert_eq!(first["token_sha256"], lines[3]["token_sha256"]);
    assert_eq!(lines[3]["credential"]["permissions"], json!({ "contents": "read" }));
    assert!(lines.iter().all(|line| line["login"] == "ada"), "{lines:?}");
    assert_eq!(lines[0]["credential"], json!({ "kind": "app" }));
    world.end().await;
}

#[tokio::test]
async fn nobody_but_administrators_gets_anything() {
    let world = World::new().await;
    let (ada, grace) = (session(&world, &world.ada).await, session(&world, &world.grace).await);
    let address = world.deputy().address();
    for (method, path, body) in [
        ("GET", "/api/v1/installations", None),
        ("POST", "/api/v1/tokens", Some(json!({ "owner": "acme" }))),
        ("POST", "/api/v1/tokens/app", Some(json!({}))),
        ("GET", "/api/v1/audit", None),
    ] {
        let (status, answer) = ask(address, method, path, Some(&grace), body.as_ref()).await;
        assert_eq!((status, &answer["error"]), (403, &json!("not_administrator")), "{path}");
        let (status, answer) = ask(address, method, path, None, body.as_ref()).await;
        assert_eq!((status, &answer["error"]), (401, &json!("session_missing")), "{path}");
    }
    assert!(list(&world, &ada, "/api/v1/audit").await.is_empty(), "and nothing was handed out");
    // Who logs out is no administrator any more, whatever their session says.
    world.ada.revoke(&world.app).await;
    world.quiet().await;
    assert_eq!(order(&world, &ada, json!({ "owner": "acme" })).await.0, 401);
    world.end().await;
}

#[tokio::test]
async fn what_cannot_be_had_is_said_with_what_to_do() {
    let world = World::new().await;
    let ada = session(&world, &world.ada).await;
    let mut said = Vec::new();
    for wanted in [
        json!({ "owner": "nobody" }),
        json!({ "owner": "acme", "app": "shipper" }),
        json!({ "owner": "acme", "permissions": { "administration": "write" } }),
        json!({ "owner": "acme", "repositories": ["shed"] }),
        json!({ "owner": "acme", "installation": 1 }),
        json!({}),
        json!({ "owner": "acme", "repository": "shop" }),
    ] {
        let (status, answer) = order(&world, &ada, wanted).await;
        said.push(format!(
            "{status} {} {}",
            answer["error"].as_str().unwrap(),
            answer["message"].as_str().unwrap()
        ));
    }
    insta::assert_snapshot!(said.join("\n"), @r#"
    404 not_installed The App `deputy` is not installed on nobody; install it there first.
    404 unknown_app No App is called `shipper` here; there are: deputy.
    422 refused_by_github GitHub refuses: The permissions requested are not granted to this installation.
    422 refused_by_github GitHub refuses: There is at least one repository that does not exist or is not accessible to the parent installation.
    400 malformed Send {"owner": "acme"} or {"installation": 5}, and with it, if you like, "app", "repositories": ["shop"] and "permissions": {"contents": "read"}.
    400 malformed Send {"owner": "acme"} or {"installation": 5}, and with it, if you like, "app", "repositories": ["shop"] and "permissions": {"contents": "read"}.
    400 malformed Send {"owner": "acme"} or {"installation": 5}, and with it, if you like, "app", "repositories": ["shop"] and "permissions": {"contents": "read"}.
    "#);
    assert!(list(&world, &ada, "/api/v1/audit").await.is_empty());
    world.end().await;
}

#[tokio::test]
async fn where_the_app_is_installed_is_known_from_events_and_from_a_sweep() {
    let world = World::new().await;
    let ada = session(&world, &world.ada).await;
    until("the first sweep", async || owners(&world, &ada).await == ["acme"]).await;

    let garden = world.github.org("garden");
    garden.add_member(&world.grace);
    let installation = world.app.install_on(&garden);
    world.quiet().await;
    assert_eq!(owners(&world, &ada).await, ["acme", "garden"]);
    let (_, token) = order(&world, &ada, json!({ "owner": "garden" })).await;
    assert!(token["token"].is_string(), "{token}");

    installation.suspend(&world.grace).await;
    world.quiet().await;
    let known = list(&world, &ada, "/api/v1/installations?app=deputy").await;
    assert!(known[1]["suspended_at"].is_string(), "{known:?}");
    let (status, answer) = order(&world, &ada, json!({ "owner": "garden" })).await;
    assert_eq!(
        (status, &answer["error"]),
        (422, &json!("refused_by_github")),
        "no kept token either: {answer}"
    );
    installation.unsuspend(&world.grace).await;
    world.quiet().await;
    assert_eq!(order(&world, &ada, json!({ "owner": "garden" })).await.0, 200);

    // An event that is lost is made up for by asking GitHub, and by the sweep.
    world.app.stop_webhooks();
    installation.uninstall(&world.grace).await;
    let (status, answer) =
        order(&world, &ada, json!({ "owner": "garden", "permissions": { "issues": "read" } })).await;
    assert_eq!((status, &answer["error"]), (404, &json!("not_installed")));
    let meadow = world.github.org("meadow");
    world.app.install_on(&meadow);
    assert_eq!(owners(&world, &ada).await, ["acme"]);
    world.github.clock().advance(Duration::from_mins(31));
    until("the next sweep", async || owners(&world, &ada).await == ["acme", "meadow"]).await;
    world.end().await;
}

#[tokio::test]
async fn a_server_has_the_credentials_of_several_apps() {
    let mut world = World::without_deputy().await;
    world.set_up_logins(scenarios::browser::PUBLIC_URL);
    let shipper = world
        .github
        .app("shipper")
        .permissions(&[("contents", Access::Write), ("metadata", Access::Read)])
        .register();
    shipper.install_on(&world.acme);
    world.hands_out_credentials_of("ship", &shipper);
    world.start().await;
    world.has_logged_in(&world.ada).await;
    let ada = session(&world, &world.ada).await;
    until("the first sweep", async || owners(&world, &ada).await == ["acme", "acme"]).await;
    let apps: Vec<_> =
        list(&world, &ada, "/api/v1/installations").await.iter().map(|it| it["app"].clone()).collect();
    assert_eq!(apps, ["deputy", "ship"]);

    let (status, token) = order(&world, &ada, json!({ "app": "ship", "owner": "acme" })).await;
    assert_eq!((status, &token["app"]), (200, &json!("ship")), "{token}");
    assert_eq!(github(&world, &token["token"], "/repos/acme/shop").await.0, 200);
    let wanted = json!({ "app": "ship", "owner": "acme", "permissions": { "issues": "read" } });
    assert_eq!(order(&world, &ada, wanted).await.0, 422, "it is this App's, which may not read issues");
    let (_, jwt) = ask(
        world.deputy().address(),
        "POST",
        "/api/v1/tokens/app",
        Some(&ada),
        Some(&json!({ "app": "ship" })),
    )
    .await;
    assert_eq!(github(&world, &jwt["token"], "/app").await.1["slug"], "shipper");
    world.end().await;
}

#[tokio::test]
async fn metrics_show_rate_limits_and_an_alarm() {
    let world = World::new().await;
    let ada = session(&world, &world.ada).await;
    until("the first sweep", async || owners(&world, &ada).await == ["acme"]).await;
    order(&world, &ada, json!({ "owner": "acme" })).await;
    let address = world.deputy().metrics_address().unwrap();
    let metrics = async || scenarios::browser::Browser::new(address).open("/metrics").await.body;
    let low = |value| {
        format!("deputy_github_rate_limit_low{{app=\"deputy\",owner=\"acme\",resource=\"core\"}} {value}\n")
    };
    until("the first reading", async || metrics().await.contains(&low(0))).await;
    let text = metrics().await;
    for line in [
        "deputy_app_installations{app=\"deputy\"} 1\n",
        "deputy_credentials_vended_total{app=\"deputy\",kind=\"installation\"} 1\n",
        "deputy_github_rate_limit{app=\"deputy\",owner=\"acme\",resource=\"core\"} 5000\n",
        "deputy_deliveries_total{status=\"accepted\"} ",
        "deputy_queue_deliveries{handler=\"commands\",state=\"pending\"} 0\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
    world.installation.exhaust_rate_limit();
    world.github.clock().advance(Duration::from_mins(11));
    until("the next reading", async || metrics().await.contains(&low(1))).await;
    // On the server's own address there are none.
    assert_eq!(world.browser().open("/metrics").await.status, 404);
    world.end().await;
}
