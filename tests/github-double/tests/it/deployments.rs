//! Deployments: <https://docs.github.com/en/rest/deployments/deployments>.

use serde_json::{Value, json};

use crate::support::{Receiver, World};

const DEPLOYMENTS: &str = "/repos/acme/shop/deployments";

#[tokio::test]
async fn a_deployment_goes_through_its_states() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    world.app.send_webhooks_to(&receiver.url);
    let sha = world.shop.head("main").unwrap();
    let body = json!({ "ref": sha.as_str(), "environment": "staging", "auto_merge": false, "payload": { "job": "J1" } });
    let deploy = async || world.ask("POST", DEPLOYMENTS, body.clone()).await.body["id"].clone();
    let set = async |id: &Value, state: &str| {
        let path = format!("{DEPLOYMENTS}/{id}/statuses");
        let answer =
            world.ask("POST", &path, json!({ "state": state, "log_url": "http://127.0.0.1/log" })).await;
        assert_eq!(answer.status, 201, "{:?}", answer.body);
    };
    let (first, second) = (deploy().await, deploy().await);
    set(&first, "in_progress").await;
    set(&first, "success").await;
    set(&second, "success").await;
    let deployments = world.shop.deployments();
    assert_eq!(deployments[0].states(), ["in_progress", "success", "inactive"], "one is active");
    assert_eq!(deployments[1].state(), "success");
    let found = world.ask("GET", &format!("{DEPLOYMENTS}?environment=staging&sha={sha}"), Value::Null).await;
    assert_eq!(found.body[0]["payload"]["job"], "J1");
    let path = format!("{DEPLOYMENTS}/{first}/statuses");
    assert_eq!(world.ask("GET", &path, Value::Null).await.body[0]["state"], "inactive", "newest first");
    let environments = world.ask("GET", "/repos/acme/shop/environments", Value::Null).await;
    assert_eq!(environments.body["environments"][0]["name"], "staging");
    assert_eq!(world.ask("GET", "/repos/acme/shop/environments/moon", Value::Null).await.status, 404);
    world.gh.settled().await;
    let names = receiver.names();
    assert_eq!(names.iter().filter(|name| *name == "deployment_status.created").count(), 4);
    world.gh.assert_clean().await;
}

#[tokio::test]
async fn red_checks_stand_in_the_way_unless_none_are_required() {
    let world = World::new().await;
    let sha = world.shop.head("main").unwrap();
    world.shop.report_check(&sha, "ci", Some("failure")).await;
    let ask = async |required: Option<Value>| {
        let mut body = json!({ "ref": "main", "auto_merge": false });
        if let Some(required) = required {
            body["required_contexts"] = required;
        }
        world.ask("POST", DEPLOYMENTS, body).await.status
    };
    assert_eq!(ask(None).await, 409);
    assert_eq!(ask(Some(json!(["ci"]))).await, 409);
    assert_eq!(ask(Some(json!([]))).await, 201);
    world.shop.report_check(&sha, "ci", Some("success")).await;
    assert_eq!(ask(Some(json!(["ci"]))).await, 201);
    assert_eq!(ask(None).await, 201);
}

#[tokio::test]
async fn a_branch_behind_is_brought_up_to_date_first() {
    let world = World::new().await;
    world.shop.push(&world.ada, "feature", "One").await;
    world.shop.push(&world.ada, "main", "Two").await;
    let answer = world.ask("POST", DEPLOYMENTS, json!({ "ref": "feature" })).await;
    assert_eq!(answer.status, 202, "{:?}", answer.body);
    assert_eq!(world.ask("POST", DEPLOYMENTS, json!({ "ref": "main" })).await.status, 201);
    assert_eq!(world.ask("POST", DEPLOYMENTS, json!({ "ref": "nowhere" })).await.status, 422);
}
