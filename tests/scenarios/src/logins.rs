//! Worlds in which people can log in.

use deputy_core::ids::UserId;
use deputy_core::ports::{Grant, Vault as _};
use deputy_embedded::config::LoginConfig;
use deputy_web::auth::{CALLBACK_PATH, PublicUrl};
use github_double::User;

use crate::World;
use crate::browser::{Browser, PUBLIC_URL};

impl World {
    /// A world in which people can log in, at [`PUBLIC_URL`].
    pub async fn with_logins() -> Self {
        let mut world = Self::without_deputy().await;
        world.set_up_logins(PUBLIC_URL);
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

    /// Somebody's browser.
    pub fn browser(&self) -> Browser {
        Browser::new(self.deputy().address())
    }

    /// The person's grant as it is sealed in the vault.
    ///
    /// # Panics
    ///
    /// When the grant does not open.
    pub async fn grant_of(&self, person: &User) -> Option<Grant> {
        let stored = self.deputy().vault().load(UserId(person.id().0)).await.expect("the grant opens");
        stored.map(|stored| stored.grant)
    }
}
