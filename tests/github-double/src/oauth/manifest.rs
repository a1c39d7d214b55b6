//! The manifest flow: an App made from a description, with one click.
//!
//! <https://docs.github.com/en/apps/sharing-github-apps/registering-a-github-app-from-a-manifest>

use chrono::TimeDelta;
use serde_json::Value;

use super::{Fields, page};
use crate::http::pipeline::Received;
use crate::http::reply::Reply;
use crate::ids::AccountId;
use crate::random;
use crate::state::State;
use crate::state::oauth::Manifest;

/// The fields of a manifest. Enabling the device flow is none of them.
const KNOWN: [&str; 11] = [
    "name",
    "url",
    "hook_attributes",
    "redirect_url",
    "callback_urls",
    "setup_url",
    "description",
    "public",
    "default_events",
    "default_permissions",
    "request_oauth_on_install",
];

/// `POST /settings/apps/new?state=…` with the form field `manifest`: first asks, then creates.
pub(super) fn ask_or_create(state: &mut State, received: &Received, fields: &Fields) -> Reply {
    let Some(person) = fields.person(state) else {
        let question = page::Question {
            title: "Create GitHub App",
            action: &received.path,
            fields: &fields.0,
            can_deny: false,
        };
        return page::ask(state, &question);
    };
    let organization = received.path.strip_prefix("/organizations/").and_then(|rest| rest.split('/').next());
    let owner =
        organization.and_then(|login| state.account_by_login(login)).map_or(person, |account| account.id);
    match state.agree_to_manifest(fields.get("manifest").unwrap_or_default(), fields.get("state"), owner) {
        Ok(location) => page::redirect(location),
        Err(why) => page::error(422, &why),
    }
}

impl State {
    /// Somebody agreed to a manifest: where the browser goes, with the code that buys the App.
    pub(crate) fn agree_to_manifest(
        &mut self,
        manifest: &str,
        nonce: Option<&str>,
        owner: AccountId,
    ) -> Result<String, String> {
        let json: Value = manifest.parse().map_err(|error| format!("The manifest is no JSON: {error}"))?;
        let fields = json.as_object().ok_or("The manifest is no object")?;
        for field in fields.keys().filter(|field| !KNOWN.contains(&field.as_str())) {
            self.violation(format!("manifest: {field} is none of GitHub's fields"));
        }
        let is_url = |value: &Value| value.as_str().is_some_and(|text| url::Url::parse(text).is_ok());
        if !is_url(&json["url"]) {
            return Err("The manifest needs a url".to_owned());
        }
        if !is_url(&json["redirect_url"]) {
            return Err("The manifest needs a redirect_url".to_owned());
        }
        if fields.contains_key("hook_attributes") && !is_url(&json["hook_attributes"]["url"]) {
            return Err("hook_attributes needs a url".to_owned());
        }
        if json["callback_urls"].as_array().is_some_and(|urls| urls.len() > 10) {
            return Err("An App has ten callback URLs at most".to_owned());
        }
        let mut location = url::Url::parse(json["redirect_url"].as_str().unwrap_or_default())
            .map_err(|error| error.to_string())?;
        let code = random::hex(&random::bytes(20));
        self.keep_secret(&code);
        let expires_at = self.now() + TimeDelta::hours(1);
        self.oauth.manifests.insert(code.clone(), Manifest { json, owner, expires_at });
        location.query_pairs_mut().append_pair("code", &code);
        if let Some(nonce) = nonce {
            location.query_pairs_mut().append_pair("state", nonce);
        }
        Ok(location.to_string())
    }
}
