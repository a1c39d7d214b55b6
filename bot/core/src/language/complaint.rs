//! What a person is told about a line that cannot be run: what is wrong, why, and what to type instead.

use clap::error::{ContextKind, ContextValue, Error, ErrorKind};

use super::line::Misquoted;
use super::vocabulary::Command;
use super::{MAX_COMMANDS, Vocabulary, pages, say};

/// A word that is no command.
pub(super) fn unknown(vocabulary: &Vocabulary, word: &str) -> String {
    let mention = vocabulary.mention().name();
    if word.trim().is_empty() {
        return format!("The name of the command is empty. `@{mention} help` lists all commands.");
    }
    let shown = say::code(word);
    if word.starts_with('-') {
        return format!(
            "A line begins with a command, flags come after it; {shown} is no command. `@{mention} help` lists them."
        );
    }
    let guess = say::nearest(word, vocabulary.command_words());
    let guess = guess.map(|name| format!(" Did you mean `{name}`?")).unwrap_or_default();
    format!("I know no command {shown}.{guess} `@{mention} help` lists all commands.")
}

/// A quote without an end, or an apostrophe.
pub(super) fn misquoted(misquoted: Misquoted) -> String {
    if misquoted.apostrophe {
        return "The apostrophe `'` would begin a quote. Put the whole text in double quotes, `\"like this, don't \
                worry\"`, or a backslash before each apostrophe: `don\\'t`."
            .to_owned();
    }
    let shown = say::code(&misquoted.quote.to_string());
    format!(
        "The quote that begins with {shown} never ends. Close it, or put a backslash before it to mean it literally."
    )
}

/// More commands than one comment may hold.
pub(super) fn too_many(excess: usize) -> String {
    let left = if excess == 1 { "one is".to_owned() } else { format!("{excess} are") };
    format!(
        "A comment may hold {MAX_COMMANDS} commands. I took the first {MAX_COMMANDS}; {left} left. \
         Send the rest in another comment."
    )
}

/// What clap found wrong with a command's words.
pub(super) fn usage(vocabulary: &Vocabulary, command: &Command, args: &[String], error: &Error) -> String {
    let (path, clap) = command.deepest(args);
    let sentence = Context { error, clap, path: &path }.sentence();
    let mention = vocabulary.mention().name();
    // Not the usage that clap puts into the error: it leaves out what was not typed.
    format!("{sentence}\n\n{}\n`@{mention} help {path}` tells more.", pages::usage(clap))
}

/// One of clap's errors, with what is needed to say it in our words.
struct Context<'a> {
    error: &'a Error,
    clap: &'a clap::Command,
    path: &'a str,
}

impl Context<'_> {
    fn sentence(&self) -> String {
        let arg = self.text(ContextKind::InvalidArg).unwrap_or_default();
        match self.error.kind() {
            ErrorKind::UnknownArgument => self.unknown_argument(&arg),
            ErrorKind::InvalidSubcommand => self.unknown_subcommand(),
            ErrorKind::MissingSubcommand => {
                format!("`{}` needs to know what to do: {}.", self.path, say::list(&self.subcommands()))
            }
            ErrorKind::MissingRequiredArgument => match self.texts(ContextKind::InvalidArg).as_slice() {
                [one] => match self.choices(one).as_slice() {
                    [] => format!("{} is missing.", say::code(one)),
                    choices => format!("{} is missing: one of {}.", say::code(one), say::list(choices)),
                },
                missing => format!("These are missing: {}.", say::list(missing)),
            },
            ErrorKind::InvalidValue | ErrorKind::ValueValidation => self.invalid_value(&arg),
            ErrorKind::TooManyValues => {
                let value = self.text(ContextKind::InvalidValue).unwrap_or_default();
                format!("{} is one value too many for {}.", say::code(&value), say::code(&arg))
            }
            ErrorKind::TooFewValues => {
                let wanted = self.number(ContextKind::MinValues);
                format!("{} needs at least {}, and got {}.", say::code(&arg), values(wanted), self.actual())
            }
            ErrorKind::WrongNumberOfValues => {
                let wanted = self.number(ContextKind::ExpectedNumValues);
                format!("{} needs {}, and got {}.", say::code(&arg), values(wanted), self.actual())
            }
            ErrorKind::NoEquals => format!("{} takes its value behind an equals sign.", say::code(&arg)),
            ErrorKind::ArgumentConflict => self.conflict(&arg),
            _ => format!("`{}` cannot be used like this.", self.path),
        }
    }

    fn unknown_argument(&self, arg: &str) -> String {
        let shown = say::code(arg);
        let path = self.path;
        // Telephones turn `--` into a dash, which clap takes for a plain word.
        if let Some(flag) =
            arg.strip_prefix(['—', '–']).filter(|flag| flag.starts_with(|c: char| c.is_alphabetic()))
        {
            let meant = say::code(&format!("--{flag}"));
            return format!(
                "{shown} begins with a long dash, which telephones make of two hyphens. Did you mean {meant}?"
            );
        }
        if !arg.starts_with('-') {
            return format!(
                "{shown} is one word too many for `{path}`. Several words that belong together go in quotes."
            );
        }
        let guess = match (self.text(ContextKind::SuggestedArg), self.text(ContextKind::SuggestedSubcommand))
        {
            (Some(flag), Some(inner)) => format!(" Did you mean `{path} {inner} {flag}`?"),
            (Some(flag), None) => format!(" Did you mean {}?", say::code(&flag)),
            _ if self.clap.get_positionals().any(|arg| arg.get_possible_values().is_empty()) => {
                " If it is meant as text, put `--` before the text.".to_owned()
            }
            _ => String::new(),
        };
        let flags: Vec<_> = self
            .clap
            .get_arguments()
            .filter(|arg| !arg.is_hide_set() && arg.get_id() != "help")
            .filter_map(|arg| arg.get_long().map(|long| format!("--{long}")))
            .collect();
        let known = if flags.is_empty() { String::new() } else { format!(" Known: {}.", say::list(&flags)) };
        format!("{shown} is no flag of `{path}`.{guess}{known}")
    }

    fn unknown_subcommand(&self) -> String {
        let word = self.text(ContextKind::InvalidSubcommand).unwrap_or_default();
        let names = self.subcommands();
        let guess = say::nearest(&word, names.iter().map(String::as_str));
        let guess = guess.map(|name| format!(" Did you mean `{name}`?")).unwrap_or_default();
        format!(
            "{} is nothing that `{}` does.{guess} Known: {}.",
            say::code(&word),
            self.path,
            say::list(&names)
        )
    }

    fn invalid_value(&self, arg: &str) -> String {
        let known = self.texts(ContextKind::ValidValue);
        let known = if known.is_empty() { String::new() } else { format!(" Known: {}.", say::list(&known)) };
        let value = self.text(ContextKind::InvalidValue).unwrap_or_default();
        if value.is_empty() {
            return format!("{} needs a value.{known}", say::code(arg));
        }
        let guess = self.text(ContextKind::SuggestedValue);
        let guess = guess.map(|value| format!(" Did you mean {}?", say::code(&value))).unwrap_or_default();
        let reason = self.reason(&value).map(|reason| format!(": {reason}")).unwrap_or_default();
        format!("{} is no {}{reason}.{guess}{known}", say::code(&value), what(arg))
    }

    /// Why a value was refused, as its parser says it.
    fn reason(&self, value: &str) -> Option<String> {
        use std::error::Error as _;
        let source = self.error.source()?;
        if let Some(number) = source.downcast_ref::<std::num::ParseIntError>() {
            return Some(
                match number.kind() {
                    std::num::IntErrorKind::PosOverflow | std::num::IntErrorKind::NegOverflow => {
                        "it is out of range"
                    }
                    _ => "it must be a whole number",
                }
                .to_owned(),
            );
        }
        let text = source.to_string();
        let text = text.trim().trim_end_matches('.');
        // clap's ranges speak Rust.
        if let Some((from, to)) =
            text.split_once(" is not in ").and_then(|(_, range)| range.split_once("..="))
        {
            return Some(format!("it must be from {from} to {to}"));
        }
        // A parser may repeat the value as it is. That is harmless only if the value is.
        let harmless = value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'/'));
        match text {
            "" => None,
            text if harmless && text.len() <= 500 && !text.contains(['\n', '<']) => Some(text.to_owned()),
            text => Some(say::code(text)),
        }
    }

    fn conflict(&self, arg: &str) -> String {
        let prior = self.texts(ContextKind::PriorArg);
        if prior.iter().any(|prior| prior == arg) {
            return format!("{} can be given only once.", say::code(arg));
        }
        let shown = match self.text(ContextKind::InvalidSubcommand) {
            Some(inner) => say::code(&inner),
            None => say::code(arg),
        };
        if prior.is_empty() {
            return format!("{shown} does not go together with the rest of the command.");
        }
        format!("{shown} does not go together with {}.", say::list(&prior))
    }

    /// What an argument, named as clap shows it, may be.
    fn choices(&self, shown: &str) -> Vec<String> {
        let arg = self.clap.get_arguments().find(|arg| arg.to_string() == shown);
        let values = arg.map(clap::Arg::get_possible_values).unwrap_or_default();
        values.iter().filter(|value| !value.is_hide_set()).map(|value| value.get_name().to_owned()).collect()
    }

    fn subcommands(&self) -> Vec<String> {
        let shown = self.clap.get_subcommands().filter(|inner| !inner.is_hide_set());
        shown.map(|inner| inner.get_name().to_owned()).collect()
    }

    fn text(&self, kind: ContextKind) -> Option<String> {
        self.texts(kind).into_iter().next()
    }

    fn texts(&self, kind: ContextKind) -> Vec<String> {
        match self.error.get(kind) {
            Some(ContextValue::String(text)) => vec![text.clone()],
            Some(ContextValue::Strings(texts)) => texts.clone(),
            _ => Vec::new(),
        }
    }

    fn number(&self, kind: ContextKind) -> isize {
        match self.error.get(kind) {
            Some(ContextValue::Number(number)) => *number,
            _ => 0,
        }
    }

    fn actual(&self) -> isize {
        self.number(ContextKind::ActualNumValues)
    }
}

fn values(number: isize) -> String {
    if number == 1 { "one value".to_owned() } else { format!("{number} values") }
}

/// An argument as the thing that a value is not: `<environment>` is an environment, `--ref <ref>` takes a value.
fn what(arg: &str) -> String {
    match arg.split_once(' ') {
        Some((flag, _)) if flag.starts_with('-') => format!("value for {}", say::code(flag)),
        _ if arg.starts_with('-') => format!("value for {}", say::code(arg)),
        _ => arg
            .trim_end_matches("...")
            .trim_matches(['<', '>', '[', ']'])
            .to_lowercase()
            .replace(['_', '-'], " "),
    }
}
