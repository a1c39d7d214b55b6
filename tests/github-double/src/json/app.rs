//! Apps, installations and deliveries as JSON.

use serde_json::{Value, json};

use crate::clock::stamp;
use crate::ids::AppId;
use crate::state::State;
use crate::state::app::{Installation, Permissions};
use crate::state::delivery::{Delivery, Outcome};

pub(crate) fn permissions(permissions: &Permissions) -> Value {
    permissions.iter().map(|(name, access)| (name.clone(), json!(access.name()))).collect()
}

/// `hook-delivery-item`: a delivery in the list.
pub(crate) fn delivery_item(delivery: &Delivery) -> Value {
    let (status, code, seconds) = match &delivery.outcome {
        Outcome::Pending => ("pending".to_owned(), 0, 0.0),
        Outcome::Answered { status, seconds, .. } => {
            let reason = hyper::StatusCode::from_u16(*status).ok().and_then(|code| code.canonical_reason());
            (reason.unwrap_or("Unknown").to_owned(), *status, *seconds)
        }
        Outcome::Failed { why, seconds } => (why.clone(), 0, *seconds),
    };
    json!({
        "id": delivery.id,
        "guid": delivery.guid,
        "delivered_at": stamp(delivery.at),
        "redelivery": delivery.redelivery,
        "duration": seconds,
        "status": if (200..300).contains(&code) { "OK".to_owned() } else { status },
        "status_code": code,
        "event": delivery.event,
        "action": delivery.action,
        "installation_id": delivery.installation,
        "repository_id": delivery.repository,
        "throttled_at": null,
    })
}

impl State {
    /// `integration`: an App.
    pub(crate) fn app_json(&self, id: AppId) -> Value {
        let app = self.app(id);
        json!({
            "id": id,
            "client_id": app.client_id,
            "slug": app.slug,
            "node_id": id.node_id(),
            "owner": self.user_json(app.owner),
            "name": app.name,
            "description": "",
            "external_url": format!("{}/{}", self.urls.web, app.slug),
            "html_url": format!("{}/apps/{}", self.urls.web, app.slug),
            "created_at": stamp(app.created_at),
            "updated_at": stamp(app.created_at),
            "permissions": permissions(&app.permissions),
            "events": app.events,
        })
    }

    /// `installation`, in answers and in installation webhooks.
    pub(crate) fn installation_json(&self, installation: &Installation) -> Value {
        let account = self.account(installation.account);
        let html = match account.organization() {
            Some(_) => format!("{}/organizations/{}", self.urls.web, account.login),
            None => self.urls.web.clone(),
        };
        json!({
            "id": installation.id,
            "client_id": self.app(installation.app).client_id,
            "account": self.user_json(installation.account),
            "repository_selection": if installation.selected.is_some() { "selected" } else { "all" },
            "access_tokens_url": format!("{}/app/installations/{}/access_tokens", self.urls.api, installation.id),
            "repositories_url": format!("{}/installation/repositories", self.urls.api),
            "html_url": format!("{html}/settings/installations/{}", installation.id),
            "app_id": installation.app,
            "app_slug": self.app(installation.app).slug,
            "target_id": installation.account,
            "target_type": account.type_name(),
            "permissions": permissions(&installation.permissions),
            "events": installation.events,
            "created_at": stamp(installation.created_at),
            "updated_at": stamp(installation.updated_at),
            "single_file_name": null,
            "has_multiple_single_files": false,
            "single_file_paths": [],
            "suspended_by": installation.suspended.map(|(_, by)| self.user_json(by)),
            "suspended_at": installation.suspended.map(|(at, _)| stamp(at)),
        })
    }

    /// `hook-delivery`: a delivery with all that was sent and answered.
    pub(crate) fn delivery_json(&self, delivery: &Delivery) -> Value {
        let (headers, payload) = match &delivery.outcome {
            Outcome::Answered { headers, body, .. } => (headers.clone(), json!(body)),
            Outcome::Pending | Outcome::Failed { .. } => (json!({}), Value::Null),
        };
        let url = self.app(delivery.app).webhook.url.clone().unwrap_or_default();
        let mut json = delivery_item(delivery);
        super::extend(
            &mut json,
            json!({
                "url": url,
                "request": { "headers": delivery.request_headers, "payload": delivery.payload },
                "response": { "headers": headers, "payload": payload },
            }),
        );
        json
    }
}
