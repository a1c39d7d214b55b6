//! `GET /auth/callback`: GitHub sends the browser back. Who comes back must be who left, once, and from there.
//!
//! What each check keeps out, in RFC 9700's words: the nonce, cross-site request forgery and replay; the cookie, a login
//! begun by one person and finished by another; the verifier (PKCE), a code of another login injected into this
//! one; the issuer, mix-up with another server.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Redirect, Response};
use deputy_core::login::LOGIN_PATH;
use deputy_core::ports::{OAuthError, Purpose};
use secrecy::SecretString;
use serde::Deserialize;

use super::begin::Begun;
use super::cookie::{Cookie, is_same};
use super::finish::Welcome;
use super::trouble::Trouble;
use super::{Auth, DONE_PATH, page};

/// What GitHub appends to our address. Its descriptions of errors are not read: anybody could write them into a link.
#[derive(Debug, Deserialize)]
pub(super) struct Returned {
    state: Option<SecretString>,
    code: Option<SecretString>,
    error: Option<String>,
    /// RFC 9207. GitHub sends none today; one that is there must be right.
    iss: Option<String>,
}

pub(super) async fn callback(
    State(auth): State<Arc<Auth>>,
    returned: Result<Query<Returned>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    // A parameter that comes twice ends here: who knows which one the others would have read.
    let Ok(Query(returned)) = returned else {
        return page::trouble(&Trouble::Malformed, LOGIN_PATH);
    };
    let begun = match auth.recognize(&returned, &headers).await {
        Ok(begun) => begun,
        Err(trouble) => {
            tracing::debug!(code = trouble.code(), "A login's callback was refused.");
            return page::trouble(&trouble, LOGIN_PATH);
        }
    };
    let (begun, verifier) = begun;
    match auth.conclude(returned, &begun, &verifier).await {
        Ok(response) => response,
        Err(trouble) => page::trouble(&trouble, &begun.again()),
    }
}

impl Auth {
    /// The login that this is the end of. Its nonce is used up, whatever comes after.
    async fn recognize(
        &self,
        returned: &Returned,
        headers: &HeaderMap,
    ) -> Result<(Begun, SecretString), Trouble> {
        let state = returned.state.as_ref().ok_or(Trouble::NotBegun)?;
        let kept = self.ports.nonces.take(Purpose::WEB_LOGIN, state).await?.ok_or(Trouble::Stale)?;
        let (begun, verifier) = Begun::open(&kept).ok_or(Trouble::Stale)?;
        let browser = self.jar.get(Cookie::Browser, headers);
        if !browser.is_some_and(|browser| is_same(&begun.browser, &browser)) {
            tracing::warn!("A login came back in another browser than it began in.");
            return Err(Trouble::OtherBrowser);
        }
        if begun.github != self.issuer || returned.iss.as_ref().is_some_and(|iss| *iss != self.issuer) {
            tracing::warn!("A login came back from another server than was asked.");
            return Err(Trouble::OtherServer);
        }
        Ok((begun, verifier))
    }

    /// Exchanges the code, keeps the grant, and sends the browser on to an address without the code in it.
    async fn conclude(
        self: &Arc<Self>,
        returned: Returned,
        begun: &Begun,
        verifier: &SecretString,
    ) -> Result<Response, Trouble> {
        if let Some(error) = returned.error {
            return Err(OAuthError::from_code(&error).into());
        }
        let code = returned.code.ok_or(Trouble::Malformed)?;
        // The repository is left open: a login is for all of them.
        let tokens = self.ports.oauth.exchange(&code, &self.callback_url, verifier, None).await?;
        let welcome = self.finish(tokens, begun.asked.clone()).await?;
        Ok(match self.remember(&welcome, begun).await {
            Some(cookie) => {
                let mut response = Redirect::to(DONE_PATH).into_response();
                page::guard(response.headers_mut());
                response.headers_mut().append(SET_COOKIE, cookie);
                response
            }
            // They are logged in; that the address bar keeps a code that is spent is no reason to say otherwise.
            None => page::welcome(&welcome, begun.return_to.as_deref()),
        })
    }
}

impl Auth {
    async fn remember(&self, welcome: &Welcome, begun: &Begun) -> Option<axum::http::HeaderValue> {
        let outcome = super::done::Outcome::of(welcome, begun.return_to.as_deref());
        match self.keep_outcome(&outcome).await {
            Ok(token) => self.jar.set(Cookie::Outcome, &token),
            Err(trouble) => {
                tracing::debug!(code = trouble.code(), "A login's outcome could not be kept for its page.");
                None
            }
        }
    }
}
