//! The tables in the module's documentation, as tests: which lines count, and what their words are.

use super::Mention;
use super::markdown::command_lines;

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
        ("\u{feff}@deputy ping", &["ping"]),
        ("Hello\n\u{2067}@deputy\u{200b}: ping", &["ping"]),
        ("\u{200b} **\u{200b}@deputy ping**", &["ping"]),
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
