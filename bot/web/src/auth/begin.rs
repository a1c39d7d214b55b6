//! `GET /auth/login`: remembers who was asked and where they came from, and sends the browser to GitHub.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Redirect, Response};
use deputy_core::login::LOGIN_PATH;
use deputy_core::ports::{Authorize, NONCE_LIFETIME, Purpose};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::cookie::{Cookie, fingerprint, fresh};
use super::finish::Asked;
use super::trouble::Trouble;
use super::{Auth, page};

/// What a login link says; see [`deputy_core::login::LoginLink`].
#[derive(Debug, Deserialize)]
pub(super) struct Asking {
    user: Option<u64>,
    login: Option<String>,
    #[serde(rename = "return")]
    return_to: Option<String>,
}

/// A login between here and the callback, as its nonce carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Begun {
    /// Which browser: its cookie's fingerprint.
    pub(super) browser: String,
    /// Which GitHub was asked. Were there two, an answer of the one would not be taken to the other.
    pub(super) github: String,
    /// Who was asked to log in, if anybody in particular.
    pub(super) asked: Option<Asked>,
    /// Where to send them back to. Checked before it was kept.
    pub(super) return_to: Option<String>,
}

impl Begun {
    /// The link that begins the same login once more.
    pub(super) fn again(&self) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        if let Some(Asked { user, login }) = &self.asked {
            query.append_pair("user", &user.to_string());
            query.extend_pairs(login.iter().map(|login| ("login", login)));
        }
        query.extend_pairs(self.return_to.iter().map(|place| ("return", place)));
        let query = query.finish();
        if query.is_empty() { LOGIN_PATH.to_owned() } else { format!("{LOGIN_PATH}?{query}") }
    }

    /// For the nonce: the verifier on the first line, so that no copy of it is left behind by a JSON writer.
    fn seal(&self, verifier: &SecretString) -> SecretString {
        let json = serde_json::to_string(self).unwrap_or_default();
        let verifier = verifier.expose_secret();
        let mut text = String::with_capacity(verifier.len() + 1 + json.len());
        text.push_str(verifier);
        text.push('\n');
        text.push_str(&json);
        text.into()
    }

    /// What [`seal`](Self::seal) made.
    pub(super) fn open(kept: &SecretString) -> Option<(Self, SecretString)> {
        let (verifier, json) = kept.expose_secret().split_once('\n')?;
        Some((serde_json::from_str(json).ok()?, verifier.into()))
    }
}

pub(super) async fn begin(
    State(auth): State<Arc<Auth>>,
    asking: Result<Query<Asking>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let asking = match asking {
        Ok(Query(asking)) => asking,
        Err(_) => return page::trouble(&Trouble::Malformed, LOGIN_PATH),
    };
    match auth.begin(asking, &headers).await {
        Ok(response) => response,
        Err(trouble) => page::trouble(&trouble, LOGIN_PATH),
    }
}

impl Auth {
    async fn begin(&self, asking: Asking, headers: &HeaderMap) -> Result<Response, Trouble> {
        let return_to = match asking.return_to.filter(|text| !text.is_empty()) {
            Some(text) => Some(self.destinations.allow(&text).ok_or(Trouble::ForeignReturn)?),
            None => None,
        };
        if !self.web_pace.admits(self.ports.clock.now()) {
            return Err(Trouble::TooMany);
        }
        let login = asking.login.filter(|login| is_login(login));
        let asked = asking.user.map(|user| Asked { user, login });
        let browser = match self.jar.get(Cookie::Browser, headers) {
            Some(known) => known,
            None => fresh()?,
        };
        let verifier = fresh()?;
        let begun =
            Begun { browser: fingerprint(&browser), github: self.issuer.clone(), asked, return_to };
        let state = self.ports.nonces.put(Purpose::WEB_LOGIN, begun.seal(&verifier), NONCE_LIFETIME).await?;
        let url = self.ports.oauth.authorize_url(&Authorize {
            redirect_uri: &self.callback_url,
            state: state.expose_secret(),
            verifier: &verifier,
            login: begun.asked.as_ref().and_then(|asked| asked.login.as_deref()),
        })?;
        let mut response = Redirect::to(&url).into_response();
        page::guard(response.headers_mut());
        // Renewed each time: it must outlive this login.
        let cookie = self.jar.set(Cookie::Browser, &browser).ok_or(Trouble::StoreAway)?;
        response.headers_mut().append(SET_COOKIE, cookie);
        Ok(response)
    }
}

/// What GitHub allows as a login; anything else in a link is not shown to anybody.
fn is_login(text: &str) -> bool {
    matches!(text.len(), 1..=39) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_begun_comes_back_as_it_was() {
        let begun = Begun {
            browser: "b".to_owned(),
            github: "https://github.com/login/oauth".to_owned(),
            asked: Some(Asked { user: 7, login: Some("ada".to_owned()) }),
            return_to: Some("https://github.com/acme/shop/pull/12#issuecomment-1".to_owned()),
        };
        let kept = begun.seal(&"the-verifier".into());
        assert!(!format!("{kept:?}").contains("verifier"));
        let (opened, verifier) = Begun::open(&kept).unwrap();
        assert_eq!((opened, verifier.expose_secret()), (begun.clone(), "the-verifier"));
        assert_eq!(
            begun.again(),
            "/auth/login?user=7&login=ada&return=https%3A%2F%2Fgithub.com%2Facme%2Fshop%2Fpull%2F12%23issuecomment-1"
        );
        assert!(Begun::open(&"no payload of ours".into()).is_none());
    }
}
