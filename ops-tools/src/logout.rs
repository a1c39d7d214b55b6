//! `deputyctl logout`: ends the session at the server, then forgets it here.

use serde_json::json;

use crate::cli::{Cli, LogoutArguments};
use crate::failure::Failure;
use crate::keeping::{Kept, Keeping};
use crate::login;
use crate::server::Server;
use crate::terminal;
use crate::whoami::logged_in;

pub async fn run(cli: &Cli, arguments: &LogoutArguments, keeping: &Keeping) -> Result<(), Failure> {
    let (url, session) = logged_in(cli, keeping)?;
    let server = Server::new(url);
    match login::end(&server, &session.token, arguments.everywhere).await {
        // It was over already: what was asked for holds.
        Ok(_) | Err(Failure::SessionEnded(_)) => {}
        // It is not forgotten: it still works, and whoever tries again can end it.
        Err(failure) => return Err(failure),
    }
    keeping.write(&Kept { server: server.url.clone(), session: None })?;
    if cli.json {
        terminal::print(&json!({ "status": "logged_out", "server": server.url.to_string() }).to_string());
    } else {
        terminal::print(&format!("You are logged out at {}.", server.url));
        terminal::tell("Deputy may still act for you when you ask it to on GitHub; to end that, comment `@deputy logout`.");
    }
    Ok(())
}
