use super::*;

#[tokio::test]
async fn a_release_is_made_once() {
    let scene = Scene::new().await;
    scene.pr.merge(&scene.ada).await;
    let input = json!({"tag": "v1.0.0", "sha": scene.head("main").as_str()});
    scene.crash_after("POST", "*/releases");
    assert!(is_lost(&scene.run("github.create_release", input.clone()).await));
    let made = scene.done("github.create_release", input).await;
    assert!(made["notes"].as_str().unwrap().contains("Sell tea"), "{made}");
    let elsewhere = scene.run("github.create_release", json!({"tag": "v1.0.0"})).await.unwrap_err();
    assert_eq!(name(&elsewhere), TaskError::REFUSED);
    scene.end().await;
}

#[tokio::test]
async fn a_merged_change_is_carried_to_another_branch_once() {
    let scene = Scene::new().await;
    let main = scene.shop.head("main").unwrap();
    scene.shop.point("release/1", &main);
    let early = scene.run("github.backport", json!({"onto": "release/1"})).await.unwrap_err();
    assert_eq!(name(&early), "Backport.NotMerged");
    scene.pr.merge(&scene.ada).await;
    for lost in ["*/git/commits", "*/merges", "*/git/refs", "*/pulls"] {
        scene.crash_after("POST", lost);
        // Where it is safe the call repeats by itself.
        let end = scene.run("github.backport", json!({"onto": "release/1"})).await;
        assert!(is_lost(&end) || end.is_ok(), "{lost}: {end:?}");
        scene.github.clear_faults();
    }
    let made = scene.done("github.backport", json!({"onto": "release/1"})).await;
    assert_eq!(scene.shop.issues().len(), 2);
    let opened = scene.shop.issue_number(made["number"].as_u64().unwrap()).unwrap();
    assert_eq!((opened.author().as_str(), opened.title().as_str()), ("ada", "[release/1] Sell tea"));
    assert_eq!(opened.head_sha().as_str(), made["sha"].as_str().unwrap());
    assert!(scene.shop.head(&format!("deputy/tmp/{}", scene.job)).is_none());
    let none = scene.run("github.backport", json!({"onto": "nowhere"})).await.unwrap_err();
    assert_eq!(name(&none), TaskError::INVALID_INPUT);
    scene.end().await;
}

#[tokio::test]
async fn a_change_that_does_not_apply_says_how_to_do_it_by_hand() {
    let scene = Scene::new().await;
    scene.shop.write_file(&scene.ada, "release/1", "tea.txt", "black").await;
    scene.shop.write_file(&scene.ada, "green", "tea.txt", "green").await;
    let pr = scene.shop.pull_request("Green").by(&scene.ada).from_branch("green").open().await;
    pr.merge(&scene.ada).await;
    let input = json!({"onto": "release/1", "number": pr.number()});
    let conflict = scene.run("github.backport", input).await.unwrap_err();
    assert_eq!(name(&conflict), "Backport.Conflict");
    assert!(conflict.cause.contains("git cherry-pick -x"), "{}", conflict.cause);
    scene.end().await;
}
