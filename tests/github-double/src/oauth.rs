//! GitHub's web endpoints outside the REST API: logging in.

use crate::http::pipeline::Received;
use crate::http::reply::{Refusal, Reply};
use crate::state::State;

/// Whether a path is one of these.
pub(crate) fn is_web(path: &str) -> bool {
    path.starts_with("/login/")
}

pub(crate) fn answer(_state: &mut State, _received: &Received) -> Reply {
    Refusal::not_found().into_reply("https://docs.github.com/apps")
}
