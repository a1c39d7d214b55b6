//! GitHub Apps: registering them, their credentials, their webhook, and what was delivered to it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Installation, Organization, Repository, User};
use crate::hub::Hub;
use crate::ids::{AccountId, AppId, DeliveryId};
use crate::state::State;
use crate::state::account::Kind;
use crate::state::app::{self, Access, Permissions};
use crate::state::delivery::{self, Outcome};

/// The App permissions that Deputy asks for, and the default of [`AppBuilder`].
const PERMISSIONS: [(&str, Access); 10] = [
    ("actions", Access::Write),
    ("checks", Access::Write),
    ("contents", Access::Write),
    ("deployments", Access::Write),
    ("discussions", Access::Write),
    ("issues", Access::Write),
    ("members", Access::Read),
    ("metadata", Access::Read),
    ("pull_requests", Access::Write),
    ("statuses", Access::Write),
];

/// The events that Deputy listens to, and the default of [`AppBuilder`].
const EVENTS: [&str; 23] = [
    "check_run",
    "check_suite",
    "commit_comment",
    "deployment",
    "deployment_status",
    "discussion",
    "discussion_comment",
    "issue_comment",
    "issues",
    "member",
    "membership",
    "organization",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
    "push",
    "repository",
    "status",
    "team",
    "team_add",
    "workflow_dispatch",
    "workflow_job",
    "workflow_run",
];

/// A GitHub App.
#[derive(Clone, Debug)]
pub struct App {
    pub(crate) hub: Arc<Hub>,
    pub(crate) id: AppId,
}

/// An App about to be registered.
#[derive(Clone, Debug)]
pub struct AppBuilder {
    hub: Arc<Hub>,
    name: String,
    owner: Option<AccountId>,
    permissions: Permissions,
    events: BTreeSet<String>,
}

impl AppBuilder {
    pub(crate) fn new(hub: &Arc<Hub>, name: &str) -> Self {
        Self {
            hub: Arc::clone(hub),
            name: name.to_owned(),
            owner: None,
            permissions: PERMISSIONS.map(|(name, access)| (name.to_owned(), access)).into(),
            events: EVENTS.map(str::to_owned).into(),
        }
    }

    /// Exactly these permissions, instead of all that Deputy asks for.
    #[must_use]
    pub fn permissions(mut self, permissions: &[(&str, Access)]) -> Self {
        self.permissions = permissions.iter().map(|(name, access)| ((*name).to_owned(), *access)).collect();
        self
    }

    /// Exactly these events, instead of all that Deputy listens to.
    #[must_use]
    pub fn events(mut self, events: &[&str]) -> Self {
        self.events = events.iter().map(|event| (*event).to_owned()).collect();
        self
    }

    /// Owned by an organization instead of a person made up for it.
    #[must_use]
    pub fn owner(mut self, organization: &Organization) -> Self {
        self.owner = Some(organization.id);
        self
    }

    /// Registers the App. It has a key, secrets, and no webhook URL yet: see [`App::send_webhooks_to`].
    pub fn register(self) -> App {
        let hub = Arc::clone(&self.hub);
        let id = hub.change(|state| self.add(state));
        App { hub, id }
    }

    fn add(self, state: &mut State) -> AppId {
        let owner = self.owner.unwrap_or_else(|| match state.account_by_login("app-owner") {
            Some(owner) => owner.id,
            None => state.add_account("app-owner", Kind::User),
        });
        let events = self.events.into_iter().collect();
        Self::add_from_manifest(state, &self.name, owner, self.permissions, events)
    }

    /// Makes an App with fresh key and secrets.
    pub(crate) fn add_from_manifest(
        state: &mut State,
        name: &str,
        owner: AccountId,
        permissions: Permissions,
        events: Vec<String>,
    ) -> AppId {
        let id = state.add_app(name, owner, permissions, events);
        state.give_key(id);
        id
    }
}

impl App {
    /// The App's number.
    pub fn id(&self) -> AppId {
        self.id
    }

    /// The App's name in addresses.
    pub fn slug(&self) -> String {
        self.look(|app| app.slug.clone())
    }

    /// The login that the App acts under: `deputy[bot]`.
    pub fn bot_login(&self) -> String {
        self.hub.read(|state| state.login(state.app(self.id).bot).to_owned())
    }

    /// The client id.
    pub fn client_id(&self) -> String {
        self.look(|app| app.client_id.clone())
    }

    /// The client secret.
    pub fn client_secret(&self) -> String {
        self.look(|app| app.client_secret.clone())
    }

    /// The secret that webhooks are signed with.
    pub fn webhook_secret(&self) -> String {
        self.look(|app| app.webhook.secret.clone())
    }

    /// The newest private key, in PEM.
    pub fn private_key(&self) -> String {
        self.look(|app| app.keys.last().expect("an App has a key").pem.clone())
    }

    /// Generates one more private key; the others stay valid.
    pub fn add_private_key(&self) -> String {
        self.hub.change(|state| state.give_key(self.id));
        self.private_key()
    }

    /// Deletes all private keys but the newest.
    pub fn delete_old_private_keys(&self) {
        self.hub.change(|state| {
            let keys = &mut state.app_mut(self.id).keys;
            keys.drain(..keys.len() - 1);
        });
    }

    /// From now on, webhooks go to this address.
    pub fn send_webhooks_to(&self, url: &str) {
        self.hub.change(|state| state.app_mut(self.id).webhook.url = Some(url.to_owned()));
    }

    /// Sends no more webhooks: events that happen from now on are not kept either.
    pub fn stop_webhooks(&self) {
        self.hub.change(|state| state.app_mut(self.id).webhook.url = None);
    }

    /// Signs webhooks with another secret.
    pub fn set_webhook_secret(&self, secret: &str) {
        self.hub.change(|state| {
            state.keep_secret(secret);
            secret.clone_into(&mut state.app_mut(self.id).webhook.secret);
        });
    }

    /// Sends webhooks as `application/x-www-form-urlencoded`.
    pub fn send_webhooks_as_form(&self) {
        self.hub.change(|state| state.app_mut(self.id).webhook.form = true);
    }

    /// Sends the `ping` that GitHub sends when a webhook is set up.
    pub async fn ping(&self) {
        self.hub.act(|state| state.tell_ping(self.id)).await;
    }

    /// Installs the App on an organization, with all its repositories.
    pub fn install_on(&self, organization: &Organization) -> Installation {
        Installation::new(&self.hub, self.id, organization.id, None)
    }

    /// Installs the App on a person's account, with all its repositories.
    pub fn install_on_user(&self, user: &User) -> Installation {
        Installation::new(&self.hub, self.id, user.id, None)
    }

    /// Installs the App on the owner of a repository, with this repository only.
    pub fn install_on_repository(&self, repository: &Repository) -> Installation {
        let owner = self.hub.read(|state| state.repository(repository.id).owner);
        Installation::new(&self.hub, self.id, owner, Some([repository.id].into()))
    }

    /// Every attempt at delivering a webhook of this App, oldest first.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.hub.read(|state| {
            let mine = state.deliveries.values().filter(|delivery| delivery.app == self.id);
            mine.map(Delivery::from).collect()
        })
    }

    /// Sends an earlier delivery again, under the same GUID, as a person does in the App's settings.
    pub async fn redeliver(&self, delivery: &Delivery) -> Delivery {
        let id = self.hub.act(|state| state.redeliver(delivery.id).expect("a known delivery")).await;
        self.hub.read(|state| Delivery::from(&state.deliveries[&id]))
    }

    /// Sends once more every delivery that no attempt brought to its receiver, and returns how many those
    /// were: what is done after the receiver was away.
    pub async fn redeliver_failed(&self) -> usize {
        self.hub
            .act(|state| {
                let failed = state.failed_deliveries(self.id);
                failed.into_iter().filter_map(|id| state.redeliver(id)).count()
            })
            .await
    }

    fn look<R>(&self, look: impl FnOnce(&app::App) -> R) -> R {
        self.hub.read(|state| look(state.app(self.id)))
    }
}

/// One attempt at a delivery, as it was when it was asked for.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The attempt's own id.
    pub id: DeliveryId,
    /// The same for every attempt at one event.
    pub guid: String,
    /// `issue_comment`
    pub event: String,
    /// `created`
    pub action: Option<String>,
    /// Whether it was sent again.
    pub redelivery: bool,
    /// What was sent.
    pub payload: serde_json::Value,
    /// What the receiver answered; `None` if it did not, or has not yet.
    pub status: Option<u16>,
    /// The body of the receiver's answer.
    pub answer: String,
}

impl From<&delivery::Delivery> for Delivery {
    fn from(delivery: &delivery::Delivery) -> Self {
        let (status, answer) = match &delivery.outcome {
            Outcome::Answered { status, body, .. } => (Some(*status), body.clone()),
            Outcome::Failed { why, .. } => (None, why.clone()),
            Outcome::Pending => (None, String::new()),
        };
        Self {
            id: delivery.id,
            guid: delivery.guid.clone(),
            event: delivery.event.clone(),
            action: delivery.action.clone(),
            redelivery: delivery.redelivery,
            payload: delivery.payload.clone(),
            status,
            answer,
        }
    }
}
