//! Finds the command lines in a comment's Markdown.
//!
//! `pulldown-cmark` gives events with their places in the source. The walk below cuts them into rendered lines and
//! keeps those that begin with the mention and stand where text counts. `comrak` was measured too: it costs a cold
//! build five times as much (22 s to 4.5 s) and gives inline positions as lines and columns only.

use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::html::{self, OpenElements};
use super::mention::Mention;
use super::words::Code;
use super::{MAX_CHARACTERS, MAX_NESTING};

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

/// The part of a text that is read: whole lines, not too many characters, not too deep.
fn bounded(body: &str) -> &str {
    let mut end = body.len();
    if let Some((cut, _)) = body.char_indices().nth(MAX_CHARACTERS) {
        end = body[..cut].rfind('\n').map_or(0, |at| at + 1);
    }
    let mut start = 0;
    for line in body[..end].split_inclusive(['\n', '\r']) {
        if nesting(line) > MAX_NESTING {
            return &body[..start];
        }
        start += line.len();
    }
    &body[..end]
}

/// At most how many lists and quotes a line opens or continues by its markers.
fn nesting(line: &str) -> usize {
    let prefix = line
        .bytes()
        .take_while(|b| matches!(b, b' ' | b'\t' | b'>' | b'-' | b'*' | b'+' | b'.' | b')' | b'0'..=b'9'));
    let mut depth = 0;
    let mut marker = false;
    for byte in prefix.chain([b'\n']) {
        match byte {
            b'>' => depth += 1,
            b' ' | b'\t' | b'\n' if marker => depth += 1,
            _ => {}
        }
        marker = matches!(byte, b'-' | b'*' | b'+' | b'.' | b')');
    }
    depth
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
                let start = range.start + (source.len() - source.trim_start().len());
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The texts of the command lines behind the mention.
    fn read(body: &str) -> Vec<String> {
        let lines = command_lines(body, &Mention::new("deputy").unwrap());
        for line in &lines {
            assert!(body[line.range.clone()].starts_with(['@', '/']), "{body:?}: {line:?}");
            for code in &line.codes {
                assert!(line.text[code.range.clone()].starts_with('`'), "{body:?}: {line:?}");
            }
        }
        lines.into_iter().map(|line| line.text[line.arguments..].trim().to_owned()).collect()
    }

    #[test]
    fn a_line_of_the_rendered_text_is_a_command() {
        for (body, commands) in [
            ("@deputy ping", &["ping"][..]),
            ("/deputy ping", &["ping"]),
            ("  @Deputy: ping  ", &["ping"]),
            ("@deputy", &[""]),
            ("Hello\n@deputy ping\nthanks", &["ping"]),
            ("Hello\r\n@deputy ping\r\n@deputy echo\r\n", &["ping", "echo"]),
            ("Hello\r@deputy ping\r", &["ping"]),
            ("a  \n@deputy ping", &["ping"]),
            ("a\\\n@deputy ping\\\n@deputy echo", &["ping", "echo"]),
            ("a<br>@deputy ping<br/>@deputy echo", &["ping", "echo"]),
            ("# @deputy ping", &["ping"]),
            ("## @deputy ping ##", &["ping"]),
            ("@deputy ping\n---\nthe signature", &["ping"]),
            ("- @deputy ping\n- @deputy echo\n", &["ping", "echo"]),
            ("1. @deputy ping\n\n2. @deputy echo\n   @deputy help\n", &["ping", "echo", "help"]),
            ("- a\n  - @deputy ping\n    - @deputy echo\n", &["ping", "echo"]),
            ("<details>\n\n@deputy ping\n\n</details>", &["ping"]),
            ("<!-- note -->\n@deputy ping", &["ping"]),
            ("```\ncode\n```\n@deputy ping", &["ping"]),
            ("> quote\n\n@deputy ping", &["ping"]),
            ("- [ ] todo\n  @deputy ping", &["ping"]),
            ("@deputy ping ![a](b) c", &["ping ![a](b) c"]),
            ("\u{a0}@deputy ping", &["ping"]),
        ] {
            assert_eq!(read(body), commands, "{body:?}");
        }
    }

    #[test]
    fn bold_and_links_do_not_hide_a_command() {
        for (body, commands) in [
            ("**@deputy ping**", &["ping"][..]),
            ("**@deputy** ping", &["ping"]),
            ("***@deputy* ping** me", &["ping me"]),
            ("**@deputy ping *now***", &["ping *now*"]),
            ("*@deputy ping\n@deputy echo*", &["ping", "echo"]),
            ("*Hello\n@deputy ping* me", &["ping me"]),
            ("@deputy echo _a\n@deputy echo b_", &["echo _a", "echo b_"]),
            ("**@deputy**ping", &[]),
            ("[@deputy](https://github.com/apps/deputy) ping", &["ping"]),
            ("**[@deputy](https://github.com/apps/deputy)** ping", &["ping"]),
            ("[**@deputy**](x): ping", &["ping"]),
            ("[@deputy][1] ping\n\n[1]: https://x", &["ping"]),
            ("[@deputy ping](https://x)", &[]),
            ("[@deputy ping\n@deputy echo](https://x)", &[]),
            ("[see](x) @deputy ping", &[]),
            ("@deputy[bot] ping", &["ping"]),
        ] {
            assert_eq!(read(body), commands, "{body:?}");
        }
    }

    #[test]
    fn code_quotes_comments_and_the_like_never_count() {
        for body in [
            "`@deputy ping`",
            "`a\n@deputy ping`",
            "```\n@deputy ping\n```",
            "~~~ sh\n@deputy ping\n~~~",
            "```\n@deputy ping",
            "- ```\n  @deputy ping\n  ```",
            "    @deputy ping",
            "\t@deputy ping",
            "> @deputy ping",
            "> a\n@deputy ping",
            "> - a\n@deputy ping",
            "- > @deputy ping",
            "> [!NOTE]\n> @deputy ping",
            "<!-- @deputy ping -->",
            "<!--\n\n@deputy ping\n\n-->",
            "<!--\n@deputy ping",
            "a <!--\n@deputy ping\n-->",
            "<!-- x --> @deputy ping",
            "<div>\n@deputy ping\n</div>",
            "<b>@deputy ping</b>",
            "<sub>@deputy ping</sub>",
            "<pre>\n\n@deputy ping\n\n</pre>",
            "<blockquote>\n\n@deputy ping\n\n</blockquote>",
            "a <code>\n@deputy ping\n</code>",
            "<table><tr><td>\n\n@deputy ping\n\n</td></tr></table>",
            "<del>\n\n@deputy ping\n\n</del>",
            "~~@deputy ping~~",
            "~~a\n@deputy ping~~",
            "![@deputy ping](x)",
            "![](x) @deputy ping",
            "- [ ] @deputy ping",
            "- [x] @deputy ping",
            "| @deputy ping | b |\n|---|---|\n| @deputy echo | b |\n@deputy help",
            "a[^1]\n\n[^1]: @deputy ping",
            "[^1] @deputy ping\n\n[^1]: a",
            "[x]: @deputy",
            "\\@deputy ping",
            "&#64;deputy ping",
            "&commat;deputy ping",
            "hey @deputy ping",
            "@deputy-bot ping",
            "@deputyx ping",
            "@deputy_ ping",
            "@deputy/team ping",
            "@deputy's ping",
            "@deputy`ping`",
            "deputy ping",
            "me@deputy ping",
            "https://example.com/deputy ping",
            "",
        ] {
            assert_eq!(read(body), [""; 0], "{body:?}");
        }
    }

    #[test]
    fn arguments_arrive_as_typed() {
        for rest in [
            "echo --flag -- ... \"quoted\" 'single'",
            "echo *x* _y_ foo_bar_baz **z** ~~gone~~",
            "echo <x> <https://example.com> &amp; &#35; a<b>c",
            "echo [a](b) ![c](d) [e] [^1] #12 @octocat",
            "echo \\* \\\\ C:\\dir",
            "echo `code` ``a`b``",
            "echo a|b",
            "echo :tada: 1 -> 2 “phone” — …",
            "echo *.rs src/**/*.rs",
        ] {
            assert_eq!(read(&format!("@deputy {rest}\n")), [rest], "{rest}");
            assert_eq!(read(&format!("- a\n\n  @deputy {rest}\nb")), [rest], "{rest}");
        }
    }

    #[test]
    fn what_does_not_end_the_rendered_line_does_not_end_the_command() {
        for (body, commands) in [
            ("@deputy echo `a\nb` c\nd", &["echo `a\nb` c"][..]),
            ("@deputy echo <!-- x --> a <!-- y -->", &["echo  a"]),
            ("@deputy echo <!-- x\n@deputy ping --> a\n@deputy help", &["echo  a", "help"]),
            ("@deputy echo [a](b\n'c') d", &["echo [a](b\n'c') d"]),
            ("@deputy echo *a\nb*", &["echo *a"]),
        ] {
            assert_eq!(read(body), commands, "{body:?}");
        }
    }

    #[test]
    fn a_text_is_read_in_whole_lines_up_to_its_bounds() {
        let filler = "x".repeat(MAX_CHARACTERS - 20);
        assert_eq!(read(&format!("@deputy ping\n{filler}\n@deputy echo a b")), ["ping"]);
        assert_eq!(read(&format!("{filler}\n@deputy ping")), ["ping"]);
        assert_eq!(read(&format!("@deputy {filler}{filler}")), [""; 0]);
        let deep = ">".repeat(MAX_NESTING + 1);
        assert_eq!(read(&format!("@deputy ping\n\n{deep} a\n\n@deputy echo")), ["ping"]);
        let rule = "-".repeat(1000);
        assert_eq!(read(&format!("a\n\n{rule}\n@deputy echo")), ["echo"]);
    }
}
