//! The command line as a newcomer meets it: the right use, the wrong flag, the missing file, the bad value.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod binary;

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

fn deputy(arguments: &[&str], variables: &[(&str, &str)], input: &str) -> Output {
    binary::deputy(&std::env::temp_dir(), arguments, variables, input)
}

fn comment(body: &str) -> String {
    json!({
        "action": "created",
        "issue": { "number": 7, "pull_request": {} },
        "comment": {
            "id": 1, "node_id": "IC_1", "body": body, "html_url": "https://github.com/acme/shop/pull/7",
            "user": { "id": 1, "login": "ada", "type": "User" },
            "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"
        },
        "repository": {
            "id": 1, "name": "shop", "full_name": "acme/shop",
            "owner": { "id": 2, "login": "acme", "type": "Organization" }
        },
        "sender": { "id": 1, "login": "ada", "type": "User" },
        "installation": { "id": 3 }
    })
    .to_string()
}

fn receive(body: &str) -> Value {
    let output = deputy(&["receive", "-", "--event", "issue_comment", "--json"], &[], &comment(body));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn receive_shows_what_a_payload_would_do() {
    let outcome = receive("@deputy ping\n@deputy pign\n@deputy echo\n");
    assert_eq!(outcome["event"], "issue_comment");
    assert_eq!(outcome["action"], "created");
    assert_eq!(outcome["ignored"], Value::Null);
    assert_eq!(outcome["handlers"], json!(["commands", "log"]));
    let commands = outcome["commands"].as_array().unwrap();
    assert_eq!(commands[0], json!({ "name": "ping", "args": [], "status": "run", "message": null }));
    assert_eq!((&commands[1]["name"], &commands[1]["status"]), (&json!("pign"), &json!("unknown")));
    assert!(commands[1]["message"].as_str().unwrap().contains("`ping`"));
    assert_eq!((&commands[2]["name"], &commands[2]["status"]), (&json!("echo"), &json!("usage_error")));
}

#[test]
fn receive_says_why_nothing_would_happen() {
    let outcome = receive("> @deputy ping");
    assert_eq!(outcome["ignored"], "holds no command");
    assert_eq!(outcome["commands"], json!([]));
    let output = deputy(&["receive", "-", "--event", "push"], &[], "{}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("is no event that can hold commands"));
}

#[test]
fn receive_listens_to_the_configured_name() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("deputy.toml");
    std::fs::write(&config, "mention = \"sheriff\"\n").unwrap();
    let path = config.to_str().unwrap();
    let asked = |arguments: &[&str], variables: &[(&str, &str)]| -> Value {
        let arguments = [&["receive", "-", "--event", "issue_comment", "--json"], arguments].concat();
        let output = deputy(&arguments, variables, &comment("@sheriff ping\n@marshal ping ping\n"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let outcome: Value = serde_json::from_slice(&output.stdout).unwrap();
        outcome["commands"][0]["status"].clone()
    };
    assert_eq!(asked(&["--config", path], &[]), "run");
    assert_eq!(asked(&["--config", path], &[("DEPUTY_MENTION", "marshal")]), "usage_error");
    assert_eq!(asked(&["--config", path, "--mention", "marshal"], &[]), "usage_error");
    assert_eq!(asked(&[], &[]), Value::Null);
    std::fs::write(&config, "mentoin = \"sheriff\"\n").unwrap();
    let output = deputy(&["receive", "-", "--event", "push", "--config", path], &[], "{}");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("did you mean `mention`?"));
}

/// What `head` does once it has read enough.
#[test]
fn nobody_who_stops_reading_sees_a_failure() {
    for arguments in [&["check-config", "--fields"][..], &["version"], &["receive", "-", "--event", "push"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut child = Command::new(env!("CARGO_BIN_EXE_deputy"))
            .args(arguments)
            .env_clear()
            .current_dir(std::env::temp_dir())
            .stdin(Stdio::piped())
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let _ = child.stdin.take().unwrap().write_all(b"{}");
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{arguments:?}: {said}");
    }
}

#[test]
fn receive_refuses_what_is_no_payload_with_a_hint() {
    for (arguments, input, expected) in [
        (&["receive", "nowhere.json", "--event", "push"][..], "", "nowhere.json: cannot be read"),
        (&["receive", "-", "--event", "Push!"], "{}", "not an event name"),
        (&["receive", "-", "--event", "push"], "[]", "standard input: the payload is not a JSON object"),
        (&["receive", "-", "--event", "push"], "{", "standard input: the payload is not a JSON object"),
        (&["receive", "-", "--event", "push"], "", "standard input: is empty"),
        (&["receive", "-"], "{}", "--event"),
        (&["recieve"], "", "receive"),
    ] {
        let output = deputy(arguments, &[], input);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(expected), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn check_config_says_everything_that_is_wrong() {
    let output = deputy(&["check-config"], &[("DEPUTY_LISTEN", "nowhere")], "");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    for expected in ["DEPUTY_LISTEN", "DEPUTY_GITHUB_CLIENT_ID", "DEPUTY_WEBHOOK_SECRET_FILES", "4 problems"]
    {
        assert!(said.contains(expected), "{said}");
    }
    let output = deputy(&["check-config", "--json"], &[], "");
    let problems: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(problems["ok"], false);
    assert_eq!(problems["problems"].as_array().unwrap().len(), 3);
}

#[test]
fn check_config_sees_a_key_that_cannot_sign_and_shows_no_secret() {
    let variables = [
        ("DEPUTY_GITHUB_CLIENT_ID", "Iv1.0123456789abcdef"),
        (
            "DEPUTY_GITHUB_PRIVATE_KEY",
            "-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----\n",
        ),
        ("DEPUTY_WEBHOOK_SECRETS", "hunter2-hunter2-hunter2"),
    ];
    let output = deputy(&["check-config"], &variables, "");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("private_key"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn check_config_lists_every_field() {
    let output = deputy(&["check-config", "--fields"], &[], "");
    assert!(output.status.success());
    let said = String::from_utf8_lossy(&output.stdout);
    for field in deputy_embedded::config::FIELDS {
        assert!(said.contains(field.key) && said.contains(field.variable), "{}", field.key);
    }
}

#[test]
fn serve_without_a_configuration_says_what_to_do() {
    let output = deputy(&["serve"], &[], "");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("deputy check-config --fields"));
    let output = deputy(&["serve", "--config", "nowhere.toml"], &[], "");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("nowhere.toml: cannot be read"));
}

#[tokio::test]
async fn a_data_folder_that_cannot_be_one_is_named() {
    let github = github_double::Double::start().await;
    let folder = tempfile::tempdir().unwrap();
    let (file, key) = (folder.path().join("file"), folder.path().join("app.pem"));
    std::fs::write(&file, "").unwrap();
    std::fs::write(&key, github.app("deputy").register().private_key()).unwrap();
    let variables = [
        ("DEPUTY_LISTEN", "127.0.0.1:0"),
        ("DEPUTY_DATA", file.to_str().unwrap()),
        ("DEPUTY_GITHUB_CLIENT_ID", "Iv1.0123456789abcdef"),
        ("DEPUTY_GITHUB_PRIVATE_KEY_FILE", key.to_str().unwrap()),
        ("DEPUTY_WEBHOOK_SECRETS", "a secret that is long enough"),
    ];
    let output = deputy(&["check-config"], &variables, "");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("is no folder"));
    let output = deputy(&["serve"], &variables, "");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("is a folder of the user that Deputy runs as"), "{said}");
    assert_eq!(said.matches("os error").count(), 1, "{said}");
}

#[test]
fn version_is_one_line() {
    let output = deputy(&["version"], &[], "");
    assert_eq!(String::from_utf8_lossy(&output.stdout), concat!("deputy ", env!("CARGO_PKG_VERSION"), "\n"));
}
