use super::*;

fn deploy() -> Value {
    json!({"workflow": "deploy.yml", "ref": "feature", "inputs": {"environment": "staging", "replicas": 2}})
}

async fn scene() -> (Scene, github_double::Workflow) {
    let scene = Scene::new().await;
    let workflow = scene.shop.workflow("deploy.yml");
    workflow.inputs(&["environment!", "replicas"]).jobs(&["build", "deploy"]);
    // The pull request's own branch, under a name that the test knows.
    let head = scene.pr.head_sha();
    scene.shop.point("feature", &head);
    (scene, workflow)
}

#[tokio::test]
async fn a_run_is_waited_for_and_its_event_ends_the_step() {
    let (scene, workflow) = scene().await;
    assert_eq!(scene.begin("github.dispatch_workflow", deploy()).await.unwrap(), TaskEnd::Waits);
    let run = workflow.wait_for_run(0).await;
    assert_eq!((run.actor().as_str(), run.inputs()["replicas"].as_str()), ("ada", "2"));
    run.start().await;
    for delivery in scene.deliveries("workflow_run") {
        scene.deliver(&delivery).await;
    }
    assert_eq!(scene.memory.take_answer(), None, "it still runs");
    run.complete("success").await;
    let ended = scene.deliveries("workflow_run").pop().unwrap();
    scene.deliver(&ended).await;
    let Some(TokenAnswer::Success(output)) = scene.memory.take_answer() else { panic!("it succeeded") };
    assert_eq!(output["run_id"], run.id().0);
    assert_eq!(output["jobs"].as_array().unwrap().len(), 2);
    scene.deliver(&ended).await;
    assert_eq!(scene.memory.take_answer(), None, "once");
    scene.end().await;
}

#[tokio::test]
async fn a_lost_answer_starts_no_second_run() {
    let (scene, workflow) = scene().await;
    scene.crash_after("POST", "*/dispatches");
    assert!(is_lost(&scene.begin("github.dispatch_workflow", deploy()).await));
    for _ in 0..2 {
        assert_eq!(scene.begin("github.dispatch_workflow", deploy()).await.unwrap(), TaskEnd::Waits);
    }
    assert_eq!(workflow.runs().len(), 1);
    // The event never comes; the sweep finds out.
    workflow.runs()[0].complete_silently("success");
    assert!(matches!(scene.look().await.unwrap(), Some(TokenAnswer::Success(_))));
    scene.end().await;
}

#[tokio::test]
async fn a_run_that_ended_before_its_id_was_kept_is_found_at_once() {
    let (scene, workflow) = scene().await;
    scene.crash_after("POST", "*/dispatches");
    assert!(is_lost(&scene.begin("github.dispatch_workflow", deploy()).await));
    workflow.runs()[0].complete("success").await;
    for delivery in scene.deliveries("workflow_run") {
        scene.deliver(&delivery).await;
    }
    assert_eq!(scene.memory.take_answer(), None, "nobody knows the run yet");
    let Ok(TaskEnd::Done(output)) = scene.begin("github.dispatch_workflow", deploy()).await else {
        panic!("it is over")
    };
    assert_eq!(output["conclusion"], "success");
    scene.end().await;
}

#[tokio::test]
async fn a_failed_run_says_which_step_failed_and_how() {
    let (scene, workflow) = scene().await;
    scene.begin("github.dispatch_workflow", deploy()).await.unwrap();
    let run = workflow.wait_for_run(0).await;
    run.start().await;
    run.end_job("build", "success", "fine");
    run.end_job("deploy", "failure", "connecting\nAWS_SECRET_ACCESS_KEY=abc123\nerror: out of tea\n");
    run.complete("failure").await;
    scene.deliver(&scene.deliveries("workflow_run").pop().unwrap()).await;
    let Some(TokenAnswer::Failure(error)) = scene.memory.take_answer() else { panic!("it failed") };
    assert_eq!(error.error, "Actions.RunFailed");
    assert!(
        error.cause.contains("step `deploy`") && error.cause.contains("error: out of tea"),
        "{}",
        error.cause
    );
    assert!(!error.cause.contains("abc123") && !error.cause.contains("[build]"), "{}", error.cause);
    scene.end().await;
}

#[tokio::test]
async fn a_branch_that_moved_is_not_run() {
    let (scene, workflow) = scene().await;
    scene.shop.push(&scene.ada, "feature", "One more thing").await;
    let moved = scene.begin("github.dispatch_workflow", deploy()).await.unwrap_err();
    assert_eq!(name(&moved), "Actions.HeadMoved");
    assert_eq!(workflow.runs()[0].conclusion().as_deref(), Some("cancelled"));
    scene.end().await;
}

#[tokio::test]
async fn github_being_away_while_it_runs_is_no_failure() {
    let (scene, workflow) = scene().await;
    scene.github.inject(When::path("*/actions/runs/*").always(), Fault::Status(500));
    assert_eq!(scene.begin("github.dispatch_workflow", deploy()).await.unwrap(), TaskEnd::Waits);
    let away = scene.look().await.unwrap_err();
    assert_eq!(name(&away), TaskError::UNAVAILABLE_GITHUB);
    scene.github.clear_faults();
    workflow.runs()[0].complete("cancelled").await;
    let Some(TokenAnswer::Failure(error)) = scene.look().await.unwrap() else { panic!("cancelled") };
    assert_eq!(error.error, "Actions.RunCancelled");
    scene.end().await;
}
