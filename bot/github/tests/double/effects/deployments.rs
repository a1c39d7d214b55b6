use deputy_core::ports::{DeploymentState, Deployments as _, NewDeployment, NewDeploymentStatus};
use serde_json::{Map, json};

use super::*;

fn status(state: DeploymentState) -> NewDeploymentStatus<'static> {
    NewDeploymentStatus {
        state,
        description: "rolling out",
        log_url: Some("https://deputy.example/jobs/01J"),
        environment_url: None,
    }
}

#[tokio::test]
async fn a_deployment_and_its_statuses_are_made_once() {
    let scene = Scene::new().await;
    let (client, ada, shop) = (&scene.world.client, &scene.ada, &scene.shop);
    let head = scene.head("main");
    let payload = Map::from_iter([("colour".to_owned(), json!("green"))]);
    let long = "é".repeat(200);
    let new = NewDeployment {
        sha: &head,
        environment: "staging",
        task: "deploy",
        description: &long,
        payload: &payload,
        marker: "01J/deploy",
        is_production: false,
        is_transient: false,
        required_contexts: None,
    };
    scene.lose_answer("POST", "*/deployments");
    assert!(is_lost(&client.create_deployment(ada, shop, &new).await));
    let deployment = client.create_deployment(ada, shop, &new).await.unwrap();
    assert_eq!(deployment.marker.as_deref(), Some("01J/deploy"));
    assert_eq!((deployment.creator.as_str(), deployment.sha.clone()), ("ada", head.clone()));
    let real = scene.world.shop.deployments();
    assert_eq!((real.len(), real[0].id().0), (1, deployment.id.0));
    assert_eq!(client.deployment_state(ada, shop, deployment.id).await.unwrap(), None);

    scene.lose_answer("POST", "*/statuses");
    let started = status(DeploymentState::InProgress);
    assert!(is_lost(&client.set_deployment_status(ada, shop, deployment.id, &started).await));
    client.set_deployment_status(ada, shop, deployment.id, &started).await.unwrap();
    client.set_deployment_status(ada, shop, deployment.id, &status(DeploymentState::Success)).await.unwrap();
    assert_eq!(real[0].states(), ["in_progress", "success"]);
    let state = client.deployment_state(ada, shop, deployment.id).await.unwrap();
    assert_eq!(state, Some(DeploymentState::Success));

    let second = NewDeployment { marker: "01K/deploy", ..new };
    let second = client.create_deployment(ada, shop, &second).await.unwrap();
    let all = client.deployments(ada, shop, "staging").await.unwrap();
    assert_eq!(all.iter().map(|it| it.id).collect::<Vec<_>>(), [second.id, deployment.id], "newest first");
    scene.end().await;
}

#[tokio::test]
async fn what_is_not_green_is_not_deployed() {
    let scene = Scene::new().await;
    let (client, ada, shop) = (&scene.world.client, &scene.ada, &scene.shop);
    let head = scene.head("main");
    let red = scene.world.shop.head("main").unwrap();
    scene.world.shop.report_check(&red, "ci", Some("failure")).await;
    let new = NewDeployment {
        sha: &head,
        environment: "staging",
        task: "deploy",
        description: "",
        payload: &Map::new(),
        marker: "01J/deploy",
        is_production: false,
        is_transient: false,
        required_contexts: None,
    };
    let refused = client.create_deployment(ada, shop, &new).await.unwrap_err();
    assert!(matches!(refused, GitHubError::Refused { status: 409, .. }), "{refused}");
    let unchecked = NewDeployment { required_contexts: Some(&[]), ..new };
    client.create_deployment(ada, shop, &unchecked).await.unwrap();
    scene.end().await;
}
