use deputy_core::ports::{
    Annotation, AnnotationLevel, Button, CheckRunUpdate, CheckState, Checks as _, Conclusion, NewCheckRun,
    NewStatus, StatusState, Statuses as _,
};

use super::*;

fn update(state: CheckState) -> CheckRunUpdate<'static> {
    CheckRunUpdate {
        state,
        details_url: None,
        started_at: None,
        title: "Deploying",
        summary: "1 of 5",
        text: None,
        buttons: &[],
    }
}

#[tokio::test]
async fn a_check_run_is_made_once_and_told_to_its_end() {
    let scene = Scene::new().await;
    let (client, app, shop) = (&scene.world.client, &scene.app, &scene.shop);
    let pr = scene.world.shop.pull_request("Tea").by(&scene.world.ada).open().await;
    let head: Sha = pr.head_sha().as_str().parse().unwrap();
    let annotations = [Annotation {
        path: ".github/deputy.toml".to_owned(),
        lines: (3, 3),
        columns: Some((1, 9)),
        level: AnnotationLevel::Failure,
        title: "Unknown key".to_owned(),
        message: "Did you mean `environments`?".to_owned(),
    }];
    let new = NewCheckRun {
        name: "deploy",
        head_sha: &head,
        external_id: "01J",
        update: update(CheckState::Queued),
        annotations: &annotations,
    };
    scene.lose_answer("POST", "*/check-runs");
    assert!(is_lost(&client.create_check_run(app, shop, &new).await));
    let id = client.create_check_run(app, shop, &new).await.unwrap();
    assert_eq!(client.create_check_run(app, shop, &new).await.unwrap(), id);
    let check = pr.check_run("deploy").unwrap();
    assert_eq!((check.id().0, check.writes(), check.annotations().len()), (id.0, 1, 1));
    let another = NewCheckRun { external_id: "01K", ..new };
    assert_ne!(client.create_check_run(app, shop, &another).await.unwrap(), id, "another job's is another");

    client.update_check_run(app, shop, id, &update(CheckState::InProgress)).await.unwrap();
    let buttons = [Button {
        label: "Retry failed".to_owned(),
        description: "Runs what failed once more, and what comes after it".to_owned(),
        identifier: "retry".to_owned(),
    }];
    let long = "a line of a long story\n".repeat(4_000);
    let end = CheckRunUpdate {
        summary: &long,
        buttons: &buttons,
        ..update(CheckState::Completed(Conclusion::TimedOut))
    };
    client.update_check_run(app, shop, id, &end).await.unwrap();
    let check = pr.check_runs().into_iter().find(|it| it.id().0 == id.0).unwrap();
    assert_eq!(check.conclusion().as_deref(), Some("timed_out"));
    assert!(check.summary().unwrap().ends_with("does not fit here.*"));
    assert_eq!(check.actions()[0].identifier, "retry");
    scene.end().await;
}

#[tokio::test]
async fn all_checks_of_a_commit_are_seen_together() {
    let scene = Scene::new().await;
    let (client, app, ada, shop) = (&scene.world.client, &scene.app, &scene.ada, &scene.shop);
    let pr = scene.world.shop.pull_request("Tea").by(&scene.world.ada).open().await;
    let head: Sha = pr.head_sha().as_str().parse().unwrap();
    scene.world.shop.report_check(&pr.head_sha(), "ci", Some("success")).await;
    scene.world.shop.report_check(&pr.head_sha(), "slow", None).await;
    let status = |state| NewStatus {
        context: "preview",
        state,
        description: "building",
        target_url: Some("https://shop.example/1"),
    };
    scene.lose_answer("POST", "*/statuses/*");
    assert!(is_lost(&client.set_commit_status(ada, shop, &head, &status(StatusState::Pending)).await));
    for _ in 0..2 {
        client.set_commit_status(ada, shop, &head, &status(StatusState::Pending)).await.unwrap();
    }
    assert_eq!(scene.world.github.transcript().matches("status \"preview\"").count(), 1, "said once");
    let mut seen: Vec<_> = client
        .check_results(app, shop, &head)
        .await
        .unwrap()
        .into_iter()
        .map(|result| (result.name, result.conclusion))
        .collect();
    seen.sort_by(|one, other| one.0.cmp(&other.0));
    let expected = [("ci", Some(Conclusion::Success)), ("preview", None), ("slow", None)];
    assert_eq!(seen, expected.map(|(name, conclusion)| (name.to_owned(), conclusion)));
    client.set_commit_status(ada, shop, &head, &status(StatusState::Error)).await.unwrap();
    let results = client.check_results(app, shop, &head).await.unwrap();
    let preview = results.iter().find(|result| result.name == "preview").unwrap();
    assert_eq!(preview.conclusion, Some(Conclusion::Failure));
    let suites = client.check_suites(app, shop, &head).await.unwrap();
    assert!(suites.iter().any(|suite| suite.runs == 2), "{suites:?}");
    scene.end().await;
}
