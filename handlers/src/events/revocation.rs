//! `revocation`: somebody took back, in GitHub's settings, what they had allowed Deputy.

use deputy_core::event_handler::{Effects, EventContext, EventHandler, Events};

/// Deletes the person's grant and sessions.
pub static HANDLER: EventHandler = EventHandler {
    name: "revocation",
    events: Events::Named(&["github_app_authorization"]),
    // What is gone cannot be deleted twice.
    effects: Effects::None,
    run: |context| Box::pin(forget(context)),
};

async fn forget(context: &EventContext<'_>) -> anyhow::Result<()> {
    if context.delivery.about.action.as_deref() != Some("revoked") {
        return Ok(());
    }
    let Some(person) = context.payloads.sender(context.delivery)? else { return Ok(()) };
    context.authorizer.forget_grant(person);
    if let Some(logins) = context.logins {
        logins.revoked(person, context.delivery.received_at).await?;
    }
    // Once more: a question that was on its way to the vault may have been answered before the deletion.
    context.authorizer.forget_grant(person);
    Ok(())
}
