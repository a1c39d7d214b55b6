use proptest::prelude::*;

use super::*;

const COMMANDS: &[&str] = &["config", "deploy", "echo", "help", "release"];

const WHOLE: &str = r#"
order = ["staging", "production"]

[environments.staging]
workflow = "deploy.yml"
url = "https://staging.shop.example"

[environments.production]
description = "What people buy from"
approvers = ["team:ops", "@ada"]
approvals = 2
permission = "maintain"
branches = ["main", "release/*"]
checks = ["ci"]
paths = ["services/**/*.rs"]

[commands.deploy]
flags = ["--verify", "--replicas=2"]
team = "ops"

[commands.release]
disabled = "not before May"

[aliases]
ship = "deploy production"
"#;

fn whole() -> Settings {
    read(WHOLE.as_bytes(), COMMANDS).unwrap()
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn known(word: &str) -> Option<&'static str> {
    match word {
        "d" => Some("deploy"),
        _ => COMMANDS.iter().find(|known| **known == word).copied(),
    }
}

#[test]
fn a_whole_file_is_read_and_explained() {
    let settings = whole();
    let production = &settings.environments["production"];
    assert_eq!(production.approvals_needed(), 2);
    assert!(
        production.is_production("production") && !settings.environments["staging"].is_production("staging")
    );
    assert_eq!((settings.before("production"), settings.before("staging")), (Some("staging"), None));
    assert!(production.takes_branch("release/1") && !production.takes_branch("release/1/x"));
    insta::assert_snapshot!(explain(&settings), @r#"
    **Environments**

    * `production`: What people buy from
      * people use it
      * takes a commit that was deployed to `staging` before
      * deploying needs maintain permission
      * 2 people must approve: team `ops`, `ada`
      * branches: `main`, `release/*`
      * checks that must be green: `ci`
      * files: `services/**/*.rs`
    * `staging`
      * deployed by `deploy.yml`
      * <https://staging.shop.example>

    **Commands**

    * `deploy`: is for the team `ops`; gets `--verify --replicas=2` unless typed
    * `release`: disabled: not before May

    **Aliases**

    * `ship` stands for `deploy production`
    "#);
}

#[test]
fn everything_wrong_is_told_at_once_with_its_place() {
    let source = r#"ordr = []
order = ["stagin", "staging", "staging"]
[environments.staging]
approvers = ["ada", "team:ops"]
approvals = 99
url = "staging.example"
workflow = ".github/workflows/x.yml"
[environments.x]
permission = "owner"
production = "yes"
[commands.deplyo]
flags = ["-v"]
[commands.help]
disabled = true
[aliases]
echo = "deploy"
ship = "nothing at all"
Ship = 7
"#;
    let problems = read(source.as_bytes(), COMMANDS).unwrap_err();
    insta::assert_snapshot!(summary(&problems), @r#"
    * line 1, column 1: Nobody knows `ordr`. Did you mean `order`?
    * line 2, column 10: There is no environment `stagin`. Did you mean `staging`?
    * line 2, column 31: `staging` is in the order twice. Keep one of them.
    * line 4, column 14: `ada` is nobody who could approve. Write @login for a person, and team:slug for a team of the organization.
    * line 5, column 13: `approvals` is no number of people. Write a number from 0 to 20.
    * line 6, column 7: `staging.example` is no URL. Begin it with https://.
    * line 7, column 12: `.github/workflows/x.yml` is no file in .github/workflows. Name the file alone, such as deploy.yml.
    * line 9, column 14: `owner` is no permission. Write read, triage, write, maintain or admin.
    * line 10, column 14: `production` is neither true nor false. Write true or false.
    * line 11, column 1: There is no command `deplyo`. Did you mean `deploy`?
    * line 12, column 10: `-v` is no flag that could be added. Write it as --flag or --flag=value.
    * line 14, column 12: `help` cannot be disabled. It is how people find out what is wrong. Take the line out.
    * line 16, column 8: There is a command `echo`, which the alias would hide. Choose another word.
    * line 17, column 8: There is no command `nothing`. `help` lists all commands.
    * line 18, column 8: `Ship` stands for no text. Write a command in quotes.
    "#);
}

#[test]
fn what_is_no_toml_says_where() {
    let problems = read(b"[environments.staging]\nurl = \"x\n", COMMANDS).unwrap_err();
    assert_eq!(problems[0].line, 2, "{problems:?}");
    assert!(read(&vec![b'#'; LARGEST + 1], COMMANDS).is_err());
    assert!(read(b"\xff", COMMANDS).is_err());
    assert_eq!(read(b"", COMMANDS), Ok(Settings::default()));
}

#[test]
fn a_line_is_read_as_the_settings_say() {
    let settings = whole();
    let apply = |text: &str| settings.apply(&words(text), &known);
    let shipped = apply("ship --replicas=3");
    assert_eq!(shipped.words, words("deploy --verify production --replicas=3"));
    assert_eq!(shipped.team.as_deref(), Some("ops"));
    assert_eq!(apply("Ship").words[0], "deploy");
    assert_eq!(apply("d staging -- --verify").words, words("d --verify --replicas=2 staging -- --verify"));
    assert_eq!(apply("deploy --help").words, words("deploy --help"));
    assert_eq!(apply("release").disabled.as_deref(), Some("not before May"));
    assert_eq!(apply("echo ship"), Applied { words: words("echo ship"), ..Applied::default() });
    assert_eq!(apply(""), Applied::default());
}

#[test]
fn what_restricts_adds_up_and_the_rest_is_the_nearest() {
    let file = |text: &str| read(text.as_bytes(), &[]).unwrap();
    let organization = file(
        "[commands.deploy]\npermission = \"maintain\"\nteam = \"ops\"\nflags = [\"--slow\"]\n\
         [commands.release]\ndisabled = true\n[environments.production]\napprovals = 2\nchecks = [\"ci\"]\n\
         allow_requester = false\n[aliases]\nship = \"deploy\"",
    );
    let repository = file(
        "[commands.deploy]\npermission = \"write\"\nteam = \"interns\"\nflags = [\"--fast\"]\n\
         [commands.release]\ndisabled = false\n[environments.production]\napprovals = 0\nchecks = [\"lint\"]\n\
         allow_requester = true\nurl = \"https://x.example\"\n[aliases]\nship = \"deploy staging\"",
    );
    let both = organization.under(repository);
    let deploy = &both.commands["deploy"];
    assert_eq!((deploy.permission, deploy.team.as_deref()), (Some(Permission::Maintain), Some("ops")));
    assert_eq!(deploy.flags, ["--fast"]);
    assert!(both.commands["release"].disabled.is_some());
    let production = &both.environments["production"];
    assert_eq!((production.approvals, production.allow_requester), (Some(2), Some(false)));
    assert_eq!(production.checks, ["ci", "lint"]);
    assert!(production.url.is_some());
    assert_eq!(both.aliases["ship"], ["deploy", "staging"]);
}

#[test]
fn patterns_match_whole_names() {
    for (pattern, name, expected) in [
        ("main", "main", true),
        ("main", "mainline", false),
        ("release/*", "release/1", true),
        ("release/*", "release/1/2", false),
        ("**", "any/thing", true),
        ("src/**/*.rs", "src/main.rs", true),
        ("src/**/*.rs", "src/a/b/main.rs", true),
        ("src/**/*.rs", "src/a/b/main.toml", false),
        ("**/x", "xx", false),
        ("*", "", true),
        ("", "x", false),
    ] {
        assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
    }
    let long = "a".repeat(2_000);
    assert!(!matches(&"*a".repeat(200), &format!("{long}b")), "and in time");
}

#[test]
fn the_schema_knows_every_key() {
    let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
    let keys = |pointer: &str| -> Vec<String> {
        let properties = schema.pointer(pointer).and_then(serde_json::Value::as_object).unwrap();
        properties.keys().cloned().collect()
    };
    for (table, pointer) in [
        ("", "/properties"),
        ("environments.x", "/$defs/environment/properties"),
        ("commands.x", "/$defs/command/properties"),
    ] {
        for key in keys(pointer) {
            let source =
                if table.is_empty() { format!("{key} = 1.5") } else { format!("[{table}]\n{key} = 1.5") };
            // The value is wrong for every key; the key itself must be known.
            let problems = read(source.as_bytes(), &[]).unwrap_err();
            assert!(problems.iter().all(|problem| !problem.text.contains("Nobody knows")), "{problems:?}");
        }
    }
}

proptest! {
    #[test]
    fn any_file_is_read_or_refused_with_places(source in "[\\[\\]a-z.=\"#\n ,{}0-9é-]{0,300}") {
        if let Err(problems) = read(source.as_bytes(), COMMANDS) {
            prop_assert!(!problems.is_empty());
            let lines = u32::try_from(source.matches('\n').count() + 1).unwrap();
            for problem in problems {
                prop_assert!((1..=lines).contains(&problem.line) && problem.end_line <= lines, "{problem:?}");
            }
        }
    }
}
