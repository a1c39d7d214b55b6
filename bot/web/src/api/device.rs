//! Logging in from a terminal: `POST /api/v1/device` begins, `POST /api/v1/device/poll` asks how far it is.
//!
//! The server talks to GitHub; the terminal gets a handle that works once, and in the end a session of ours. GitHub's
//! device code and tokens never leave the server.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::response::Response;
use chrono::{DateTime, TimeDelta, Utc};
use deputy_core::ports::{DeviceCode, DevicePoll, Purpose, Tokens};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::answer::{refuse, tell};
use super::polls::TooSoon;
use super::session::SESSION_LIFETIME;
use crate::auth::{Auth, Trouble, Welcome};

/// A host's name is at most this long, and so is the name of a session.
const LONGEST_NAME: usize = 64;

/// Who wants to begin.
#[derive(Debug, Deserialize)]
pub(super) struct Begin {
    /// What the person calls the place; the host's name by default.
    #[serde(default)]
    name: String,
}

/// What the terminal shows, and polls with.
#[derive(Serialize)]
struct Begun<'a> {
    handle: &'a str,
    user_code: &'a str,
    verification_uri: &'a str,
    /// Seconds.
    expires_in: i64,
    /// Seconds to leave between polls.
    interval: i64,
}

/// Which flow it is about.
#[derive(Debug, Deserialize)]
pub(super) struct Poll {
    handle: SecretString,
}

/// How far it is. What ended it badly is an error.
#[derive(Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
enum Progress<'a> {
    Pending { interval: i64 },
    SlowDown { interval: i64 },
    Done { session: &'a str, login: &'a str, user: u64, expires_at: DateTime<Utc> },
}

/// A flow between its polls, as its nonce carries it behind the device code.
#[derive(Debug, Serialize, Deserialize)]
struct Flow {
    name: String,
    /// Seconds between polls, at first.
    interval: i64,
    expires_at: DateTime<Utc>,
}

pub(super) async fn begin(
    State(auth): State<Arc<Auth>>,
    begin: Result<Json<Begin>, JsonRejection>,
) -> Response {
    let Ok(Json(Begin { name })) = begin else { return refuse(&Trouble::Malformed) };
    auth.begin_device(&name).await.unwrap_or_else(|trouble| refuse(&trouble))
}

pub(super) async fn poll(State(auth): State<Arc<Auth>>, poll: Result<Json<Poll>, JsonRejection>) -> Response {
    let Ok(Json(Poll { handle })) = poll else { return refuse(&Trouble::Malformed) };
    auth.poll_device(&handle).await.unwrap_or_else(|trouble| refuse(&trouble))
}

impl Auth {
    async fn begin_device(&self, name: &str) -> Result<Response, Trouble> {
        if !self.device_pace.admits(self.ports.clock.now()) {
            return Err(Trouble::TooMany);
        }
        let code = self.ports.oauth.begin_device().await?;
        let DeviceCode { device_code, user_code, verification_uri, expires_at, interval } = code;
        let now = self.ports.clock.now();
        let lifetime = (expires_at - now).to_std().unwrap_or_default();
        let flow = Flow { name: tidy(name), interval: interval.num_seconds(), expires_at };
        let handle = self.ports.nonces.put(Purpose::DEVICE_LOGIN, flow.seal(&device_code), lifetime).await?;
        self.polls.begin(&handle, interval, expires_at, now);
        Ok(tell(Begun {
            handle: handle.expose_secret(),
            user_code: &user_code,
            verification_uri: &verification_uri,
            expires_in: lifetime.as_secs().cast_signed(),
            interval: interval.num_seconds(),
        }))
    }

    async fn poll_device(self: &Arc<Self>, handle: &SecretString) -> Result<Response, Trouble> {
        let kept = self.ports.nonces.look(Purpose::DEVICE_LOGIN, handle).await?.ok_or(Trouble::CodeExpired)?;
        let (device_code, flow) = Flow::open(&kept).ok_or(Trouble::CodeExpired)?;
        let now = self.ports.clock.now();
        let interval = TimeDelta::seconds(flow.interval);
        let interval = match self.polls.take_turn(handle, interval, flow.expires_at, now) {
            Ok(interval) => interval.num_seconds(),
            Err(TooSoon(interval)) => return Ok(tell(Progress::SlowDown { interval: interval.num_seconds() })),
        };
        // On a task of its own: GitHub hands the tokens out once, also to a terminal that is gone.
        let (auth, handle) = (Arc::clone(self), handle.clone());
        let asked = tokio::spawn(async move { auth.ask(&handle, &device_code, &flow.name, interval).await }).await;
        asked.unwrap_or_else(|panic| {
            tracing::error!(error = &panic as &dyn std::error::Error, "Asking GitHub for a device failed.");
            Err(Trouble::StoreAway)
        })
    }

    async fn ask(
        self: &Arc<Self>,
        handle: &SecretString,
        device_code: &SecretString,
        name: &str,
        interval: i64,
    ) -> Result<Response, Trouble> {
        match self.ports.oauth.poll_device(device_code).await {
            Ok(DevicePoll::Pending) => Ok(tell(Progress::Pending { interval })),
            Ok(DevicePoll::SlowDown(interval)) => {
                self.polls.slow_down(handle, interval, self.ports.clock.now());
                Ok(tell(Progress::SlowDown { interval: interval.num_seconds() }))
            }
            Ok(DevicePoll::Granted(tokens)) => {
                let first = self.end(handle).await;
                self.admit(tokens, name, first).await
            }
            Ok(DevicePoll::Expired) => {
                self.end(handle).await?;
                Err(Trouble::CodeExpired)
            }
            Ok(DevicePoll::Denied) => {
                self.end(handle).await?;
                Err(Trouble::Denied)
            }
            Err(error) => {
                let trouble = Trouble::from(error);
                // GitHub being away says nothing about the flow; everything else ends it.
                if trouble != Trouble::GitHubAway {
                    self.end(handle).await?;
                }
                Err(trouble)
            }
        }
    }

    /// The handle works no more. `false` where another poll ended it.
    async fn end(&self, handle: &SecretString) -> Result<bool, Trouble> {
        self.polls.forget(handle);
        Ok(self.ports.nonces.take(Purpose::DEVICE_LOGIN, handle).await?.is_some())
    }

    async fn admit(
        self: &Arc<Self>,
        tokens: Tokens,
        name: &str,
        first: Result<bool, Trouble>,
    ) -> Result<Response, Trouble> {
        match first {
            Ok(true) => {}
            // Without its nonce a flow has ended, and what comes of it afterwards is nobody's.
            ended => {
                self.give_back(&tokens.access_token).await;
                return Err(ended.err().unwrap_or(Trouble::CodeExpired));
            }
        }
        let Welcome { user, login, .. } = self.finish(tokens, None).await?;
        let (session, token) = self.ports.sessions.create(user, &login, name, SESSION_LIFETIME).await?;
        tracing::info!(%user, login, session = %session.id, "a terminal logged in");
        Ok(tell(Progress::Done {
            session: token.expose_secret(),
            login: &login,
            user: user.0,
            expires_at: session.expires_at,
        }))
    }
}

impl Flow {
    /// For the nonce: the device code on the first line, so that no copy of it is left behind by a JSON writer.
    fn seal(&self, device_code: &SecretString) -> SecretString {
        let json = serde_json::to_string(self).unwrap_or_default();
        let code = device_code.expose_secret();
        let mut text = String::with_capacity(code.len() + 1 + json.len());
        text.push_str(code);
        text.push('\n');
        text.push_str(&json);
        text.into()
    }

    fn open(kept: &SecretString) -> Option<(SecretString, Self)> {
        let (code, json) = kept.expose_secret().split_once('\n')?;
        Some((code.into(), serde_json::from_str(json).ok()?))
    }
}

/// A name as it can be shown in a list.
fn tidy(name: &str) -> String {
    let name: String = name.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect();
    let name = name.trim();
    if name.is_empty() { "a terminal".to_owned() } else { name.to_owned() }
}
