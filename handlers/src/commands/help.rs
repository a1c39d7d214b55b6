//! `help`: what there is to ask for, and how one command works.

use clap::Arg;
use deputy_core::authorization::RunsAs;
use deputy_core::command::{Command, CommandError, Reply};
use deputy_core::language::{Definition, Parsed};
use deputy_core::permission::Permission;

/// Lists the commands, or shows one command's page.
pub static COMMAND: Command = Command {
    definition: Definition {
        name: "help",
        aliases: &[],
        summary: "List the commands, or explain one",
        permission: Permission::Read,
        examples: &["help", "help ping"],
        arguments: |command| {
            command.arg(Arg::new("command").num_args(0..).help("The command to explain, and its subcommand"))
        },
    },
    runs_as: RunsAs::App,
    team: None,
    run: |context| {
        Box::pin(async move {
            let words = context.arguments.get_many::<String>("command").into_iter().flatten();
            let words: Vec<String> = words.cloned().collect();
            match context.vocabulary.help(&words) {
                Parsed::Unknown { message, .. } | Parsed::UsageError { message, .. } => {
                    Err(CommandError::Refused(message))
                }
                Parsed::Help { message, .. } | Parsed::Version { message } => Ok(Reply::new(message)),
                Parsed::Run { .. } => unreachable!("help explains; it never runs anything"),
            }
        })
    },
};
