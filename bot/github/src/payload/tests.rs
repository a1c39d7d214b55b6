//! What payloads become: GitHub's recorded ones, and written ones for what was never recorded.

#![expect(clippy::needless_pass_by_value, reason = "payloads are written where they are passed")]

use serde_json::{Value, json};

use super::*;

fn event(name: &str) -> EventName {
    name.parse().unwrap()
}

fn user(id: u64, login: &str) -> Value {
    json!({"login": login, "id": id, "type": "User", "site_admin": false})
}

/// A payload with what every event has, and `more`.
fn payload(action: &str, more: Value) -> Value {
    let mut whole = json!({
        "action": action,
        "repository": {
            "id": 11, "name": "rocket", "full_name": "acme/rocket", "private": true,
            "owner": {"login": "acme", "id": 12, "type": "Organization"},
        },
        "organization": {"login": "acme", "id": 12},
        "installation": {"id": 13, "node_id": "x"},
        "sender": user(1, "ada"),
    });
    for (key, value) in more.as_object().unwrap() {
        whole[key] = value.clone();
    }
    whole
}

fn text(more: Value) -> Value {
    let mut item = json!({
        "id": 21, "node_id": "IC_21", "user": user(1, "ada"), "body": "@deputy ping",
        "html_url": "https://github.com/acme/rocket/pull/7#issuecomment-21",
        "created_at": "2026-11-20T12:00:00Z", "updated_at": "2026-11-20T12:00:05Z",
        "author_association": "MEMBER", "performed_via_github_app": null,
    });
    for (key, value) in more.as_object().unwrap() {
        item[key] = value.clone();
    }
    item
}

fn on_pull_request(action: &str, comment: Value) -> Value {
    let issue = json!({"number": 7, "id": 20, "pull_request": {"url": "https://api.github.com/x"}});
    payload(action, json!({"issue": issue, "comment": comment}))
}

/// The comment in a payload, with nothing borrowed so that tests can be short.
#[track_caller]
fn decoded<R>(name: &str, payload: &Value, look: impl FnOnce(Comment<'_>) -> R) -> R {
    let body = payload.to_string();
    look(comment(&event(name), body.as_bytes()).unwrap().expect("a comment"))
}

#[track_caller]
fn is_none(name: &str, payload: &Value) {
    assert_eq!(comment(&event(name), payload.to_string().as_bytes()), Ok(None));
}

#[test]
fn a_comment_on_a_pull_request_is_whole() {
    let payload = on_pull_request("created", text(json!({})));
    decoded("issue_comment", &payload, |comment| {
        let ada = Account { id: UserId(1), login: "ada".into(), is_human: true };
        let expected = Comment {
            action: CommentAction::Created,
            place: Place::PullRequest { number: Number(7), comment: Some(CommentId(21)) },
            repository: Repository {
                id: RepositoryId(11),
                owner: "acme".into(),
                name: "rocket".into(),
                owner_is_organization: true,
            },
            installation: Some(InstallationId(13)),
            author: ada.clone(),
            sender: ada,
            via_app: None,
            body: "@deputy ping".into(),
            old_body: None,
            created_at: Some("2026-11-20T12:00:00Z".parse().unwrap()),
            updated_at: Some("2026-11-20T12:00:05Z".parse().unwrap()),
            html_url: "https://github.com/acme/rocket/pull/7#issuecomment-21".into(),
            node_id: "IC_21".into(),
        };
        assert_eq!(comment, expected);
        assert!(matches!(comment.body, Cow::Borrowed(_)), "text without escapes is borrowed");
    });
}

#[test]
fn without_the_pull_request_field_it_is_an_issue() {
    let issue = json!({"number": 8, "id": 20, "pull_request": null});
    let payload = payload("created", json!({"issue": issue, "comment": text(json!({}))}));
    let place = Place::Issue { number: Number(8), comment: Some(CommentId(21)) };
    decoded("issue_comment", &payload, |comment| assert_eq!(comment.place, place));
}

#[test]
fn a_review_comment_names_the_first_of_its_thread() {
    for (more, thread) in [(json!({}), 21), (json!({"in_reply_to_id": 3}), 3)] {
        let payload = payload("created", json!({"comment": text(more), "pull_request": {"number": 7}}));
        let place =
            Place::ReviewComment { number: Number(7), comment: CommentId(21), thread: CommentId(thread) };
        decoded("pull_request_review_comment", &payload, |comment| assert_eq!(comment.place, place));
    }
}

#[test]
fn a_review_that_only_approves_has_an_empty_text() {
    let review = json!({"id": 5, "node_id": "PRR_5", "user": user(1, "ada"), "body": null, "state": "approved",
        "submitted_at": "2026-11-20T12:00:00Z", "html_url": "h"});
    let payload = payload("submitted", json!({"review": review, "pull_request": {"number": 7}}));
    decoded("pull_request_review", &payload, |comment| {
        assert_eq!(comment.place, Place::Review { number: Number(7), review: CommentId(5) });
        assert_eq!(comment.body, "");
        assert!(comment.created_at.is_some());
    });
}

#[test]
fn a_commit_comment_names_its_commit() {
    let sha = "6113728f27ae82c7b1a177c8d03f9e96e0adf246";
    let payload = payload("created", json!({"comment": text(json!({"commit_id": sha}))}));
    let place = Place::Commit { sha: sha.into(), comment: CommentId(21) };
    decoded("commit_comment", &payload, |comment| assert_eq!(comment.place, place));
}

#[test]
fn a_new_issue_or_pull_request_is_a_comment_by_its_own_text() {
    let item = text(json!({"number": 7, "comments": 0, "pull_request": {"url": "u"}}));
    let issue = payload("opened", json!({"issue": item}));
    let place = Place::Issue { number: Number(7), comment: None };
    decoded("issues", &issue, |comment| assert_eq!(comment.place, place));
    let pull_request = payload("opened", json!({"pull_request": item, "number": 7}));
    let place = Place::PullRequest { number: Number(7), comment: None };
    decoded("pull_request", &pull_request, |comment| assert_eq!(comment.place, place));
}

#[test]
fn only_top_level_comments_of_a_discussion_can_be_replied_to() {
    let discussion = text(json!({"id": 30, "number": 9, "node_id": "D_9"}));
    let own = payload("created", json!({"discussion": discussion}));
    let place = |comment| Place::Discussion { number: Number(9), discussion: "D_9".into(), comment };
    decoded("discussion", &own, |comment| {
        assert_eq!(comment.place, place(None));
        assert_eq!(comment.node_id, "D_9");
    });
    for (parent, thread) in [(Value::Null, Some("DC_21".into())), (json!(4), None)] {
        let comment = text(json!({"node_id": "DC_21", "parent_id": parent}));
        let payload = payload("created", json!({"discussion": discussion, "comment": comment}));
        let reply = DiscussionComment { comment: CommentId(21), thread };
        decoded("discussion_comment", &payload, |comment| assert_eq!(comment.place, place(Some(reply))));
    }
}

#[test]
fn an_edit_of_the_text_tells_what_stood_there() {
    for (from, old) in [(json!("old"), "old"), (json!(""), ""), (Value::Null, "")] {
        let mut payload = on_pull_request("edited", text(json!({})));
        payload["changes"] = json!({"body": {"from": from}});
        payload["sender"] = user(2, "bob");
        decoded("issue_comment", &payload, |comment| {
            assert_eq!(comment.action, CommentAction::Edited);
            assert_eq!(comment.old_body.as_deref(), Some(old));
            assert_eq!((&*comment.author.login, &*comment.sender.login), ("ada", "bob"));
        });
    }
}

#[test]
fn an_edit_of_something_else_is_no_comment() {
    for changes in [json!({"title": {"from": "t"}}), json!({"base": {"ref": {"from": "main"}}}), json!({})] {
        let item = text(json!({"number": 7}));
        is_none("pull_request", &payload("edited", json!({"pull_request": item, "changes": changes})));
        is_none("issues", &payload("edited", json!({"issue": item, "changes": changes})));
    }
    is_none("issue_comment", &on_pull_request("edited", text(json!({}))));
}

#[test]
fn other_events_and_actions_are_no_comments() {
    is_none("issue_comment", &on_pull_request("deleted", text(json!({}))));
    is_none("pull_request", &payload("synchronize", json!({"pull_request": text(json!({"number": 7}))})));
    is_none("pull_request_review", &payload("dismissed", json!({"review": text(json!({}))})));
    is_none("issue_comment", &json!({}));
    assert_eq!(comment(&event("push"), b"not even JSON"), Ok(None));
}

#[test]
fn a_ghosts_text_is_no_comment() {
    is_none("issue_comment", &on_pull_request("created", text(json!({"user": null}))));
}

#[test]
fn only_users_are_people() {
    let human = |account: Value| {
        let payload = on_pull_request("created", text(json!({"user": account})));
        decoded("issue_comment", &payload, |comment| comment.author.is_human)
    };
    assert!(human(user(1, "ada")));
    for kind in ["Bot", "Organization", "Mannequin", "Agent"] {
        assert!(!human(json!({"id": 1, "login": "x", "type": kind})), "{kind}");
    }
    assert!(!human(user(1, "dependabot[bot]")));
    assert!(!human(json!({"id": 1, "login": "x"})));
}

#[test]
fn what_an_app_wrote_for_a_person_is_told_apart() {
    let comment = text(json!({"performed_via_github_app": {"id": 99, "slug": "deputy"}}));
    decoded("issue_comment", &on_pull_request("created", comment), |comment| {
        assert_eq!(comment.via_app, Some(AppId(99)));
        assert!(comment.author.is_human);
    });
}

#[test]
fn the_last_of_a_repeated_key_counts() {
    let good = on_pull_request("created", text(json!({}))).to_string();
    let body = good.replacen("{\"action\":\"created\"", "{\"action\":\"deleted\",\"action\":\"created\"", 1);
    assert_ne!(body, good);
    assert!(comment(&event("issue_comment"), body.as_bytes()).unwrap().is_some());
}

#[test]
fn what_is_wrong_is_named_without_showing_it() {
    let mut payload = on_pull_request("created", text(json!({"id": "hush"})));
    let error = comment(&event("issue_comment"), payload.to_string().as_bytes()).unwrap_err().to_string();
    assert!(error.starts_with("the payload is JSON of another shape at line 1"), "{error}");
    assert!(!error.contains("hush"), "{error}");
    payload["comment"] = Value::Null;
    let error = comment(&event("issue_comment"), payload.to_string().as_bytes()).unwrap_err();
    assert_eq!(error, DecodeError::Missing("comment"));
    let error = comment(&event("issue_comment"), b"{\"action\":").unwrap_err().to_string();
    assert_eq!(error, "the payload is cut off at line 1, column 10");
}

#[test]
fn every_recorded_payload_is_decoded_as_its_fields_say() {
    let mut comments = 0;
    for recorded in recorded_payloads::all() {
        let whole: Value = serde_json::from_slice(&recorded.body).unwrap();
        let decoded = comment(&event(&recorded.event), &recorded.body)
            .unwrap_or_else(|error| panic!("{}: {error}", recorded.name));
        let Some(comment) = decoded else { continue };
        comments += 1;
        let key = ["comment", "review", "discussion", "issue", "pull_request"]
            .into_iter()
            .find(|key| whole[*key].is_object())
            .unwrap();
        let item = &whole[key];
        assert_eq!(comment.body, item["body"].as_str().unwrap_or_default(), "{}", recorded.name);
        assert_eq!(Some(comment.author.id.0), item["user"]["id"].as_u64(), "{}", recorded.name);
        assert_eq!(Some(&*comment.html_url), item["html_url"].as_str(), "{}", recorded.name);
        assert_eq!(Some(&*comment.node_id), item["node_id"].as_str(), "{}", recorded.name);
        assert_eq!(Some(&*comment.repository.to_string()), whole["repository"]["full_name"].as_str());
        assert_eq!(comment.old_body.as_deref(), whole["changes"]["body"]["from"].as_str());
        assert!(comment.created_at.is_some(), "{}", recorded.name);
    }
    assert_eq!(comments, 32, "recorded payloads that hold a comment");
}

proptest::proptest! {
    /// A payload broken at any byte is an error or still a comment; nothing panics.
    #[test]
    fn a_broken_payload_never_panics(which in 0..recorded_payloads::COUNT, at: proptest::sample::Index, byte: u8) {
        let recorded = &recorded_payloads::all()[which];
        let mut body = recorded.body.clone();
        let at = at.index(body.len());
        body[at] = byte;
        let _ = comment(&event(&recorded.event), &body);
        body.truncate(at);
        let _ = comment(&event(&recorded.event), &body);
    }

    #[test]
    fn no_body_panics(body: Vec<u8>) {
        let _ = comment(&event("issue_comment"), &body);
    }
}
