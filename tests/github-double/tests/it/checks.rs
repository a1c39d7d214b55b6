//! Checks and statuses: <https://docs.github.com/en/rest/guides/using-the-rest-api-to-interact-with-checks>.

use serde_json::{Value, json};

use crate::support::{Receiver, World};

const RUNS: &str = "/repos/acme/shop/check-runs";

#[tokio::test]
async fn an_app_reports_its_work_on_a_check_run() {
    let world = World::new().await;
    let pr = world.shop.pull_request("Tea").by(&world.ada).open().await;
    let receiver = Receiver::start().await;
    world.app.send_webhooks_to(&receiver.url);
    let sha = pr.head_sha();
    let made = world
        .ask("POST", RUNS, json!({ "name": "deploy", "head_sha": sha.as_str(), "external_id": "J1" }))
        .await;
    assert_eq!((made.status, &made.body["status"]), (201, &json!("queued")));
    assert_eq!(made.body["pull_requests"][0]["number"], 1);
    let path = format!("{RUNS}/{}", made.body["id"]);
    let started = world.ask("PATCH", &path, json!({ "status": "in_progress" })).await;
    assert!(started.body["started_at"].is_string());
    let done = json!({
        "conclusion": "failure",
        "output": {
            "title": "Build failed",
            "summary": "| step | time |",
            "text": "more",
            "annotations": [{
                "path": "a.rs", "start_line": 1, "end_line": 1,
                "annotation_level": "failure", "message": "no",
            }],
        },
        "actions": [{ "label": "Retry failed", "description": "Runs it again", "identifier": "retry" }],
    });
    let done = world.ask("PATCH", &path, done).await;
    assert_eq!(
        (&done.body["status"], &done.body["output"]["annotations_count"]),
        (&json!("completed"), &json!(1))
    );
    assert_eq!(world.ask("GET", &format!("{path}/annotations"), Value::Null).await.body[0]["message"], "no");
    let back = world.ask("PATCH", &path, json!({ "status": "in_progress" })).await;
    assert_eq!(back.status, 422, "a completed run cannot go back");

    let run = pr.check_run("deploy").unwrap();
    assert_eq!((run.conclusion().as_deref(), run.writes()), (Some("failure"), 3));
    run.press(&world.ada, "retry").await;
    run.rerequest(&world.ada).await;
    pr.rerequest_checks(&world.ada).await;
    world.gh.settled().await;
    let hooks = receiver.hooks();
    let find = |name: &str| {
        hooks.iter().find(|hook| hook.name() == name).unwrap_or_else(|| panic!("no {name}")).json()
    };
    assert_eq!(find("check_run.requested_action")["requested_action"]["identifier"], "retry");
    assert_eq!(find("check_run.requested_action")["sender"]["login"], "ada");
    for name in ["check_run.created", "check_run.completed", "check_run.rerequested"] {
        assert_eq!(find(name)["check_run"]["name"], "deploy");
    }
    for name in ["check_suite.completed", "check_suite.rerequested"] {
        assert_eq!(find(name)["check_suite"]["head_sha"], sha.as_str());
    }
    let list = format!("/repos/acme/shop/commits/{sha}/check-runs?check_name=deploy");
    assert_eq!(world.ask("GET", &list, Value::Null).await.body["total_count"], 1);
    let suites = format!("/repos/acme/shop/commits/{sha}/check-suites");
    let suites = world.ask("GET", &suites, Value::Null).await;
    assert_eq!(suites.body["check_suites"][0]["conclusion"], "failure");
    world.gh.assert_clean().await;
}

#[tokio::test]
async fn only_an_installation_writes_check_runs_and_only_its_own() {
    let world = World::new().await;
    world.app.add_callback_url("http://127.0.0.1/callback");
    let sha = world.shop.head("main").unwrap();
    let body = json!({ "name": "deploy", "head_sha": sha.as_str() });
    let user = format!("Bearer {}", world.ada.tokens_of(&world.app).access_token);
    let refused = world.ask_with(&user, "POST", RUNS, body.clone()).await;
    assert_eq!(refused.refusal(), (403, "You must authenticate via a GitHub App."));
    let made = world.ask("POST", RUNS, body).await;
    let other = world.gh.app("Other").register().install_on(&world.acme);
    let other = format!("Bearer {}", other.token());
    let path = format!("{RUNS}/{}", made.body["id"]);
    assert_eq!(world.ask_with(&other, "PATCH", &path, json!({ "status": "in_progress" })).await.status, 403);
}

#[tokio::test]
async fn a_check_run_has_limits() {
    let world = World::new().await;
    let sha = world.shop.head("main").unwrap();
    let with = |field: &str, value: Value| {
        let mut body = json!({ "name": "deploy", "head_sha": sha.as_str() });
        body[field] = value;
        body
    };
    let long = "ä".repeat(40_000);
    for (body, is_violation) in [
        (json!({ "name": "deploy", "head_sha": "0".repeat(40) }), false),
        // GitHub's description lets this pass; GitHub counts bytes.
        (with("output", json!({ "title": "t", "summary": long })), false),
        (with("status", json!("completed")), false),
        (
            with("actions", json!(vec![json!({ "label": "a", "description": "b", "identifier": "c" }); 4])),
            true,
        ),
        (with("actions", json!([{ "label": "x".repeat(21), "description": "b", "identifier": "c" }])), true),
    ] {
        let answer = world.ask("POST", RUNS, body).await;
        assert_eq!(answer.status, 422, "{:?}", answer.body);
        assert_eq!(!world.gh.take_violations().is_empty(), is_violation, "{:?}", answer.body);
    }
}

#[tokio::test]
async fn a_push_asks_for_a_suite_and_others_checks_are_heard_of() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    world.app.send_webhooks_to(&receiver.url);
    let sha = world.shop.push(&world.ada, "main", "More tea").await;
    assert!(receiver.names().contains(&"check_suite.requested".to_owned()));
    world.shop.report_check(&sha, "ci", None).await;
    world.shop.report_check(&sha, "ci", Some("success")).await;
    world.shop.report_status(&world.ada, &sha, "lint", "success").await;
    let names = receiver.names();
    for name in ["check_run.created", "check_run.completed", "check_suite.completed", "status"] {
        assert!(names.iter().any(|known| known == name), "{name} is not among {names:?}");
    }
    assert_eq!(world.shop.check_runs(&sha).len(), 1);
    world.gh.assert_clean().await;
}

#[tokio::test]
async fn statuses_add_up() {
    let world = World::new().await;
    let sha = world.shop.head("main").unwrap();
    let set = async |context: &str, state: &str| {
        let path = format!("/repos/acme/shop/statuses/{sha}");
        let body = json!({ "state": state, "context": context, "description": "d" });
        assert_eq!(world.ask("POST", &path, body).await.status, 201);
        let combined = format!("/repos/acme/shop/commits/{sha}/status");
        world.ask("GET", &combined, Value::Null).await.body["state"].as_str().unwrap().to_owned()
    };
    assert_eq!(set("a", "success").await, "success");
    assert_eq!(set("b", "pending").await, "pending");
    assert_eq!(set("b", "failure").await, "failure");
    assert_eq!(set("b", "success").await, "success");
    let all = world.ask("GET", "/repos/acme/shop/commits/main/statuses", Value::Null).await;
    assert_eq!(all.body.as_array().unwrap().len(), 4);
}
