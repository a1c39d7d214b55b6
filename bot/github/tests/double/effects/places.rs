use deputy_core::ids::Number;
use deputy_core::ports::{Contents as _, Conversations as _, Marked, Minimized};

use super::*;

#[tokio::test]
async fn a_remark_is_made_once_and_hidden_when_it_is_old() {
    let scene = Scene::new().await;
    let (client, ada, shop) = (&scene.world.client, &scene.ada, &scene.shop);
    let pr = scene.world.shop.pull_request("Tea").by(&scene.world.ada).open().await;
    let marked =
        Marked { body: "Deployed. <!-- deputy:01J/deploy -->", marker: "<!-- deputy:01J/deploy -->" };
    // Somebody else's words are not taken for ours.
    let eve = scene.world.github.user("eve");
    pr.comment(&eve, marked.body).await;
    scene.lose_answer("POST", "*/comments");
    let number = Number(pr.number());
    assert!(is_lost(&client.comment_on(ada, shop, number, &marked).await));
    let posted = client.comment_on(ada, shop, number, &marked).await.unwrap();
    assert_eq!(client.comment_on(ada, shop, number, &marked).await.unwrap(), posted);
    assert_eq!(pr.comments().len(), 2);
    for _ in 0..2 {
        client.minimize(&scene.app, shop, &posted.node_id, Minimized::Outdated).await.unwrap();
    }
    assert_eq!(pr.comments()[1].minimized().as_deref(), Some("OUTDATED"));
    let gone = client.minimize(ada, shop, "IC_nowhere", Minimized::Resolved).await.unwrap_err();
    assert!(matches!(gone, GitHubError::NotFound), "{gone}");
    scene.end().await;
}

#[tokio::test]
async fn a_file_is_read_as_it_is_at_any_ref() {
    let scene = Scene::new().await;
    let (client, app, shop) = (&scene.world.client, &scene.app, &scene.shop);
    let path = ".github/deputy.toml";
    let before = scene.head("main").to_string();
    scene.world.shop.write_file(&scene.world.ada, "main", path, "x = \"é\"\n").await;
    let file = client.file(app, shop, path, None).await.unwrap();
    assert_eq!(file.as_deref(), Some("x = \"é\"\n".as_bytes()));
    assert_eq!(client.file(app, shop, path, Some(&before)).await.unwrap(), None);
    assert_eq!(client.file(app, shop, ".github", None).await.unwrap(), None, "a folder");
    let nowhere = deputy_core::comment::Repository { name: ".github".into(), ..shop.clone() };
    assert_eq!(client.file(app, &nowhere, path, None).await.unwrap(), None, "no such repository");
    scene.end().await;
}
