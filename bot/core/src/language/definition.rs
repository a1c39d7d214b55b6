//! What a command says of itself: its name, who may use it, its arguments, its help.

use std::fmt;
use std::sync::Arc;

use crate::permission::Permission;

/// A command as people know it. What it does stands elsewhere.
#[derive(Clone, Copy)]
pub struct Definition {
    /// Its first word: lower-case ASCII letters, digits and hyphens.
    pub name: &'static str,
    /// Other first words for it, formed like the name.
    pub aliases: &'static [&'static str],
    /// One sentence for the list of commands, with a full stop.
    pub summary: &'static str,
    /// The least that a person must be allowed in the repository.
    pub permission: Permission,
    /// Whole commands without the mention: `deploy staging --ref main`. Each must be a valid one.
    pub examples: &'static [&'static str],
    /// Adds arguments, flags and subcommands. Name, help and error texts are the vocabulary's to set.
    pub arguments: fn(clap::Command) -> clap::Command,
}

impl fmt::Debug for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Definition")
            .field("name", &self.name)
            .field("aliases", &self.aliases)
            .field("permission", &self.permission)
            .finish_non_exhaustive()
    }
}

/// A command as the vocabulary keeps it, whether code or a workflow's folder defines it.
#[derive(Clone)]
pub struct Entry {
    /// Its first word: lower-case ASCII letters, digits and hyphens.
    pub name: String,
    /// Other first words for it, formed like the name.
    pub aliases: Vec<String>,
    /// One sentence for the list of commands.
    pub summary: String,
    /// The least that a person must be allowed in the repository.
    pub permission: Permission,
    /// Whole commands without the mention. Each must be a valid one.
    pub examples: Vec<String>,
    /// Adds arguments, flags and subcommands. Name, help and error texts are the vocabulary's to set.
    pub arguments: Arc<dyn Fn(clap::Command) -> clap::Command + Send + Sync>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("name", &self.name)
            .field("aliases", &self.aliases)
            .field("permission", &self.permission)
            .finish_non_exhaustive()
    }
}

impl From<Definition> for Entry {
    fn from(definition: Definition) -> Self {
        let owned = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        Self {
            name: definition.name.to_owned(),
            aliases: owned(definition.aliases),
            summary: definition.summary.to_owned(),
            permission: definition.permission,
            examples: owned(definition.examples),
            arguments: Arc::new(definition.arguments),
        }
    }
}
