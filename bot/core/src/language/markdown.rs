//! Finds the command lines in a comment's Markdown.
//!
//! `pulldown-cmark` gives events with their places in the source. The walk below cuts them into rendered lines and
//! keeps those that begin with the mention and stand where text counts. `comrak` was measured too: it costs a cold
//! build five times as much (22 s to 4.5 s) and gives inline positions as lines and columns only.

use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::bounds::bounded;
use super::html::{self, OpenElements};
use super::mention::Mention;
use super::words::{Code, is_invisible};

/// A rendered line that begins with the mention.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CommandLine {
    /// The source from the mention to the line's end, without comments and without the ends of enclosing emphasis.
    pub text: String,
    /// Where the mention ends in it.
    pub arguments: usize,
    /// Its code spans.
    pub codes: Vec<Code>,
    /// Where it stands in the comment.
    pub range: Range<usize>,
}

/// All command lines of a comment, in order.
pub(super) fn command_lines(body: &str, mention: &Mention) -> Vec<CommandLine> {
    let body = bounded(body);
    if !mention.occurs_in(body) {
        return Vec::new();
    }
    // Without smart punctuation: `--` stays `--`. Footnotes only to know that their text stands elsewhere.
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_FOOTNOTES;
    let mut walk = Walk {
        body,
        mention,
        quiet_blocks: 0,
        elements: OpenElements::default(),
        html_block: String::new(),
        inlines: Vec::new(),
        link: None,
        withdrawn: 0,
        line: State::Fresh,
        found: Vec::new(),
    };
    for (event, range) in Parser::new_ext(body, options).into_offset_iter() {
        walk.event(event, range);
    }
    walk.end_line();
    walk.found
}

/// What is known of the rendered line that the walk is in.
enum State {
    /// Nothing of it was seen yet.
    Fresh,
    /// It is no command.
    Other,
    /// It begins with the mention.
    Command(Candidate),
}

struct Candidate {
    start: usize,
    /// The end of the last event on the line.
    end: usize,
    /// Up to where the source is in `text`.
    copied: usize,
    text: String,
    codes: Vec<Code>,
    /// How many inline containers enclose the mention.
    enclosing: usize,
}

impl Candidate {
    /// Takes the source up to `until` and goes on at `resume`.
    fn copy(&mut self, body: &str, until: usize, resume: usize) {
        if let Some(piece) = body.get(self.copied..until) {
            self.text.push_str(piece);
        }
        self.copied = self.copied.max(resume);
        self.end = self.end.max(resume);
    }
}

struct Walk<'a> {
    body: &'a str,
    mention: &'a Mention,
    /// How many blocks are open whose text never counts.
    quiet_blocks: usize,
    elements: OpenElements,
    html_block: String,
    /// The inline containers that are open: emphasis, links and the like. `true` for one that a command's words
    /// opened: its marks are typed words there, and so they are where it closes, in a later line perhaps.
    inlines: Vec<bool>,
    /// How many were open around the open link. Links do not nest.
    link: Option<usize>,
    /// How many of them withdraw or hide their text.
    withdrawn: usize,
    line: State,
    found: Vec<CommandLine>,
}

impl Walk<'_> {
    fn event(&mut self, event: Event<'_>, range: Range<usize>) {
        match event {
            Event::Start(tag) => self.start(&tag),
            Event::End(tag) => self.end(tag, range),
            Event::Text(_) => self.text(range),
            Event::Code(content) => match &mut self.line {
                State::Command(line) => {
                    line.copy(self.body, range.start, range.start);
                    let at = line.text.len();
                    line.copy(self.body, range.end, range.end);
                    line.codes.push(Code { range: at..line.text.len(), content: content.into_string() });
                }
                _ => self.line = State::Other,
            },
            Event::Html(html) => self.html_block.push_str(&html),
            Event::InlineHtml(html) => self.inline_html(&html, range),
            Event::SoftBreak | Event::HardBreak | Event::Rule => self.end_line(),
            Event::FootnoteReference(_)
            | Event::InlineMath(_)
            | Event::DisplayMath(_)
            | Event::TaskListMarker(_) => match &mut self.line {
                State::Command(line) => line.end = line.end.max(range.end),
                _ => self.line = State::Other,
            },
        }
    }

    fn start(&mut self, tag: &Tag<'_>) {
        if is_inline(tag.to_end()) {
            if matches!(tag, Tag::Link { .. }) {
                self.link = Some(self.inlines.len());
            }
            self.inlines.push(matches!(self.line, State::Command(_)));
            if matches!(tag, Tag::Strikethrough | Tag::Image { .. }) {
                self.withdrawn += 1;
            }
            return;
        }
        self.end_line();
        if is_quiet(tag.to_end()) {
            self.quiet_blocks += 1;
        }
        self.html_block.clear();
    }

    fn end(&mut self, tag: TagEnd, range: Range<usize>) {
        if is_inline(tag) {
            if matches!(tag, TagEnd::Strikethrough | TagEnd::Image) {
                self.withdrawn = self.withdrawn.saturating_sub(1);
            }
            if tag == TagEnd::Link {
                self.link = None;
            }
            let typed = self.inlines.pop().unwrap_or_default();
            self.end_inline(tag, range, typed);
            return;
        }
        self.end_line();
        if is_quiet(tag) {
            self.quiet_blocks = self.quiet_blocks.saturating_sub(1);
        }
        if tag == TagEnd::HtmlBlock {
            self.elements.follow(&self.html_block);
            self.html_block.clear();
        }
    }

    fn end_inline(&mut self, tag: TagEnd, range: Range<usize>, typed: bool) {
        let State::Command(line) = &mut self.line else {
            // An image shows a picture, so that what follows it does not begin the line.
            if tag == TagEnd::Image {
                self.line = State::Other;
            }
            return;
        };
        let outside = self.inlines.len();
        if typed || outside >= line.enclosing {
            line.end = line.end.max(range.end);
            line.enclosing = line.enclosing.min(outside);
            return;
        }
        // It encloses the mention: its closing marks, between its last content and its end, are not the person's words.
        line.enclosing = outside;
        line.copy(self.body, line.end, range.end);
        if tag == TagEnd::Link && self.mention.strip(&line.text).is_none_or(|rest| rest < line.text.len()) {
            self.line = State::Other;
        }
    }

    fn text(&mut self, range: Range<usize>) {
        match &mut self.line {
            State::Other => {}
            State::Command(line) => line.end = line.end.max(range.end),
            State::Fresh => {
                let source = &self.body[range.clone()];
                let seen = source.trim_start_matches(|char: char| char.is_whitespace() || is_invisible(char));
                let start = range.end - seen.len();
                if start == range.end {
                    return;
                }
                let counts = self.quiet_blocks == 0 && self.withdrawn == 0 && !self.elements.quiet();
                let escaped = self.body[..start].ends_with('\\');
                self.line = if counts && !escaped && self.mention.begins(&self.body[start..]) {
                    State::Command(Candidate {
                        start,
                        end: range.end,
                        copied: start,
                        text: String::new(),
                        codes: Vec::new(),
                        enclosing: self.inlines.len(),
                    })
                } else {
                    State::Other
                };
            }
        }
    }

    fn inline_html(&mut self, html: &str, range: Range<usize>) {
        if html::is_line_break(html) {
            self.end_line();
            return;
        }
        self.elements.follow(html);
        match &mut self.line {
            State::Command(line) if html.starts_with("<!--") => line.copy(self.body, range.start, range.end),
            State::Command(line) => line.end = line.end.max(range.end),
            _ => self.line = State::Other,
        }
    }

    fn end_line(&mut self) {
        let State::Command(mut line) = std::mem::replace(&mut self.line, State::Fresh) else { return };
        // A link that goes on in the next line has more than the mention for its text.
        if self.link.is_some_and(|outside| outside < line.enclosing) {
            return;
        }
        line.copy(self.body, line.end, line.end);
        let text = line.text.trim_end().len();
        line.text.truncate(text);
        if let Some(arguments) = self.mention.strip(&line.text) {
            self.found.push(CommandLine {
                text: line.text,
                arguments,
                codes: line.codes,
                range: line.start..line.end,
            });
        }
    }
}

fn is_inline(tag: TagEnd) -> bool {
    matches!(
        tag,
        TagEnd::Emphasis
            | TagEnd::Strong
            | TagEnd::Strikethrough
            | TagEnd::Superscript
            | TagEnd::Subscript
            | TagEnd::Link
            | TagEnd::Image
    )
}

fn is_quiet(tag: TagEnd) -> bool {
    matches!(
        tag,
        TagEnd::BlockQuote(_)
            | TagEnd::CodeBlock
            | TagEnd::HtmlBlock
            | TagEnd::Table
            | TagEnd::FootnoteDefinition
            | TagEnd::MetadataBlock(_)
    )
}
