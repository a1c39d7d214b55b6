//! Worlds in which people can log in.

use chrono::TimeDelta;
use deputy_core::ids::UserId;
use deputy_core::ports::{Expected, Grant, Vault as _};
use deputy_embedded::config::LoginConfig;
use deputy_web::auth::{CALLBACK_PATH, PublicUrl};
use github_double::User;

use crate::World;
use crate::browser::{Browser, PUBLIC_URL, Page};

impl World {
    /// A world in which people can log in, at [`PUBLIC_URL`].
    pub async fn with_logins() -> Self {
        let mut world = Self::without_deputy().await;
        world.set_up_logins(PUBLIC_URL);
        world.start().await;
        world
    }

    /// A world in which nobody set logins up.
    pub async fn without_logins() -> Self {
        let mut world = Self::without_deputy().await;
        world.start().await;
        world
    }

    /// Lets people log in from the next start on, at `public_url`.
    ///
    /// # Panics
    ///
    /// When that is no address to log in at.
    pub fn set_up_logins(&mut self, public_url: &str) {
        self.app.enable_device_flow().add_callback_url(&format!("{public_url}{CALLBACK_PATH}"));
        self.login = Some(LoginConfig {
            client_id: self.app.client_id(),
            client_secret: self.app.client_secret().into(),
            public_url: Some(PublicUrl::parse(public_url).expect("an address")),
        });
    }

    /// Gives somebody a grant as a login would, without the browser.
    ///
    /// # Panics
    ///
    /// When the vault does not take it.
    pub async fn has_logged_in(&self, person: &User) {
        let tokens = person.tokens_of(&self.app);
        let now = self.github.clock().now();
        let grant = Grant {
            user: UserId(person.id().0),
            login: person.login(),
            access_token: tokens.access_token.into(),
            access_expires_at: Some(now + TimeDelta::hours(8)),
            refresh_token: tokens.refresh_token.map(Into::into),
            refresh_expires_at: Some(now + TimeDelta::days(180)),
            granted_at: now,
        };
        self.deputy().vault().put(Expected::Anything, grant).await.expect("the vault takes it");
    }

    /// The person follows a link of Deputy's, agrees at GitHub, and ends on the page that this returns.
    ///
    /// # Panics
    ///
    /// When Deputy does not send them to GitHub.
    pub async fn log_in(&self, person: &User, link: &str) -> Page {
        let mut browser = self.browser();
        let github = browser.open(link).await.location().expect("a way to GitHub");
        let back = person.approve(&github);
        browser.follow(&back).await
    }

    /// Somebody's browser.
    pub fn browser(&self) -> Browser {
        Browser::new(self.deputy().address())
    }

    /// The person's grant as it is sealed in the vault.
    ///
    /// # Panics
    ///
    /// When the vault does not open.
    pub async fn grant_of(&self, person: &User) -> Option<Grant> {
        let stored = self.deputy().vault().load(UserId(person.id().0)).await.expect("the grant opens");
        stored.map(|stored| stored.grant)
    }
}
