//! What Deputy does: `commands/` answer people, `events/` react to GitHub. One file each; the build finds them.

/// The commands, from `src/commands/`.
mod commands {
    include!(concat!(env!("OUT_DIR"), "/commands.rs"));
}

/// The reactions to events, from `src/events/`.
mod events {
    include!(concat!(env!("OUT_DIR"), "/events.rs"));
}

pub use commands::COMMANDS;
pub use events::EVENTS;
