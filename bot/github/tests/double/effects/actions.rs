use std::collections::BTreeMap;

use chrono::{TimeDelta, Utc};
use deputy_core::ids::{ActionsJobId, RunId};
use deputy_core::ports::{Actions as _, Conclusion, Dispatch};

use super::*;

fn inputs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn dispatch(inputs: &BTreeMap<String, String>) -> Dispatch<'_> {
    let marker = "deputy:01J";
    Dispatch { workflow: "deploy.yml", reference: "main", inputs, marker, first_tried: None }
}

#[tokio::test]
async fn a_dispatched_workflow_is_followed_to_its_end_and_its_log() {
    let scene = Scene::new().await;
    let (client, ada, shop) = (&scene.world.client, &scene.ada, &scene.shop);
    let workflow = scene.world.shop.workflow("deploy.yml");
    workflow.inputs(&["environment!"]).jobs(&["build", "deploy"]);
    let inputs = inputs(&[("environment", "staging")]);
    let dispatched = client.dispatch_workflow(ada, shop, &dispatch(&inputs)).await.unwrap();
    assert!(!dispatched.was_there);
    let real = workflow.wait_for_run(0).await;
    assert_eq!((real.id().0, real.actor().as_str()), (dispatched.run.0, "ada"));
    assert_eq!(real.inputs(), inputs);
    let run = client.workflow_run(ada, shop, dispatched.run).await.unwrap();
    assert_eq!((run.status.as_str(), run.conclusion), ("queued", None));
    assert_eq!(run.head_sha, scene.head("main"));

    real.start().await;
    let log = concat!(
        "2026-11-20T12:00:00.1234567Z \u{1b}[36mpulling\u{1b}[0m\n",
        // In two pieces: no file holds what looks like a live token.
        "2026-11-20T12:00:01.1234567Z token ghp",
        "_0123456789abcdefghijABCDEFGHIJ456789\n",
        "2026-11-20T12:00:02.1234567Z ##[error]out of tea\n"
    );
    real.end_job("build", "failure", log);
    real.complete("failure").await;
    let run = client.workflow_run(ada, shop, dispatched.run).await.unwrap();
    assert!(run.is_completed());
    assert_eq!(run.conclusion, Some(Conclusion::Failure));
    let jobs = client.jobs_of_run(ada, shop, run.id).await.unwrap();
    let failed = jobs.iter().find(|job| job.conclusion == Some(Conclusion::Failure)).unwrap();
    assert_eq!((failed.name.as_str(), failed.failed_step.as_deref()), ("build", Some("build")));
    let tail = client.log_tail(ada, shop, failed.id, 2).await.unwrap();
    assert_eq!(tail, ["token ***", "error: out of tea"]);
    assert!(client.log_tail(ada, shop, ActionsJobId(4), 2).await.unwrap().is_empty());
    scene.end().await;
}

#[tokio::test]
async fn a_dispatch_whose_answer_was_lost_is_found_again() {
    let scene = Scene::new().await;
    let (client, ada, shop) = (&scene.world.client, &scene.ada, &scene.shop);
    let workflow = scene.world.shop.workflow("deploy.yml");
    let inputs = BTreeMap::new();
    let mut dispatch = dispatch(&inputs);
    let tried = Utc::now();
    scene.lose_answer("POST", "*/dispatches");
    assert!(is_lost(&client.dispatch_workflow(ada, shop, &dispatch).await));
    assert_eq!(workflow.runs().len(), 1, "GitHub did it");
    dispatch.first_tried = Some(tried);
    let again = client.dispatch_workflow(ada, shop, &dispatch).await.unwrap();
    assert!(again.was_there);
    assert_eq!((again.run.0, workflow.runs().len()), (workflow.runs()[0].id().0, 1));
    scene.end().await;
}

#[tokio::test]
async fn a_dispatch_that_never_arrived_is_sent_again() {
    let scene = Scene::new().await;
    let (client, ada, shop) = (&scene.world.client, &scene.ada, &scene.shop);
    let workflow = scene.world.shop.workflow("deploy.yml");
    let grace = scene.world.github.user("grace");
    scene.world.shop.permit(&grace, github_double::Permission::Write);
    // Neither hers nor one on another branch is taken for it.
    workflow.dispatch(&grace, "main", &[]).await;
    scene.world.shop.push(&scene.world.ada, "feature", "Cups").await;
    workflow.dispatch(&scene.world.ada, "feature", &[]).await;
    let inputs = BTreeMap::new();
    let tried = Utc::now() - TimeDelta::minutes(1);
    let dispatch = Dispatch { first_tried: Some(tried), ..dispatch(&inputs) };
    let dispatched = client.dispatch_workflow(ada, shop, &dispatch).await.unwrap();
    assert!(!dispatched.was_there);
    assert_eq!(workflow.runs().len(), 3);
    scene.end().await;
}

#[tokio::test]
async fn of_several_runs_the_title_tells_which_is_whose() {
    let scene = Scene::new().await;
    let (client, ada, shop) = (&scene.world.client, &scene.ada, &scene.shop);
    let workflow = scene.world.shop.workflow("deploy.yml");
    workflow.inputs(&["deputy_job"]).run_name("Deploy (${{ inputs.deputy_job }})");
    let other = workflow.dispatch(&scene.world.ada, "main", &[("deputy_job", "deputy:OTHER")]).await;
    let inputs = inputs(&[("deputy_job", "deputy:01J")]);
    let tried = Utc::now() - TimeDelta::minutes(1);
    let dispatch = Dispatch { first_tried: Some(tried), ..dispatch(&inputs) };
    let first = client.dispatch_workflow(ada, shop, &dispatch).await.unwrap();
    assert!(!first.was_there, "another job's run is not taken for it");
    let again = client.dispatch_workflow(ada, shop, &dispatch).await.unwrap();
    assert_eq!((again.run, again.was_there), (first.run, true));
    assert_ne!(again.run, RunId(other.id().0));
    scene.end().await;
}

#[tokio::test]
async fn a_run_is_cancelled_once() {
    let scene = Scene::new().await;
    let (client, ada, shop) = (&scene.world.client, &scene.ada, &scene.shop);
    let workflow = scene.world.shop.workflow("deploy.yml");
    let inputs = BTreeMap::new();
    let run = client.dispatch_workflow(ada, shop, &dispatch(&inputs)).await.unwrap().run;
    scene.lose_answer("POST", "*/cancel");
    client.cancel_run(ada, shop, run).await.unwrap();
    client.cancel_run(ada, shop, run).await.unwrap();
    assert_eq!(workflow.runs()[0].conclusion().as_deref(), Some("cancelled"));
    scene.end().await;
}

#[tokio::test]
async fn what_github_refuses_says_why() {
    let scene = Scene::new().await;
    let (client, ada, shop) = (&scene.world.client, &scene.ada, &scene.shop);
    let inputs = inputs(&[("tea", "green")]);
    let missing = client.dispatch_workflow(ada, shop, &dispatch(&inputs)).await.unwrap_err();
    assert!(matches!(missing, GitHubError::NotFound));
    scene.world.shop.workflow("deploy.yml");
    let refused = client.dispatch_workflow(ada, shop, &dispatch(&inputs)).await.unwrap_err();
    assert!(matches!(&refused, GitHubError::Refused { message, .. } if message.contains("tea")), "{refused}");
    scene.end().await;
}
