//! Everything that Deputy does on GitHub, as a person and as the App, and done once although the first answer is lost.

mod actions;
mod checks;
mod deployments;
mod git;
mod places;
mod pulls;

use async_trait::async_trait;
use deputy_core::ids::{InstallationId, RepositoryId, Sha, UserId};
use deputy_core::ports::{Acting, GitHubError};
use deputy_github::UserTokens;
use github_double::{Fault, When};
use secrecy::SecretString;

use super::World;

/// Ada's token, whoever asks.
struct Ada(String);

#[async_trait]
impl UserTokens for Ada {
    async fn token(&self, _: UserId, rejected: Option<&SecretString>) -> Result<SecretString, GitHubError> {
        assert!(rejected.is_none(), "GitHub accepts it");
        Ok(self.0.clone().into())
    }
}

/// A repository with Deputy in it, and ada who may write.
struct Scene {
    world: World,
    ada: Acting,
    app: Acting,
    shop: deputy_core::comment::Repository<'static>,
}

impl Scene {
    async fn new() -> Self {
        let world =
            World::with_logins(|ada, app| std::sync::Arc::new(Ada(ada.tokens_of(app).access_token))).await;
        let shop = deputy_core::comment::Repository {
            id: RepositoryId(world.shop.id().0),
            owner: "acme".into(),
            name: "shop".into(),
            owner_is_organization: true,
        };
        let Acting::Installation(InstallationId(_)) = world.acting else { panic!("an installation") };
        Self { ada: Acting::User(UserId(world.ada.id().0)), app: world.acting.clone(), shop, world }
    }

    fn head(&self, branch: &str) -> Sha {
        self.world.shop.head(branch).unwrap().as_str().parse().unwrap()
    }

    /// The next request of this kind is done, and its answer is lost.
    fn lose_answer(&self, method: &str, path: &str) {
        self.world.github.inject(When::path(path).method(method), Fault::DropAfter);
    }

    async fn end(self) {
        self.world.end().await;
    }
}

/// Whether it is an error that leaves open whether the request arrived.
fn is_lost<T>(result: &Result<T, GitHubError>) -> bool {
    matches!(result, Err(GitHubError::Unavailable(_)))
}
