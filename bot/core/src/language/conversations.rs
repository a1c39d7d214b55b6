//! Conversations with a small vocabulary: what somebody writes, and what it means or what they are told.

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, Command, value_parser};

use super::{Definition, Line, MAX_COMMANDS, Parsed, Vocabulary, VocabularyError};
use crate::permission::Permission;

const DEPLOY: Definition = Definition {
    name: "deploy",
    aliases: &["ship"],
    summary: "Deploys this pull request.",
    permission: Permission::Write,
    examples: &["deploy staging", "deploy production --ref v1.2 --replicas 3"],
    arguments: |command| {
        command
            .arg(
                Arg::new("environment")
                    .required(true)
                    .value_parser(PossibleValuesParser::new(["staging", "production"]))
                    .help("Where to"),
            )
            .arg(Arg::new("ref").long("ref").value_name("REF").default_value("main").help("What to deploy"))
            .arg(
                Arg::new("replicas")
                    .long("replicas")
                    .short('n')
                    .value_parser(value_parser!(u8).range(1..=20)),
            )
            .arg(Arg::new("label").long("label").action(ArgAction::Append))
            .arg(Arg::new("force").long("force").action(ArgAction::SetTrue).conflicts_with("dry-run"))
            .arg(
                Arg::new("dry-run")
                    .long("dry-run")
                    .action(ArgAction::SetTrue)
                    .help("Only says what it would do"),
            )
            .arg(Arg::new("secret").long("secret").hide(true))
    },
};

const ECHO: Definition = Definition {
    name: "echo",
    aliases: &[],
    summary: "Repeats your words.",
    permission: Permission::Read,
    examples: &["echo hello"],
    arguments: |command| command.arg(Arg::new("text").num_args(1..).required(true)),
};

const LOCK: Definition = Definition {
    name: "lock",
    aliases: &[],
    summary: "Holds an environment | and lets go.",
    permission: Permission::Maintain,
    examples: &["lock acquire staging", "lock release staging"],
    arguments: |command| {
        let environment = Arg::new("environment").required(true);
        command
            .subcommand_required(true)
            .subcommand(Command::new("acquire").about("Takes it").arg(environment.clone()))
            .subcommand(Command::new("release").about("Gives it back").arg(environment))
    },
};

pub(super) fn vocabulary() -> Vocabulary {
    Vocabulary::new("deputy", [LOCK, ECHO, DEPLOY]).unwrap()
}

/// What a single command line means, in one line for runs, as the message otherwise.
fn said(line: &str) -> String {
    let vocabulary = vocabulary();
    let lines = vocabulary.read(line);
    assert_eq!(lines.len(), 1, "{line:?} holds {lines:?}");
    match vocabulary.parse(&lines[0]) {
        Parsed::Run { definition, args, .. } => format!("run {} {args:?}", definition.name),
        Parsed::UsageError { message, .. }
        | Parsed::Unknown { message, .. }
        | Parsed::Help { message, .. }
        | Parsed::Version { message } => message,
    }
}

/// Only the first paragraph: what is wrong.
fn complaint(line: &str) -> String {
    let said = said(line);
    said.split("\n\n").next().unwrap_or_default().to_owned()
}

fn words(lines: &[Line]) -> Vec<String> {
    lines.iter().map(|line| line.words.clone().unwrap().join(" ")).collect()
}

#[test]
fn a_command_runs_with_its_words_and_what_they_mean() {
    let vocabulary = vocabulary();
    let lines = vocabulary.read("Please:\n\n- @Deputy Ship `staging` -n 3 --label \"a b\" --label c\n");
    let Parsed::Run { definition, args, matches } = vocabulary.parse(&lines[0]) else { panic!("{lines:?}") };
    assert_eq!(definition.name, "deploy");
    assert_eq!(args, ["staging", "-n", "3", "--label", "a b", "--label", "c"]);
    assert_eq!(matches.get_one::<String>("environment").unwrap(), "staging");
    assert_eq!(matches.get_one::<String>("ref").unwrap(), "main");
    assert_eq!(matches.get_one::<u8>("replicas"), Some(&3));
    assert_eq!(matches.get_many::<String>("label").unwrap().collect::<Vec<_>>(), ["a b", "c"]);
    assert_eq!(lines[0].number, 3);
    assert_eq!(lines[0].text, "Ship `staging` -n 3 --label \"a b\" --label c");
}

#[test]
fn words_that_look_like_markup_arrive_as_typed() {
    insta::assert_snapshot!(said("@deputy echo *x* foo_bar <y> &amp; `a b` #12"), @r##"run echo ["*x*", "foo_bar", "<y>", "&amp;", "a b", "#12"]"##);
    insta::assert_snapshot!(said("@deputy echo -- --flag -x"), @r#"run echo ["--", "--flag", "-x"]"#);
    insta::assert_snapshot!(said("/deputy lock acquire staging"), @r#"run lock ["acquire", "staging"]"#);
}

#[test]
fn an_unknown_command_gets_a_guess() {
    insta::assert_snapshot!(said("@deputy deplyo staging"), @"I know no command `deplyo`. Did you mean `deploy`? `@deputy help` lists all commands.");
    insta::assert_snapshot!(said("@deputy is great"), @"I know no command `is`. `@deputy help` lists all commands.");
    insta::assert_snapshot!(said("@deputy --force deploy"), @"A line begins with a command, flags come after it; `--force` is no command. `@deputy help` lists them.");
    insta::assert_snapshot!(said("@deputy `@octocat <!-- x -->`"), @"I know no command `@octocat <! -- x -- >`. `@deputy help` lists all commands.");
    insta::assert_snapshot!(said("@deputy help deplyo"), @"I know no command `deplyo`. Did you mean `deploy`? `@deputy help` lists all commands.");
}

#[test]
fn a_wrong_value_is_answered_with_the_known_ones() {
    insta::assert_snapshot!(said("@deputy deploy staging2"), @r"
    `staging2` is no environment. Did you mean `staging`? Known: `staging`, `production`.

    ```text
    @deputy deploy [OPTIONS] <environment>
    ```

    `@deputy help deploy` tells more.
    ");
    insta::assert_snapshot!(complaint("@deputy deploy \"\""), @"`<environment>` needs a value. Known: `staging`, `production`.");
    insta::assert_snapshot!(complaint("@deputy deploy staging --replicas many"), @"`many` is no value for `--replicas`: it must be a whole number.");
    insta::assert_snapshot!(complaint("@deputy deploy staging --replicas 21"), @"`21` is no value for `--replicas`: it must be from 1 to 20.");
    insta::assert_snapshot!(complaint("@deputy deploy staging --replicas 300"), @"`300` is no value for `--replicas`: it must be from 1 to 20.");
    insta::assert_snapshot!(complaint("@deputy deploy staging --replicas '`@octocat`'"), @"`` `@octocat` `` is no value for `--replicas`: it must be a whole number.");
    insta::assert_snapshot!(complaint("@deputy deploy staging --ref"), @"`--ref <REF>` needs a value.");
}

#[test]
fn wrong_flags_and_words_are_explained() {
    insta::assert_snapshot!(said("@deputy deploy staging --forse"), @r"
    `--forse` is no flag of `deploy`. Did you mean `--force`? Known: `--ref`, `--replicas`, `--label`, `--force`, `--dry-run`.

    ```text
    @deputy deploy [OPTIONS] <environment>
    ```

    `@deputy help deploy` tells more.
    ");
    insta::assert_snapshot!(complaint("@deputy deploy staging --zzz=1"), @"`--zzz` is no flag of `deploy`. Known: `--ref`, `--replicas`, `--label`, `--force`, `--dry-run`.");
    insta::assert_snapshot!(complaint("@deputy deploy staging -x"), @"`-x` is no flag of `deploy`. Known: `--ref`, `--replicas`, `--label`, `--force`, `--dry-run`.");
    insta::assert_snapshot!(complaint("@deputy deploy staging —force"), @"`—force` begins with a long dash, which telephones make of two hyphens. Did you mean `--force`?");
    insta::assert_snapshot!(complaint("@deputy deploy staging production"), @"`production` is one word too many for `deploy`. Several words that belong together go in quotes.");
    insta::assert_snapshot!(complaint("@deputy deploy"), @"`<environment>` is missing: one of `staging`, `production`.");
    insta::assert_snapshot!(complaint("@deputy deploy staging --force --dry-run"), @"`--force` does not go together with `--dry-run`.");
    insta::assert_snapshot!(complaint("@deputy deploy staging --force --force"), @"`--force` can be given only once.");
    insta::assert_snapshot!(complaint("@deputy deploy staging --force=yes"), @"`yes` is one value too many for `--force`.");
    insta::assert_snapshot!(complaint("@deputy echo"), @"`<text>...` is missing.");
    insta::assert_snapshot!(complaint("@deputy echo --loud"), @"`--loud` is no flag of `echo`. If it is meant as text, put `--` before the text.");
}

#[test]
fn subcommands_are_explained() {
    insta::assert_snapshot!(said("@deputy lock"), @r"
    `lock` needs to know what to do: `acquire`, `release`.

    ```text
    @deputy lock <COMMAND>
    ```

    `@deputy help lock` tells more.
    ");
    insta::assert_snapshot!(said("@deputy lock aquire staging"), @r"
    `aquire` is nothing that `lock` does. Did you mean `acquire`? Known: `acquire`, `release`.

    ```text
    @deputy lock <COMMAND>
    ```

    `@deputy help lock` tells more.
    ");
    insta::assert_snapshot!(said("@deputy lock acquire"), @r"
    `<environment>` is missing.

    ```text
    @deputy lock acquire <environment>
    ```

    `@deputy help lock acquire` tells more.
    ");
}

#[test]
fn quotes_without_an_end_are_explained() {
    insta::assert_snapshot!(said("@deputy echo don't do it"), @r#"The apostrophe `'` would begin a quote. Put the whole text in double quotes, `"like this, don't worry"`, or a backslash before each apostrophe: `don\'t`."#);
    insta::assert_snapshot!(said("@deputy deploy \"staging"), @r#"The quote that begins with `"` never ends. Close it, or put a backslash before it to mean it literally."#);
    insta::assert_snapshot!(said("@deputy echo “hello"), @"The quote that begins with `“` never ends. Close it, or put a backslash before it to mean it literally.");
}

#[test]
fn help_is_given_however_it_is_asked_for() {
    insta::assert_snapshot!(said("@deputy"), @"I take commands here: `@deputy help` lists them.");
    insta::assert_snapshot!(said("@deputy: help"), @r"
    | Command | What it does | Who may use it |
    |---|---|---|
    | `@deputy deploy` | Deploys this pull request. | people with write access |
    | `@deputy echo` | Repeats your words. | people with read access |
    | `@deputy lock` | Holds an environment \| and lets go. | maintainers |

    Write a command at the beginning of a line. `@deputy help <command>` tells more about one.
    ");
    assert_eq!(said("@deputy --help"), said("@deputy help"));
    assert_eq!(said("@deputy -h"), said("@deputy help"));
    insta::assert_snapshot!(said("@deputy deploy --help"), @r"
    **`@deputy deploy`**: Deploys this pull request.

    ```text
    @deputy deploy [OPTIONS] <environment>
    ```

    **Arguments**

    - `<environment>`: Where to. One of `staging`, `production`.

    **Flags**

    - `--ref <REF>`: What to deploy. Default: `main`.
    - `--replicas <replicas>`, `-n`
    - `--label <label>`: May be repeated.
    - `--force`
    - `--dry-run`: Only says what it would do.

    **Who may use it:** people with write access.

    **Examples**

    ```text
    @deputy deploy staging
    @deputy deploy production --ref v1.2 --replicas 3
    ```

    Also called `ship`.
    ");
    for other in
        ["@deputy deploy -h", "@deputy help deploy", "@deputy Help Ship", "@deputy deploy production -h"]
    {
        assert_eq!(said(other), said("@deputy deploy --help"), "{other}");
    }
    insta::assert_snapshot!(said("@deputy help lock"), @r"
    **`@deputy lock`**: Holds an environment | and lets go.

    ```text
    @deputy lock <COMMAND>
    ```

    **Subcommands**

    - `acquire`: Takes it.
    - `release`: Gives it back.

    **Who may use it:** maintainers.

    **Examples**

    ```text
    @deputy lock acquire staging
    @deputy lock release staging
    ```
    ");
    insta::assert_snapshot!(said("@deputy lock acquire --help"), @r"
    **`@deputy lock acquire`**: Takes it.

    ```text
    @deputy lock acquire <environment>
    ```

    **Arguments**

    - `<environment>`

    **Who may use it:** maintainers.

    **Examples**

    ```text
    @deputy lock acquire staging
    ```
    ");
    assert_eq!(said("@deputy help lock acquire"), said("@deputy lock acquire --help"));
    assert!(said("@deputy --version").starts_with("Deputy 0."));
}

#[test]
fn a_help_command_of_the_handlers_goes_first() {
    const HELP: Definition = Definition {
        name: "help",
        aliases: &[],
        summary: "Lists the commands.",
        permission: Permission::Read,
        examples: &["help", "help deploy"],
        arguments: |command| command.arg(Arg::new("topic").num_args(0..)),
    };
    let vocabulary = Vocabulary::new("deputy", [HELP, DEPLOY]).unwrap();
    let lines = vocabulary.read("@deputy help deploy");
    assert!(
        matches!(vocabulary.parse(&lines[0]), Parsed::Run { definition, .. } if definition.name == "help")
    );
}

#[test]
fn several_commands_run_in_order_up_to_a_bound() {
    let vocabulary = vocabulary();
    let body = |count: usize| (0..count).fold(String::new(), |body, n| body + &format!("@deputy echo {n}\n"));
    assert_eq!(words(&vocabulary.read(&body(3))), ["echo 0", "echo 1", "echo 2"]);
    assert_eq!(vocabulary.read(&body(MAX_COMMANDS)).len(), MAX_COMMANDS);

    let lines = vocabulary.read(&body(MAX_COMMANDS + 3));
    assert_eq!(lines.len(), MAX_COMMANDS + 1);
    assert!(matches!(vocabulary.parse(&lines[MAX_COMMANDS - 1]), Parsed::Run { .. }));
    let Parsed::UsageError { message, .. } = vocabulary.parse(&lines[MAX_COMMANDS]) else {
        panic!("{lines:?}")
    };
    insta::assert_snapshot!(message, @"A comment may hold 10 commands. I took the first 10; 3 are left. Send the rest in another comment.");

    // An edit that adds one command to many others adds one.
    let more = format!("{}@deputy echo new\n", body(MAX_COMMANDS + 3));
    assert_eq!(words(&vocabulary.added(&body(MAX_COMMANDS + 3), &more)), ["echo new"]);
}

#[test]
fn an_edit_runs_only_what_it_adds() {
    let vocabulary = vocabulary();
    for (old, new, added) in [
        ("", "@deputy echo a", &["echo a"][..]),
        ("@deputy echo a", "", &[]),
        ("@deputy echo a", "Hello!\n\n- @deputy  echo \"a\"\n", &[]),
        ("@deputy echo a", "/Deputy: Echo a", &[]),
        ("@deputy echo a\n@deputy echo b", "@deputy echo b\n@deputy echo a", &[]),
        ("@deputy echo a", "@deputy echo a\n@deputy echo a", &["echo a"]),
        ("@deputy echo a\n@deputy echo a", "@deputy echo a", &[]),
        ("@deputy echo a", "@deputy echo b", &["echo b"]),
        ("@deputy echo a", "@deputy echo A", &["echo A"]),
        ("@deputy echo a b", "@deputy echo 'a b'", &["echo a b"]),
        ("`@deputy echo a`", "@deputy echo a", &["echo a"]),
        ("> @deputy echo a", "@deputy echo a", &["echo a"]),
        ("@deputy echo b", "@deputy echo a\n@deputy echo b\n@deputy echo c", &["echo a", "echo c"]),
    ] {
        assert_eq!(words(&vocabulary.added(old, new)), added, "{old:?} -> {new:?}");
    }
    assert_eq!(vocabulary.added("@deputy echo don't", "a\n@deputy  echo  don't"), []);
}

#[test]
fn definitions_that_do_not_fit_together_are_refused() {
    let error = |definitions: &[Definition]| Vocabulary::new("deputy", definitions.to_vec()).unwrap_err();
    assert_eq!(
        error(&[DEPLOY, Definition { name: "sail", aliases: &["ship"], ..ECHO }]),
        VocabularyError::Duplicate { word: "ship".into(), first: "deploy".into(), second: "sail".into() }
    );
    assert_eq!(
        error(&[Definition { name: "a", aliases: &["a"], ..ECHO }]),
        VocabularyError::Duplicate { word: "a".into(), first: "a".into(), second: "a".into() }
    );
    assert_eq!(error(&[Definition { name: "Deploy", ..DEPLOY }]), VocabularyError::Name("Deploy".into()));
    assert_eq!(error(&[Definition { name: "-x", ..DEPLOY }]), VocabularyError::Name("-x".into()));
    for example in ["deploy moon", "lock", "deploy --help", "deploy \"x"] {
        let examples: &'static [&'static str] = Box::leak(Box::new([example]));
        let error = error(&[Definition { examples, ..DEPLOY }]);
        assert!(matches!(error, VocabularyError::Example { ref name, .. } if name == "deploy"), "{error}");
    }
    assert!(matches!(Vocabulary::new("not a name", [ECHO]), Err(VocabularyError::Mention(_))));
}

#[test]
fn another_name_is_listened_to() {
    let vocabulary = Vocabulary::new("@Sheriff", [ECHO]).unwrap();
    assert_eq!(words(&vocabulary.read("@deputy echo a\n@sheriff echo b")), ["echo b"]);
    assert_eq!(vocabulary.mention().name(), "Sheriff");
}
