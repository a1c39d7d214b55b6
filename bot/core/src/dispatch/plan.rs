//! Which lines of a comment are to run, if any. Pure, so that `deputy receive` can show it without doing it.

use std::fmt;

use crate::comment::{Comment, CommentAction};
use crate::language::{Line, Vocabulary};

/// How everything that Deputy posts is marked, where GitHub does not show it. Somebody who copies it only makes
/// their own comment one that asks for nothing.
pub(crate) const MARK: &str = "<!-- deputy:";

/// What a comment asks for.
#[derive(Debug)]
pub enum Plan {
    /// Nothing, for this reason.
    Ignored(Ignored),
    /// These command lines, in order.
    Run(Vec<Line>),
}

/// Why a comment asks for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ignored {
    /// A bot wrote or changed it, or an App did in somebody's name: bots must not talk each other into loops.
    NotAPerson,
    /// It carries our own mark. What Deputy writes as a person comes back as that person's, and not every kind
    /// of comment says that an App wrote it.
    Ours,
    /// Somebody else changed it: triage rights must not be enough to speak for its author.
    EditedByAnother,
    /// It is addressed to nobody, or not to us.
    NoCommand,
    /// The edit adds no command to those that ran when it was written.
    NothingAdded,
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAPerson => "written by a bot or an App",
            Self::Ours => "one of our own replies",
            Self::EditedByAnother => "edited by somebody who is not its author",
            Self::NoCommand => "holds no command",
            Self::NothingAdded => "the edit adds no command",
        })
    }
}

/// Decides what of `comment` is to run.
pub fn plan(vocabulary: &Vocabulary, comment: &Comment<'_>) -> Plan {
    if !comment.author.is_human || !comment.sender.is_human || comment.via_app.is_some() {
        return Plan::Ignored(Ignored::NotAPerson);
    }
    if comment.body.contains(MARK) {
        return Plan::Ignored(Ignored::Ours);
    }
    let (lines, none) = match comment.action {
        CommentAction::Created => (vocabulary.read(&comment.body), Ignored::NoCommand),
        CommentAction::Edited if comment.sender.id != comment.author.id => {
            return Plan::Ignored(Ignored::EditedByAnother);
        }
        CommentAction::Edited => match &comment.old_body {
            Some(old) => (vocabulary.added(old, &comment.body), Ignored::NothingAdded),
            // Without the old text nobody can tell what the edit added, so nothing of it may run again.
            None => return Plan::Ignored(Ignored::NothingAdded),
        },
    };
    if lines.is_empty() { Plan::Ignored(none) } else { Plan::Run(lines) }
}
