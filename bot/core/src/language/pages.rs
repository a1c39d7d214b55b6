//! What help says: the list of commands, and one command's page. Pure functions to Markdown.

use std::fmt::Write as _;

use clap::{Arg, ArgAction, Command};

use super::say;
use super::{Entry, Vocabulary};
use crate::permission::Permission;

/// All commands, as a table.
pub fn list(vocabulary: &Vocabulary) -> String {
    let mention = vocabulary.mention().name();
    let mut out = String::from("| Command | What it does | Who may use it |\n|---|---|---|\n");
    for definition in vocabulary.definitions() {
        let name = &definition.name;
        let summary = definition.summary.replace('|', "\\|");
        _ = writeln!(out, "| `@{mention} {name}` | {summary} | {} |", who(definition.permission));
    }
    _ = write!(
        out,
        "\nWrite a command at the beginning of a line. `@{mention} help <command>` tells more about one.\n"
    );
    out
}

/// One command's page; with the words of a subcommand, that one's.
pub fn page(vocabulary: &Vocabulary, definition: &Entry, words: &[String]) -> String {
    let Some(command) = vocabulary.command(&definition.name) else { return list(vocabulary) };
    let (path, clap) = command.deepest(words);
    let whole = path == definition.name;
    let mention = vocabulary.mention().name();
    let mut out = format!("**`@{mention} {path}`**");
    if let Some(about) = clap.get_about() {
        _ = write!(out, ": {}", sentence(&about.to_string()));
    }
    _ = write!(out, "\n\n{}", usage(clap));
    section(
        &mut out,
        "Subcommands",
        clap.get_subcommands().filter(|inner| !inner.is_hide_set()).map(subcommand),
    );
    section(&mut out, "Arguments", shown(clap).filter(|arg| arg.is_positional()).map(argument));
    section(&mut out, "Flags", shown(clap).filter(|arg| !arg.is_positional()).map(argument));
    _ = write!(out, "\n**Who may use it:** {}.\n", who(definition.permission));
    let examples: Vec<_> = definition.examples.iter().filter(|example| begins_with(example, &path)).collect();
    if !examples.is_empty() {
        out.push_str("\n**Examples**\n\n```text\n");
        for example in examples {
            _ = writeln!(out, "@{mention} {example}");
        }
        out.push_str("```\n");
    }
    if !definition.aliases.is_empty() && whole {
        _ = write!(out, "\nAlso called {}.\n", say::list(&definition.aliases));
    }
    out
}

/// Said to a mention alone.
pub(super) fn pointer(vocabulary: &Vocabulary) -> String {
    let mention = vocabulary.mention().name();
    format!("I take commands here: `@{mention} help` lists them.")
}

/// Said to `--version`.
pub(super) fn version() -> String {
    format!("Deputy {}", env!("CARGO_PKG_VERSION"))
}

/// A command's usage line, or lines, in a fence.
pub(super) fn usage(command: &Command) -> String {
    let usage = command.clone().render_usage().to_string();
    fenced(&usage)
}

/// clap's usage text in a fence.
pub(super) fn fenced(usage: &str) -> String {
    let lines = usage.trim_start().trim_start_matches("Usage:").trim().lines().map(str::trim);
    format!("```text\n{}\n```\n", lines.collect::<Vec<_>>().join("\n"))
}

/// Who has a permission, in words.
pub(super) fn who(permission: Permission) -> &'static str {
    match permission {
        Permission::None => "everybody",
        Permission::Read => "people with read access",
        Permission::Triage => "people with triage access",
        Permission::Write => "people with write access",
        Permission::Maintain => "maintainers",
        Permission::Admin => "admins",
    }
}

fn section(out: &mut String, title: &str, entries: impl Iterator<Item = String>) {
    let entries: String = entries.collect();
    if !entries.is_empty() {
        _ = write!(out, "\n**{title}**\n\n{entries}");
    }
}

fn subcommand(command: &Command) -> String {
    entry(&format!("`{}`", command.get_name()), command.get_about().map(ToString::to_string), &[])
}

/// What is ours to explain: clap's own `--help` is the same everywhere.
fn shown(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|arg| {
        !arg.is_hide_set()
            && !matches!(arg.get_action(), ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong)
    })
}

fn argument(arg: &Arg) -> String {
    let name = match arg.get_short() {
        Some(short) if arg.get_long().is_some() => format!("`{arg}`, `-{short}`"),
        _ => format!("`{arg}`"),
    };
    let mut notes = Vec::new();
    let takes_value = arg.get_num_args().is_some_and(|number| number.takes_values());
    if takes_value && !arg.is_hide_possible_values_set() {
        let values = arg.get_possible_values();
        let names: Vec<_> = values
            .iter()
            .filter(|value| !value.is_hide_set())
            .map(clap::builder::PossibleValue::get_name)
            .collect();
        if !names.is_empty() {
            notes.push(format!("One of {}.", say::list(&names)));
        }
    }
    let defaults: Vec<_> = arg.get_default_values().iter().filter_map(|value| value.to_str()).collect();
    if takes_value && !defaults.is_empty() && !arg.is_hide_default_value_set() {
        notes.push(format!("Default: {}.", say::list(&defaults)));
    }
    if arg.is_required_set() && !arg.is_positional() {
        notes.push("Required.".to_owned());
    }
    if matches!(arg.get_action(), ArgAction::Append) && !arg.is_positional() {
        notes.push("May be repeated.".to_owned());
    }
    entry(&name, arg.get_help().map(ToString::to_string), &notes)
}

fn entry(name: &str, help: Option<String>, notes: &[String]) -> String {
    let mut text = sentence(&help.unwrap_or_default());
    for note in notes {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(note);
    }
    if text.is_empty() { format!("- {name}\n") } else { format!("- {name}: {text}\n") }
}

fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.is_empty() || text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}

/// Whether an example is one of the command or subcommand at a path. Those by an alias are shown with all.
fn begins_with(example: &str, path: &str) -> bool {
    let mut words = example.split_whitespace().skip(1);
    path.split_whitespace().skip(1).all(|name| words.next() == Some(name))
}
