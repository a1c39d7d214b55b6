//! `log`: one line for every event, whatever it is.

use deputy_core::event_handler::{Effects, EventHandler, Events};

/// Logs the event's name, action, repository and delivery. Never the payload.
pub static HANDLER: EventHandler = EventHandler {
    name: "log",
    events: Events::All,
    effects: Effects::None,
    run: |context| {
        let delivery = context.delivery;
        tracing::info!(
            target: "deputy::events",
            delivery = %delivery.id,
            event = %delivery.event,
            action = delivery.about.action.as_deref(),
            repo = delivery.about.repository.as_deref(),
            installation = delivery.about.installation.map(|id| id.0),
            "event"
        );
        Box::pin(std::future::ready(Ok(())))
    },
};
