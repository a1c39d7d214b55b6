//! What only GraphQL can do: <https://docs.github.com/en/graphql/reference/mutations>.

use serde_json::{Value, json};

use crate::support::{Answer, World};

async fn ask(world: &World, query: &str, variables: Value) -> Answer {
    world.ask("POST", "/graphql", json!({ "query": query, "variables": variables })).await
}

#[tokio::test]
async fn a_discussion_is_answered_and_reacted_to() {
    let world = World::new().await;
    let discussion = world.shop.discuss(&world.ada, "Beans", "Which?").await;
    let comment = discussion.comment(&world.ada, "@deputy ping").await;
    let query =
        "mutation($id: ID!) { addReaction(input: {subjectId: $id, content: EYES}) { reaction { content } } }";
    let answer = ask(&world, query, json!({ "id": comment.node_id() })).await;
    assert_eq!(answer.body["data"]["addReaction"]["reaction"]["content"], "EYES");
    assert!(comment.has_reaction("deputy[bot]", "eyes"));

    let query = "mutation($input: AddDiscussionCommentInput!) {
        addDiscussionComment(input: $input) { comment { id url author { login } } }
    }";
    let input =
        json!({ "discussionId": discussion.node_id(), "replyToId": comment.node_id(), "body": "pong" });
    let answer = ask(&world, query, json!({ "input": input })).await;
    let made = &answer.body["data"]["addDiscussionComment"]["comment"];
    assert_eq!(made["author"]["login"], "deputy", "GraphQL leaves [bot] away");
    let query = "mutation($id: ID!, $body: String!) {
        updateDiscussionComment(input: {commentId: $id, body: $body}) { comment { body } }
    }";
    ask(&world, query, json!({ "id": made["id"], "body": "pong!" })).await;
    assert_eq!(discussion.comments().last().unwrap().body(), "pong!");
    world.gh.assert_clean().await;
}

#[tokio::test]
async fn a_comment_is_minimized() {
    let world = World::new().await;
    let issue = world.shop.issue("Hello").by(&world.ada).open().await;
    let comment = issue.comment(&world.ada, "old").await;
    let query = "mutation($id: ID!) {
        minimizeComment(input: {subjectId: $id, classifier: OUTDATED}) {
            minimizedComment { isMinimized ... on IssueComment { body } }
        }
    }";
    let answer = ask(&world, query, json!({ "id": comment.node_id() })).await;
    let hidden = &answer.body["data"]["minimizeComment"]["minimizedComment"];
    assert_eq!(hidden, &json!({ "isMinimized": true, "body": "old" }));
    assert_eq!(comment.minimized().as_deref(), Some("OUTDATED"));
}

#[tokio::test]
async fn an_error_comes_with_200_and_says_its_type() {
    let world = World::new().await;
    let query =
        "mutation($id: ID!) { addReaction(input: {subjectId: $id, content: EYES}) { subject { id } } }";
    let answer = ask(&world, query, json!({ "id": "IC_nothing" })).await;
    assert_eq!((answer.status, &answer.body["errors"][0]["type"]), (200, &json!("NOT_FOUND")));
    assert_eq!(answer.body["data"]["addReaction"], Value::Null);
    let discussion = world.shop.discuss(&world.ada, "Beans", "Which?").await;
    let metadata = [("metadata", github_double::Access::Read)];
    world.installation.set_permissions(&metadata, &world.ada).await;
    let answer = ask(&world, query, json!({ "id": discussion.node_id() })).await;
    assert_eq!(answer.body["errors"][0]["type"], "FORBIDDEN");
    let anonymous =
        crate::support::send(&world.gh, "POST", "/graphql", &[], json!({ "query": "{ viewer }" }));
    assert_eq!(anonymous.await.unwrap().status, 401);
}

#[tokio::test]
async fn an_unknown_operation_or_field_is_a_violation() {
    let world = World::new().await;
    let issue = world.shop.issue("Hello").by(&world.ada).open().await;
    let id = issue.comment(&world.ada, "x").await.node_id();
    for query in [
        "mutation { singSong(input: {}) { song } }".to_owned(),
        "{ viewer { shoeSize } }".to_owned(),
        format!(
            "mutation {{ addReaction(input: {{subjectId: \"{id}\", content: EYES, colour: 1}}) {{ subject {{ id }} }} }}"
        ),
        "{ viewer {".to_owned(),
    ] {
        let answer = ask(&world, &query, Value::Null).await;
        assert!(answer.body["errors"].is_array(), "{query}");
        assert_eq!(world.gh.take_violations().len(), 1, "{query}");
    }
}
