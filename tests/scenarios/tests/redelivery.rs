//! GitHub could not reach Deputy: what it asks for when it is back, and what operators see of it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::time::Duration;

use deputy_core::ids::{DeliveryId, UserId};
use deputy_core::ports::{Redeliveries as _, Sessions as _, Stage};
use github_double::User;
use scenarios::World;
use scenarios::browser::ask;
use secrecy::ExposeSecret as _;
use serde_json::Value;

/// Waits until something holds, while time passes five times as fast as usual: Deputy keeps GitHub's limits, which are by
/// the minute. Not faster: its patience with an answer is shortened as well.
async fn until(world: &World, what: &str, mut holds: impl AsyncFnMut(&World) -> bool) {
    let waiting = async {
        while !holds(world).await {
            world.github.clock().advance(Duration::from_secs(1));
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let ended = tokio::time::timeout(Duration::from_mins(3), waiting).await;
    assert!(ended.is_ok(), "never: {what}\n{}", world.github.transcript());
}

/// How often Deputy looked at GitHub's list.
fn sweeps(world: &World) -> usize {
    world.github.transcript().matches("GET /app/hook/deliveries").count()
}

/// Deputy has looked at GitHub's list for the first time.
async fn has_begun(world: &World) {
    world.github.wait_for("a first sweep", || sweeps(world) > 0).await;
}

/// Where the App's webhooks go, when it goes nowhere.
const NOBODY: &str = "http://127.0.0.1:9/webhook";

#[tokio::test]
async fn two_hundred_events_that_nobody_received_are_handled_once_each() {
    const EVENTS: usize = 200;
    const COMMANDS: usize = 20;
    let mut world = World::new().await;
    has_begun(&world).await;
    let pr = world.pull_request().await;
    world.quiet().await;
    world.stop().await;
    world.app.send_webhooks_to(NOBODY);
    for number in 0..EVENTS {
        let body = if number % (EVENTS / COMMANDS) == 0 { "@deputy ping" } else { "Tea!" };
        pr.comment(&world.ada, body).await;
    }
    let sent = world.app.deliveries();
    let missed = &sent[sent.len() - EVENTS..];
    assert!(missed.iter().all(|delivery| delivery.status.is_none()), "nobody received any");
    let missed: Vec<String> = missed.iter().map(|delivery| delivery.guid.clone()).collect();
    let ids: Vec<DeliveryId> = missed.iter().map(|guid| guid.parse().unwrap()).collect();

    world.start().await;
    until(&world, "all are handled", async |world| {
        let known = world.deputy().store().known(&ids).await.unwrap();
        known.iter().all(|known| known.as_ref().is_some_and(|known| known.stage == Stage::Handled))
    })
    .await;
    world.quiet().await;
    assert_eq!(scenarios::said(&pr).len(), COMMANDS, "one reply to each command");
    let mut attempts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let deliveries = world.app.deliveries();
    for delivery in deliveries.iter().filter(|delivery| missed.contains(&delivery.guid)) {
        let (tries, accepted) = attempts.entry(&delivery.guid).or_default();
        *tries += 1;
        *accepted += usize::from(delivery.answer.contains("\"accepted\""));
    }
    assert_eq!(attempts.len(), EVENTS);
    assert!(attempts.values().all(|counts| *counts == (2, 1)), "asked for once, accepted once: {attempts:?}");

    // Every later sweep finds it in order.
    let before = sweeps(&world);
    world.github.clock().advance(Duration::from_mins(10));
    until(&world, "another sweep", async |world| sweeps(world) > before).await;
    assert_eq!(world.app.deliveries().iter().filter(|it| it.redelivery).count(), EVENTS);
    world.end().await;
}

/// A session of somebody's, as a terminal's login makes it.
async fn session(world: &World, person: &User) -> String {
    let id = UserId(person.id().0);
    let store = world.deputy().store();
    let (_, token) = store.create(id, &person.login(), "test", Duration::from_hours(1)).await.unwrap();
    token.expose_secret().to_owned()
}

async fn list(world: &World, session: Option<&str>, query: &str) -> (u16, Value) {
    ask(world.deputy().address(), "GET", &format!("/api/v1/deliveries{query}"), session, None).await
}

async fn redeliver(world: &World, session: Option<&str>, guid: &str) -> (u16, Value) {
    let path = format!("/api/v1/deliveries/{guid}/attempts");
    ask(world.deputy().address(), "POST", &path, session, None).await
}

#[tokio::test]
async fn administrators_see_what_came_of_each_delivery_and_ask_for_one_again() {
    let world = World::new().await;
    has_begun(&world).await;
    let admin = session(&world, &world.ada).await;
    let pr = world.pull_request().await;
    pr.comment(&world.ada, "hello").await;
    world.quiet().await;
    let arrived = world.app.deliveries().last().unwrap().guid.clone();
    let url = format!("http://{}/webhook", world.deputy().address());
    world.app.send_webhooks_to(NOBODY);
    pr.comment(&world.ada, "@deputy ping").await;
    world.app.send_webhooks_to(&url);
    let lost = world.app.deliveries().last().unwrap().guid.clone();

    let (status, all) = list(&world, Some(&admin), "").await;
    assert_eq!(status, 200, "{all}");
    let states: Vec<(&str, &str)> = all["deliveries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["event"].as_str().unwrap(), it["state"].as_str().unwrap()))
        .collect();
    assert_eq!(
        states,
        [("issue_comment", "unknown"), ("issue_comment", "handled"), ("pull_request", "handled")]
    );
    assert_eq!(
        (&all["deliveries"][0]["guid"], &all["more"]),
        (&Value::from(lost.clone()), &Value::from(false))
    );
    assert_eq!(all["deliveries"][0]["last"]["status_code"], 0);
    assert!(all["deliveries"][1]["received_at"].is_string());
    for (query, count) in
        [("?failed=true", 1), ("?event=pull_request", 1), ("?limit=2", 2), ("?event=push", 0)]
    {
        let (_, some) = list(&world, Some(&admin), query).await;
        assert_eq!(some["deliveries"].as_array().unwrap().len(), count, "{query}: {some}");
        assert_eq!(some["more"], query == "?limit=2");
    }
    let (_, none) = list(&world, Some(&admin), "?since=2100-01-01T00:00:00Z").await;
    assert_eq!(none["deliveries"], Value::Array(Vec::new()));
    for query in ["?since=yesterday", "?event=No", "?guid=x", "?limit=-1"] {
        assert_eq!(list(&world, Some(&admin), query).await.0, 400, "{query}");
    }

    assert_eq!(redeliver(&world, Some(&admin), &lost).await.0, 202);
    world.reply_on(&pr, 0).await;
    world.quiet().await;
    for (guid, status, code) in [
        (&*lost, 409, "already_accepted"),
        (&arrived, 409, "already_accepted"),
        ("72d3162e-cc78-11e3-81ab-4c9367dc0958", 404, "unknown_delivery"),
        ("x", 400, "malformed"),
    ] {
        let (answered, refused) = redeliver(&world, Some(&admin), guid).await;
        assert_eq!((answered, refused["error"].as_str().unwrap()), (status, code));
    }
    assert_eq!(scenarios::said(&pr).len(), 1);
    world.end().await;
}

#[tokio::test]
async fn nobody_but_administrators_sees_deliveries() {
    let world = World::new().await;
    let guid = "72d3162e-cc78-11e3-81ab-4c9367dc0958";
    let grace = session(&world, &world.grace).await;
    let mallory = session(&world, &world.mallory).await;
    let made_up = format!("dps_{}", "A".repeat(43));
    for (session, status, code) in [
        (None, 401, "session_missing"),
        (Some(&made_up), 401, "session_expired"),
        (Some(&grace), 403, "not_administrator"),
        // A session, and no grant: GitHub cannot say who it is now.
        (Some(&mallory), 401, "session_expired"),
    ] {
        let session = session.map(String::as_str);
        for (answered, refused) in [list(&world, session, "").await, redeliver(&world, session, guid).await] {
            assert_eq!((answered, refused["error"].as_str().unwrap()), (status, code));
        }
    }
    world.end().await;
    let world = World::without_logins().await;
    assert_eq!(list(&world, None, "").await.1["error"], "login_not_configured");
    world.end().await;
}
