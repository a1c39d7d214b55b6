use deputy_core::ids::Number;
use deputy_core::ports::{Merge, MergeMethod, NewPullRequest, PullRequests as _};

use super::*;

#[tokio::test]
async fn a_pull_request_is_opened_once_as_the_person() {
    let scene = Scene::new().await;
    let (client, ada, shop) = (&scene.world.client, &scene.ada, &scene.shop);
    let pushed = scene.world.shop.push(&scene.world.ada, "feature", "Tea").await;
    let new =
        NewPullRequest { title: "Sell tea", body: "Green.", head: "feature", base: "main", is_draft: false };
    scene.lose_answer("POST", "*/pulls");
    assert!(is_lost(&client.open_pull_request(ada, shop, &new).await));
    let pull = client.open_pull_request(ada, shop, &new).await.unwrap();
    assert_eq!((pull.author.as_str(), pull.head_ref.as_str()), ("ada", "feature"));
    assert!(pull.is_open && !pull.is_merged && !pull.is_from_fork(shop.id));
    assert_eq!(scene.world.shop.issues().len(), 1);
    let commits = client.commits_of_pull_request(ada, shop, pull.number).await.unwrap();
    assert_eq!(commits.iter().map(Sha::as_str).collect::<Vec<_>>(), [pushed.as_str()]);
    scene.end().await;
}

#[tokio::test]
async fn a_pull_request_is_merged_once_and_only_at_the_head_that_was_meant() {
    let scene = Scene::new().await;
    let (client, ada, shop) = (&scene.world.client, &scene.ada, &scene.shop);
    let pr = scene.world.shop.pull_request("Tea").by(&scene.world.ada).open().await;
    let number = Number(pr.number());
    let before: Sha = pr.head_sha().as_str().parse().unwrap();
    pr.push(&scene.world.ada, "More").await;
    let merge = |head| Merge { head, method: MergeMethod::Merge, title: Some("Tea (#1)"), message: None };
    let moved = client.merge_pull_request(ada, shop, number, &merge(&before)).await.unwrap_err();
    assert!(matches!(moved, GitHubError::Refused { status: 409, .. }), "{moved}");
    assert!(!pr.is_merged());

    let head: Sha = pr.head_sha().as_str().parse().unwrap();
    scene.lose_answer("PUT", "*/merge");
    let merged = client.merge_pull_request(ada, shop, number, &merge(&head)).await.unwrap();
    assert_eq!(merged, scene.head("main"));
    assert_eq!(client.merge_pull_request(ada, shop, number, &merge(&head)).await.unwrap(), merged);
    let pull = client.pull_request(ada, shop, number).await.unwrap();
    assert!(pull.is_merged && !pull.is_open);
    let other = client.merge_pull_request(ada, shop, number, &merge(&before)).await.unwrap_err();
    assert!(matches!(other, GitHubError::Refused { .. }), "merged, but not this: {other}");
    scene.end().await;
}
