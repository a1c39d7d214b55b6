use chrono::{DateTime, Utc};
use deputy_core::ports::{CherryPick, GitData as _, NewRelease, Picked, Releases as _, Signature};

use super::*;

fn ada_committed() -> Signature {
    let at: DateTime<Utc> = "2026-11-20T12:00:00Z".parse().unwrap();
    Signature::of_account(UserId(7), "ada", at)
}

fn sha(sha: &github_double::Sha) -> Sha {
    sha.as_str().parse().unwrap()
}

#[tokio::test]
async fn a_change_is_carried_to_another_branch_once() {
    let scene = Scene::new().await;
    let (client, ada, shop, real) = (&scene.world.client, &scene.ada, &scene.shop, &scene.world.shop);
    real.write_file(&scene.world.ada, "release/1", "old.txt", "one").await;
    let green = real.write_file(&scene.world.ada, "main", "tea.txt", "green").await;
    real.write_file(&scene.world.ada, "main", "other.txt", "stays behind").await;
    let cups = real.write_file(&scene.world.ada, "main", "cups.txt", "six").await;
    let (onto, committer) = (scene.head("release/1"), ada_committed());
    let commits = [sha(&green), sha(&cups)];
    let pick = CherryPick {
        commits: &commits,
        onto: &onto,
        branch: "backport/1",
        committer: &committer,
        marker: "01J",
    };
    scene.lose_answer("POST", "*/merges");
    assert!(is_lost(&client.cherry_pick(ada, shop, &pick).await), "half-way");
    let Picked::Done(head) = client.cherry_pick(ada, shop, &pick).await.unwrap() else {
        panic!("it applies")
    };
    assert_eq!(client.cherry_pick(ada, shop, &pick).await.unwrap(), Picked::Done(head.clone()));
    assert_eq!(scene.head("backport/1"), head);
    for (path, text) in [("tea.txt", Some("green")), ("cups.txt", Some("six")), ("old.txt", Some("one"))] {
        assert_eq!(real.file("backport/1", path).as_deref(), text, "{path}");
    }
    assert_eq!(real.file("backport/1", "other.txt"), None);
    assert_eq!(real.head("deputy/tmp/01J"), None, "nothing is left behind");
    let commit = client.git_commit(ada, shop, &head).await.unwrap();
    assert!(commit.message.ends_with(&format!("(cherry picked from commit {cups})")), "{}", commit.message);
    assert_eq!(client.git_commit(ada, shop, &commit.parents[0]).await.unwrap().parents, [onto]);
    scene.end().await;
}

#[tokio::test]
async fn a_conflict_and_what_is_there_already_make_no_branch() {
    let scene = Scene::new().await;
    let (client, ada, shop, real) = (&scene.world.client, &scene.ada, &scene.shop, &scene.world.shop);
    real.write_file(&scene.world.ada, "release/1", "tea.txt", "black").await;
    let green = real.write_file(&scene.world.ada, "main", "tea.txt", "green").await;
    let (onto, committer) = (scene.head("release/1"), ada_committed());
    let commits = [sha(&green)];
    let pick = |onto| CherryPick {
        commits: &commits,
        onto,
        branch: "backport/1",
        committer: &committer,
        marker: "01J",
    };
    let conflict = client.cherry_pick(ada, shop, &pick(&onto)).await.unwrap();
    assert_eq!(conflict, Picked::Conflict(sha(&green)));
    let main = scene.head("main");
    assert_eq!(client.cherry_pick(ada, shop, &pick(&main)).await.unwrap(), Picked::Nothing);
    assert_eq!((real.head("backport/1"), real.head("deputy/tmp/01J")), (None, None));
    scene.end().await;
}

#[tokio::test]
async fn refs_are_made_and_taken_away_once() {
    let scene = Scene::new().await;
    let (client, ada, shop) = (&scene.world.client, &scene.ada, &scene.shop);
    let main = scene.head("main");
    scene.lose_answer("POST", "*/git/refs");
    for _ in 0..2 {
        client.create_ref(ada, shop, "heads/feature/x", &main).await.unwrap();
    }
    assert_eq!(client.git_ref(ada, shop, "heads/feature/x").await.unwrap(), Some(main.clone()));
    assert_eq!(client.resolve(ada, shop, "feature/x").await.unwrap(), Some(main.clone()));
    assert_eq!(client.resolve(ada, shop, "nowhere").await.unwrap(), None);
    let other = sha(&scene.world.shop.push(&scene.world.ada, "main", "More").await);
    let taken = client.create_ref(ada, shop, "heads/feature/x", &other).await.unwrap_err();
    assert!(matches!(taken, GitHubError::Refused { status: 422, .. }), "{taken}");
    for _ in 0..2 {
        client.delete_ref(ada, shop, "heads/feature/x").await.unwrap();
    }
    assert_eq!(client.git_ref(ada, shop, "heads/feature/x").await.unwrap(), None);
    scene.end().await;
}

#[tokio::test]
async fn a_release_is_made_once_with_githubs_notes() {
    let scene = Scene::new().await;
    let (client, ada, shop) = (&scene.world.client, &scene.ada, &scene.shop);
    assert_eq!(client.latest_release(ada, shop).await.unwrap(), None);
    let pr = scene.world.shop.pull_request("Sell tea").by(&scene.world.ada).open().await;
    pr.merge(&scene.world.ada).await;
    let target = scene.head("main");
    let new = NewRelease { tag: "v1.0.0", target: &target, name: "One", notes: None, is_prerelease: false };
    scene.lose_answer("POST", "*/releases");
    assert!(is_lost(&client.create_release(ada, shop, &new).await));
    let release = client.create_release(ada, shop, &new).await.unwrap();
    assert!(release.notes.contains("Sell tea"), "{}", release.notes);
    assert_eq!(client.latest_release(ada, shop).await.unwrap(), Some(release.clone()));
    assert_eq!(client.release_of_tag(ada, shop, "v1.0.0").await.unwrap(), Some(release));
    assert_eq!(client.resolve(ada, shop, "refs/tags/v1.0.0").await.unwrap(), Some(target.clone()));
    let moved = sha(&scene.world.shop.push(&scene.world.ada, "main", "More").await);
    let elsewhere =
        client.create_release(ada, shop, &NewRelease { target: &moved, ..new }).await.unwrap_err();
    assert!(elsewhere.to_string().contains("points to"), "{elsewhere}");
    scene.end().await;
}
