//! Reactions: <https://docs.github.com/en/rest/reactions/reactions>.

use super::{commit_comments, issue_comments, issues, pulls, review_comments};
use crate::access::Needs;
use crate::http::auth::Caller;
use crate::http::call::Call;
use crate::http::reply::{Answer, Refusal, Reply};
use crate::http::route::{Route, delete, get, post};
use crate::ids::ReactionId;
use crate::state::State;
use crate::state::reaction::{CONTENTS, Subject};

pub(crate) const ROUTES: &[Route] = &[
    get("/repos/{owner}/{repo}/issues/{issue_number}/reactions", |s, c| list(s, c, ISSUE)),
    post("/repos/{owner}/{repo}/issues/{issue_number}/reactions", |s, c| create(s, c, ISSUE)),
    delete("/repos/{owner}/{repo}/issues/{issue_number}/reactions/{reaction_id}", |s, c| remove(s, c, ISSUE)),
    get("/repos/{owner}/{repo}/issues/comments/{comment_id}/reactions", |s, c| list(s, c, ISSUE_COMMENT)),
    post("/repos/{owner}/{repo}/issues/comments/{comment_id}/reactions", |s, c| create(s, c, ISSUE_COMMENT)),
    delete("/repos/{owner}/{repo}/issues/comments/{comment_id}/reactions/{reaction_id}", |s, c| {
        remove(s, c, ISSUE_COMMENT)
    }),
    get("/repos/{owner}/{repo}/pulls/comments/{comment_id}/reactions", |s, c| list(s, c, LINE)),
    post("/repos/{owner}/{repo}/pulls/comments/{comment_id}/reactions", |s, c| create(s, c, LINE)),
    delete("/repos/{owner}/{repo}/pulls/comments/{comment_id}/reactions/{reaction_id}", |s, c| {
        remove(s, c, LINE)
    }),
    get("/repos/{owner}/{repo}/comments/{comment_id}/reactions", |s, c| list(s, c, COMMIT)),
    post("/repos/{owner}/{repo}/comments/{comment_id}/reactions", |s, c| create(s, c, COMMIT)),
    delete("/repos/{owner}/{repo}/comments/{comment_id}/reactions/{reaction_id}", |s, c| {
        remove(s, c, COMMIT)
    }),
];

/// A kind of thing that can be reacted to: who may look, who may react, and how the path names it.
struct Kind {
    read: Needs,
    write: Needs,
    subject: fn(&State, &Call, Needs) -> Result<Subject, Refusal>,
}

const ISSUE: &Kind = &Kind {
    read: issues::READ,
    write: issues::WRITE,
    subject: |state, call, needs| {
        let repository = state.enter(call, needs)?;
        let number = issues::issue(state, call, repository)?;
        Ok(Subject::Issue(state.issue(repository, number).id))
    },
};

const ISSUE_COMMENT: &Kind = &Kind {
    read: issues::READ,
    write: issues::WRITE,
    subject: |state, call, needs| {
        let repository = state.enter(call, needs)?;
        Ok(Subject::Comment(issue_comments::comment(state, call, repository, issue_comments::is_here)?))
    },
};

const LINE: &Kind = &Kind {
    read: pulls::READ,
    write: pulls::WRITE,
    subject: |state, call, needs| {
        let repository = state.enter(call, needs)?;
        Ok(Subject::Comment(issue_comments::comment(state, call, repository, review_comments::is_here)?))
    },
};

const COMMIT: &Kind = &Kind {
    read: commit_comments::READ,
    write: commit_comments::WRITE,
    subject: |state, call, needs| {
        let repository = state.enter(call, needs)?;
        Ok(Subject::Comment(issue_comments::comment(state, call, repository, commit_comments::is_here)?))
    },
};

fn list(state: &State, call: &Call, kind: &Kind) -> Answer {
    let subject = (kind.subject)(state, call, kind.read)?;
    let wanted = call.query("content");
    let reactions = state.reactions_on(subject).filter(|r| wanted.is_none_or(|wanted| r.content == wanted));
    Ok(call.page(reactions.map(|reaction| state.reaction_json(reaction)).collect()))
}

fn create(state: &mut State, call: &Call, kind: &Kind) -> Answer {
    let subject = (kind.subject)(state, call, kind.write)?;
    let (user, _) = state.actor(&call.caller)?;
    let asked = call.text("Reaction", "content")?;
    let content = CONTENTS.into_iter().find(|content| *content == asked);
    let content = content.ok_or_else(|| Refusal::unprocessable("Reaction", "content", "invalid"))?;
    let (id, is_new) = state.react(subject, user, content);
    let reaction = state.reactions.iter().find(|reaction| reaction.id == id).expect("just added");
    Ok(Reply::new(if is_new { 201 } else { 200 }, state.reaction_json(reaction)))
}

fn remove(state: &mut State, call: &Call, kind: &Kind) -> Answer {
    let subject = (kind.subject)(state, call, kind.write)?;
    let (user, _) = state.actor(&call.caller)?;
    let id = ReactionId(call.number("reaction_id")?);
    let reaction = state.reactions.iter().find(|reaction| reaction.id == id && reaction.on == subject);
    let reaction = reaction.ok_or_else(Refusal::not_found)?;
    // Nobody deletes another's reaction, whatever else they may do.
    if reaction.user != user {
        return Err(match call.caller {
            Caller::Installation(_) => Refusal::not_for_integration(),
            _ => Refusal::new(403, "Must have admin rights to Repository."),
        });
    }
    state.reactions.retain(|reaction| reaction.id != id);
    Ok(Reply::no_content())
}
