//! The two servers that are compared: how each is started, and nothing else.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::process::{Server, free_addr};

/// What both check signatures with.
pub const SECRET: &str = "benchmark: no secret at all";

/// Deputy with a data folder of its own, which is deleted with it.
pub struct Deputy {
    pub server: Server,
    data: PathBuf,
}

impl Deputy {
    pub fn start(binary: &Path, data: &Path) -> anyhow::Result<Self> {
        if !binary.exists() {
            bail!("{} is not there; build it with `cargo build --release`", binary.display());
        }
        let data = data.join(format!("run-{}", std::process::id()));
        if data.exists() {
            fs::remove_dir_all(&data)?;
        }
        fs::create_dir_all(&data).with_context(|| format!("cannot make {}", data.display()))?;
        let addr = free_addr()?;
        let mut command = Command::new(binary);
        command
            .arg("serve")
            .env("DEPUTY_LISTEN", addr.to_string())
            .env("DEPUTY_DATA", &data)
            .env("DEPUTY_WEBHOOK_SECRETS", SECRET)
            .env("DEPUTY_GITHUB_APP_ID", "1")
            .env("DEPUTY_GITHUB_PRIVATE_KEY", private_key()?)
            // Nobody listens there. No recorded payload asks for anything, and nothing may leave this machine.
            .env("DEPUTY_GITHUB_URL", "http://127.0.0.1:9")
            // As for probot: no line for each event.
            .env("DEPUTY_LOG", "error");
        Ok(Self { server: Server::start(command, addr)?, data })
    }

    pub const PATH: &str = "/webhook";
}

impl Drop for Deputy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.data);
    }
}

/// A key that signs nothing, from Node, which the recorded payloads need anyway.
fn private_key() -> anyhow::Result<String> {
    const MAKE: &str = "const { privateKey } = require('crypto').generateKeyPairSync('rsa', { modulusLength: 2048 });\
                        console.log(privateKey.export({ type: 'pkcs1', format: 'pem' }));";
    let made = Command::new("node").args(["-e", MAKE]).output().context("Node 20 or later is needed")?;
    if !made.status.success() {
        bail!("node made no key: {}", String::from_utf8_lossy(&made.stderr));
    }
    Ok(String::from_utf8(made.stdout)?)
}

/// probot with an App that does nothing, in its packages' pinned versions.
pub fn start_probot() -> anyhow::Result<Server> {
    let peer = Path::new(env!("CARGO_MANIFEST_DIR")).join("peer");
    if !peer.join("node_modules/probot/package.json").exists() {
        eprintln!("fetching probot with npm ci …");
        // npm talks on stdout, which is for our figures.
        let done = Command::new("npm").args(["ci", "--silent"]).current_dir(&peer).status();
        if !done.context("the peer needs npm, Node 20 or later")?.success() {
            bail!("`npm ci` in {} failed", peer.display());
        }
    }
    let addr = free_addr()?;
    let mut command = Command::new("node");
    command
        .arg("server.mjs")
        .current_dir(&peer)
        .env("NODE_ENV", "production")
        .env("PORT", addr.port().to_string())
        .env("WEBHOOK_SECRET", SECRET);
    Server::start(command, addr)
}

pub const PROBOT_PATH: &str = "/api/github/webhooks";
