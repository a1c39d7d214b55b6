//! The page's requests: the page, the part that changes, and a comment.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Form, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use tokio::time::Instant;

use crate::page;
use crate::stage::Scene;

pub fn router(scene: Arc<Scene>) -> Router {
    Router::new()
        .route("/", get(whole))
        .route("/live", get(live))
        .route("/comment", post(comment))
        .route(
            "/playground.css",
            get(async || ([(header::CONTENT_TYPE, "text/css")], include_str!("playground.css"))),
        )
        .route(
            "/playground.js",
            get(async || ([(header::CONTENT_TYPE, "text/javascript")], include_str!("playground.js"))),
        )
        .with_state(scene)
}

async fn whole(State(scene): State<Arc<Scene>>) -> Response {
    let policy =
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'";
    ([(header::CONTENT_SECURITY_POLICY, policy)], Html(page::whole(&scene).into_string())).into_response()
}

/// The changing part, once it differs from what the page has; 204 where it does not for a while.
async fn live(State(scene): State<Arc<Scene>>, Query(query): Query<HashMap<String, String>>) -> Response {
    let seen = query.get("seen").map(String::as_str);
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let part = page::conversation(&scene).into_string();
        let mut hasher = DefaultHasher::new();
        part.hash(&mut hasher);
        let tag = format!("{:x}", hasher.finish());
        if seen != Some(tag.as_str()) {
            return ([(header::ETAG, tag), (header::CONTENT_TYPE, "text/html".to_owned())], part)
                .into_response();
        }
        if Instant::now() > deadline {
            return StatusCode::NO_CONTENT.into_response();
        }
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
}

#[derive(Debug, Deserialize)]
struct NewComment {
    person: String,
    body: String,
}

async fn comment(State(scene): State<Arc<Scene>>, Form(new): Form<NewComment>) -> Response {
    let person = scene.people.iter().find(|person| person.user.login() == new.person);
    let Some(person) = person else {
        return (StatusCode::BAD_REQUEST, "nobody here has that name").into_response();
    };
    let body = new.body.trim().replace("\r\n", "\n");
    if body.is_empty() || body.chars().count() > 65_536 {
        return (StatusCode::UNPROCESSABLE_ENTITY, "a comment has 1 to 65,536 characters").into_response();
    }
    scene.pull_request.comment(&person.user, &body).await;
    Redirect::to("/#comment").into_response()
}
