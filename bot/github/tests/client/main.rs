//! The client against a GitHub that fails in every way it can: what is repeated, what waits, what is told.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]
#![allow(clippy::needless_pass_by_value, reason = "answers are written where they are passed")]

mod app;
mod clock;
mod login;
mod places;
mod server;
mod tokens;
mod trouble;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use deputy_core::comment::{Account, Comment, CommentAction, Place, Repository};
use deputy_core::ids::{CommentId, InstallationId, Number, RepositoryId, UserId};
use deputy_core::ports::{Acting, AppSigner, AppSignerError, Clock};
use deputy_github::{App, Client, ClientConfig, NoLogins, OAuthClient};
use serde_json::json;

use clock::DrivenClock;
use server::{Asked, Reply, Server};

const INSTALLATION: Acting = Acting::Installation(InstallationId(5));

/// A client, the GitHub it talks to, and the time both go by.
struct World {
    client: Arc<Client>,
    server: Server,
    clock: Arc<DrivenClock>,
}

/// The key is of no matter here: the server does not check.
struct NoKey;

#[async_trait]
impl AppSigner for NoKey {
    async fn sign(&self, _: &[u8]) -> Result<Vec<u8>, AppSignerError> {
        Ok(b"signature".to_vec())
    }
}

impl World {
    /// Answers token requests by itself, with `ghs_1`, `ghs_2`, … that live an hour.
    async fn new(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let clock = Arc::new(DrivenClock::new());
        let (time, minted) = (Arc::clone(&clock), AtomicU64::new(0));
        Self::with_tokens(clock, move |asked| {
            if !asked.is_token_request() {
                return script(asked);
            }
            let number = minted.fetch_add(1, Ordering::SeqCst) + 1;
            let expires_at = (time.now() + chrono::TimeDelta::hours(1)).to_rfc3339();
            Reply::json(201, &json!({"token": format!("ghs_{number}"), "expires_at": expires_at}))
        })
        .await
    }

    async fn with_tokens(
        clock: Arc<DrivenClock>,
        script: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let server = Server::start(script).await;
        let config = ClientConfig::with_api(&server.url, &server.url).unwrap();
        let oauth = OAuthClient { id: "Iv23test".to_owned(), secret: "the-client-secret".into() };
        let app = App { issuer: "Iv23test".to_owned(), signer: Arc::new(NoKey), oauth: Some(oauth) };
        let client = Client::new(config, app, Arc::new(NoLogins), clock.clone());
        Self { client: Arc::new(client), server, clock }
    }
}

fn repository(id: u64, name: &'static str) -> Repository<'static> {
    Repository { id: RepositoryId(id), owner: "acme".into(), name: name.into(), owner_is_organization: true }
}

fn comment_in(place: Place<'static>) -> Comment<'static> {
    let ada = Account { id: UserId(1), login: "ada".into(), is_human: true };
    Comment {
        action: CommentAction::Created,
        place,
        repository: repository(11, "rocket"),
        installation: Some(InstallationId(5)),
        author: ada.clone(),
        sender: ada,
        via_app: None,
        body: "@deputy ping".into(),
        old_body: None,
        created_at: Some("2026-11-20T12:00:00.5Z".parse().unwrap()),
        updated_at: None,
        html_url: "".into(),
        node_id: "NODE".into(),
    }
}

fn on_pull_request() -> Comment<'static> {
    comment_in(Place::PullRequest { number: Number(7), comment: Some(CommentId(21)) })
}

/// A comment as REST shows it.
fn shown(id: u64, body: &str, author: serde_json::Value) -> serde_json::Value {
    json!({"id": id, "node_id": format!("IC_{id}"), "html_url": format!("https://h/{id}"), "body": body, "user": author})
}

fn bot() -> serde_json::Value {
    json!({"id": 77, "login": "deputy[bot]", "type": "Bot"})
}
