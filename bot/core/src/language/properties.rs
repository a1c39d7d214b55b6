//! What holds for every text: it is read without a panic, what must not count never does, words survive.

use proptest::prelude::*;

use super::conversations::vocabulary;
use super::words::split;
use super::{MAX_CHARACTERS, MAX_COMMANDS, Parsed, Vocabulary, quote};

/// Everything that the language does with a text. Panics are what it looks for.
fn everything(vocabulary: &Vocabulary, body: &str) {
    let lines = vocabulary.read(body);
    assert!(lines.len() <= MAX_COMMANDS + 1);
    for line in &lines {
        let source = &body[line.range.clone()];
        assert!(source.starts_with(['@', '/']), "{source:?}");
        assert!(line.number <= 1 + body.matches('\n').count());
        if let Parsed::UsageError { message, .. } | Parsed::Unknown { message, .. } = vocabulary.parse(line) {
            assert!(message.chars().count() < 5_000, "{message}");
            assert!(!message.contains("<!--") && !message.contains('\u{1b}'), "{message:?}");
        }
    }
    assert_eq!(vocabulary.added(body, body), []);
    assert_eq!(vocabulary.added("", body), lines);
}

/// Pieces that mean something to Markdown, to HTML, to the shell or to us.
fn piece() -> impl Strategy<Value = String> {
    #[rustfmt::skip]
    const PIECES: &[&str] = &[
        "@deputy ", "@deputy", "/deputy: ", "@Deputy[bot] ", "deploy ", "echo ", "lock acquire ", "staging",
        "help ", "--ref ", "--force", "—force", "-n 3 ", "ping", "\n", "\n\n", "\r\n", "  \n", "\\\n", " ",
        "    ", "\t", "`", "``", "```\n", "~~~\n", "> ", ">", "- ", "* ", "1. ", "# ", "---\n", "===\n",
        "|", "|a|\n|-|\n", "*", "**", "_", "~~", "[", "]", "](x)", "![", "[^1]", "[^1]: ", "[x]: y\n",
        "- [ ] ", "<!--", "-->", "<", ">", "<b>", "</b>", "<br>", "<pre>", "</pre>", "<code>", "</code>",
        "<blockquote>\n\n", "</blockquote>\n", "<div>", "<details>\n\n", "<![CDATA[", "<?", "&amp;",
        "&#64;", "&", "\\", "'", "\"", "“", "”", "‘", "’", "$", "$$", "\0", "\u{a0}", "\u{202e}", "é", "🦀",
        ":",
    ];
    prop_oneof![4 => prop::sample::select(PIECES).prop_map(str::to_owned), 1 => "\\PC{0,8}"]
}

/// A command that counts, wherever it stands.
fn command() -> impl Strategy<Value = String> {
    "[@/](deputy|DEPUTY)[:,]? (ping|echo [a-z *_-]{0,20}|lock acquire [a-z]{1,8})"
}

fn prefixed(text: &str, prefix: &str) -> String {
    text.lines().map(|line| format!("{prefix}{line}\n")).collect::<Vec<_>>().concat()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read(body in "(?s).{0,2000}") {
        everything(&vocabulary(), &body);
    }

    #[test]
    fn any_text_of_meaningful_pieces_is_read(pieces in prop::collection::vec(piece(), 0..150)) {
        everything(&vocabulary(), &pieces.concat());
    }

    #[test]
    fn the_longest_texts_are_read(pieces in prop::collection::vec(piece(), 1..5), around in "(?s).{0,20}") {
        let unit = pieces.concat();
        let times = MAX_CHARACTERS / unit.chars().count().max(1);
        // Read only: everything else works on what was read, and the other properties cover it.
        let body = format!("@deputy echo {around}\n{}", unit.repeat(times));
        prop_assert!(vocabulary().read(&body).len() <= MAX_COMMANDS + 1);
    }

    #[test]
    fn what_is_fenced_quoted_indented_or_commented_never_counts(
        commands in prop::collection::vec(command(), 1..6),
        wrapper in 0..8,
    ) {
        let text = commands.join("\n");
        let hidden = match wrapper {
            0 => format!("```\n{text}\n```\n"),
            1 => format!("~~~text\n{text}\n"),
            2 => prefixed(&text, "    "),
            3 => prefixed(&text, "> "),
            4 => format!("> a\n{text}"),
            5 => format!("<!--\n{text}\n-->"),
            6 => format!("<div>\n{text}\n</div>"),
            _ => prefixed(&text, "- [ ] "),
        };
        prop_assert_eq!(vocabulary().read(&hidden), []);
        // Behind an ordinary paragraph too, and the same text outside counts.
        let behind = format!("Hello\n\n{hidden}");
        prop_assert_eq!(vocabulary().read(&behind), []);
        prop_assert_eq!(vocabulary().read(&text).len(), commands.len());
    }

    #[test]
    fn quoted_words_survive_markdown_and_shell(words in prop::collection::vec("[^\\n\\r]{0,20}|\\PC{0,12}", 0..8)) {
        let quoted: Vec<_> = words.iter().map(|word| quote(word)).collect();
        for body in [
            format!("@deputy {}", quoted.join(" ")),
            format!("Hello\n- @deputy {}\n- bye", quoted.join("  ")),
        ] {
            let lines = vocabulary().read(&body);
            prop_assert_eq!(lines.len(), 1, "{}", body);
            prop_assert_eq!(lines[0].words.as_ref(), Ok(&words), "{}", body);
        }
    }

    #[test]
    fn words_are_those_of_a_shell(text in r#"[a-z '"\\$=-]{0,30}"#) {
        match split(&text, 0, &[]) {
            // A shell takes `#` for a comment, and a last backslash for a line's continuation: not in here.
            Ok(words) if !text.ends_with('\\') => prop_assert_eq!(shlex::split(&text), Some(words)),
            Err(misquoted) if !misquoted.apostrophe => prop_assert_eq!(shlex::split(&text), None),
            _ => {}
        }
    }

    #[test]
    fn an_edit_adds_what_it_adds(
        old in prop::collection::vec(command(), 0..6),
        more in prop::collection::vec(command(), 0..4),
        at in any::<prop::sample::Index>(),
    ) {
        let vocabulary = vocabulary();
        let mut new = old.clone();
        let at = at.index(old.len() + 1);
        new.splice(at..at, more.iter().cloned());
        let added = vocabulary.added(&old.join("\n"), &prefixed(&new.join("\n"), "- "));
        prop_assert_eq!(added.len(), more.len());
        prop_assert_eq!(vocabulary.added(&new.join("\n"), &old.join("\n\n")), []);
    }
}

/// Inputs on which Markdown parsers have been quadratic. The time is not asserted: a quadratic one would be killed
/// by the test runner.
#[test]
fn pathological_texts_are_read() {
    let vocabulary = vocabulary();
    #[rustfmt::skip]
    let repeated = [
        "[", "![", "[]", "[](", "[ (](", "[a](<b", "*_", "*a_ ", "a***", "a**b* ", "[*_a", ">", "> ",
        "> a\n", "- ", "* ", "1. ", "-\n", "<!--", "!-- <", "a <!--", "<![CDATA[", "a <?", "<", "<>", "<a ",
        "<a b=\"", "&", "&#", "`a``b", "``\\", "~~~\n", "~", "~~a", "|", "a|b\n-|-\n", "|x|\n|-|\n",
        "[a]: b\n", "[a\n", "[^", "[^a]: ", "[^\n", "<a [^\n", "[^a]:\n", "\\", "# ", "@deputy ",
        "@deputy ping\n", "@deputy echo 'a\n", "- [ ] a\n", "](\n[", "> - ", "*\t", "=\n", "a\n=\n", "\0",
        "<a>\n\n", "<code>", "@deputy `a` ", "**@deputy ping**\n", "[@deputy](x) a\n", "*@deputy\n",
        "<b \"", "<br>@deputy a", "a\\\n", "\r", "“", "‘a ", "\\'", "🦀",
    ];
    for unit in repeated {
        let times = (MAX_CHARACTERS - 20) / unit.chars().count();
        let body = unit.repeat(times);
        for body in [format!("@deputy echo {body}"), format!("a {body}\n\n@deputy ping")] {
            for line in vocabulary.read(&body) {
                vocabulary.parse(&line);
            }
        }
    }
    let half = MAX_CHARACTERS / 2;
    let backticks = (1..360).map(|run| "a".to_owned() + &"`".repeat(run)).collect::<Vec<_>>().concat();
    let list = (0..250).map(|depth| "  ".repeat(depth) + "- a\n").collect::<Vec<_>>().concat();
    let quote = (0..350).map(|depth| ">".repeat(depth) + " a\n").collect::<Vec<_>>().concat();
    for body in [
        backticks,
        list.clone() + "@deputy ping\n",
        list[..half].to_owned() + &"a\n".repeat(half / 2),
        quote,
        "> ".repeat(half / 2) + &"a\n".repeat(half / 2),
        "- ".repeat(half / 2) + &"a\n".repeat(half / 2),
        format!("{}\n{}\n{}", "|a".repeat(half / 3), "|-".repeat(half / 3), "|\n".repeat(half / 3)),
        format!("[x]: {}\n{}", "x".repeat(half), "[x]\n".repeat(half / 4)),
        (0..half / 8).map(|n| format!("[{n}]: x\n")).collect::<Vec<_>>().concat(),
        "*".repeat(half) + "@deputy ping" + &"*".repeat(half - 20),
    ] {
        vocabulary.read(&("@deputy\n\n".to_owned() + &body));
    }
}
