//! Registering the App by GitHub's manifest flow: one click, and everything it needs comes back.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::anyhow;
use async_trait::async_trait;
use deputy_core::ids::AppId;
use deputy_core::ports::{AppSigner, AppSignerError, Clock, GitHubError};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::app::AppOwner;
use crate::client::{App, Call, Client, ClientConfig, Identity, NoLogins, Path, encode};

/// What the App is to be. Posted by the person's browser, as the field `manifest` of a form.
#[derive(Debug, Clone, Serialize)]
pub struct Manifest {
    /// Its name, unique on GitHub; the person can change it on the page.
    pub name: String,
    /// Its homepage.
    pub url: String,
    /// Where it is sent webhooks; nowhere for the time being where it is `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hook_attributes: Option<HookAttributes>,
    /// Where GitHub sends the browser with the code, when the App is made.
    pub redirect_url: String,
    /// Where people come back to after logging in; up to ten.
    pub callback_urls: Vec<String>,
    /// Whether others may install it.
    pub public: bool,
    /// What it may do: `issues` → `write`.
    pub default_permissions: BTreeMap<String, String>,
    /// What it is told of.
    pub default_events: Vec<String>,
}

/// Where webhooks go.
#[derive(Debug, Clone, Serialize)]
pub struct HookAttributes {
    /// The receiver's URL.
    pub url: String,
    /// Whether they are sent at all.
    pub active: bool,
}

/// A new App's credentials. GitHub shows them this once.
#[derive(Debug, Clone)]
pub struct NewApp {
    /// Its number.
    pub id: AppId,
    /// Its name in URLs.
    pub slug: String,
    /// What it is called. The person may have chosen another name than the manifest's.
    pub name: String,
    /// Its public page.
    pub html_url: String,
    /// Whose it is.
    pub owner: Option<AppOwner>,
    /// Its OAuth client's id.
    pub client_id: String,
    /// Its OAuth client's secret.
    pub client_secret: SecretString,
    /// The secret that webhooks are signed with. `None` where webhooks were left off.
    pub webhook_secret: Option<SecretString>,
    /// Its private key.
    pub pem: SecretString,
}

/// Where the form is posted to: a person's settings, or an organization's. `state` comes back with the code.
pub fn registration_url(config: &ClientConfig, organization: Option<&str>, state: &str) -> String {
    let mut url = config.site.clone();
    if let Some(organization) = organization {
        url.push_str("/organizations/");
        encode(organization, &mut url);
    }
    url.push_str("/settings/apps/new?state=");
    encode(state, &mut url);
    url
}

/// Exchanges the code, within an hour and once, for the App's credentials.
///
/// Not repeated once it may have arrived: the code would be used up. The App is there then and can be deleted in
/// the settings, or given a new key and new secrets.
pub async fn convert(
    config: ClientConfig,
    clock: Arc<dyn Clock>,
    code: &SecretString,
) -> Result<NewApp, GitHubError> {
    use secrecy::ExposeSecret as _;
    #[derive(Deserialize)]
    struct Converted {
        id: u64,
        slug: String,
        #[serde(default)]
        name: String,
        html_url: String,
        owner: Option<AppOwner>,
        client_id: String,
        client_secret: SecretString,
        webhook_secret: Option<SecretString>,
        pem: SecretString,
    }
    // There is no App yet to ask as.
    let nobody = App { issuer: String::new(), signer: Arc::new(NoKey), oauth: None };
    let client = Client::new(config, nobody, Arc::new(NoLogins), clock);
    let path = Path::new(["app-manifests", code.expose_secret(), "conversions"])?;
    let new: Converted =
        client.send(Identity::Anonymous, Call::post(path).with_secret_path()).await?.json()?;
    Ok(NewApp {
        id: AppId(new.id),
        name: if new.name.is_empty() { new.slug.clone() } else { new.name },
        slug: new.slug,
        html_url: new.html_url,
        owner: new.owner,
        client_id: new.client_id,
        client_secret: new.client_secret,
        webhook_secret: new.webhook_secret,
        pem: new.pem,
    })
}

struct NoKey;

#[async_trait]
impl AppSigner for NoKey {
    async fn sign(&self, _: &[u8]) -> Result<Vec<u8>, AppSignerError> {
        Err(AppSignerError(anyhow!("there is no App yet")))
    }
}
