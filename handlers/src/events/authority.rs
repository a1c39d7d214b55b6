//! `authority`: what changes who may do what ends what is remembered of it.

use deputy_core::event_handler::{Effects, EventHandler, Events};

/// Forgets all that is remembered of memberships and permissions. Which person and repository an event touches is
/// not worth reading: teams stand below teams and own repositories, and asking GitHub again is cheap.
pub static HANDLER: EventHandler = EventHandler {
    name: "authority",
    events: Events::Named(&[
        "installation",
        "installation_repositories",
        "installation_target",
        "member",
        "membership",
        "organization",
        "repository",
        "team",
        "team_add",
    ]),
    effects: Effects::None,
    run: |context| {
        context.authorizer.forget();
        Box::pin(std::future::ready(Ok(())))
    },
};
