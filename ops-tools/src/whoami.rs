//! `deputyctl whoami`: who you are to Deputy, and until when.

use serde_json::Value;

use crate::address::ServerUrl;
use crate::cli::Cli;
use crate::failure::Failure;
use crate::keeping::{Keeping, KeptSession};
use crate::server::Server;
use crate::terminal;

pub async fn run(cli: &Cli, keeping: &Keeping) -> Result<(), Failure> {
    let (url, session) = logged_in(cli, keeping)?;
    let server = Server::new(url);
    let mut answer: Value = server.get("/api/v1/whoami", &session.token).await?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let Some(login) = text(&answer["login"]) else { return Err(Failure::NotADeputy(server.url)) };
    if cli.json {
        answer["server"] = server.url.to_string().into();
        terminal::print(&answer.to_string());
    } else {
        let name = text(&answer["session"]["name"]).unwrap_or_default();
        let expires = text(&answer["session"]["expires_at"]).unwrap_or_default();
        let day = expires.split('T').next().unwrap_or_default();
        terminal::print(&format!("{login} at {}, session “{name}” until {day}", server.url));
    }
    Ok(())
}

/// The session that a command needs.
pub fn logged_in(cli: &Cli, keeping: &Keeping) -> Result<(ServerUrl, KeptSession), Failure> {
    let kept = keeping.read()?;
    let url = cli.server.clone().or_else(|| kept.as_ref().map(|kept| kept.server.clone()));
    let url = url.ok_or(Failure::NoServer)?;
    // A session is sent to the server that gave it and to no other.
    let session = kept.filter(|kept| kept.server == url).and_then(|kept| kept.session);
    match session {
        Some(session) => Ok((url, session)),
        None => Err(Failure::NotLoggedIn(url)),
    }
}
