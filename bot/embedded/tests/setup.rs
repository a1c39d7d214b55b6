//! `deputy setup` as a person meets it: a page, a click on GitHub, and a configuration that works.

#![allow(clippy::unwrap_used, reason = "clippy knows tests, but not what helps them")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use deputy_core::ports::SystemClock;
use deputy_embedded::config::Config;
use deputy_embedded::doctor::{Level, examine};
use github_double::Double;
use serde_json::Value;

/// A setup under way.
struct Setup {
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
    /// `127.0.0.1:4242`
    host: String,
}

fn command(github: &Double, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_deputy"));
    command
        .args(["setup", "--no-browser", "--github-url", &github.base_url(), "--dir"])
        .arg(folder)
        .args(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

impl Setup {
    fn begin(github: &Double, folder: &Path, arguments: &[&str]) -> Self {
        let mut child = command(github, folder, arguments).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut told = String::new();
        let host = loop {
            assert!(stderr.read_line(&mut told).unwrap() > 0, "{told}");
            let url = told.lines().last().and_then(|line| line.trim().strip_prefix("http://"));
            if let Some(host) = url {
                break host.trim_end_matches('/').to_owned();
            }
        };
        Self { child, stderr, host }
    }

    /// The head and the body of what is at `path`.
    fn get(&self, path: &str, host: &str) -> (String, String) {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    /// Where the page's form goes, and the manifest in it.
    fn form(&self) -> (String, Value) {
        let (head, page) = self.get("/", &self.host);
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert!(head.contains("form-action 'self' http://127.0.0.1"), "{head}");
        let attribute = |after: &str| {
            let rest = page.split_once(after).unwrap().1;
            let value = rest.split_once('"').unwrap().0;
            value.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
        };
        (attribute("method=\"post\" action=\""), attribute("name=\"manifest\" value=\"").parse().unwrap())
    }

    /// How it ended, and what it said on both channels.
    fn end(mut self) -> (Option<i32>, String, String) {
        let mut told = String::new();
        self.stderr.read_to_string(&mut told).unwrap();
        let output = self.child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), told)
    }
}

fn state_of(action: &str) -> &str {
    action.split_once("state=").unwrap().1
}

/// The path behind our own address.
fn path_of(url: &str) -> &str {
    let rest = url.strip_prefix("http://").unwrap();
    &rest[rest.find('/').unwrap()..]
}

#[tokio::test(flavor = "multi_thread")]
async fn one_click_makes_an_app_that_the_doctor_finds_nothing_wrong_with() {
    let github = Double::start().await;
    let ada = github.user("ada");
    let acme = github.org("acme");
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("deputy");
    let setup = Setup::begin(&github, &place, &["--name", "deputy-ada", "--url", "https://deputy.example"]);
    let (action, manifest) = setup.form();
    assert_eq!(action, format!("{}/settings/apps/new?state={}", github.base_url(), state_of(&action)));
    assert_eq!(manifest["hook_attributes"]["url"], "https://deputy.example/webhook");
    assert_eq!(manifest["callback_urls"][0], "https://deputy.example/auth/callback");
    let needs = deputy_embedded::app::needs().unwrap();
    let events: Vec<_> =
        manifest["default_events"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    assert!(needs.events.iter().map(String::as_str).eq(events), "exactly the events that handlers want");
    assert_eq!(manifest["default_permissions"].as_object().unwrap().len(), needs.permissions.len());

    let back = ada.create_app(&manifest.to_string(), state_of(&action)).unwrap();
    assert!(back.starts_with(&format!("http://{}/created?", setup.host)), "{back}");
    let back = path_of(&back);
    // Another state, none, and an address that somebody made point here: nothing happens.
    let other = back.replace(state_of(&action), &"A".repeat(state_of(&action).len()));
    for (path, host) in [
        (&*other, &*setup.host),
        (back.split_once("&state").unwrap().0, &setup.host),
        ("/created", &setup.host),
        (back, "rebound.example"),
    ] {
        let (head, _) = setup.get(path, host);
        assert!(head.starts_with("HTTP/1.1 403"), "{path}: {head}");
    }
    assert!(setup.get("/", "rebound.example").0.starts_with("HTTP/1.1 403"));
    let (head, _) = setup.get(back, &setup.host);
    assert!(head.starts_with("HTTP/1.1 303") && head.contains("location: /done"), "{head}");
    let (_, page) = setup.get("/done", &setup.host);
    assert!(page.contains("deputy-ada is there") && page.contains("Enable Device Flow"), "{page}");
    // A browser that asks twice gets the same.
    assert!(setup.get(back, &setup.host).0.starts_with("HTTP/1.1 303"));

    let (code, printed, told) = tokio::task::spawn_blocking(|| setup.end()).await.unwrap();
    assert_eq!(code, Some(0), "{told}");
    let file = place.join("deputy.toml");
    assert_eq!(printed.trim_end(), file.display().to_string());
    let app = github.app_by_slug("deputy-ada").unwrap();
    for secret in [app.client_secret(), app.webhook_secret()] {
        assert!(!told.contains(&secret) && !page.contains(&secret));
    }
    for file in ["deputy.toml", "app/private-key.pem", "app/client-secret", "app/webhook-secret"] {
        assert_eq!(
            std::fs::metadata(place.join(file)).unwrap().permissions().mode() & 0o777,
            0o600,
            "{file}"
        );
    }
    // What is left to do by hand, done by hand.
    app.enable_device_flow();
    app.install_on(&acme);
    let config = Config::load(Some(&file), &|_| None).unwrap();
    assert_eq!(config.admins, ["ada".parse().unwrap()]);
    let mut wrong = Vec::new();
    examine(&config, Arc::new(SystemClock), |finding| {
        if finding.level != Level::Good {
            wrong.push(finding);
        }
    })
    .await
    .unwrap();
    // There is no server behind that name.
    wrong.retain(|finding| !matches!(finding.check, "public_url" | "deliveries"));
    assert!(wrong.is_empty(), "{wrong:#?}");
    github.allow_failed_deliveries();
    github.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_setup_keeps_what_the_first_one_wrote() {
    let github = Double::start().await;
    let ada = github.user("ada");
    github.org("acme");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("deputy.toml"), "mine").unwrap();
    let refused = command(&github, folder.path(), &[]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    let long = command(&github, folder.path(), &["--force", "--name", &"x".repeat(35)]).output().unwrap();
    assert!(String::from_utf8(long.stderr).unwrap().contains("1 to 34 characters"));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("--force"));

    let setup = Setup::begin(&github, folder.path(), &["--force", "--org", "acme"]);
    let (action, manifest) = setup.form();
    assert!(
        action.starts_with(&format!("{}/organizations/acme/settings/apps/new?", github.base_url())),
        "{action}"
    );
    assert_eq!((&manifest["name"], manifest.get("hook_attributes")), (&Value::from("deputy-acme"), None));
    let back = ada.create_app(&manifest.to_string(), state_of(&action)).unwrap();
    setup.get(path_of(&back), &setup.host);
    let (code, _, told) = tokio::task::spawn_blocking(|| setup.end()).await.unwrap();
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("deputy.toml.old-1") && told.contains("serve --forward"), "{told}");
    assert_eq!(std::fs::read_to_string(folder.path().join("deputy.toml.old-1")).unwrap(), "mine");
    assert!(Config::load(Some(&folder.path().join("deputy.toml")), &|_| None).is_ok());
    github.assert_clean().await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_github_does_not_take_and_ctrl_c_write_nothing() {
    let github = Double::start().await;
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup::begin(&github, folder.path(), &[]);
    let (action, _) = setup.form();
    let (head, page) = setup.get(&format!("/created?code=used-up&state={}", state_of(&action)), &setup.host);
    assert!(head.starts_with("HTTP/1.1 502") && page.contains("does not take the code"), "{head}{page}");
    let pressed = Command::new("kill").args(["-INT", &setup.child.id().to_string()]).status().unwrap();
    assert!(pressed.success());
    let (code, printed, told) = tokio::task::spawn_blocking(|| setup.end()).await.unwrap();
    assert_eq!((code, &*printed), (Some(130), ""), "{told}");
    assert!(told.contains("Nothing was written"), "{told}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
