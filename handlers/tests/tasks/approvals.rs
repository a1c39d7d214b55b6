use super::*;

#[tokio::test]
async fn two_of_the_team_must_approve_and_not_whoever_asked() {
    let scene = Scene::new().await;
    let acme = scene.github.org("acme");
    let (bob, carol, dave) =
        (scene.github.user("bob"), scene.github.user("carol"), scene.github.user("dave"));
    let ops = acme.team("ops");
    for person in [&bob, &carol, &dave] {
        acme.add_member(person);
        scene.shop.permit(person, Permission::Write);
    }
    ops.add(&bob).add(&carol).add(&scene.ada);
    let input = json!({"reason": "Deploy to production?", "teams": ["ops"], "count": 2});
    for _ in 0..2 {
        assert_eq!(scene.begin("approval.request", input.clone()).await.unwrap(), TaskEnd::Waits);
    }
    let notes = scene.stored().await.notes;
    assert_eq!(notes.len(), 1);
    assert!(notes[0].text.contains("Members of the team `ops` may approve; 2 must."), "{}", notes[0].text);
    for (who, _) in [(&scene.ada, "asked"), (&dave, "not of the team"), (&bob, "one"), (&bob, "again")] {
        scene.decide(who, true, None).await;
        assert_eq!(scene.look().await.unwrap(), None, "{}", who.login());
    }
    scene.decide(&carol, true, None).await;
    let Some(TokenAnswer::Success(output)) = scene.look().await.unwrap() else { panic!("approved") };
    assert_eq!(output, json!({"approved_by": ["bob", "carol"]}));
    scene.end().await;
}

#[tokio::test]
async fn one_rejection_is_enough_and_a_strangers_is_none() {
    let scene = Scene::new().await;
    let eve = scene.github.user("eve");
    scene.begin("approval.request", json!({"reason": "Well?"})).await.unwrap();
    scene.decide(&eve, false, Some("because")).await;
    assert_eq!(scene.look().await.unwrap(), None);
    // The requester may always stop their own job.
    scene.decide(&scene.ada, false, Some("wrong branch")).await;
    let Some(TokenAnswer::Failure(error)) = scene.look().await.unwrap() else { panic!("rejected") };
    assert_eq!(
        (error.error.as_str(), error.cause.as_str()),
        ("Approval.Rejected", "`ada` rejected it: wrong branch")
    );
    scene.end().await;
}

#[tokio::test]
async fn a_word_said_before_the_wait_was_kept_counts_after_a_crash() {
    let scene = Scene::new().await;
    let input = json!({"reason": "Well?", "allow_requester": true});
    scene.begin("approval.request", input.clone()).await.unwrap();
    scene.decide(&scene.ada, true, None).await;
    let again = scene.begin("approval.request", input).await.unwrap();
    assert_eq!(again, TaskEnd::Done(json!({"approved_by": ["ada"]})));
    let none = scene.begin("approval.request", json!({"reason": "", "count": 0})).await.unwrap_err();
    assert_eq!(name(&none), TaskError::INVALID_INPUT);
    scene.end().await;
}
