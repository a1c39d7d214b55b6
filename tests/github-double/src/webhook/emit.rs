//! From something that happened to the deliveries it causes: one per App that is installed, and listens.

use serde_json::{Map, Value, json};

use crate::ids::{AccountId, AppId, DeliveryId, InstallationId, RepositoryId};
use crate::state::State;
use crate::state::app::Permissions;
use crate::state::delivery::{Delivery, Outcome};

/// Something that happened on an account or in a repository.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) name: &'static str,
    pub(crate) action: Option<&'static str>,
    pub(crate) place: EventPlace,
    pub(crate) sender: AccountId,
    /// What the payload holds besides action, repository, organization, sender and installation.
    pub(crate) body: Value,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum EventPlace {
    Repository(RepositoryId),
    Account(AccountId),
}

/// Sent to every App, subscribed or not: they cannot be unsubscribed from.
const ALWAYS: [&str; 4] = ["installation", "installation_repositories", "github_app_authorization", "ping"];

/// The permissions of which an App needs one to hear of an event; `metadata` is there for all.
fn may_know(event: &str, permissions: &Permissions) -> bool {
    let needed: &[&str] = match event {
        "check_run" | "check_suite" => &["checks"],
        "commit_comment" | "push" | "workflow_dispatch" => &["contents"],
        "deployment" | "deployment_status" => &["deployments"],
        "discussion" | "discussion_comment" => &["discussions"],
        "issues" => &["issues"],
        "issue_comment" => &["issues", "pull_requests"],
        "member" | "membership" | "organization" | "team" => &["members"],
        "pull_request" | "pull_request_review" | "pull_request_review_comment" => &["pull_requests"],
        "status" => &["statuses"],
        "workflow_job" | "workflow_run" => &["actions"],
        _ => return true,
    };
    needed.iter().any(|name| permissions.contains_key(*name))
}

impl State {
    /// Tells every App that is installed where the event happened, has subscribed to it, and may know.
    pub(crate) fn emit(&mut self, event: Event) {
        self.emit_to(None, event);
    }

    /// Tells one App only, on the same conditions.
    pub(crate) fn emit_only_to(&mut self, app: AppId, event: Event) {
        self.emit_to(Some(app), event);
    }

    fn emit_to(&mut self, only: Option<AppId>, event: Event) {
        let Event { name, action, place, sender, body } = event;
        let listeners: Vec<(AppId, InstallationId)> = self
            .installations
            .values()
            .filter(|installation| match place {
                EventPlace::Repository(id) => installation.covers(self.repository(id)),
                EventPlace::Account(id) => installation.account == id,
            })
            .filter(|installation| installation.suspended.is_none() && installation.events.contains(name))
            .filter(|installation| only.is_none_or(|only| installation.app == only))
            .filter(|installation| may_know(name, &installation.permissions))
            .map(|installation| (installation.app, installation.id))
            .collect();
        let payload = self.payload(action, place, sender, body);
        let repository = match place {
            EventPlace::Repository(id) => Some(id),
            EventPlace::Account(_) => None,
        };
        for (app, installation) in listeners {
            let mut payload = payload.clone();
            payload["installation"] = json!({ "id": installation, "node_id": installation.node_id() });
            let to = Addressee { app, installation: Some(installation), repository };
            self.enqueue(to, name, action, payload);
        }
    }

    /// Tells one App something about itself.
    pub(crate) fn emit_to_app(&mut self, to: Addressee, name: &str, action: Option<&str>, payload: Value) {
        debug_assert!(ALWAYS.contains(&name), "{name} is subscribed to, not always sent");
        self.enqueue(to, name, action, payload);
    }

    fn payload(
        &self,
        action: Option<&'static str>,
        place: EventPlace,
        sender: AccountId,
        body: Value,
    ) -> Value {
        let mut payload = Map::new();
        if let Some(action) = action {
            payload.insert("action".to_owned(), json!(action));
        }
        if let Value::Object(body) = body {
            payload.extend(body);
        }
        let account = match place {
            EventPlace::Repository(id) => {
                payload.insert("repository".to_owned(), self.repository_json(id));
                self.repository(id).owner
            }
            EventPlace::Account(id) => id,
        };
        if self.organization(account).is_some() {
            payload.insert("organization".to_owned(), self.organization_json(account));
        }
        payload.insert("sender".to_owned(), self.user_json(sender));
        Value::Object(payload)
    }

    fn enqueue(&mut self, to: Addressee, event: &str, action: Option<&str>, payload: Value) {
        if self.app(to.app).webhook.url.is_none() {
            return;
        }
        let guid = uuid::Uuid::new_v4().to_string();
        self.attempt(to, guid, event, action, payload);
    }

    /// Sends an earlier delivery once more, under the same GUID.
    pub(crate) fn redeliver(&mut self, id: DeliveryId) -> Option<DeliveryId> {
        let first = self.deliveries.get(&id)?.clone();
        let to = Addressee { app: first.app, installation: first.installation, repository: first.repository };
        let again = self.attempt(to, first.guid, &first.event, first.action.as_deref(), first.payload);
        self.deliveries.get_mut(&again)?.redelivery = true;
        Some(again)
    }

    fn attempt(
        &mut self,
        to: Addressee,
        guid: String,
        event: &str,
        action: Option<&str>,
        payload: Value,
    ) -> DeliveryId {
        let id = DeliveryId(self.next_id());
        let at = self.now();
        let delivery = Delivery {
            id,
            guid,
            app: to.app,
            event: event.to_owned(),
            action: action.map(str::to_owned),
            installation: to.installation,
            repository: to.repository,
            redelivery: false,
            at,
            payload,
            request_headers: Value::Null,
            outcome: Outcome::Pending,
        };
        self.deliveries.insert(id, delivery);
        self.outbox.push(id);
        id
    }
}

/// Whom a delivery goes to, and what it is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addressee {
    pub(crate) app: AppId,
    pub(crate) installation: Option<InstallationId>,
    pub(crate) repository: Option<RepositoryId>,
}
