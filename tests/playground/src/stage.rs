//! The set: an organization, a repository, three people, one pull request, and Deputy installed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use deputy_embedded::app::{self, Options, Running};
use deputy_embedded::config::{Config, GitHubConfig, LogConfig, LogFormat, LoginConfig};
use github_double::{App, Double, Issue, Permission, User};

/// Everything that runs.
pub struct Stage {
    scene: Arc<Scene>,
    deputy: Running,
    _folder: Option<tempfile::TempDir>,
}

/// What the page shows and plays with.
pub struct Scene {
    pub pull_request: Issue,
    pub repository: String,
    pub people: Vec<Person>,
    pub app: App,
    _github: Double,
}

/// Somebody to comment as.
pub struct Person {
    pub user: User,
    pub about: &'static str,
}

impl Stage {
    pub async fn set_up(data: Option<PathBuf>) -> anyhow::Result<Self> {
        // The schemas come from npm, and a newcomer's first minute should not depend on that; tests check them.
        let github = Double::builder().without_validation().start().await;
        let acme = github.org("acme");
        let (ada, grace, mallory) = (github.user("ada"), github.user("grace"), github.user("mallory"));
        acme.add_member(&ada).add_member(&grace);
        let shop = acme.repo("shop");
        shop.public().permit(&ada, Permission::Write).permit(&grace, Permission::Read);
        let app = github.app("deputy").register();
        app.install_on(&acme);

        let (folder, data) = if let Some(data) = data {
            (None, data)
        } else {
            let folder = tempfile::tempdir()?;
            let data = folder.path().join("data");
            (Some(folder), data)
        };
        let config = Config {
            listen: "127.0.0.1:0".parse()?,
            metrics: None,
            mention: "deputy".to_owned(),
            data,
            archive: Duration::from_hours(90 * 24),
            dedup: Duration::from_hours(72),
            github: GitHubConfig {
                url: github.base_url(),
                issuer: app.client_id(),
                private_key: app.private_key().into(),
                rate_limit_alarm_percent: 10,
            },
            apps: Vec::new(),
            login: Some(LoginConfig {
                client_id: app.client_id(),
                client_secret: app.client_secret().into(),
                // Deputy's own address, which is known when it runs.
                public_url: None,
            }),
            admins: vec!["ada".parse()?],
            settings: deputy_embedded::config::Settings::default(),
            workflows: None,
            vault_passphrase: None,
            webhook_secrets: vec![app.webhook_secret().into()],
            log: LogConfig { filter: "warn".to_owned(), format: LogFormat::Human },
        };
        let deputy = app::start(&config, Options::default()).await?;
        app.send_webhooks_to(&format!("http://{}/webhook", deputy.address()));
        app.add_callback_url(&format!("http://{}/auth/callback", deputy.address())).enable_device_flow();
        let pull_request = shop
            .pull_request("Sell tea")
            .by(&ada)
            .body("Customers ask for tea. This adds a shelf for it.")
            .open()
            .await;
        let people = vec![
            Person { user: ada, about: "member, may write" },
            Person { user: grace, about: "member, may read" },
            Person { user: mallory, about: "a stranger" },
        ];
        let repository = shop.full_name();
        let scene = Arc::new(Scene { pull_request, repository, people, app, _github: github });
        Ok(Self { scene, deputy, _folder: folder })
    }

    /// Where Deputy itself is.
    pub fn deputy(&self) -> String {
        format!("http://{}", self.deputy.address())
    }

    pub fn scene(&self) -> Arc<Scene> {
        Arc::clone(&self.scene)
    }

    pub async fn clear(self) {
        self.deputy.stop().await;
    }
}
