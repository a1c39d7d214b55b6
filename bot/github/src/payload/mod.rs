//! From an event's payload to the comment in it, whatever kind of place it was written in.

mod mention;
mod shape;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use deputy_core::comment::{Account, Comment, CommentAction, DiscussionComment, Place, Repository};
use deputy_core::ids::{AppId, CommentId, EventName, InstallationId, Number, RepositoryId, UserId};

pub use mention::MentionFinder;
use shape::{Item, Payload, Text};

/// A payload that is not what GitHub documents for its event. Says where and what, never the contents: errors
/// are logged, payloads are not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// No JSON, or a field of another type.
    #[error("the payload is {what} at line {line}, column {column}")]
    Unreadable {
        /// What is wrong.
        what: &'static str,
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in bytes.
        column: usize,
    },
    /// A field that GitHub always sends is not there.
    #[error("the payload has no `{0}`")]
    Missing(&'static str),
}

/// The comment that an event tells of: something written, or changed, where a command may stand.
///
/// `Ok(None)` for all else: other events, other actions, edits that left the text alone (a new title, another
/// base branch), and text whose author GitHub no longer knows, since nobody is there to act for.
pub fn comment<'a>(event: &EventName, body: &'a [u8]) -> Result<Option<Comment<'a>>, DecodeError> {
    let Some(source) = Source::of(event.as_str()) else { return Ok(None) };
    let mut payload: Payload<'a> = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    let action = payload.action.take().unwrap_or_default();
    let Some(action) = source.action(&action.0) else { return Ok(None) };
    let old_body = match (action, payload.changes.take().and_then(|changes| changes.body)) {
        (CommentAction::Created, _) => None,
        (CommentAction::Edited, Some(change)) => Some(change.from.unwrap_or_default().0),
        (CommentAction::Edited, None) => return Ok(None),
    };
    let (place, item) = source.find(&mut payload)?;
    let (Some(author), Some(sender)) = (item.user, payload.sender) else { return Ok(None) };
    Ok(Some(Comment {
        action,
        place,
        repository: repository(payload.repository.ok_or(DecodeError::Missing("repository"))?)?,
        installation: payload.installation.and_then(|it| it.id).map(InstallationId),
        author: account(author)?,
        sender: account(sender)?,
        via_app: item.via_app.and_then(|app| app.id).map(AppId),
        body: item.body.unwrap_or_default().0,
        old_body,
        created_at: item.created_at.or(item.submitted_at).and_then(timestamp),
        updated_at: item.updated_at.and_then(timestamp),
        html_url: item.html_url.unwrap_or_default().0,
        node_id: item.node_id.unwrap_or_default().0,
    }))
}

/// Who did what an event tells of, of whatever kind.
pub fn sender(body: &[u8]) -> Result<Option<UserId>, DecodeError> {
    let payload: Payload<'_> = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    Ok(payload.sender.and_then(|sender| sender.id).map(UserId))
}

/// The events that carry text, and with it where the text is.
#[derive(Clone, Copy)]
enum Source {
    IssueComment,
    ReviewComment,
    Review,
    CommitComment,
    Issue,
    PullRequest,
    Discussion,
    DiscussionComment,
}

impl Source {
    fn of(event: &str) -> Option<Self> {
        Some(match event {
            "issue_comment" => Self::IssueComment,
            "pull_request_review_comment" => Self::ReviewComment,
            "pull_request_review" => Self::Review,
            "commit_comment" => Self::CommitComment,
            "issues" => Self::Issue,
            "pull_request" => Self::PullRequest,
            "discussion" => Self::Discussion,
            "discussion_comment" => Self::DiscussionComment,
            _ => return None,
        })
    }

    fn action(self, action: &str) -> Option<CommentAction> {
        let created = match self {
            Self::IssueComment
            | Self::ReviewComment
            | Self::CommitComment
            | Self::Discussion
            | Self::DiscussionComment => "created",
            Self::Review => "submitted",
            Self::Issue | Self::PullRequest => "opened",
        };
        match action {
            "edited" => Some(CommentAction::Edited),
            other if other == created => Some(CommentAction::Created),
            _ => None,
        }
    }

    fn find<'a>(self, payload: &mut Payload<'a>) -> Result<(Place<'a>, Item<'a>), DecodeError> {
        let Payload { comment, review, issue, pull_request, discussion, .. } = payload;
        match self {
            Self::IssueComment => {
                let comment = take(comment, "comment")?;
                let issue = take(issue, "issue")?;
                let (number, id) = (number(&issue, "issue.number")?, Some(id(&comment, "comment.id")?));
                let place = if issue.pull_request.is_some() {
                    Place::PullRequest { number, comment: id }
                } else {
                    Place::Issue { number, comment: id }
                };
                Ok((place, comment))
            }
            Self::ReviewComment => {
                let comment = take(comment, "comment")?;
                let number = number(&take(pull_request, "pull_request")?, "pull_request.number")?;
                let id = id(&comment, "comment.id")?;
                let thread = comment.in_reply_to.map_or(id, CommentId);
                Ok((Place::ReviewComment { number, comment: id, thread }, comment))
            }
            Self::Review => {
                let review = take(review, "review")?;
                let number = number(&take(pull_request, "pull_request")?, "pull_request.number")?;
                Ok((Place::Review { number, review: id(&review, "review.id")? }, review))
            }
            Self::CommitComment => {
                let mut comment = take(comment, "comment")?;
                let sha = comment.commit.take().ok_or(DecodeError::Missing("comment.commit_id"))?.0;
                Ok((Place::Commit { sha, comment: id(&comment, "comment.id")? }, comment))
            }
            Self::Issue => {
                let issue = take(issue, "issue")?;
                Ok((Place::Issue { number: number(&issue, "issue.number")?, comment: None }, issue))
            }
            Self::PullRequest => {
                let pull_request = take(pull_request, "pull_request")?;
                let number = number(&pull_request, "pull_request.number")?;
                Ok((Place::PullRequest { number, comment: None }, pull_request))
            }
            Self::Discussion => {
                let mut discussion = take(discussion, "discussion")?;
                let place = in_discussion(&mut discussion, None)?;
                // The place took the id that the comment needs too.
                if let Place::Discussion { discussion: node_id, .. } = &place {
                    discussion.node_id = Some(Text(node_id.clone()));
                }
                Ok((place, discussion))
            }
            Self::DiscussionComment => {
                let comment = take(comment, "comment")?;
                let thread = match (&comment.parent, &comment.node_id) {
                    (None, Some(node_id)) => Some(node_id.0.clone()),
                    _ => None,
                };
                let reply = DiscussionComment { comment: id(&comment, "comment.id")?, thread };
                Ok((in_discussion(&mut take(discussion, "discussion")?, Some(reply))?, comment))
            }
        }
    }
}

fn in_discussion<'a>(
    item: &mut Item<'a>,
    comment: Option<DiscussionComment<'a>>,
) -> Result<Place<'a>, DecodeError> {
    let number = number(item, "discussion.number")?;
    let discussion = item.node_id.take().ok_or(DecodeError::Missing("discussion.node_id"))?.0;
    Ok(Place::Discussion { number, discussion, comment })
}

fn take<'a>(item: &mut Option<Item<'a>>, name: &'static str) -> Result<Item<'a>, DecodeError> {
    item.take().ok_or(DecodeError::Missing(name))
}

fn id(item: &Item<'_>, name: &'static str) -> Result<CommentId, DecodeError> {
    item.id.map(CommentId).ok_or(DecodeError::Missing(name))
}

fn number(item: &Item<'_>, name: &'static str) -> Result<Number, DecodeError> {
    item.number.map(Number).ok_or(DecodeError::Missing(name))
}

fn repository(shape: shape::Repository<'_>) -> Result<Repository<'_>, DecodeError> {
    let owner = shape.owner.ok_or(DecodeError::Missing("repository.owner"))?;
    Ok(Repository {
        id: RepositoryId(shape.id.ok_or(DecodeError::Missing("repository.id"))?),
        owner: owner.login.ok_or(DecodeError::Missing("repository.owner.login"))?.0,
        name: shape.name.ok_or(DecodeError::Missing("repository.name"))?.0,
        owner_is_organization: owner.kind.is_some_and(|kind| kind.0 == "Organization"),
    })
}

/// Only GitHub's `User` without the suffix of Apps is a person: a type that GitHub adds tomorrow is not.
fn account(shape: shape::Account<'_>) -> Result<Account<'_>, DecodeError> {
    let login = shape.login.ok_or(DecodeError::Missing("user.login"))?.0;
    Ok(Account {
        id: UserId(shape.id.ok_or(DecodeError::Missing("user.id"))?),
        is_human: shape.kind.is_some_and(|kind| kind.0 == "User") && !login.ends_with("[bot]"),
        login,
    })
}

/// `None` where it is no RFC 3339: a comment with an odd date is still a comment.
fn timestamp(text: Text<'_>) -> Option<DateTime<Utc>> {
    let text: Cow<'_, str> = text.0;
    DateTime::parse_from_rfc3339(&text).ok().map(|time| time.to_utc())
}

/// serde_json's own text may quote the value that it stumbled over.
pub(crate) fn unreadable(error: &serde_json::Error) -> DecodeError {
    use serde_json::error::Category;
    let what = match error.classify() {
        Category::Data => "JSON of another shape",
        Category::Eof => "cut off",
        Category::Syntax | Category::Io => "not JSON",
    };
    DecodeError::Unreadable { what, line: error.line(), column: error.column() }
}
