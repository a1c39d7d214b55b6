//! The client against a GitHub that knows what is right: real signatures, permissions, and GitHub's own schema.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod effects;
mod key;
mod login;

use std::sync::Arc;

use deputy_core::comment::Comment;
use deputy_core::permission::Permission;
use deputy_core::ports::{Acting, Conversations as _, GitHubError, People as _, Reaction, SystemClock};
use deputy_github::app::Scope;
use deputy_github::{App, Client, ClientConfig, NoLogins, OAuthClient, PemSigner, UserTokens, comment};
use github_double::{Double, Permission as Access, Repository, User, Verdict};

struct World {
    github: Double,
    shop: Repository,
    ada: User,
    app: github_double::App,
    client: Client,
    acting: Acting,
}

impl World {
    async fn new() -> Self {
        Self::with_logins(|_, _| Arc::new(NoLogins)).await
    }

    /// Where people's tokens come from `logins`, made for ada and the App.
    async fn with_logins(logins: impl FnOnce(&User, &github_double::App) -> Arc<dyn UserTokens>) -> Self {
        let github = Double::start().await;
        github.allow_failed_deliveries();
        let acme = github.org("acme");
        let ada = github.user("ada");
        acme.add_member(&ada);
        let shop = acme.repo("shop");
        shop.public().permit(&ada, Access::Write);
        let app = github.app("deputy").register();
        let installation = app.install_on(&acme);
        // Nobody listens there: what was to be delivered is read from the list of deliveries.
        app.send_webhooks_to("http://127.0.0.1:9/webhook");
        let signer = PemSigner::new(&app.private_key()).unwrap();
        let oauth = OAuthClient { id: app.client_id(), secret: app.client_secret().into() };
        let us = App { issuer: app.client_id(), signer: Arc::new(signer), oauth: Some(oauth) };
        let config = ClientConfig::with_api(&github.base_url(), &github.api_url()).unwrap();
        let client = Client::new(config, us, logins(&ada, &app), Arc::new(SystemClock));
        let acting = Acting::Installation(deputy_core::ids::InstallationId(installation.id().0));
        Self { github, shop, ada, app, client, acting }
    }

    /// Answers, finds, edits and reacts to the newest comment that was delivered, and shows what stands there.
    async fn converse(&self, number: u32) {
        let (first, second) = (format!("<!-- {number} first -->"), format!("<!-- {number} second -->"));
        let attempts = self.client.delivery_attempts(None).await.unwrap().attempts;
        let mut newest = None;
        for attempt in attempts {
            let detail = self.client.delivery_attempt(attempt.id).await.unwrap();
            if comment(&attempt.event, &detail.payload).unwrap().is_some() {
                newest = Some((attempt.event, detail.payload));
                break;
            }
        }
        let (event, payload) = newest.expect("a comment was delivered");
        let asked: Comment<'_> = comment(&event, &payload).unwrap().unwrap();
        let (client, acting) = (&self.client, &self.acting);
        assert_eq!(client.find_reply(acting, &asked, &first).await.unwrap(), None, "{event}");
        let posted = client.reply(acting, &asked, &format!("hi {first}")).await.unwrap();
        let found = client.find_reply(acting, &asked, &first).await.unwrap();
        assert_eq!(found.as_ref(), Some(&posted), "{event}");
        client.edit_reply(acting, &asked.repository, &posted, &format!("ho {second}")).await.unwrap();
        let edited = client.find_reply(acting, &asked, &second).await.unwrap();
        assert_eq!(edited, Some(posted), "{event}");
        for _ in 0..2 {
            client.react(acting, &asked, Reaction::Eyes).await.unwrap();
        }
    }

    async fn end(self) {
        self.github.settled().await;
        self.github.assert_clean().await;
    }
}

#[tokio::test]
async fn a_conversation_in_every_place_is_as_github_describes_it() {
    let world = World::new().await;
    let pr = world.shop.pull_request("Tea").by(&world.ada).body("@deputy ping").open().await;
    world.converse(1).await;
    pr.comment(&world.ada, "@deputy ping").await;
    world.converse(2).await;
    pr.comment_on_line(&world.ada, "README.md", 1, "@deputy ping").await;
    world.converse(3).await;
    pr.review(&world.ada, Verdict::Commented, "@deputy ping").await;
    world.converse(4).await;
    world.shop.issue("Tea?").by(&world.ada).body("@deputy ping").open().await;
    world.converse(5).await;
    let commit = world.shop.head("main").unwrap();
    world.shop.comment_on_commit(&world.ada, &commit, "@deputy ping").await;
    world.converse(6).await;
    let discussion = world.shop.discuss(&world.ada, "Tea!", "@deputy ping").await;
    world.converse(7).await;
    discussion.comment(&world.ada, "@deputy ping").await;
    world.converse(8).await;
    world.end().await;
}

#[tokio::test]
async fn people_are_known_by_what_they_may_do() {
    let world = World::new().await;
    let eve = world.github.user("eve");
    let shop = deputy_core::comment::Repository {
        id: deputy_core::ids::RepositoryId(1),
        owner: "acme".into(),
        name: "shop".into(),
        owner_is_organization: true,
    };
    let (client, acting) = (&world.client, &world.acting);
    assert!(client.is_member(acting, "acme", "ada").await.unwrap());
    assert!(!client.is_member(acting, "acme", "eve").await.unwrap());
    assert_eq!(client.permission(acting, &shop, "ada").await.unwrap(), Permission::Write);
    assert_eq!(client.permission(acting, &shop, "eve").await.unwrap(), Permission::Read, "it is public");
    for (granted, expected) in
        [(Access::Maintain, Permission::Maintain), (Access::Triage, Permission::Triage)]
    {
        world.shop.permit(&eve, granted);
        assert_eq!(client.permission(acting, &shop, "eve").await.unwrap(), expected);
    }
    world.end().await;
}

#[tokio::test]
async fn the_app_knows_itself_and_where_it_is_installed() {
    let world = World::new().await;
    let settings = world.client.app_settings().await.unwrap();
    assert_eq!(settings.slug, "deputy");
    let installations = world.client.installations().await.unwrap();
    assert_eq!(installations.len(), 1);
    let found = world.client.installation_of("acme").await.unwrap().unwrap();
    assert_eq!(found.id, installations[0].id);
    assert!(world.client.installation_of("ada").await.unwrap().is_none());
    let limits = world.client.rate_limits(found.id).await.unwrap();
    assert!(limits.rest.unwrap().limit >= 5000);
    let narrow = Scope { repositories: ["shop".to_owned()].into(), ..Scope::default() };
    world.client.installation_token(found.id, &narrow).await.unwrap();
    world.end().await;
}

#[tokio::test]
async fn a_key_that_was_deleted_is_refused_and_named() {
    let world = World::new().await;
    world.app.add_private_key();
    world.app.delete_old_private_keys();
    let error = world.client.app_settings().await.unwrap_err();
    assert!(matches!(error, GitHubError::Unauthorized(_)), "{error:?}");
    world.end().await;
}
