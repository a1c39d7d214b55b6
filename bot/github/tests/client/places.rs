//! Each place has its own endpoint for replying, finding, editing and reacting.

use deputy_core::comment::DiscussionComment;
use deputy_core::permission::Permission;
use deputy_core::ports::{Conversations as _, GitHubError, People as _, PostedComment, Reaction};

use super::*;

const SHA: &str = "6113728f27ae82c7b1a177c8d03f9e96e0adf246";

fn places() -> Vec<(Place<'static>, &'static str, &'static str, Option<&'static str>)> {
    let (number, comment) = (Number(7), CommentId(21));
    vec![
        (
            Place::Issue { number, comment: None },
            "POST /repos/acme/rocket/issues/7/comments",
            "PATCH /repos/acme/rocket/issues/comments/31",
            Some("POST /repos/acme/rocket/issues/7/reactions"),
        ),
        (
            Place::PullRequest { number, comment: Some(comment) },
            "POST /repos/acme/rocket/issues/7/comments",
            "PATCH /repos/acme/rocket/issues/comments/31",
            Some("POST /repos/acme/rocket/issues/comments/21/reactions"),
        ),
        (
            Place::ReviewComment { number, comment, thread: CommentId(3) },
            "POST /repos/acme/rocket/pulls/7/comments/3/replies",
            "PATCH /repos/acme/rocket/pulls/comments/31",
            Some("POST /repos/acme/rocket/pulls/comments/21/reactions"),
        ),
        (
            Place::Review { number, review: CommentId(5) },
            "POST /repos/acme/rocket/issues/7/comments",
            "PATCH /repos/acme/rocket/issues/comments/31",
            None,
        ),
        (
            Place::Commit { sha: SHA.into(), comment },
            "POST /repos/acme/rocket/commits/6113728f27ae82c7b1a177c8d03f9e96e0adf246/comments",
            "PATCH /repos/acme/rocket/comments/31",
            Some("POST /repos/acme/rocket/comments/21/reactions"),
        ),
    ]
}

fn line(asked: &Asked) -> String {
    format!("{} {}", asked.method, asked.path)
}

#[tokio::test]
async fn every_place_is_answered_edited_and_reacted_to_where_it_belongs() {
    for (place, reply, edit, reaction) in places() {
        let world = World::new(|_| Reply::json(201, &shown(31, "hi", bot()))).await;
        let comment = comment_in(place.clone());
        let posted = world.client.reply(&INSTALLATION, &comment, "hi").await.unwrap();
        world.client.edit_reply(&INSTALLATION, &comment.repository, &posted, "ho").await.unwrap();
        if reaction.is_some() {
            world.client.react(&INSTALLATION, &comment, Reaction::PlusOne).await.unwrap();
        }
        let asked = world.server.asked();
        assert_eq!(line(&asked[0]), reply);
        assert_eq!(asked[0].json(), json!({"body": "hi"}));
        assert_eq!(line(&asked[1]), edit);
        assert_eq!(asked[1].json(), json!({"body": "ho"}));
        assert_eq!(asked.get(2).map(line).as_deref(), reaction);
        assert_eq!((posted.id, &*posted.node_id, &*posted.html_url), (31, "IC_31", "https://h/31"));
    }
}

#[tokio::test]
async fn a_reply_is_found_by_its_marker_page_by_page_and_only_if_it_is_ours() {
    let world = World::new(|asked| {
        let stranger = json!({"id": 1, "login": "eve", "type": "User"});
        if asked.path.contains("page=2") {
            return Reply::json(200, &json!([shown(2, "x <!-- m --> y", bot())]));
        }
        let page = json!([shown(1, "<!-- m -->", stranger), shown(9, "other", bot()),
            {"id": 3, "node_id": "n", "html_url": "h", "body": null, "user": null}]);
        let host = asked.header("host").unwrap();
        Reply::json(200, &page).with("link", format!(r#"<http://{host}/x?page=2>; rel="next""#))
    })
    .await;
    let found = world.client.find_reply(&INSTALLATION, &on_pull_request(), "<!-- m -->").await.unwrap();
    assert_eq!(found.unwrap().id, 2);
    let first = "/repos/acme/rocket/issues/7/comments?per_page=100&since=2026-11-20T12%3A00%3A00Z";
    assert_eq!(world.server.asked()[0].path, first);
    let found = world.client.find_reply(&INSTALLATION, &on_pull_request(), "<!-- n -->").await.unwrap();
    assert_eq!(found, None);
}

#[tokio::test]
async fn a_list_without_end_is_not_read_without_end() {
    let world = World::new(|asked| {
        let host = asked.header("host").unwrap();
        Reply::json(200, &json!([])).with("link", format!(r#"<http://{host}/more>; rel="next""#))
    })
    .await;
    assert_eq!(world.client.find_reply(&INSTALLATION, &on_pull_request(), "m").await.unwrap(), None);
    assert_eq!(world.server.asked().len(), 10);
}

#[tokio::test]
async fn discussions_speak_graphql() {
    let world = World::new(|asked| {
        let query = asked.json()["query"].as_str().unwrap().to_owned();
        let reply = json!({"id": "DC_31", "databaseId": 31, "url": "https://h/31"});
        let data = if query.contains("addDiscussionComment") {
            json!({"addDiscussionComment": {"comment": reply}})
        } else if query.contains("comments: replies(last") {
            let mut ours = reply;
            ours["body"] = json!("m");
            ours["author"] = json!({"__typename": "Bot", "databaseId": 77});
            let mut stranger = ours.clone();
            stranger["id"] = json!("DC_1");
            stranger["author"] = json!({"__typename": "User", "databaseId": 1});
            json!({"node": {"comments": {"nodes": [null, stranger, ours]}}})
        } else {
            json!({"x": null})
        };
        Reply::json(200, &json!({"data": data}))
    })
    .await;
    let thread = DiscussionComment { comment: CommentId(21), thread: Some("DC_21".into()) };
    let place = Place::Discussion { number: Number(9), discussion: "D_9".into(), comment: Some(thread) };
    let comment = comment_in(place);
    let posted = world.client.reply(&INSTALLATION, &comment, "hi").await.unwrap();
    assert_eq!((posted.id, &*posted.node_id), (31, "DC_31"));
    world.client.edit_reply(&INSTALLATION, &comment.repository, &posted, "ho").await.unwrap();
    world.client.react(&INSTALLATION, &comment, Reaction::Eyes).await.unwrap();
    let found = world.client.find_reply(&INSTALLATION, &comment, "m").await.unwrap();
    assert_eq!(found.map(|found| found.node_id).as_deref(), Some("DC_31"));
    let asked = world.server.asked();
    assert!(asked.iter().all(|asked| line(asked) == "POST /graphql"));
    let variables: Vec<_> = asked.iter().map(|asked| asked.json()["variables"].clone()).collect();
    assert_eq!(
        variables,
        [
            json!({"discussion": "D_9", "thread": "DC_21", "body": "hi"}),
            json!({"comment": "DC_31", "body": "ho"}),
            json!({"subject": "NODE", "content": "EYES"}),
            json!({"id": "DC_21"}),
        ]
    );
}

#[tokio::test]
async fn graphqls_errors_are_errors() {
    let world = World::new(|_| {
        let error = json!({"type": "NOT_FOUND", "path": ["x"], "message": "Could not resolve to a node"});
        Reply::json(200, &json!({"data": {"x": null}, "errors": [error]}))
    })
    .await;
    let review = comment_in(Place::Review { number: Number(7), review: CommentId(5) });
    let error = world.client.react(&INSTALLATION, &review, Reaction::Eyes).await.unwrap_err();
    assert!(matches!(error, GitHubError::NotFound), "{error}");
}

#[tokio::test]
async fn membership_is_active_membership() {
    for (reply, expected) in [
        (Reply::json(200, &json!({"state": "active", "role": "member"})), true),
        (Reply::json(200, &json!({"state": "pending"})), false),
        (Reply::json(404, &json!({"message": "Not Found"})), false),
    ] {
        let reply = std::sync::Mutex::new(Some(reply));
        let world = World::new(move |_| reply.lock().unwrap().take().unwrap()).await;
        assert_eq!(world.client.is_member(&INSTALLATION, "acme", "a/b").await.unwrap(), expected);
        assert_eq!(world.server.asked()[0].path, "/orgs/acme/memberships/a%2Fb");
    }
}

#[tokio::test]
async fn refusals_carry_githubs_words() {
    let world = World::new(|_| Reply::json(403, &json!({"message": "Must have admin rights"}))).await;
    let error = world.client.permission(&INSTALLATION, &repository(1, "r"), "ada").await.unwrap_err();
    assert_eq!(error.to_string(), "GitHub forbids it: Must have admin rights");
    let world =
        World::new(|_| Reply::json(200, &json!({"permission": "write", "role_name": "maintain"}))).await;
    let role = world.client.permission(&INSTALLATION, &repository(1, "r"), "ada").await.unwrap();
    assert_eq!(role, Permission::Maintain);
    assert_eq!(world.server.asked()[0].path, "/repos/acme/r/collaborators/ada/permission");
}

#[tokio::test]
async fn a_posted_comment_made_elsewhere_can_be_edited() {
    let world = World::new(|_| Reply::json(200, &json!({}))).await;
    let place = Place::PullRequest { number: Number(7), comment: Some(CommentId(4)) };
    let posted = PostedComment { place, id: 4, node_id: String::new(), html_url: String::new() };
    world.client.edit_reply(&INSTALLATION, &repository(1, "r"), &posted, "x").await.unwrap();
    assert_eq!(line(&world.server.asked()[0]), "PATCH /repos/acme/r/issues/comments/4");
}
