//! The manifest flow's last step: <https://docs.github.com/en/rest/apps/apps#create-a-github-app-from-a-manifest>.

use serde_json::{Value, json};

use crate::http::call::Call;
use crate::http::reply::{Answer, Refusal, Reply};
use crate::http::route::{Route, post};
use crate::json::extend;
use crate::people::AppBuilder;
use crate::state::State;
use crate::state::app::{Access, Permissions};

pub(crate) const ROUTES: &[Route] = &[post("/app-manifests/{code}/conversions", convert)];

/// Buys the App with the code: once, within an hour. No other credentials are needed.
fn convert(state: &mut State, call: &Call) -> Answer {
    let now = state.now();
    let manifest = state.oauth.manifests.remove(call.path("code"));
    let manifest = manifest.filter(|manifest| now < manifest.expires_at).ok_or_else(Refusal::not_found)?;
    let json = &manifest.json;
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let mut permissions = Permissions::new();
    for (name, access) in json["default_permissions"].as_object().into_iter().flatten() {
        let access = access.as_str().and_then(Access::parse);
        let access = access.ok_or_else(|| Refusal::unprocessable("Integration", name, "invalid"))?;
        permissions.insert(name.clone(), access);
    }
    // Whatever else an App may do, it may read metadata.
    permissions.entry("metadata".to_owned()).or_insert(Access::Read);
    let name = json["name"].as_str().map_or_else(|| format!("app-{}", state.apps.len() + 1), str::to_owned);
    let id = AppBuilder::add_from_manifest(
        state,
        &name,
        manifest.owner,
        permissions,
        texts(&json["default_events"]),
    );
    let app = state.app_mut(id);
    app.callback_urls = texts(&json["callback_urls"]);
    app.webhook.url = json["hook_attributes"]["url"].as_str().map(str::to_owned);
    let app = state.app(id);
    let secrets = json!({
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "webhook_secret": app.webhook.secret,
        "pem": app.keys[0].pem,
    });
    let mut json = state.app_json(id);
    extend(&mut json, secrets);
    Ok(Reply::new(201, json))
}
