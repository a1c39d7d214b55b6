//! What a command says of itself: its name, who may use it, its arguments, its help.

use std::fmt;

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
