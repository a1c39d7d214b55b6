//! A command line under the settings of its repository: what it says there, and what is asked for beside its own rules.

use super::turn::Turn;
use crate::language::{Line, say};
use crate::permission::Permission;
use crate::ports::GitHubError;
use crate::settings::{ALWAYS, View};

/// A line as the repository's settings read it.
pub(super) struct Under {
    /// Aliases replaced, default flags added.
    pub(super) line: Line,
    /// Why it does not run here, for the person.
    pub(super) refusal: Option<String>,
    /// What the person must be allowed at least.
    pub(super) permission: Permission,
    /// The team that they must be in, beside the command's own.
    pub(super) team: Option<String>,
}

impl Under {
    /// Reads a line under the settings. An error where they cannot be found out: nothing runs then.
    pub(super) async fn settings(turn: &Turn<'_>, line: &Line) -> Result<Self, GitHubError> {
        let vocabulary = &turn.deputy.vocabulary;
        let known = |word: &str| vocabulary.find(word).map(|definition| definition.name.as_str());
        let free = Self { line: line.clone(), refusal: None, permission: Permission::None, team: None };
        let Ok(words) = &line.words else { return Ok(free) };
        // These run whatever is set, so GitHub is not even asked for it.
        let name = words.first().and_then(|word| known(word));
        if words.is_empty() || name.is_some_and(|name| ALWAYS.contains(&name)) {
            return Ok(free);
        }
        let repository = &turn.comment.repository;
        let view = turn.deputy.settings.of(&turn.app, repository).await?;
        let applied = view.settings.apply(words, &known);
        let name = applied.words.first().and_then(|word| known(word));
        let is_always = name.is_some_and(|name| ALWAYS.contains(&name));
        let refusal = if is_always { None } else { refusal(&view, name, applied.disabled.as_deref(), turn) };
        Ok(Self {
            line: line.read_as(applied.words),
            refusal,
            permission: applied.permission.unwrap_or(Permission::None),
            team: applied.team,
        })
    }
}

fn refusal(view: &View, name: Option<&str>, disabled: Option<&str>, turn: &Turn<'_>) -> Option<String> {
    if let Some(unknown) = view.refusal(&turn.comment.repository.owner) {
        return Some(unknown);
    }
    let name = say::code(name?);
    disabled.map(|why| match why {
        "" => format!("{name} is disabled in this repository. `config` shows what is set here."),
        why => format!("{name} is disabled in this repository: {why}. `config` shows what is set here."),
    })
}
