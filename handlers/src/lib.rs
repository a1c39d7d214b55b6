//! What Deputy does: `commands/` answer people, `events/` react to GitHub, `tasks/` are the steps of workflows. One file
//! each; the build finds them.

pub mod approvals;
mod input;
pub mod topics;

/// The commands, from `src/commands/`.
mod commands {
    include!(concat!(env!("OUT_DIR"), "/commands.rs"));
}

/// The reactions to events, from `src/events/`.
mod events {
    include!(concat!(env!("OUT_DIR"), "/events.rs"));
}

/// What the steps of workflows can do, from `src/tasks/`.
mod tasks {
    include!(concat!(env!("OUT_DIR"), "/tasks.rs"));
}

pub use commands::COMMANDS;
pub use events::EVENTS;
pub use tasks::TASKS;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_called_as_what_is_in_it() {
        let commands = COMMANDS.iter().map(|command| command.definition.name);
        let events = EVENTS.iter().map(|handler| handler.name);
        let tasks = TASKS.iter().map(|task| task.name);
        for (files, names) in [
            (commands::FILES, commands.collect::<Vec<_>>()),
            (events::FILES, events.collect()),
            (tasks::FILES, tasks.collect()),
        ] {
            let names: Vec<_> = names.iter().map(|name| name.replace(['.', '-'], "_")).collect();
            assert_eq!(files, names);
        }
    }

    #[test]
    fn every_task_says_what_it_takes_and_how_it_ends() {
        for task in TASKS {
            assert!(task.summary.ends_with('.'), "{}", task.name);
            for field in task.input.iter().chain(task.output) {
                assert!(field.meaning.ends_with('.'), "{}: {}", task.name, field.name);
            }
            assert!(task.errors.iter().all(|error| !error.name.starts_with("States.")), "{}", task.name);
            assert_eq!(task.look.is_some(), task.ends != deputy_core::task::Ends::AtOnce, "{}", task.name);
        }
    }
}
