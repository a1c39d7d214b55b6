//! All commands that a bot knows: finds them in a comment, and understands them.

use std::collections::HashMap;

use clap::ArgMatches;
use clap::error::ErrorKind;

use super::complaint;
use super::line::Line;
use super::markdown::{self, CommandLine};
use super::mention::{InvalidMention, Mention};
use super::pages;
use super::say;
use super::words;
use super::{Entry, MAX_COMMANDS};

/// Everything that can be asked of the bot, and how it is addressed. Built once, at the start.
#[derive(Debug)]
pub struct Vocabulary {
    mention: Mention,
    /// In the order of their names.
    commands: Vec<Command>,
    /// From names and aliases to places in `commands`.
    by_word: HashMap<String, usize>,
}

/// A definition with its arguments, built.
#[derive(Debug)]
pub(super) struct Command {
    pub definition: Entry,
    pub clap: clap::Command,
}

impl Command {
    /// The subcommand that words lead to, with the names on the way.
    pub fn deepest(&self, words: &[String]) -> (String, &clap::Command) {
        let mut path = self.definition.name.clone();
        let mut clap = &self.clap;
        for word in words {
            if !clap.has_subcommands() {
                break;
            }
            if let Some(inner) = clap.find_subcommand(word) {
                clap = inner;
                path.push(' ');
                path.push_str(inner.get_name());
            }
        }
        (path, clap)
    }
}

/// Commands that do not fit together. Found at the start; people never see it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VocabularyError {
    /// The mention is no name.
    #[error(transparent)]
    Mention(#[from] InvalidMention),
    /// A name or alias that cannot be typed as one.
    #[error(
        "`{0}` is no command name: use lower-case ASCII letters, digits and hyphens, beginning with a letter"
    )]
    Name(String),
    /// One word for two commands.
    #[error("`{word}` names two commands: `{first}` and `{second}`")]
    Duplicate {
        /// The word.
        word: String,
        /// The command that has it.
        first: String,
        /// The command that wants it too.
        second: String,
    },
    /// An example that people could not type.
    #[error("the example `{example}` of `{name}` is no valid command: {message}")]
    Example {
        /// The command.
        name: String,
        /// The example.
        example: String,
        /// What a person would be told.
        message: String,
    },
}

/// What a line means. Messages are Markdown for the person who wrote the line.
#[derive(Debug, Clone)]
pub enum Parsed<'v> {
    /// A command to run.
    Run {
        /// Which.
        definition: &'v Entry,
        /// The words behind its name, as typed.
        args: Vec<String>,
        /// What they mean.
        matches: ArgMatches,
    },
    /// A command used wrongly, or a line that cannot be read.
    UsageError {
        /// The command, where it is known.
        definition: Option<&'v Entry>,
        /// The command's name, or the word in its place; empty if there is none.
        name: String,
        /// What is wrong, and what to type instead.
        message: String,
    },
    /// No such command.
    Unknown {
        /// The word in the command's place.
        word: String,
        /// What was perhaps meant.
        message: String,
    },
    /// Somebody asked how it works: `--help`, the mention alone, or `help` where no command has that name.
    Help {
        /// The command they asked about; `None` for all.
        definition: Option<&'v Entry>,
        /// The answer.
        message: String,
    },
    /// Somebody asked for the version.
    Version {
        /// The answer.
        message: String,
    },
}

impl Vocabulary {
    /// Checks that the definitions fit together, and builds their arguments.
    pub fn new(
        mention: &str,
        definitions: impl IntoIterator<Item = impl Into<Entry>>,
    ) -> Result<Self, VocabularyError> {
        let mention = Mention::new(mention)?;
        let mut definitions: Vec<Entry> = definitions.into_iter().map(Into::into).collect();
        definitions.sort_by(|one, other| one.name.cmp(&other.name));
        let mut commands: Vec<Command> = Vec::with_capacity(definitions.len());
        let mut by_word = HashMap::new();
        for definition in definitions {
            for word in std::iter::once(&definition.name).chain(&definition.aliases) {
                if !is_command_name(word) {
                    return Err(VocabularyError::Name(word.clone()));
                }
                if let Some(first) = by_word.insert(word.clone(), commands.len()) {
                    let first: &Entry =
                        commands.get(first).map_or(&definition, |command: &Command| &command.definition);
                    let (first, second) = (first.name.clone(), definition.name.clone());
                    return Err(VocabularyError::Duplicate { word: word.clone(), first, second });
                }
            }
            let clap = build(&mention, &definition);
            commands.push(Command { definition, clap });
        }
        let vocabulary = Self { mention, commands, by_word };
        vocabulary.check_examples()?;
        Ok(vocabulary)
    }

    /// The command lines of a comment, in order.
    pub fn read(&self, body: &str) -> Vec<Line> {
        capped(self.all(body))
    }

    /// The command lines that an edit adds, in the order of the new text.
    ///
    /// A command that was there already is not added by being moved, indented, quoted otherwise or repeated less
    /// often; one that stood in code or in a quote, and no longer does, is.
    pub fn added(&self, old: &str, new: &str) -> Vec<Line> {
        let new = self.all(new);
        if new.is_empty() {
            return new;
        }
        let mut before: HashMap<Vec<String>, usize> = HashMap::new();
        for line in self.all(old) {
            *before.entry(line.key()).or_default() += 1;
        }
        let added = new.into_iter().filter(|line| match before.get_mut(&line.key()) {
            Some(count) if *count > 0 => {
                *count -= 1;
                false
            }
            _ => true,
        });
        capped(added.collect())
    }

    /// What a line means.
    pub fn parse(&self, line: &Line) -> Parsed<'_> {
        if line.excess > 0 {
            let message = complaint::too_many(line.excess);
            return Parsed::UsageError { definition: None, name: String::new(), message };
        }
        match &line.words {
            Ok(words) => self.parse_words(words),
            Err(misquoted) => {
                let name = line.text.split_whitespace().next().unwrap_or_default();
                let definition = self.find(name);
                Parsed::UsageError {
                    definition,
                    name: definition.map_or(name, |definition| &definition.name).to_owned(),
                    message: complaint::misquoted(*misquoted),
                }
            }
        }
    }

    /// What words behind the mention mean.
    pub fn parse_words(&self, words: &[String]) -> Parsed<'_> {
        let Some((first, args)) = words.split_first() else {
            return Parsed::Help { definition: None, message: pages::pointer(self) };
        };
        if let Some(command) = self.command(first) {
            return self.parse_command(command, args);
        }
        match first.to_ascii_lowercase().as_str() {
            "help" | "-h" | "--help" => self.help(args),
            "--version" | "-v" => Parsed::Version { message: pages::version() },
            _ => Parsed::Unknown { word: first.clone(), message: complaint::unknown(self, first) },
        }
    }

    /// Help on what the words name: nothing for all commands, else a command, and a subcommand if there is one.
    pub fn help(&self, words: &[String]) -> Parsed<'_> {
        let Some((first, rest)) = words.split_first() else {
            return Parsed::Help { definition: None, message: pages::list(self) };
        };
        match self.command(first) {
            Some(command) => Parsed::Help {
                definition: Some(&command.definition),
                message: pages::page(self, &command.definition, rest),
            },
            None => Parsed::Unknown { word: first.clone(), message: complaint::unknown(self, first) },
        }
    }

    /// The definition that a word names, whatever its case: telephones begin a line with a capital.
    pub fn find(&self, word: &str) -> Option<&Entry> {
        self.command(word).map(|command| &command.definition)
    }

    /// All definitions, in the order of their names.
    pub fn definitions(&self) -> impl ExactSizeIterator<Item = &Entry> {
        self.commands.iter().map(|command| &command.definition)
    }

    /// How the bot is addressed.
    pub fn mention(&self) -> &Mention {
        &self.mention
    }

    pub(super) fn command(&self, word: &str) -> Option<&Command> {
        self.by_word.get(word.to_ascii_lowercase().as_str()).and_then(|&at| self.commands.get(at))
    }

    /// All words that name a command.
    pub(super) fn command_words(&self) -> impl Iterator<Item = &str> {
        self.commands.iter().flat_map(|command| {
            std::iter::once(&command.definition.name).chain(&command.definition.aliases).map(String::as_str)
        })
    }

    fn parse_command<'v>(&'v self, command: &'v Command, args: &[String]) -> Parsed<'v> {
        let definition = &command.definition;
        // clap resolves arguments into the command itself; the clone keeps ours as it was built.
        let error = match command.clap.clone().try_get_matches_from(args) {
            Ok(matches) => return Parsed::Run { definition, args: args.to_vec(), matches },
            Err(error) => error,
        };
        match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                Parsed::Help { definition: Some(definition), message: pages::page(self, definition, args) }
            }
            ErrorKind::DisplayVersion => Parsed::Version { message: pages::version() },
            _ => Parsed::UsageError {
                definition: Some(definition),
                name: definition.name.clone(),
                message: complaint::usage(self, command, args, &error),
            },
        }
    }

    fn all(&self, body: &str) -> Vec<Line> {
        let mut number = 1;
        let mut counted = 0;
        let line = |found: CommandLine| {
            number += body[counted..found.range.start].matches('\n').count();
            counted = found.range.start;
            Line {
                words: words::split(&found.text, found.arguments, &found.codes),
                text: found.text[found.arguments..].trim().to_owned(),
                range: found.range,
                number,
                excess: 0,
            }
        };
        markdown::command_lines(body, &self.mention).into_iter().map(line).collect()
    }

    /// An example in the help that does not work is worse than none.
    fn check_examples(&self) -> Result<(), VocabularyError> {
        for command in &self.commands {
            let name = &command.definition.name;
            for example in &command.definition.examples {
                let words = words::split(example, 0, &[]).unwrap_or_default();
                let message = match self.parse_words(&words) {
                    Parsed::Run { definition, .. } if definition.name == *name => continue,
                    Parsed::UsageError { message, .. } | Parsed::Unknown { message, .. } => message,
                    _ => format!("it does not run {}", say::code(name)),
                };
                let (name, example) = (name.clone(), example.clone());
                return Err(VocabularyError::Example { name, example, message });
            }
        }
        Ok(())
    }
}

/// Keeps as many lines as one comment may hold, and one more that stands for the rest.
fn capped(mut lines: Vec<Line>) -> Vec<Line> {
    let excess = lines.len().saturating_sub(MAX_COMMANDS);
    if let Some(first_left) = lines.get_mut(MAX_COMMANDS) {
        first_left.excess = excess;
    }
    lines.truncate(MAX_COMMANDS + 1);
    lines
}

fn build(mention: &Mention, definition: &Entry) -> clap::Command {
    let bare = clap::Command::new(definition.name.clone())
        .bin_name(format!("@{} {}", mention.name(), definition.name))
        .about(definition.summary.clone());
    let mut command = (definition.arguments)(bare).no_binary_name(true).disable_help_subcommand(true);
    command.build();
    command
}

fn is_command_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_lowercase())
        && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}
