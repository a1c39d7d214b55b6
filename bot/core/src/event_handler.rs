//! A reaction to an event: code that runs for deliveries of some kind, whoever caused them.
//!
//! One reaction is one file in `handlers/src/events/` with one `pub static HANDLER: EventHandler`.

use crate::authorization::Authorizer;
use crate::command::Running;
use crate::delivery::Delivery;
use crate::drive::Driver;
use crate::ids::EventName;
use crate::logins::Logins;
use crate::ports::{Clock, GitHub, Installations, Payloads};
use crate::settings::Source;

/// Which events a handler wants, and what it does with one.
pub struct EventHandler {
    /// Its name in queues, logs and dead letters; the file's name. Never reuse one.
    pub name: &'static str,
    /// The events that reach it.
    pub events: Events,
    /// Whether running twice would show.
    pub effects: Effects,
    /// What it does. An error means: try again later.
    pub run: for<'a> fn(&'a EventContext<'a>) -> Running<'a, anyhow::Result<()>>,
}

/// A set of events.
#[derive(Debug, Clone, Copy)]
pub enum Events {
    /// Every event, those included that GitHub will invent.
    All,
    /// The named ones, as `X-GitHub-Event` has them.
    Named(&'static [&'static str]),
}

impl Events {
    /// Whether `event` is one of them.
    pub fn contain(self, event: &EventName) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => names.contains(&event.as_str()),
        }
    }
}

/// Whether a handler changes anything that somebody could see twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effects {
    /// Nothing but reading and logging: it needs no record of having run.
    None,
    /// It changes things, so every run is recorded under [`Once`](crate::ports::Once).
    Recorded,
}

/// Everything a running event handler may use.
pub struct EventContext<'a> {
    /// What arrived.
    pub delivery: &'a Delivery,
    /// GitHub.
    pub github: &'a dyn GitHub,
    /// GitHub's payload formats.
    pub payloads: &'a dyn Payloads,
    /// What repositories set for themselves, to be told of changes.
    pub settings: &'a Source,
    /// The jobs, and what runs them: to be told of what their steps wait for.
    pub driver: &'a Driver,
    /// Whoever remembers who may do what, to be told of changes.
    pub authorizer: &'a dyn Authorizer,
    /// Whoever remembers where the App is installed, to be told of changes.
    pub installations: &'a dyn Installations,
    /// People's logins, where this Deputy has them.
    pub logins: Option<&'a Logins>,
    /// What time it is.
    pub clock: &'a dyn Clock,
}
