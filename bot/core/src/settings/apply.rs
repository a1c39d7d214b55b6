//! What settings make of a command line before it is understood.

use super::{ALWAYS, Settings};
use crate::permission::Permission;

/// A command line under the repository's settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// The words behind the mention, aliases replaced and default flags added.
    pub words: Vec<String>,
    /// Why the command cannot be used here; empty where nobody said.
    pub disabled: Option<String>,
    /// What a person must be allowed at least, beside what the command itself asks for.
    pub permission: Option<Permission>,
    /// The team that a person must be in, beside the command's own.
    pub team: Option<String>,
}

/// Which command a word names, by its own name: commands have other words of their own, too.
pub type Known<'a> = dyn Fn(&str) -> Option<&'a str> + 'a;

impl Settings {
    /// Reads a command line as the settings say.
    pub fn apply(&self, words: &[String], known: &Known<'_>) -> Applied {
        let Some((first, rest)) = words.split_first() else { return Applied::default() };
        let typed = first.to_lowercase();
        // A command's own word is never an alias, whatever a file of before the command said.
        let alias = self.aliases.get(&typed).filter(|_| known(&typed).is_none());
        let mut words: Vec<String> = match alias {
            Some(alias) => alias.iter().chain(rest).cloned().collect(),
            None => words.to_vec(),
        };
        let name = words.first().and_then(|word| known(&word.to_lowercase()));
        let Some(settings) = name.and_then(|name| self.commands.get(name)) else {
            return Applied { words, ..Applied::default() };
        };
        let is_always = name.is_some_and(|name| ALWAYS.contains(&name));
        // Behind a `--`, what looks like a flag is none.
        let typed = words.iter().skip(1).take_while(|word| *word != "--");
        let typed: Vec<&str> = typed.filter_map(|word| flag(word)).collect();
        let added: Vec<String> = settings
            .flags
            .iter()
            .filter(|added| flag(added).is_some_and(|name| !typed.contains(&name)))
            .cloned()
            .collect();
        // Help on a command is not asked for with its flags.
        if !typed.contains(&"help") && !words.iter().any(|word| word == "-h") {
            words.splice(1..1, added);
        }
        Applied {
            words,
            disabled: settings.disabled.clone().filter(|_| !is_always),
            permission: settings.permission.filter(|_| !is_always),
            team: settings.team.clone().filter(|_| !is_always),
        }
    }
}

/// The name of a long flag.
fn flag(word: &str) -> Option<&str> {
    word.strip_prefix("--").map(|flag| flag.split('=').next().unwrap_or(flag))
}
