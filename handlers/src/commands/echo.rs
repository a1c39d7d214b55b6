//! `echo`: says back what it was told, which shows how a line was read.

use clap::Arg;
use deputy_core::authorization::RunsAs;
use deputy_core::command::{Command, Reply};
use deputy_core::language::{Definition, say};
use deputy_core::permission::Permission;

/// An echo of more would be a way to make the bot fill pages.
const LONGEST: usize = 4_000;

/// Says the words back, one a line.
pub static COMMAND: Command = Command {
    definition: Definition {
        name: "echo",
        aliases: &[],
        summary: "Say back the words, as Deputy read them",
        permission: Permission::Write,
        examples: &["echo hello", "echo \"two words\" three"],
        arguments: |command| {
            command.arg(
                Arg::new("words")
                    .help("What to say back")
                    .num_args(1..)
                    .required(true)
                    .trailing_var_arg(true)
                    .allow_hyphen_values(true),
            )
        },
    },
    runs_as: RunsAs::Person,
    team: None,
    run: |context| {
        Box::pin(async move {
            let words = context.arguments.get_many::<String>("words").into_iter().flatten();
            let words: Vec<&str> = words.map(String::as_str).collect();
            Ok(Reply::new(say::block(&words.join("\n"), LONGEST)))
        })
    },
};
