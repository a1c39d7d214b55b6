//! Comments and reactions, each in the place where it belongs.

use deputy_core::comment::{Comment, DiscussionComment, Place, Repository};
use deputy_core::ids::{CommentId, Number};
use deputy_core::ports::{GitHubError, Marked, PostedComment, Reaction};
use serde::Deserialize;
use serde_json::json;

use super::graphql::DiscussionReply;
use super::{Call, Client, Identity, Path};

/// How many pages of a hundred comments are searched for a reply.
const MOST_PAGES: usize = 10;

/// A comment, as REST shows it.
#[derive(Debug, Deserialize)]
struct Shown {
    id: u64,
    node_id: String,
    html_url: String,
    body: Option<String>,
    user: Option<Author>,
}

#[derive(Debug, Deserialize)]
struct Author {
    id: u64,
    #[serde(rename = "type")]
    kind: String,
}

impl Client {
    pub(super) async fn post_reply(
        &self,
        identity: Identity,
        comment: &Comment<'_>,
        body: &str,
    ) -> Result<PostedComment, GitHubError> {
        let repository = &comment.repository;
        let path = match &comment.place {
            Place::Issue { number, .. }
            | Place::PullRequest { number, .. }
            | Place::Review { number, .. } => {
                Path::in_repository(repository, &["issues", &number.to_string(), "comments"])?
            }
            Place::ReviewComment { number, thread, .. } => {
                let (number, thread) = (number.to_string(), thread.to_string());
                Path::in_repository(repository, &["pulls", &number, "comments", &thread, "replies"])?
            }
            Place::Commit { sha, .. } => Path::in_repository(repository, &["commits", sha, "comments"])?,
            Place::Discussion { discussion, comment: on, .. } => {
                let to = (&**discussion, thread(on.as_ref()));
                let reply = self.add_discussion_comment(identity, repository.id, to, body).await?;
                return Ok(posted_in_discussion(&comment.place, reply));
            }
        };
        let call = Call::post(path).creating_content().of(repository.id).json(&json!({"body": body}))?;
        let shown: Shown = self.send(identity, call).await?.json()?;
        Ok(posted(&comment.place, shown))
    }

    pub(super) async fn search_reply(
        &self,
        identity: Identity,
        comment: &Comment<'_>,
        marker: &str,
    ) -> Result<Option<PostedComment>, GitHubError> {
        let repository = &comment.repository;
        let path = match &comment.place {
            Place::Issue { number, .. }
            | Place::PullRequest { number, .. }
            | Place::Review { number, .. } => {
                Path::in_repository(repository, &["issues", &number.to_string(), "comments"])?
            }
            Place::ReviewComment { number, .. } => {
                Path::in_repository(repository, &["pulls", &number.to_string(), "comments"])?
            }
            Place::Commit { sha, .. } => Path::in_repository(repository, &["commits", sha, "comments"])?,
            Place::Discussion { discussion, comment: on, .. } => {
                let place = (&**discussion, thread(on.as_ref()));
                let replies = self.discussion_comments(identity, repository.id, place).await?;
                let ours = |reply: &DiscussionReply| {
                    let author = reply.author.as_ref();
                    is_ours(identity, author.map(|author| (author.database_id, author.kind.as_str())))
                        && reply.body.contains(marker)
                };
                let found = replies.into_iter().find(ours);
                return Ok(found.map(|reply| posted_in_discussion(&comment.place, reply)));
            }
        };
        let mut path = path.query("per_page", "100");
        if let (Some(since), false) = (comment.created_at, matches!(comment.place, Place::Commit { .. })) {
            path = path.query("since", &since.format("%Y-%m-%dT%H:%M:%SZ").to_string());
        }
        let mut call = Call::get(path).of(repository.id);
        for _ in 0..MOST_PAGES {
            let answer = self.send(identity, call).await?;
            let ours = |shown: &Shown| {
                let author = shown.user.as_ref();
                is_ours(identity, author.map(|author| (Some(author.id), author.kind.as_str())))
                    && shown.body.as_ref().is_some_and(|body| body.contains(marker))
            };
            if let Some(shown) = answer.json::<Vec<Shown>>()?.into_iter().find(ours) {
                return Ok(Some(posted(&comment.place, shown)));
            }
            let Some(next) = self.next_page(&answer) else { return Ok(None) };
            call = Call::page(next).of(repository.id);
        }
        tracing::warn!(repo = %repository, "no reply found among the first thousand comments; there are more");
        Ok(None)
    }

    /// Comments, unless the same account has said so before. Issues and pull requests share their numbers, and the
    /// conversation's comments their endpoints.
    pub(super) async fn comment_once(
        &self,
        identity: Identity,
        repository: &Repository<'_>,
        number: Number,
        marked: &Marked<'_>,
    ) -> Result<PostedComment, GitHubError> {
        let place = Place::Issue { number, comment: None };
        let path = Path::in_repository(repository, &["issues", &number.to_string(), "comments"])?;
        let listed = Call::get(path.clone().query("per_page", "100")).of(repository.id);
        let ours = |shown: &Shown| {
            let author = shown.user.as_ref();
            is_ours(identity, author.map(|author| (Some(author.id), author.kind.as_str())))
                && shown.body.as_ref().is_some_and(|body| body.contains(marked.marker))
        };
        if let Some(shown) = self.list::<Shown>(identity, listed).await?.into_iter().find(ours) {
            return Ok(posted(&place, shown));
        }
        let call = Call::post(path).creating_content().of(repository.id);
        let answer = self.send(identity, call.json(&json!({"body": marked.body}))?).await?;
        Ok(posted(&place, answer.json()?))
    }

    pub(super) async fn replace_reply(
        &self,
        identity: Identity,
        repository: &Repository<'_>,
        posted: &PostedComment,
        body: &str,
    ) -> Result<(), GitHubError> {
        let id = posted.id.to_string();
        let path = match &posted.place {
            Place::Issue { .. } | Place::PullRequest { .. } | Place::Review { .. } => {
                Path::in_repository(repository, &["issues", "comments", &id])?
            }
            Place::ReviewComment { .. } => Path::in_repository(repository, &["pulls", "comments", &id])?,
            Place::Commit { .. } => Path::in_repository(repository, &["comments", &id])?,
            Place::Discussion { .. } => {
                return self.update_discussion_comment(identity, repository.id, &posted.node_id, body).await;
            }
        };
        let call = Call::patch(path).of(repository.id).json(&json!({"body": body}))?;
        self.send(identity, call).await.map(drop)
    }

    pub(super) async fn add_reaction_to(
        &self,
        identity: Identity,
        comment: &Comment<'_>,
        reaction: Reaction,
    ) -> Result<(), GitHubError> {
        let repository = &comment.repository;
        let path = match &comment.place {
            Place::Issue { number, comment: None } | Place::PullRequest { number, comment: None } => {
                Path::in_repository(repository, &["issues", &number.to_string(), "reactions"])?
            }
            Place::Issue { comment: Some(id), .. } | Place::PullRequest { comment: Some(id), .. } => {
                Path::in_repository(repository, &["issues", "comments", &id.to_string(), "reactions"])?
            }
            Place::ReviewComment { comment, .. } => {
                Path::in_repository(repository, &["pulls", "comments", &comment.to_string(), "reactions"])?
            }
            Place::Commit { comment, .. } => {
                Path::in_repository(repository, &["comments", &comment.to_string(), "reactions"])?
            }
            Place::Review { .. } | Place::Discussion { .. } => {
                return self.add_reaction(identity, repository.id, &comment.node_id, reaction).await;
            }
        };
        let call = Call::post(path).idempotent().of(repository.id);
        let call = call.json(&json!({"content": reaction.as_str()}))?;
        self.send(identity, call).await.map(drop)
    }
}

/// Whether we wrote it: anybody can write our marker, and a stranger's comment must not be taken for our reply.
fn is_ours(identity: Identity, author: Option<(Option<u64>, &str)>) -> bool {
    match (identity, author) {
        (Identity::User(user), Some((id, _))) => id == Some(user.0),
        (_, Some((_, kind))) => kind == "Bot",
        (_, None) => false,
    }
}

fn thread<'a>(comment: Option<&'a DiscussionComment<'_>>) -> Option<&'a str> {
    comment.and_then(|comment| comment.thread.as_deref())
}

/// The reply, in the kind of place where it ended up.
fn posted(asked_in: &Place<'_>, shown: Shown) -> PostedComment {
    let comment = CommentId(shown.id);
    let place = match asked_in {
        Place::Issue { number, .. } => Place::Issue { number: *number, comment: Some(comment) },
        Place::PullRequest { number, .. } | Place::Review { number, .. } => {
            Place::PullRequest { number: *number, comment: Some(comment) }
        }
        Place::ReviewComment { number, thread, .. } => {
            Place::ReviewComment { number: *number, comment, thread: *thread }
        }
        Place::Commit { sha, .. } => Place::Commit { sha: sha.to_string().into(), comment },
        Place::Discussion { number, discussion, .. } => Place::Discussion {
            number: *number,
            discussion: discussion.to_string().into(),
            comment: Some(DiscussionComment { comment, thread: None }),
        },
    };
    PostedComment { place, id: shown.id, node_id: shown.node_id, html_url: shown.html_url }
}

fn posted_in_discussion(asked_in: &Place<'_>, reply: DiscussionReply) -> PostedComment {
    let DiscussionReply { id: node_id, database_id, url: html_url, .. } = reply;
    let shown = Shown { id: database_id.unwrap_or(0), node_id, html_url, body: None, user: None };
    posted(asked_in, shown)
}
