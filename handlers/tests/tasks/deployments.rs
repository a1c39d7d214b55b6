use super::*;

#[tokio::test]
async fn a_deployment_goes_from_made_to_done_once_each() {
    let scene = Scene::new().await;
    let input = json!({"environment": "staging", "description": "tea", "payload": {"colour": "green"}});
    scene.crash_after("POST", "*/deployments");
    assert!(is_lost(&scene.run("github.create_deployment", input.clone()).await));
    let made = scene.done("github.create_deployment", input.clone()).await;
    assert_eq!(scene.done("github.create_deployment", input).await, made);
    let deployments = scene.shop.deployments();
    assert_eq!((deployments.len(), made["deployment_id"].as_u64()), (1, Some(deployments[0].id().0)));
    assert_eq!((deployments[0].creator().as_str(), deployments[0].sha()), ("ada", scene.pr.head_sha()));
    let status =
        |state: &str| json!({"deployment_id": made["deployment_id"], "state": state, "description": "…"});
    scene.crash_after("POST", "*/statuses");
    assert!(is_lost(&scene.run("github.set_deployment_status", status("in_progress")).await));
    for state in ["in_progress", "success", "success"] {
        scene.done("github.set_deployment_status", status(state)).await;
    }
    assert_eq!(deployments[0].states(), ["in_progress", "success"]);
    let last = scene.done("github.last_deployment", json!({"environment": "staging"})).await;
    assert_eq!(last["sha"], scene.pr.head_sha().as_str());
    let before = json!({"environment": "staging", "before": "current"});
    let none = scene.run("github.last_deployment", before).await.unwrap_err();
    assert_eq!(name(&none), "Deployment.None");
    scene.end().await;
}

#[tokio::test]
async fn what_is_red_is_not_deployed_and_odd_inputs_say_why() {
    let scene = Scene::new().await;
    scene.shop.report_check(&scene.pr.head_sha(), "ci", Some("failure")).await;
    let red = scene.run("github.create_deployment", json!({"environment": "staging"})).await.unwrap_err();
    assert_eq!(name(&red), "Deployment.ChecksNotGreen");
    for input in [json!({}), json!({"environment": ""}), json!({"environment": "x", "sha": "main"})] {
        let odd = scene.run("github.create_deployment", input).await.unwrap_err();
        assert_eq!(name(&odd), TaskError::INVALID_INPUT, "{odd}");
    }
    scene.end().await;
}
