//! GraphQL, for what REST cannot do: writing in discussions, and reactions on reviews.

use anyhow::anyhow;
use deputy_core::ids::RepositoryId;
use deputy_core::ports::{GitHubError, Reaction};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::answer::GraphQlErrors;
use super::{Call, Client, Identity, Repeat};

/// What is asked of each comment of a list.
macro_rules! found {
    () => {
        "{ nodes { id databaseId url body author { \
            __typename ... on User { databaseId } \
        } } }"
    };
}

/// An operation and how often it may be sent.
pub(crate) struct Operation {
    pub(crate) query: &'static str,
    pub(crate) variables: Value,
    pub(crate) repeat: Repeat,
    /// Notifies people.
    pub(crate) creates_content: bool,
}

/// A comment on a discussion, as mutations return it.
#[derive(Debug, Deserialize)]
pub(crate) struct DiscussionReply {
    pub(crate) id: String,
    #[serde(rename = "databaseId")]
    pub(crate) database_id: Option<u64>,
    pub(crate) url: String,
    #[serde(default)]
    pub(crate) body: String,
    pub(crate) author: Option<Author>,
}

/// Who wrote it.
#[derive(Debug, Deserialize)]
pub(crate) struct Author {
    #[serde(rename = "__typename")]
    pub(crate) kind: String,
    #[serde(rename = "databaseId")]
    pub(crate) database_id: Option<u64>,
}

impl Client {
    /// Sends an operation. GraphQL reports errors with HTTP 200; they become the same errors as REST's.
    pub(crate) async fn graphql<T: DeserializeOwned>(
        &self,
        identity: Identity,
        repository: RepositoryId,
        operation: Operation,
    ) -> Result<T, GitHubError> {
        let Operation { query, variables, repeat, creates_content } = operation;
        let mut call =
            Call::graphql(repeat).of(repository).json(&json!({"query": query, "variables": variables}))?;
        call.creates_content = creates_content;
        let answer = self.send(identity, call).await?;
        if let Some(error) = answer.json::<GraphQlErrors>()?.errors.into_iter().next() {
            let message = error.message;
            return Err(match error.kind.as_str() {
                "NOT_FOUND" => GitHubError::NotFound,
                "FORBIDDEN" | "INSUFFICIENT_SCOPES" => GitHubError::Forbidden { message },
                "" if message.starts_with("Something went wrong") => {
                    GitHubError::Unavailable(anyhow!("GitHub says: {message}"))
                }
                _ => GitHubError::Refused { status: answer.status.as_u16(), message },
            });
        }
        answer.json::<Data<T>>().map(|answer| answer.data)
    }

    /// Reacts to anything by its GraphQL id.
    pub(crate) async fn add_reaction(
        &self,
        identity: Identity,
        repository: RepositoryId,
        subject: &str,
        reaction: Reaction,
    ) -> Result<(), GitHubError> {
        let content = match reaction {
            Reaction::PlusOne => "THUMBS_UP",
            Reaction::MinusOne => "THUMBS_DOWN",
            Reaction::Laugh => "LAUGH",
            Reaction::Confused => "CONFUSED",
            Reaction::Heart => "HEART",
            Reaction::Hooray => "HOORAY",
            Reaction::Rocket => "ROCKET",
            Reaction::Eyes => "EYES",
        };
        let operation = Operation {
            query: "mutation($subject: ID!, $content: ReactionContent!) {
                addReaction(input: {subjectId: $subject, content: $content}) { reaction { content } }
            }",
            variables: json!({"subject": subject, "content": content}),
            repeat: Repeat::Safe,
            creates_content: false,
        };
        self.graphql::<serde::de::IgnoredAny>(identity, repository, operation).await.map(drop)
    }

    /// Hides a comment.
    pub(crate) async fn minimize_comment(
        &self,
        identity: Identity,
        repository: RepositoryId,
        (subject, classifier): (&str, &str),
    ) -> Result<(), GitHubError> {
        let operation = Operation {
            query: "mutation($subject: ID!, $classifier: ReportedContentClassifiers!) {
                minimizeComment(input: {subjectId: $subject, classifier: $classifier}) {
                    minimizedComment { isMinimized }
                }
            }",
            variables: json!({"subject": subject, "classifier": classifier}),
            repeat: Repeat::Safe,
            creates_content: false,
        };
        self.graphql::<serde::de::IgnoredAny>(identity, repository, operation).await.map(drop)
    }

    /// Comments on a discussion, or replies to one of its top-level comments.
    pub(crate) async fn add_discussion_comment(
        &self,
        identity: Identity,
        repository: RepositoryId,
        (discussion, thread): (&str, Option<&str>),
        body: &str,
    ) -> Result<DiscussionReply, GitHubError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Added {
            add_discussion_comment: Payload,
        }
        #[derive(Deserialize)]
        struct Payload {
            comment: DiscussionReply,
        }
        let operation = Operation {
            query: "mutation($discussion: ID!, $thread: ID, $body: String!) {
                addDiscussionComment(input: {discussionId: $discussion, replyToId: $thread, body: $body}) {
                    comment { id databaseId url }
                }
            }",
            variables: json!({"discussion": discussion, "thread": thread, "body": body}),
            repeat: Repeat::Once,
            creates_content: true,
        };
        let added: Added = self.graphql(identity, repository, operation).await?;
        Ok(added.add_discussion_comment.comment)
    }

    /// Replaces the text of a comment on a discussion.
    pub(crate) async fn update_discussion_comment(
        &self,
        identity: Identity,
        repository: RepositoryId,
        comment: &str,
        body: &str,
    ) -> Result<(), GitHubError> {
        let operation = Operation {
            query: "mutation($comment: ID!, $body: String!) {
                updateDiscussionComment(input: {commentId: $comment, body: $body}) { comment { id } }
            }",
            variables: json!({"comment": comment, "body": body}),
            repeat: Repeat::Safe,
            creates_content: false,
        };
        self.graphql::<serde::de::IgnoredAny>(identity, repository, operation).await.map(drop)
    }

    /// The last hundred comments of a discussion, or replies of a thread, oldest first.
    pub(crate) async fn discussion_comments(
        &self,
        identity: Identity,
        repository: RepositoryId,
        (discussion, thread): (&str, Option<&str>),
    ) -> Result<Vec<DiscussionReply>, GitHubError> {
        #[derive(Deserialize)]
        struct Found {
            node: Option<Node>,
        }
        #[derive(Deserialize)]
        struct Node {
            // A node of another kind has none; then there is nothing to find.
            #[serde(default)]
            comments: Nodes,
        }
        #[derive(Default, Deserialize)]
        struct Nodes {
            nodes: Vec<Option<DiscussionReply>>,
        }
        let operation = Operation {
            query: match thread {
                Some(_) => concat!(
                    "query($id: ID!) { node(id: $id) { ... on DiscussionComment { comments: replies(last: 100) ",
                    found!(),
                    " } } }"
                ),
                None => concat!(
                    "query($id: ID!) { node(id: $id) { ... on Discussion { comments(last: 100) ",
                    found!(),
                    " } } }"
                ),
            },
            variables: json!({"id": thread.unwrap_or(discussion)}),
            repeat: Repeat::Safe,
            creates_content: false,
        };
        let found: Found = self.graphql(identity, repository, operation).await?;
        let nodes = found.node.map(|node| node.comments.nodes).unwrap_or_default();
        Ok(nodes.into_iter().flatten().collect())
    }
}

#[derive(Deserialize)]
struct Data<T> {
    data: T,
}
