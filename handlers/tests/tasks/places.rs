use super::*;

#[tokio::test]
async fn a_comment_is_said_once_as_the_person() {
    let scene = Scene::new().await;
    for (input, said) in [(json!({"body": "Here."}), 1), (json!({"body": "There.", "number": 1}), 1)] {
        scene.crash_after("POST", "*/comments");
        let lost = scene.run("github.comment", input.clone()).await;
        // The second one carries the same effect, so it is found at once.
        assert!(is_lost(&lost) || lost.is_ok());
        scene.github.clear_faults();
        let posted = scene.done("github.comment", input.clone()).await;
        assert_eq!(scene.done("github.comment", input).await, posted);
        assert_eq!(scene.pr.comments().len(), said);
    }
    let comment = scene.pr.last_comment().unwrap();
    assert_eq!(comment.author(), "ada");
    assert!(comment.body().starts_with("Here.\n\n<!-- deputy:"), "{}", comment.body());
    let empty = scene.run("github.comment", json!({"body": " "})).await.unwrap_err();
    assert_eq!(name(&empty), TaskError::INVALID_INPUT);
    scene.end().await;
}

#[tokio::test]
async fn a_status_is_set_once_on_the_pinned_commit() {
    let scene = Scene::new().await;
    let input = json!({"context": "preview", "state": "success", "target_url": "https://shop.example"});
    scene.crash_after("POST", "*/statuses/*");
    assert!(is_lost(&scene.run("github.commit_status", input.clone()).await));
    let set = scene.done("github.commit_status", input).await;
    assert_eq!(set["sha"], scene.pr.head_sha().as_str());
    assert_eq!(scene.shop.statuses(&scene.pr.head_sha())["preview"], "success");
    assert_eq!(scene.github.transcript().matches("status \"preview\"").count(), 1);
    scene.end().await;
}

#[tokio::test]
async fn a_pull_request_is_merged_once_and_only_as_it_was() {
    let scene = Scene::new().await;
    scene.crash_after("PUT", "*/merge");
    let merged = scene.done("github.merge", json!({"method": "squash"})).await;
    assert_eq!(merged["sha"], scene.head("main").as_str());
    assert_eq!(scene.done("github.merge", json!({"method": "squash"})).await, merged);
    scene.end().await;

    let scene = Scene::new().await;
    scene.pr.push(&scene.ada, "One more thing").await;
    let moved = scene.run("github.merge", json!({})).await.unwrap_err();
    assert_eq!(name(&moved), "Merge.HeadMoved");
    scene.shop.require_checks(&["ci"]);
    let blocked = scene.run("github.merge", json!({"sha": scene.pr.head_sha().as_str()})).await.unwrap_err();
    assert_eq!((name(&blocked), scene.pr.is_merged()), ("Merge.NotMergeable", false));
    assert!(blocked.cause.contains("\"ci\""), "{}", blocked.cause);
    scene.end().await;
}
