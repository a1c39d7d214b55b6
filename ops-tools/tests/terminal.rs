//! `deputyctl` as people run it: against a Deputy, with a GitHub behind it.

#![allow(clippy::unwrap_used, reason = "clippy knows tests, but not what helps them")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Output, Stdio};

use scenarios::World;
use serde_json::Value;
use tempfile::TempDir;

/// Somebody's machine: their folder, and the Deputy that they talk to.
struct Desk {
    home: TempDir,
    server: String,
}

impl Desk {
    fn at(server: String) -> Self {
        Self { home: tempfile::tempdir().unwrap(), server }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_deputyctl"));
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs it beside the Deputy, which lives on this thread's runtime.
    async fn run(&self, arguments: &[&str]) -> Output {
        let mut command = self.command(arguments);
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    /// Ada logs in, typing the code that is shown.
    async fn log_in(&self, world: &World, arguments: &[&str]) -> (String, String) {
        let mut command =
            self.command(&[&["login", "--server", &self.server, "--name", "desk"], arguments].concat());
        let (ada, server) = (world.ada.clone(), self.server.clone());
        tokio::task::spawn_blocking(move || {
            let mut child = command.spawn().unwrap();
            let mut told = BufReader::new(child.stderr.take().unwrap());
            let mut shown = String::new();
            while told.read_line(&mut shown).unwrap() > 0 {
                if let Some(code) = shown.lines().last().and_then(|line| line.trim().strip_prefix("Type  ")) {
                    assert!(ada.approve_device(code), "{shown}");
                    break;
                }
            }
            told.read_to_string(&mut shown).unwrap();
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{shown}");
            (String::from_utf8(output.stdout).unwrap().replace(&server, "SERVER"), shown)
        })
        .await
        .unwrap()
    }

    fn kept(&self) -> std::path::PathBuf {
        self.home.path().join(".config/deputy/session.json")
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

async fn world() -> (World, Desk) {
    let world = World::with_logins().await;
    world.app.poll_devices_every(1);
    let desk = Desk::at(format!("http://{}", world.deputy().address()));
    (world, desk)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_logs_in_sees_who_they_are_and_logs_out() {
    let (world, desk) = world().await;
    let (printed, shown) = desk.log_in(&world, &[]).await;
    assert_eq!(printed, "You are logged in at SERVER as ada.\n");
    assert!(shown.contains("/login/device") && shown.contains("Type a code only if you ran"), "{shown}");
    assert!(
        !shown.contains('\u{1b}') && !shown.contains("dps_"),
        "plain lines where there is no terminal: {shown}"
    );

    let who = desk.run(&["whoami"]).await;
    let who = text(&who.stdout);
    assert!(who.starts_with(&format!("ada at {}, session “desk” until 20", desk.server)), "{who}");
    let who = desk.run(&["whoami", "--json"]).await;
    let who: Value = serde_json::from_slice(&who.stdout).unwrap();
    assert_eq!((&who["login"], &who["session"]["name"]), (&Value::from("ada"), &Value::from("desk")));

    let out = desk.run(&["logout"]).await;
    assert_eq!(text(&out.stdout), format!("You are logged out at {}.\n", desk.server));
    assert!(!std::fs::read_to_string(desk.kept()).unwrap().contains("dps_"));
    let who = desk.run(&["whoami"]).await;
    assert_eq!(who.status.code(), Some(1));
    assert!(text(&who.stderr).contains("Type `deputyctl login --server"), "{}", text(&who.stderr));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_login_replaces_the_first() {
    let (world, desk) = world().await;
    desk.log_in(&world, &[]).await;
    let first: Value = serde_json::from_str(&std::fs::read_to_string(desk.kept()).unwrap()).unwrap();
    let (printed, _) = desk.log_in(&world, &["--json"]).await;
    let lines: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["status"], &lines[1]["status"]), (&Value::from("waiting"), &Value::from("done")));
    assert_eq!(lines[1]["login"], "ada");
    assert!(!printed.contains("dps_"), "the session is kept, not shown");
    let session = first["session"].as_str().unwrap();
    let address = world.deputy().address();
    let (status, _) = scenarios::browser::ask(address, "GET", "/api/v1/whoami", Some(session), None).await;
    assert_eq!(status, 401, "nobody holds it any more, so it was ended");
    world.end().await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_others_can_read_is_not_used() {
    use std::os::unix::fs::PermissionsExt as _;
    let (world, desk) = world().await;
    desk.log_in(&world, &[]).await;
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&desk.kept()), mode(desk.kept().parent().unwrap())), (0o600, 0o700));
    std::fs::set_permissions(desk.kept(), std::fs::Permissions::from_mode(0o644)).unwrap();
    let who = desk.run(&["whoami"]).await;
    assert_eq!(who.status.code(), Some(1));
    assert!(text(&who.stderr).contains("chmod 600"), "{}", text(&who.stderr));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_was_ended_elsewhere_says_what_to_type() {
    let (world, desk) = world().await;
    desk.log_in(&world, &[]).await;
    let other = Desk::at(desk.server.clone());
    other.log_in(&world, &[]).await;
    assert!(other.run(&["logout", "--everywhere"]).await.status.success());
    let who = desk.run(&["whoami"]).await;
    assert_eq!(
        text(&who.stderr),
        format!(
            "deputyctl: Your session at {} has expired or was ended. Type `deputyctl login`.\n",
            desk.server
        )
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_deputy_is_told_apart_from_what_is_away() {
    let world = World::without_logins().await;
    let says = async |server: &str| {
        let desk = Desk::at(server.to_owned());
        let login = desk.run(&["login", "--server", server]).await;
        assert!(!login.status.success());
        text(&login.stderr)
    };
    assert!(says("http://127.0.0.1:1").await.contains("cannot be reached: "));
    assert!(says(&world.github.base_url()).await.contains("not as a Deputy does"));
    assert!(says(&format!("http://{}", world.deputy().address())).await.contains("client secret"));
    assert!(says("http://deputy.example").await.contains("must begin with https://"));
    let desk = Desk::at(String::new());
    assert!(text(&desk.run(&["login"]).await.stderr).contains("Which Deputy?"));
    // The double was asked for what GitHub does not have.
    world.github.take_violations();
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_lists_deliveries_and_has_one_sent_again() {
    let (world, desk) = world().await;
    desk.log_in(&world, &[]).await;
    let url = format!("{}/webhook", desk.server);
    let has_swept = || world.github.transcript().contains("GET /app/hook/deliveries");
    world.github.wait_for("the first sweep", has_swept).await;
    let pr = world.pull_request().await;
    world.app.send_webhooks_to("http://127.0.0.1:9/webhook");
    pr.comment(&world.ada, "hello").await;
    world.app.send_webhooks_to(&url);
    world.quiet().await;
    let all = text(&desk.run(&["deliveries"]).await.stdout);
    assert_eq!(all.lines().count(), 2, "{all}");
    assert!(all.contains("  handled   202  pull_request.opened"), "{all}");
    let failed =
        desk.run(&["deliveries", "--failed", "--event", "issue_comment", "--since", "1h", "--json"]).await;
    let lost: Value = serde_json::from_slice(&failed.stdout).unwrap();
    assert_eq!((&lost["state"], &lost["action"]), (&Value::from("unknown"), &Value::from("created")));
    let guid = lost["guid"].as_str().unwrap();
    let again = desk.run(&["deliveries", "redeliver", guid]).await;
    assert_eq!(text(&again.stdout), format!("GitHub delivers {guid} again.\n"));
    world.quiet().await;
    assert_eq!(text(&desk.run(&["deliveries", "--failed"]).await.stderr), "GitHub lists no such delivery.\n");
    let twice = desk.run(&["deliveries", "redeliver", guid]).await;
    assert!(text(&twice.stderr).contains("accepted before"), "{}", text(&twice.stderr));
    assert_eq!(desk.run(&["deliveries", "redeliver", "../../whoami"]).await.status.code(), Some(2));
    world.end().await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_ends_a_login_and_keeps_nothing() {
    let (world, desk) = world().await;
    let mut command = desk.command(&["login", "--server", &desk.server]);
    let (status, told) = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut told = String::new();
        while !told.contains("Ctrl-C stops") {
            assert!(stderr.read_line(&mut told).unwrap() > 0, "{told}");
        }
        let pressed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        assert!(pressed.success());
        stderr.read_to_string(&mut told).unwrap();
        (child.wait().unwrap(), told)
    })
    .await
    .unwrap();
    assert_eq!(status.code(), Some(130), "{told}");
    assert!(told.ends_with("deputyctl: Stopped.\n"), "{told}");
    assert!(!desk.kept().exists());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_gets_tokens_and_sees_who_got_them() {
    let (world, desk) = world().await;
    desk.log_in(&world, &[]).await;
    let shown = desk.run(&["installations"]).await;
    let table = text(&shown.stdout);
    assert!(table.starts_with("APP     OWNER  INSTALLATION  REPOSITORIES  LEFT THIS HOUR\n"), "{table}");

    let got = desk.run(&["token", "acme/shop", "-p", "contents=read"]).await;
    let token = text(&got.stdout);
    assert!(
        token.starts_with("ghs_") && token.trim_end().len() == 40 && token.ends_with('\n'),
        "the token alone"
    );
    let told = text(&got.stderr);
    assert!(told.starts_with("A token for acme/shop contents=read of the App deputy, until 20"), "{told}");
    assert!(!told.contains("ghs_"));
    let got = desk.run(&["token", "--jwt", "--json"]).await;
    let json: Value = serde_json::from_slice(&got.stdout).unwrap();
    assert_eq!(
        (&json["credential"]["kind"], json["token"].as_str().unwrap().matches('.').count()),
        (&Value::from("app"), 2)
    );

    let lines = desk.run(&["audit", "--json"]).await;
    let lines: Vec<Value> =
        text(&lines.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["token_sha256"], &lines[1]["login"]), (&json["token_sha256"], &Value::from("ada")));
    let table = text(&desk.run(&["audit", "--limit", "1"]).await.stdout);
    assert!(table.contains("A JWT") && table.lines().count() == 2, "{table}");

    for (arguments, complaint) in [
        (&["token", "nobody"][..], "is not installed on nobody"),
        (&["token", "acme", "garden"], "One token is for one owner"),
        (&["token", "acme/shop", "acme"], "One token is for one owner"),
        (&["token", "acme", "--app", "shipper"], "there are: deputy"),
    ] {
        let refused = desk.run(arguments).await;
        assert_eq!(refused.status.code(), Some(1));
        assert!(text(&refused.stderr).contains(complaint), "{}", text(&refused.stderr));
    }
    world.end().await;
}
