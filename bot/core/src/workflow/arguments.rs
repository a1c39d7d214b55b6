//! A workflow's arguments: from its manifest to clap, and from what was typed to the job's JSON.

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde_json::{Map, Value};

use super::manifest::{Argument, Kind, Manifest, Pins};
use crate::ids::{NotASha, Sha};

/// The flag that names the commit, of workflows that act on one.
pub const SHA_FLAG: &str = "sha";
/// The flag that confirms, of workflows that want it.
pub const YES_FLAG: &str = "yes";

/// What a job gets of what was typed.
#[derive(Debug, Clone, PartialEq)]
pub struct Filled {
    /// All arguments and flags by name; those without a value are `null`, so that definitions find them.
    pub arguments: Map<String, Value>,
    /// The check run's name.
    pub check: String,
    /// The concurrency group.
    pub group: Option<String>,
    /// The environments to lock.
    pub locks: Vec<String>,
}

/// Adds the manifest's arguments to a command.
pub(super) fn add(command: Command, manifest: &Manifest) -> Command {
    let mut command = command;
    for argument in &manifest.arguments {
        command = command.arg(arg(argument, false));
    }
    for flag in &manifest.flags {
        command = command.arg(arg(flag, true).long(flag.name.clone()));
    }
    if manifest.confirm {
        let help = "Do it: without, Deputy only says what it would do";
        command = command.arg(Arg::new(YES_FLAG).long(YES_FLAG).action(ArgAction::SetTrue).help(help));
    }
    if manifest.pins == Pins::Head {
        let help = "The commit to act on, all digits of it; it must be the head";
        command = command.arg(Arg::new(SHA_FLAG).long(SHA_FLAG).value_parser(sha).help(help));
    }
    command
}

fn arg(argument: &Argument, is_flag: bool) -> Arg {
    let mut arg = Arg::new(argument.name.clone()).required(argument.is_required(is_flag));
    if !argument.help.is_empty() {
        arg = arg.help(argument.help.clone());
    }
    if let Some(short) = argument.short {
        arg = arg.short(short);
    }
    if let Some(default) = &argument.default {
        arg = arg.default_value(plain(default));
    }
    if argument.kind == Kind::Boolean {
        return arg.action(ArgAction::SetTrue);
    }
    if !argument.choices.is_empty() {
        return arg.value_parser(PossibleValuesParser::new(argument.choices.clone()));
    }
    match argument.kind {
        Kind::Integer => arg.value_parser(value_parser!(i64)).allow_negative_numbers(true),
        Kind::Sha => arg.value_parser(sha),
        Kind::String | Kind::Boolean => arg,
    }
}

fn sha(text: &str) -> Result<String, NotASha> {
    text.parse::<Sha>().map(|sha| sha.to_string())
}

/// What was typed, as JSON, with what the manifest makes of it.
pub fn fill(manifest: &Manifest, matches: &ArgMatches) -> Filled {
    let mut arguments = Map::new();
    for argument in manifest.parameters() {
        let name = argument.name.as_str();
        let is_number = argument.kind == Kind::Integer && argument.choices.is_empty();
        let value = match argument.kind {
            Kind::Boolean => Value::Bool(matches.get_flag(name)),
            _ if is_number => matches.get_one::<i64>(name).map_or(Value::Null, |number| (*number).into()),
            _ => matches.get_one::<String>(name).map_or(Value::Null, |text| text.as_str().into()),
        };
        arguments.insert(name.to_owned(), value);
    }
    let filled = |template: &str| filled(template, &arguments);
    Filled {
        check: filled(&manifest.check),
        group: manifest.group.as_deref().map(filled),
        locks: manifest.locks.iter().map(|lock| filled(lock)).collect(),
        arguments,
    }
}

/// The names in braces.
pub(super) fn names_in(template: &str) -> impl Iterator<Item = &str> {
    template.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name)
}

fn filled(template: &str, arguments: &Map<String, Value>) -> String {
    let mut text = template.to_owned();
    for name in names_in(template) {
        let value = match &arguments[name] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        text = text.replace(&format!("{{{name}}}"), &value);
    }
    text
}

/// Whether a default could have been typed.
pub(super) fn check_default(argument: &Argument, default: &Value) -> Result<(), String> {
    let text = plain(default);
    let name = &argument.name;
    let fits = match argument.kind {
        _ if !argument.choices.is_empty() => argument.choices.contains(&text),
        Kind::String | Kind::Boolean => true,
        Kind::Integer => text.parse::<i64>().is_ok(),
        Kind::Sha => text.parse::<Sha>().is_ok(),
    };
    let is_simple = default.is_string() || default.is_i64();
    if fits && is_simple { Ok(()) } else { Err(format!("`{text}` cannot be the default of `{name}`")) }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
