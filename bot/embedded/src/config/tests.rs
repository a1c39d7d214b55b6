//! What a person who configures a server runs into.

use std::path::PathBuf;

use super::{Config, LogFormat, Problem};

const PEM: &str = "-----BEGIN RSA PRIVATE KEY-----\nnot a real one\n-----END RSA PRIVATE KEY-----\n";
const SECRET: &str = "a-webhook-secret-of-the-tests";

fn load(toml: Option<&str>, variables: &[(&str, &str)]) -> Result<Config, Vec<Problem>> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("app.pem"), PEM).unwrap();
    std::fs::write(folder.path().join("secret"), format!("{SECRET}\n")).unwrap();
    let file = toml.map(|text| {
        let path = folder.path().join("deputy.toml");
        std::fs::write(&path, text).unwrap();
        path
    });
    let environment =
        |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    Config::load(file.as_deref(), &environment).map_err(|problems| {
        let folder = format!("{}/", folder.path().display());
        let clean = |text: String| text.replace(&folder, "");
        problems
            .into_iter()
            .map(|p| Problem { place: clean(p.place), what: clean(p.what), hint: clean(p.hint) })
            .collect()
    })
}

fn shown(problems: &[Problem]) -> String {
    problems.iter().flat_map(|problem| [problem.to_string(), "\n".to_owned()]).collect()
}

const WHOLE: &str = r#"
listen = "127.0.0.1:9000"
[github]
client_id = "Iv1.0123456789abcdef"
private_key_file = "app.pem"
webhook_secret_files = ["secret"]
"#;

#[test]
fn a_small_file_is_enough_and_its_paths_are_relative_to_it() {
    let config = load(Some(WHOLE), &[]).unwrap();
    assert_eq!(config.listen, "127.0.0.1:9000".parse().unwrap());
    assert_eq!(config.mention, "deputy");
    assert!(config.data.is_absolute(), "relative to the file, which has an absolute path here");
    assert_eq!(config.archive.as_secs(), 90 * 86_400);
    assert_eq!(config.dedup.as_secs(), 72 * 3_600);
    assert_eq!(config.github.issuer, "Iv1.0123456789abcdef");
    assert_eq!(config.webhook_secrets.len(), 1);
    assert_eq!(config.log.format, LogFormat::Human);
}

#[test]
fn the_environment_alone_is_enough_and_wins_over_the_file() {
    let variables = [
        ("DEPUTY_LISTEN", "[::1]:1"),
        ("DEPUTY_DATA", "elsewhere"),
        ("DEPUTY_GITHUB_APP_ID", "42"),
        ("DEPUTY_GITHUB_PRIVATE_KEY", &PEM.replace('\n', "\\n")),
        ("DEPUTY_WEBHOOK_SECRETS", "the-first-secret-here\nthe-second-secret-here\n"),
        ("DEPUTY_LOG_FORMAT", "json"),
    ];
    let config = load(None, &variables).unwrap();
    assert_eq!(config.github.issuer, "42");
    assert_eq!(config.webhook_secrets.len(), 2);
    assert_eq!(config.data, PathBuf::from("elsewhere"));
    let config = load(Some(WHOLE), &variables[..1]).unwrap();
    assert_eq!(config.listen, "[::1]:1".parse().unwrap());
}

#[test]
fn everything_that_is_missing_is_said_at_once() {
    insta::assert_snapshot!(shown(&load(None, &[]).unwrap_err()), @"
    DEPUTY_GITHUB_CLIENT_ID: is missing
      hint: copy the client id (or the App id, as github.app_id) from the App's settings page on GitHub
    DEPUTY_GITHUB_PRIVATE_KEY_FILE: is missing
      hint: generate a private key on the App's settings page and give its path here
    DEPUTY_WEBHOOK_SECRET_FILES: is missing: without a secret nobody can tell GitHub's deliveries from forged ones
      hint: set a webhook secret on the App's settings page (openssl rand -hex 32) and put it in a file
    ");
}

#[test]
fn everything_that_is_wrong_is_said_at_once_and_with_its_place() {
    let toml = r#"
        listn = "127.0.0.1:9000"
        mention = "not a login"
        dedup_hours = 2
        [github]
        url = "http://example.com"
        client_id = "Iv1.0123456789abcdef"
        private_key_file = "secret"
        webhook_secret = "hunter2hunter2hunter2"
        webhook_secret_files = ["nowhere"]
    "#;
    insta::assert_snapshot!(shown(&load(Some(toml), &[("DEPUTY_LOG", "loud")]).unwrap_err()), @"
    deputy.toml: listn: is no field of this file
      hint: did you mean `listen`?
    deputy.toml: github.webhook_secret: is no field of this file
      hint: secrets do not belong in this file: name files in github.webhook_secret_files, or set DEPUTY_WEBHOOK_SECRETS
    deputy.toml: mention: must look like a GitHub login: up to 39 letters, digits and single dashes
      hint: The name that commands are addressed to: @deputy or /deputy.
    deputy.toml: dedup_hours: must be at least 24
      hint: GitHub offers redelivery for 3 days: leave it out for 72
    deputy.toml: github.url: `http://example.com` is not https; only a GitHub on this machine (127.0.0.1, [::1], localhost) may do without
      hint: GitHub, as people open it: https://HOST for a GitHub Enterprise Server.
    deputy.toml: github.private_key_file: is not a PEM private key
      hint: the file starts with -----BEGIN RSA PRIVATE KEY-----
    deputy.toml: github.webhook_secret_files: nowhere: cannot be read: No such file or directory (os error 2)
      hint: each file holds one secret, as the App's settings have it
    DEPUTY_LOG: must be a level (error, warn, info, debug, trace, off) or pairs like `info,deputy=debug`
      hint: A level, or pairs: info,deputy=debug. The log handler's own lines have the target deputy::events.
    ");
}

#[test]
fn no_problem_shows_what_could_be_a_secret() {
    for toml in [
        "webhook_secret = \"hunter2hunter2hunter2",
        "[github]\nwebhook_secret_files = \"hunter2\" hunter2hunter2",
        "[github]\nprivate_key = \"hunter2hunter2hunter2\"",
    ] {
        let problems = shown(&load(Some(toml), &[("DEPUTY_WEBHOOK_SECRETS", "hunter2")]).unwrap_err());
        assert!(!problems.contains("hunter2"), "{problems}");
    }
}

#[test]
fn a_config_does_not_show_its_secrets() {
    let shown = format!("{:?}", load(Some(WHOLE), &[]).unwrap());
    assert!(!shown.contains(SECRET) && !shown.contains("not a real one"), "{shown}");
}

const LOGIN: &str = "0123456789abcdef0123456789abcdef01234567";

#[test]
fn people_can_log_in_with_a_client_secret() {
    assert!(load(Some(WHOLE), &[]).unwrap().login.is_none());
    let login = |variables: &[(&str, &str)]| load(Some(WHOLE), variables).unwrap().login.unwrap();
    let secret = ("DEPUTY_GITHUB_CLIENT_SECRET", LOGIN);
    let local = login(&[secret]);
    assert_eq!(local.client_id, "Iv1.0123456789abcdef");
    assert_eq!(local.public_url("127.0.0.1:9000".parse().unwrap()).as_str(), "http://127.0.0.1:9000");
    assert_eq!(local.public_url("[::1]:9000".parse().unwrap()).as_str(), "http://[::1]:9000");
    let public =
        login(&[secret, ("DEPUTY_PUBLIC_URL", "https://deputy.example/"), ("DEPUTY_LISTEN", "0.0.0.0:80")]);
    assert_eq!(public.public_url("0.0.0.0:80".parse().unwrap()).as_str(), "https://deputy.example");
    assert!(!format!("{public:?}").contains(LOGIN));
}

#[test]
fn half_of_what_logging_in_needs_is_a_problem() {
    let problems = |toml: &str, variables: &[(&str, &str)]| shown(&load(Some(toml), variables).unwrap_err());
    let secret = ("DEPUTY_GITHUB_CLIENT_SECRET", LOGIN);
    insta::assert_snapshot!(problems(WHOLE, &[("DEPUTY_PUBLIC_URL", "https://deputy.example")]), @"
    deputy.toml: github.client_secret_file: is missing, and public_url says that people are to log in
      hint: generate a client secret on the App's settings page and put it in a file, or leave public_url out
    ");
    insta::assert_snapshot!(problems(&WHOLE.replace("client_id = \"Iv1.0123456789abcdef\"", "app_id = 42"), &[secret]), @"
    deputy.toml: github.client_id: is missing: with an app_id alone nobody can log in
      hint: copy the client id from the App's settings page on GitHub; app_id can go
    ");
    insta::assert_snapshot!(problems(WHOLE, &[secret, ("DEPUTY_LISTEN", "0.0.0.0:80")]), @"
    deputy.toml: public_url: is missing, and the address to listen on is not what people type
      hint: give the address that people reach this server at, such as https://deputy.example.com
    ");
    let found = problems(WHOLE, &[secret, ("DEPUTY_PUBLIC_URL", "http://deputy.example")]);
    assert!(found.starts_with("DEPUTY_PUBLIC_URL: is not https"), "{found}");
    let found = problems(WHOLE, &[("DEPUTY_GITHUB_CLIENT_SECRET", "client_secret = x")]);
    assert!(found.contains("is not a client secret") && !found.contains("= x"), "{found}");
    let found = problems(&format!("{WHOLE}client_secret = \"x\""), &[]);
    assert!(found.contains("secrets do not belong in this file"), "{found}");
}

#[test]
fn a_passphrase_is_read_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("passphrase");
    std::fs::write(&path, "  correct horse battery staple\n").unwrap();
    let text = format!("{WHOLE}[vault]\npassphrase_file = {:?}\n", path.display().to_string());
    let config = load(Some(&text), &[]).unwrap();
    let passphrase = secrecy::ExposeSecret::expose_secret(config.vault_passphrase.as_ref().unwrap());
    assert_eq!(passphrase, "correct horse battery staple");
    assert!(!format!("{config:?}").contains("correct horse"));
    assert!(load(Some(WHOLE), &[]).unwrap().vault_passphrase.is_none());
    let problems = load(Some(WHOLE), &[("DEPUTY_VAULT_PASSPHRASE", "swordfish")]).unwrap_err();
    let shown = shown(&problems);
    assert!(shown.contains("less than 16 characters") && !shown.contains("swordfish"), "{shown}");
}

#[test]
fn administrators_are_named_and_can_log_in() {
    let secret = ("DEPUTY_GITHUB_CLIENT_SECRET", LOGIN);
    let admins = |toml: &str, variables: &[(&str, &str)]| -> Vec<String> {
        load(Some(toml), variables).unwrap().admins.iter().map(ToString::to_string).collect()
    };
    assert!(admins(WHOLE, &[]).is_empty(), "nobody unless somebody is named");
    let named = format!("admins = [\"@octocat\", \"id:583231\"]{WHOLE}");
    assert_eq!(admins(&named, &[secret]), ["octocat", "id:583231"]);
    assert_eq!(admins(&named, &[secret, ("DEPUTY_ADMINS", "ada, grace")]), ["ada", "grace"]);
    assert_eq!(admins(&format!("admins = \"ada\"{WHOLE}"), &[secret]), ["ada"]);
    let problems = |toml: &str, variables: &[(&str, &str)]| shown(&load(Some(toml), variables).unwrap_err());
    insta::assert_snapshot!(problems(&named, &[]), @"
    deputy.toml: admins: names administrators, and nobody can log in
      hint: let people log in with github.client_secret_file, or leave admins out
    ");
    insta::assert_snapshot!(problems(WHOLE, &[secret, ("DEPUTY_ADMINS", "ada,*")]), @"
    DEPUTY_ADMINS: `*` names nobody: expected GitHub logins such as octocat, or account numbers such as id:583231
      hint: Who may operate this server with deputyctl: GitHub logins, or account numbers as id:583231, which stay with the person when an account is renamed. In the variable, separated by commas. Nobody by default.
    ");
    assert!(problems(WHOLE, &[secret, ("DEPUTY_ADMINS", "ada,")]).contains("names nobody"));
}

#[test]
fn a_secret_file_that_is_empty_is_not_left_out_in_silence() {
    let folder = tempfile::tempdir().unwrap();
    let (good, empty) = (folder.path().join("good"), folder.path().join("empty"));
    std::fs::write(&good, SECRET).unwrap();
    std::fs::write(&empty, " \n").unwrap();
    let files = format!("{}:{}", good.display(), empty.display());
    let problems = load(Some(WHOLE), &[("DEPUTY_WEBHOOK_SECRET_FILES", &files)]).unwrap_err();
    assert!(shown(&problems).contains("empty is empty"), "{}", shown(&problems));
}

#[test]
fn a_mistyped_level_is_no_filter() {
    for filter in ["loud", "info,loud", "inf", "debug,deputy=loud"] {
        let problems = load(Some(WHOLE), &[("DEPUTY_LOG", filter)]).unwrap_err();
        assert!(
            shown(&problems).starts_with("DEPUTY_LOG: must be a level"),
            "{filter}: {}",
            shown(&problems)
        );
    }
    for filter in ["off", "INFO", "info, deputy=debug", "deputy::events=off,warn"] {
        assert_eq!(load(Some(WHOLE), &[("DEPUTY_LOG", filter)]).unwrap().log.filter, filter);
    }
}

#[test]
fn further_apps_have_a_table_each() {
    let mut shown = Vec::new();
    for apps in [
        "[apps.shipper]\nclient_id = \"Iv2\"\nprivate_key_file = \"app.pem\"",
        "[apps.shipper]\nprivate_key = \"hunter2hunter2hunter2\"",
        "[apps.Deputy]\napp_id = 7\nprivate_key_file = \"nowhere.pem\"",
        "[apps.\"a b\"]\nclient_id = \"Iv2\"\nprivate_key_file = \"app.pem\"",
        "[apps]\nshipper = 1",
    ] {
        let problems = load(Some(&format!("{WHOLE}{apps}")), &[]).unwrap_err();
        shown.push(self::shown(&problems));
    }
    assert!(!shown.concat().contains("hunter2"));
    insta::assert_snapshot!(shown.join("\n"), @"
    deputy.toml: apps.shipper.private_key_file: the private key's PEM block is damaged; download it again from the App's settings, or make a new one
      hint: generate a private key on the App's settings page and give its path here

    deputy.toml: apps.shipper.private_key: is no field of an App
      hint: secrets do not belong in this file: name the PEM in private_key_file
    deputy.toml: apps.shipper.client_id: is missing
      hint: copy the client id (or the App id, as app_id) from the App's settings page on GitHub
    deputy.toml: apps.shipper.private_key_file: is missing
      hint: generate a private key on the App's settings page and give its path here

    deputy.toml: apps.Deputy: is what this server's own App is called already
      hint: choose another name
    deputy.toml: apps.Deputy.private_key_file: nowhere.pem: cannot be read: No such file or directory (os error 2)
      hint: generate a private key on the App's settings page and give its path here

    deputy.toml: apps.a b: cannot be typed as a name
      hint: up to 39 letters, digits, dashes and underscores
    deputy.toml: apps.a b.private_key_file: the private key's PEM block is damaged; download it again from the App's settings, or make a new one
      hint: generate a private key on the App's settings page and give its path here

    deputy.toml: apps.shipper: is no table
      hint: write [apps.NAME] above its fields
    ");
}

#[test]
fn metrics_have_an_address_of_their_own_and_the_alarm_a_share() {
    let config = load(Some(WHOLE), &[]).unwrap();
    assert_eq!((config.metrics, config.github.rate_limit_alarm_percent), (None, 10));
    let variables =
        [("DEPUTY_METRICS_LISTEN", "127.0.0.1:9464"), ("DEPUTY_GITHUB_RATE_LIMIT_ALARM_PERCENT", "0")];
    let config = load(Some(WHOLE), &variables).unwrap();
    assert_eq!(config.metrics, Some("127.0.0.1:9464".parse().unwrap()));
    assert_eq!(config.github.rate_limit_alarm_percent, 0);
    let problems = load(Some(WHOLE), &[("DEPUTY_GITHUB_RATE_LIMIT_ALARM_PERCENT", "101")]).unwrap_err();
    assert!(shown(&problems).contains("must be a whole number from 0 to 100"), "{}", shown(&problems));
}
