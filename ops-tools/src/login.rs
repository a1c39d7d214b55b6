//! `deputyctl login`: shows the code, waits until it was typed on GitHub, and keeps the session.

use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;
use url::Url;

use crate::cli::{Cli, LoginArguments};
use crate::failure::Failure;
use crate::keeping::{Kept, KeptSession, Keeping};
use crate::server::Server;
use crate::terminal;

/// However hasty a server is.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

#[derive(Deserialize)]
struct Begun {
    handle: String,
    user_code: String,
    verification_uri: String,
    expires_in: u64,
    interval: u64,
}

#[derive(Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
enum Progress {
    Pending { interval: u64 },
    SlowDown { interval: u64 },
    Done(Done),
}

#[derive(Deserialize)]
struct Done {
    session: String,
    login: String,
    user: u64,
    expires_at: String,
}

pub async fn run(cli: &Cli, arguments: &LoginArguments, keeping: &Keeping) -> Result<(), Failure> {
    // What is kept may be damaged or exposed; logging in is what mends that.
    let before = keeping.read().ok().flatten();
    let known = before.as_ref().map(|kept| kept.server.clone());
    let server = Server::new(cli.server.clone().or(known).ok_or(Failure::NoServer)?);
    let name = arguments.name.clone().unwrap_or_else(machine_name);
    let begun: Begun = server.post("/api/v1/device", None, &json!({ "name": name })).await?;
    show(cli, arguments, &server, &begun);
    let done = wait_for(&server, &begun).await?;
    let session = KeptSession { login: done.login.clone(), token: done.session.into() };
    keeping.write(&Kept { server: server.url.clone(), session: Some(session) })?;
    end_former(before, &server).await;
    if cli.json {
        let Done { login, user, expires_at, .. } = &Done { session: String::new(), ..done };
        let server = server.url.to_string();
        let whole = json!({ "status": "done", "login": login, "user": user, "server": server, "expires_at": expires_at });
        terminal::print(&whole.to_string());
    } else {
        terminal::print(&format!("You are logged in at {} as {}.", server.url, done.login));
    }
    Ok(())
}

fn show(cli: &Cli, arguments: &LoginArguments, server: &Server, begun: &Begun) {
    let Begun { user_code, verification_uri, expires_in, .. } = begun;
    if cli.json {
        terminal::print(
            &json!({
                "status": "waiting", "user_code": user_code, "verification_uri": verification_uri,
                "expires_in": expires_in,
            })
            .to_string(),
        );
    }
    terminal::tell(&format!(
        "Logging in at {}.\n\n  Open  {verification_uri}\n  Type  {user_code}\n",
        server.url
    ));
    // Whoever is given a code by somebody else would log them in, not themselves.
    terminal::tell("Type a code only if you ran this command yourself.");
    let url = Url::parse(verification_uri).ok().filter(|_| !arguments.no_browser);
    if url.is_some_and(|url| terminal::open_browser(&url)) {
        terminal::tell("Your browser opens the page.");
    }
}

/// Asks as often as the server wants to be asked, until the code was typed or cannot be any more.
async fn wait_for(server: &Server, begun: &Begun) -> Result<Done, Failure> {
    let end = Instant::now() + Duration::from_secs(begun.expires_in);
    let mut interval = begun.interval;
    terminal::tell("Waiting for GitHub. Ctrl-C stops.");
    loop {
        terminal::wait(Duration::from_secs(interval).max(SHORTEST_WAIT), "Waiting for you to type the code").await;
        let asked = server.post("/api/v1/device/poll", None, &json!({ "handle": begun.handle })).await;
        match asked {
            Ok(Progress::Done(done)) => return Ok(done),
            Ok(Progress::Pending { interval: next } | Progress::SlowDown { interval: next }) => interval = next,
            // A network that comes and goes ends no login.
            Err(failure) if failure.may_pass() && Instant::now() < end => {
                terminal::tell(&format!("{failure} Trying on."));
            }
            Err(failure) => return Err(failure),
        }
        if Instant::now() >= end {
            return Err(Failure::CodeExpired);
        }
    }
}

/// The session that this one replaces would live on for weeks with nobody holding it.
async fn end_former(before: Option<Kept>, server: &Server) {
    let former = before.filter(|kept| kept.server == server.url).and_then(|kept| kept.session);
    if let Some(KeptSession { token, .. }) = former {
        let _: Result<serde_json::Value, Failure> = end(server, &token, false).await;
    }
}

/// Ends a session at the server.
pub async fn end(
    server: &Server,
    session: &SecretString,
    everywhere: bool,
) -> Result<serde_json::Value, Failure> {
    server.post("/api/v1/logout", Some(session), &json!({ "everywhere": everywhere })).await
}

fn machine_name() -> String {
    let from_kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = from_kernel.or_else(|| std::env::var("HOSTNAME").or_else(|_| std::env::var("COMPUTERNAME")).ok());
    name.map(|name| name.trim().to_owned()).unwrap_or_default()
}
