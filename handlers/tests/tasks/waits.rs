use deputy_core::ports::{AskLock, Holder, LockName, Locks};

use super::*;

#[tokio::test]
async fn checks_are_waited_for_by_name() {
    let scene = Scene::new().await;
    let head = scene.pr.head_sha();
    let input = json!({"checks": ["ci", "preview"]});
    assert_eq!(scene.begin("github.check_suite", input.clone()).await.unwrap(), TaskEnd::Waits);
    scene.shop.report_check(&head, "ci", Some("success")).await;
    scene.deliver(&scene.deliveries("check_run").pop().unwrap()).await;
    assert_eq!(scene.memory.take_answer(), None);
    scene.shop.report_status(&scene.ada, &head, "preview", "success").await;
    scene.deliver(&scene.deliveries("status").pop().unwrap()).await;
    let Some(TokenAnswer::Success(output)) = scene.memory.take_answer() else { panic!("both are green") };
    assert_eq!(output["checks"].as_array().unwrap().len(), 2);
    let green = scene.begin("github.check_suite", input).await.unwrap();
    assert_eq!(green, TaskEnd::Done(output), "what is green already is not waited for");
    scene.shop.report_check(&head, "lint", Some("failure")).await;
    let red = scene.begin("github.check_suite", json!({})).await.unwrap_err();
    assert_eq!(name(&red), "Checks.Failed");
    scene.end().await;
}

#[tokio::test]
async fn a_lock_is_waited_for_in_line() {
    let scene = Scene::new().await;
    let name_of = LockName { repository: RepositoryId(scene.shop.id().0), environment: "staging".to_owned() };
    let holder = Holder::Person(UserId(99));
    let ask = AskLock {
        name: name_of.clone(),
        holder: holder.clone(),
        person: Requester { id: UserId(99), login: "grace".to_owned() },
        reason: Some("a migration".to_owned()),
        at: scene.entered,
        waits: false,
    };
    scene.memory.acquire(&ask).await.unwrap();
    let input = json!({"environment": "staging"});
    let held = scene.run("lock.acquire", input.clone()).await.unwrap_err();
    assert_eq!(name(&held), "Lock.Held");
    assert!(held.cause.contains("`grace` has it") && held.cause.contains("a migration"), "{}", held.cause);
    for _ in 0..2 {
        assert_eq!(scene.begin("lock.acquire", input.clone()).await.unwrap(), TaskEnd::Waits);
    }
    assert_eq!(scene.look().await.unwrap(), None);
    scene.memory.release(&name_of, &holder).await.unwrap();
    assert!(matches!(scene.look().await.unwrap(), Some(TokenAnswer::Success(_))));
    for _ in 0..2 {
        scene.done("lock.acquire", input.clone()).await;
    }
    for _ in 0..2 {
        scene.done("lock.release", input.clone()).await;
    }
    assert_eq!(Locks::get(&*scene.memory, &name_of).await.unwrap(), None);
    scene.end().await;
}

#[tokio::test]
async fn an_event_that_fits_ends_the_step() {
    let scene = Scene::new().await;
    let input = json!({
        "event": "issue_comment",
        "match": {"/action": "created", "/comment/user/login": ["ada", "grace"]},
        "select": {"said": "/comment/body", "nothing": "/no/such"},
    });
    assert_eq!(scene.begin("wait_for_event", input).await.unwrap(), TaskEnd::Waits);
    let eve = scene.github.user("eve");
    scene.shop.permit(&eve, Permission::Read);
    scene.pr.comment(&eve, "tea?").await;
    scene.pr.comment(&scene.ada, "tea!").await;
    for delivery in scene.deliveries("issue_comment") {
        scene.deliver(&delivery).await;
    }
    let Some(TokenAnswer::Success(output)) = scene.memory.take_answer() else { panic!("it came") };
    assert_eq!(output["values"], json!({"said": "tea!", "nothing": null}));
    let odd =
        scene.begin("wait_for_event", json!({"event": "push", "match": {"ref": "x"}})).await.unwrap_err();
    assert_eq!(name(&odd), TaskError::INVALID_INPUT);
    scene.end().await;
}

#[tokio::test]
async fn another_repositorys_event_is_not_shown() {
    let scene = Scene::new().await;
    scene.begin("wait_for_event", json!({"event": "push"})).await.unwrap();
    let forged = json!({"ref": "refs/heads/main", "repository": {"id": 4711}});
    let delivery = memory::delivery("push", &forged, scene.github.clock().now());
    let wait = scene.memory.of_job(scene.job).await.unwrap().remove(0);
    scene.tasks.look(&*scene.memory, &wait, Some(&delivery)).await.unwrap();
    assert_eq!(scene.memory.take_answer(), None);
    scene.end().await;
}
