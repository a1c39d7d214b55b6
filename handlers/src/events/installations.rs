//! `installations`: the App was installed, changed or removed somewhere; what is remembered of that is read again.

use deputy_core::event_handler::{Effects, EventHandler, Events};

/// Looks again at the installation that the event names. What the event says of it is not used: by the time it is
/// handled, GitHub may know better.
pub static HANDLER: EventHandler = EventHandler {
    name: "installations",
    events: Events::Named(&["installation", "installation_repositories", "installation_target"]),
    effects: Effects::None,
    run: |context| {
        Box::pin(async move {
            match context.delivery.about.installation {
                Some(installation) => Ok(context.installations.changed(installation).await?),
                None => Ok(()),
            }
        })
    },
};
