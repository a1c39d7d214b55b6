//! Restate with its Node service, in their packages' pinned versions.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::json;

use crate::client::Client;
use crate::process::{Server, free_addr};

pub struct Restate {
    pub server: Server,
    pub client: Client,
    service: Server,
}

impl Restate {
    /// The process that runs the steps.
    pub fn service(&self) -> u32 {
        self.service.pid()
    }
}

/// Starts both, registers the service, and waits until it answers.
pub async fn start(data: &Path) -> anyhow::Result<Restate> {
    let peer = Path::new(env!("CARGO_MANIFEST_DIR")).join("peer-restate");
    if !peer.join("node_modules/.bin/restate-server").exists() {
        eprintln!("fetching Restate with npm ci …");
        // npm talks on stdout, which is for our figures.
        let done =
            Command::new("npm").args(["ci", "--silent"]).current_dir(&peer).stdout(Stdio::null()).status();
        if !done.context("the peer needs npm, Node 20 or later")?.success() {
            bail!("`npm ci` in {} failed", peer.display());
        }
    }
    let (ingress, admin, node, service) = (free_addr()?, free_addr()?, free_addr()?, free_addr()?);
    let mut command = Command::new("node");
    command.arg("service.mjs").current_dir(&peer).env("PORT", service.port().to_string());
    command.env("NODE_ENV", "production").env("RESTATE_LOGGING", "ERROR").stderr(Stdio::null());
    let service_process = Server::start(command, service)?;
    let mut command = Command::new(program(&peer)?);
    command
        .args(["--no-logo", "--node-name", "bench", "--auto-provision", "true", "--log-filter", "error"])
        .args(["--bind-address", &node.to_string()])
        .arg("--base-dir")
        .arg(data)
        .env("RESTATE_LISTEN_MODE", "tcp")
        .env("RESTATE_INGRESS__BIND_ADDRESS", ingress.to_string())
        .env("RESTATE_ADMIN__BIND_ADDRESS", admin.to_string())
        // It would tell its makers about itself.
        .env("RESTATE_DISABLE_TELEMETRY", "true")
        .env("DO_NOT_TRACK", "1")
        .stderr(Stdio::null());
    let server = Server::start(command, ingress)?;
    let json = [("content-type", "application/json")];
    let uri = json!({"uri": format!("http://{service}")});
    let registrar = Client::new(format!("http://{admin}"));
    let client = Client::new(format!("http://{ingress}"));
    let begun = Instant::now();
    loop {
        let registered = registrar.post("/deployments", &json, &uri).await;
        let answered = match registered {
            Ok(_) => client.post("/steps/run", &json, &json!({"a": 1})).await,
            Err(error) => Err(error),
        };
        match answered {
            Ok(_) => return Ok(Restate { server, client, service: service_process }),
            Err(error) if begun.elapsed() > Duration::from_mins(1) => {
                return Err(error.context("Restate does not answer"));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}

/// The server itself. What npm puts into `.bin` is a script that would outlive its own end.
fn program(peer: &Path) -> anyhow::Result<std::path::PathBuf> {
    let folder = peer.join("node_modules/@restatedev");
    let found = std::fs::read_dir(&folder)?
        .flatten()
        .map(|package| package.path().join("bin/restate-server"))
        .find(|program| program.exists() && !program.starts_with(folder.join("restate-server")));
    found.context("there is no Restate for this kind of machine")
}
