//! GitHub Actions: <https://docs.github.com/en/rest/actions/workflows#create-a-workflow-dispatch-event>.

use github_double::{Double, Permission};
use serde_json::{Value, json};

use crate::support::{Receiver, World, send};

const DISPATCHES: &str = "/repos/acme/shop/actions/workflows/deploy.yml/dispatches";

#[tokio::test]
async fn a_workflow_is_dispatched_runs_and_ends() {
    let world = World::new().await;
    let workflow = world.shop.workflow("deploy.yml");
    workflow.inputs(&["environment!", "dry_run"]).jobs(&["build", "deploy"]);
    let receiver = Receiver::start().await;
    world.app.send_webhooks_to(&receiver.url);
    let body = json!({ "ref": "main", "inputs": { "environment": "staging" }, "return_run_details": true });
    let answer = world.ask("POST", DISPATCHES, body).await;
    let run = workflow.wait_for_run(0).await;
    assert_eq!((answer.status, &answer.body["workflow_run_id"]), (200, &json!(run.id())));
    assert_eq!(run.inputs()["environment"], "staging");
    run.start().await;
    run.end_job("build", "failure", "error: no tea\n");
    run.complete("failure").await;
    world.gh.settled().await;
    let names = receiver.names();
    for name in
        ["workflow_dispatch", "workflow_run.requested", "workflow_run.in_progress", "workflow_job.queued"]
    {
        assert!(names.iter().any(|known| known == name), "{name} is not among {names:?}");
    }
    let last = receiver.hooks().pop().unwrap();
    assert_eq!(
        (last.name().as_str(), &last.json()["workflow_run"]["conclusion"]),
        ("workflow_run.completed", &json!("failure"))
    );

    let path = format!("/repos/acme/shop/actions/runs/{}", run.id());
    assert_eq!(world.ask("GET", &path, Value::Null).await.body["status"], "completed");
    let jobs = world.ask("GET", &format!("{path}/jobs"), Value::Null).await;
    assert_eq!((&jobs.body["total_count"], &jobs.body["jobs"][0]["name"]), (&json!(2), &json!("build")));
    let logs = format!("/repos/acme/shop/actions/jobs/{}/logs", jobs.body["jobs"][0]["id"]);
    let redirect = world.ask("GET", &logs, Value::Null).await;
    assert_eq!(redirect.status, 302);
    let location = redirect.header("location").strip_prefix(&world.gh.base_url()).unwrap().to_owned();
    assert_eq!(send(&world.gh, "GET", &location, &[], Value::Null).await.unwrap().status, 200);

    assert_eq!(world.ask("POST", &format!("{path}/rerun-failed-jobs"), json!({})).await.status, 201);
    assert_eq!((run.attempt(), run.status()), (2, "queued"));
    assert_eq!(world.ask("POST", &format!("{path}/cancel"), Value::Null).await.status, 202);
    assert_eq!(run.conclusion().as_deref(), Some("cancelled"));
    assert_eq!(world.ask("POST", &format!("{path}/cancel"), Value::Null).await.status, 409);
    let found = format!("/repos/acme/shop/actions/runs?head_sha={}", run.head_sha());
    assert_eq!(world.ask("GET", &found, Value::Null).await.body["total_count"], 1);
    world.gh.assert_clean().await;
}

#[tokio::test]
async fn a_dispatch_is_refused_for_what_is_wrong_with_it() {
    let world = World::new().await;
    let workflow = world.shop.workflow("deploy.yml");
    workflow.inputs(&["environment!"]);
    let ask = async |body: Value| {
        let answer = world.ask("POST", DISPATCHES, body).await;
        (answer.status, answer.body["message"].as_str().unwrap_or_default().to_owned())
    };
    let message = |text: &str| (422, text.to_owned());
    let good = json!({ "ref": "main", "inputs": { "environment": "x" } });
    assert_eq!(ask(good.clone()).await, (204, String::new()));
    assert_eq!(ask(json!({ "ref": "nowhere" })).await, message("No ref found for: nowhere"));
    assert_eq!(ask(json!({ "ref": "main" })).await, message("Required input 'environment' not provided"));
    let unexpected = json!({ "ref": "main", "inputs": { "environment": "x", "tea": "y" } });
    assert_eq!(ask(unexpected).await, message("Unexpected inputs provided: [\"tea\"]"));
    workflow.not_dispatchable();
    assert_eq!(ask(good.clone()).await, message("Workflow does not have 'workflow_dispatch' trigger"));
    world.shop.permit(&world.ada, Permission::Read);
    let user = format!("Bearer {}", world.ada.tokens_of(&world.app).access_token);
    assert_eq!(world.ask_with(&user, "POST", DISPATCHES, good).await.status, 403, "people need to write");
    let missing = "/repos/acme/shop/actions/workflows/missing.yml/dispatches";
    assert_eq!(world.ask("POST", missing, json!({ "ref": "main" })).await.status, 404);
}

#[tokio::test]
async fn enterprise_server_does_not_know_return_run_details() {
    let gh = Double::builder().enterprise().start().await;
    let (acme, app) = (gh.org("acme"), gh.app("Deputy").register());
    acme.repo("shop").workflow("deploy.yml");
    let token = format!("Bearer {}", app.install_on(&acme).token());
    let ask = async |body: Value| {
        let path = format!("/api/v3{DISPATCHES}");
        send(&gh, "POST", &path, &[("authorization", &token)], body).await.unwrap().status
    };
    assert_eq!(ask(json!({ "ref": "main", "return_run_details": true })).await, 422);
    assert_eq!(ask(json!({ "ref": "main" })).await, 204);
}

#[tokio::test]
async fn the_end_of_a_run_may_be_told_to_nobody() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    world.app.send_webhooks_to(&receiver.url);
    let run = world.shop.workflow("deploy.yml").dispatch(&world.ada, "main", &[]).await;
    let before = receiver.hooks().len();
    run.complete_silently("success");
    world.gh.assert_clean().await;
    assert_eq!((receiver.hooks().len(), run.conclusion().as_deref()), (before, Some("success")));
}
