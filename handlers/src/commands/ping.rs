//! `ping`: whether Deputy is there, which version it is, and how long it took.

use chrono::TimeDelta;
use deputy_core::command::{Command, CommandContext, Reply};
use deputy_core::language::Definition;
use deputy_core::permission::Permission;

/// Answers with the version and the latency.
pub static COMMAND: Command = Command {
    definition: Definition {
        name: "ping",
        aliases: &[],
        summary: "Check that Deputy is there, and how fast it answers",
        permission: Permission::Read,
        examples: &["ping"],
        arguments: |command| command,
    },
    run: |context| Box::pin(async move { Ok(Reply::new(pong(context))) }),
};

fn pong(context: &CommandContext<'_>) -> String {
    let now = context.clock.now();
    let since_webhook = now - context.delivery.received_at;
    let written = context.comment.updated_at.or(context.comment.created_at);
    // GitHub tells whole seconds, so this is up to one second too long; a clock that is behind shows as 0.
    let since_comment = written.map(|written| format!(", {} after the comment", shown(now - written)));
    format!(
        "🏓 pong from {} {}: {} after the webhook{}.",
        context.about.name,
        context.about.version,
        shown(since_webhook),
        since_comment.unwrap_or_default()
    )
}

fn shown(time: TimeDelta) -> String {
    match time.num_milliseconds().max(0) {
        millis @ 0..1_000 => format!("{millis} ms"),
        millis @ 1_000..120_000 => format!("{}.{} s", millis / 1_000, millis % 1_000 / 100),
        millis => format!("{} min", millis / 60_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latency_is_shown_in_the_unit_that_fits() {
        assert_eq!(shown(TimeDelta::milliseconds(-5)), "0 ms");
        assert_eq!(shown(TimeDelta::milliseconds(999)), "999 ms");
        assert_eq!(shown(TimeDelta::milliseconds(1_250)), "1.2 s");
        assert_eq!(shown(TimeDelta::minutes(5)), "5 min");
    }

    #[tokio::test]
    async fn ping_is_answered_with_the_version() {
        let world = scenarios::World::new().await;
        let pr = world.pull_request().await;
        let asked = pr.comment(&world.grace, "@deputy ping").await;
        let reply = world.reply_on(&pr, 0).await;
        let expected = concat!("🏓 pong from Deputy ", env!("CARGO_PKG_VERSION"), ": ");
        assert!(reply.starts_with(expected) && reply.contains("after the webhook"), "{reply}");
        assert!(asked.has_reaction("deputy[bot]", "eyes"));
        world.end().await;
    }
}
