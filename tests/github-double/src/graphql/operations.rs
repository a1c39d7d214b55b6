//! The queries and mutations that the double knows.

use serde_json::{Map, Value, json};

use super::Failure;
use super::node::DISCUSSIONS;
use super::parse::Field;
use crate::http::auth::Caller;
use crate::http::reply::Refusal;
use crate::ids::{CommentId, DiscussionId, parse_node_id};
use crate::state::State;
use crate::state::comment::{NewComment, Place};
use crate::state::reaction::{CONTENTS, Subject};
use crate::state::repository::Permission;

type Found = Result<Value, Failure>;

/// GraphQL's names of the reactions, in the order of [`CONTENTS`].
const REACTIONS: [&str; 8] =
    ["THUMBS_UP", "THUMBS_DOWN", "LAUGH", "CONFUSED", "HEART", "HOORAY", "ROCKET", "EYES"];

/// Why a comment may be hidden.
const CLASSIFIERS: [&str; 6] = ["SPAM", "ABUSE", "OFF_TOPIC", "OUTDATED", "DUPLICATE", "RESOLVED"];

pub(super) fn query(state: &mut State, caller: &Caller, field: &Field) -> Found {
    let text = |name: &str| field.arguments.get(name).and_then(Value::as_str).unwrap_or_default();
    match field.name.as_str() {
        "viewer" => {
            let (actor, _) = state.actor(caller)?;
            Ok(state.actor_graph(actor))
        }
        "node" => {
            let subject = state.writable_node(caller, text("id"))?;
            Ok(state.subject_graph(subject))
        }
        "repository" => {
            let id = state.visible(caller, text("owner"), text("name"))?;
            let mut graph = json!({
                "__typename": "Repository",
                "id": id.node_id(),
                "databaseId": id,
                "nameWithOwner": state.full_name(id),
            });
            for asked in field.fields.iter().filter(|asked| asked.name == "discussion") {
                let number = asked.arguments.get("number").and_then(Value::as_u64).unwrap_or_default();
                let found = state.discussions.values().find(|d| d.repository == id && d.number == number);
                let discussion = found.ok_or_else(|| Failure::not_found(&number.to_string()))?.id;
                graph["discussion"] = state.discussion_graph(discussion);
            }
            Ok(graph)
        }
        name => Err(Failure::unknown_field(name, "Query")),
    }
}

pub(super) fn mutate(state: &mut State, caller: &Caller, field: &Field) -> Found {
    let empty = Map::new();
    let input = Input(field.arguments.get("input").and_then(Value::as_object).unwrap_or(&empty));
    match field.name.as_str() {
        "addReaction" => {
            input.only(&["subjectId", "content"])?;
            add_reaction(state, caller, &input)
        }
        "removeReaction" => {
            input.only(&["subjectId", "content"])?;
            remove_reaction(state, caller, &input)
        }
        "addDiscussionComment" => {
            input.only(&["discussionId", "body", "replyToId"])?;
            add_discussion_comment(state, caller, &input)
        }
        "updateDiscussionComment" => {
            input.only(&["commentId", "body"])?;
            update_discussion_comment(state, caller, &input)
        }
        "deleteDiscussionComment" => {
            input.only(&["id"])?;
            let (id, actor) = changeable(state, caller, input.text("id")?)?;
            let graph = state.comment_graph(&state.comments[&id]);
            state.delete_and_tell(id, actor);
            Ok(json!({ "__typename": "DeleteDiscussionCommentPayload", "comment": graph }))
        }
        "minimizeComment" => {
            input.only(&["subjectId", "classifier"])?;
            let classifier = input.text("classifier")?;
            if !CLASSIFIERS.contains(&classifier) {
                return Err(Failure::invalid(format!("{classifier} is no ReportedContentClassifiers")));
            }
            minimize(state, caller, input.text("subjectId")?, Some(classifier))
        }
        "unminimizeComment" => {
            input.only(&["subjectId"])?;
            minimize(state, caller, input.text("subjectId")?, None)
        }
        name => Err(Failure::unknown_field(name, "Mutation")),
    }
}

/// A mutation's input object.
struct Input<'a>(&'a Map<String, Value>);

impl Input<'_> {
    /// GitHub refuses fields that it does not know; `clientMutationId` is always allowed.
    fn only(&self, known: &[&str]) -> Result<(), Failure> {
        match self.0.keys().find(|key| !known.contains(&key.as_str()) && *key != "clientMutationId") {
            None => Ok(()),
            Some(key) => Err(Failure::invalid(format!("InputObject doesn't accept argument '{key}'"))),
        }
    }

    fn text(&self, name: &str) -> Result<&str, Failure> {
        let text = self.0.get(name).and_then(Value::as_str);
        text.ok_or_else(|| Failure::invalid(format!("Argument '{name}' on InputObject is required")))
    }
}

fn content(input: &Input<'_>) -> Result<(&'static str, &'static str), Failure> {
    let asked = input.text("content")?;
    let known = REACTIONS.into_iter().zip(CONTENTS).find(|(name, _)| *name == asked);
    known.ok_or_else(|| Failure::invalid(format!("{asked} is no ReactionContent")))
}

fn add_reaction(state: &mut State, caller: &Caller, input: &Input<'_>) -> Found {
    let subject = state.writable_node(caller, input.text("subjectId")?)?;
    let (name, content) = content(input)?;
    let (user, _) = state.actor(caller)?;
    let (id, _) = state.react(subject, user, content);
    Ok(json!({
        "__typename": "AddReactionPayload",
        "reaction": {
            "__typename": "Reaction",
            "id": id.node_id(),
            "databaseId": id,
            "content": name,
            "user": state.actor_graph(user),
        },
        "subject": state.subject_graph(subject),
    }))
}

fn remove_reaction(state: &mut State, caller: &Caller, input: &Input<'_>) -> Found {
    let subject = state.writable_node(caller, input.text("subjectId")?)?;
    let (name, content) = content(input)?;
    let (user, _) = state.actor(caller)?;
    let is_it =
        |r: &&crate::state::reaction::Reaction| r.on == subject && r.user == user && r.content == content;
    let id = state.reactions.iter().find(is_it).map(|reaction| reaction.id).ok_or_else(Refusal::not_found)?;
    state.reactions.retain(|reaction| reaction.id != id);
    Ok(json!({
        "__typename": "RemoveReactionPayload",
        "reaction": { "__typename": "Reaction", "id": id.node_id(), "content": name },
        "subject": state.subject_graph(subject),
    }))
}

fn add_discussion_comment(state: &mut State, caller: &Caller, input: &Input<'_>) -> Found {
    let asked = input.text("discussionId")?;
    let body = input.text("body")?.to_owned();
    let Subject::Discussion(discussion) = state.writable_node(caller, asked)? else {
        return Err(Failure::not_found(asked));
    };
    let reply_to = match input.0.get("replyToId").and_then(Value::as_str) {
        None => None,
        Some(id) => Some(top_comment(state, discussion, id)?),
    };
    let (author, app) = state.actor(caller)?;
    let repository = state.discussions[&discussion].repository;
    let place = Place::Discussion { discussion, reply_to };
    let comment = state.comment_and_tell(NewComment { repository, place, author, app, body });
    Ok(json!({ "__typename": "AddDiscussionCommentPayload", "comment": state.comment_graph(&comment) }))
}

/// A comment that can be replied to: of this discussion, and no reply itself.
fn top_comment(state: &State, wanted: DiscussionId, id: &str) -> Result<CommentId, Failure> {
    let comment = parse_node_id(id).and_then(|(_, number)| state.comments.get(&CommentId(number)));
    match comment.map(|comment| (&comment.place, comment.id)) {
        Some((Place::Discussion { discussion, reply_to: None }, id)) if *discussion == wanted => Ok(id),
        Some((Place::Discussion { discussion, reply_to: Some(_) }, _)) if *discussion == wanted => {
            Err(Refusal::new(422, "Parent comment is already in a thread, cannot reply to it").into())
        }
        _ => Err(Failure::not_found(id)),
    }
}

fn update_discussion_comment(state: &mut State, caller: &Caller, input: &Input<'_>) -> Found {
    let body = input.text("body")?.to_owned();
    let (id, actor) = changeable(state, caller, input.text("commentId")?)?;
    state.edit_and_tell(id, body, actor);
    let graph = state.comment_graph(&state.comments[&id]);
    Ok(json!({ "__typename": "UpdateDiscussionCommentPayload", "comment": graph }))
}

/// A discussion comment that the caller may change: their own, or with write access.
fn changeable(
    state: &State,
    caller: &Caller,
    id: &str,
) -> Result<(CommentId, crate::ids::AccountId), Failure> {
    let Subject::Comment(comment) = state.writable_node(caller, id)? else {
        return Err(Failure::not_found(id));
    };
    let comment = &state.comments[&comment];
    if !matches!(comment.place, Place::Discussion { .. }) {
        return Err(Failure::not_found(id));
    }
    state.allow(caller, comment.repository, DISCUSSIONS)?;
    let (actor, _) = state.actor(caller)?;
    if comment.author != actor && state.permission(actor, comment.repository) < Permission::Triage {
        return Err(Refusal::new(403, "You do not have permission to change this comment").into());
    }
    Ok((comment.id, actor))
}

/// Hides a comment, or shows it again. Apps may with write permission, people from triage on.
fn minimize(state: &mut State, caller: &Caller, id: &str, why: Option<&str>) -> Found {
    let subject = state.writable_node(caller, id)?;
    let repository = match subject {
        Subject::Comment(id) => state.comments[&id].repository,
        Subject::Review(id) => state.reviews[&id].repository,
        Subject::Issue(_) | Subject::Discussion(_) => return Err(Failure::not_found(id)),
    };
    let (actor, _) = state.actor(caller)?;
    let is_app = matches!(caller, Caller::Installation(_));
    if !is_app && state.permission(actor, repository) < Permission::Triage {
        return Err(Refusal::new(403, "You do not have permission to minimize this comment").into());
    }
    let why = why.map(str::to_owned);
    match subject {
        Subject::Comment(id) => {
            if let Some(comment) = state.comments.get_mut(&id) {
                comment.minimized = why;
            }
        }
        Subject::Review(id) => {
            if let Some(review) = state.reviews.get_mut(&id) {
                review.minimized = why;
            }
        }
        Subject::Issue(_) | Subject::Discussion(_) => {}
    }
    Ok(json!({ "__typename": "MinimizeCommentPayload", "minimizedComment": state.subject_graph(subject) }))
}
