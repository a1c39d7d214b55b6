//! The command language: from a comment's Markdown to commands with checked arguments, or to a friendly answer.
//!
//! A command is a line of the *rendered* Markdown whose first word is the mention, `@deputy` or `/deputy`. The
//! [`Vocabulary`] finds such lines ([`read`](Vocabulary::read)), says which of them an edit adds
//! ([`added`](Vocabulary::added)), and understands them ([`parse`](Vocabulary::parse)). Nothing here runs
//! anything or asks who may: that is the dispatcher's.
//!
//! # What counts as a command line
//!
//! | Written | Counts | Because |
//! |---|---|---|
//! | a paragraph's line; after a single line break too | yes | GitHub renders that break as a line break in comments |
//! | after `<br>`, or a hard break | yes | it is a new rendered line |
//! | a heading's line | yes | it is a line; and a signature's `---` under a command makes it one by accident |
//! | a list item's line | yes | it is a line: people send several commands as a list |
//! | a task item (`- [ ] @deputy …`) | no | it is a plan, and ticking it is no order |
//! | a table's cell | no | a cell is no line; tables document commands |
//! | all bold or italic; only the mention bold | yes | the rendered text is the command |
//! | struck through | no | it is withdrawn |
//! | the mention alone as a link's text | yes | what a browser pastes when a rendered comment is copied |
//! | more than the mention as a link's text | no | it points to something instead of asking for it |
//! | a code span, a fenced or indented block | no | code |
//! | a block quote, its lazy continuation too | no | it renders inside the quote, and is somebody else's word |
//! | an HTML comment or block; between `<pre>`, `<code>`, `<blockquote>`, `<del>`, `<table>` tags | no | not text, or code, quote, withdrawn, cell |
//! | a line that begins with an HTML tag | no | templates and footers do that, people do not |
//! | a footnote's text | no | it renders elsewhere, or not at all |
//! | `\@deputy`, `&#64;deputy` | no | somebody took care that it is not the mention |
//! | `@deputy-bot`, `@deputyx`, `@deputy/team`, `@deputy's`, `@deputy.` | no | another name, or a sentence about us |
//! | `@Deputy`, `@deputy:`, `@deputy,`, `@deputy[bot]` | yes | logins ignore case; people write to somebody like that; the login GitHub shows |
//! | zero-width characters and direction marks around the mention | yes | nobody sees them; they come along with what people paste |
//!
//! # What the words are
//!
//! Words are taken from the *source* of the line, so that `--flag`, `*.rs`, `foo_bar_`, `<x>`, `&amp;` and
//! `[a](b)` arrive as typed. What Markdown gets to decide:
//!
//! | Written | Becomes | Because |
//! |---|---|---|
//! | `` deploy `staging` ``, `` --env=`a b` `` | `staging`; `--env=a b` | a code span is literal text: never split, quotes and backslashes in it mean nothing |
//! | `` "use `x` here" `` | as typed, backticks included | within quotes it is somebody's prose |
//! | `ping <!-- note -->` | `ping` | comments never count |
//! | `**@deputy ping**` | `ping` | emphasis that encloses the mention is not part of the words |
//! | zero-width characters and direction marks at a word's ends | nothing | unless quoted; within a word they belong to it |
//! | a line break inside a code span, a link's target or a tag | white space | it does not end the rendered line |
//!
//! Then as in a shell, without variables, globs and comments (`#12` is a word): `'…'` is literal, `"…"` lets a
//! backslash escape `"`, `\`, `$` and a backtick, and elsewhere a backslash takes the next character literally, as
//! in Markdown. What telephones make of quotes works too: `“…”` as `"…"`, `‘…’` as `'…'` around whole words, and
//! an apostrophe `’` within a word is itself. A quote that never
//! closes is a usage error with a hint; so is the apostrophe of `don't`, even if another one would close it: a shell
//! would drop both and change what was said.
//!
//! # Bounds
//!
//! Time is linear in the text. A text without the mention's bytes is never parsed. Past [`MAX_CHARACTERS`], and from
//! a line nested deeper than [`MAX_NESTING`] on, nothing is read, and a command is never read in part. Past
//! [`MAX_COMMANDS`], one further [`Line`] stands for all that are left, and parses to a message that says so.

mod bounds;
mod complaint;
mod definition;
mod html;
mod line;
mod markdown;
mod mention;
pub mod pages;
pub mod say;
mod vocabulary;
mod words;

#[cfg(test)]
mod conversations;
#[cfg(test)]
mod decisions;
#[cfg(test)]
mod properties;

pub use definition::{Definition, Entry};
pub use line::{Line, Misquoted};
pub use mention::{InvalidMention, Mention};
pub use vocabulary::{Parsed, Vocabulary, VocabularyError};
pub use words::quote;

/// What GitHub lets a comment hold. A longer text is read up to the last line that ends before this.
pub const MAX_CHARACTERS: usize = 65_536;

/// How many commands of one comment are run.
pub const MAX_COMMANDS: usize = 10;

/// How deep lists and quotes may be nested. Nobody writes that; a parser's work is lines times depth.
pub const MAX_NESTING: usize = 100;
