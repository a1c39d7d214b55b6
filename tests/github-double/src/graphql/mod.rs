//! GraphQL.

use std::sync::Arc;

use crate::http::auth::Caller;
use crate::http::pipeline::Received;
use crate::http::reply::{Refusal, Reply};
use crate::hub::Hub;

pub(crate) fn answer(_hub: &Arc<Hub>, _caller: &Caller, _received: &Received) -> Reply {
    Refusal::not_found().into_reply("https://docs.github.com/graphql")
}
