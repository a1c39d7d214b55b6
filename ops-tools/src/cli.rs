//! What can be typed.

use clap::{Args, Parser, Subcommand};

use crate::address::ServerUrl;
use crate::credentials::{AuditArguments, InstallationsArguments, TokenArguments};
use crate::deliveries::{Since, parse_guid};

/// Deputy from a terminal.
#[derive(Debug, Parser)]
#[command(
    name = "deputyctl",
    version,
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    /// The Deputy to talk to; without it the one that you logged in to last
    #[arg(long, global = true, value_name = "URL", env = "DEPUTY_SERVER")]
    pub server: Option<ServerUrl>,
    /// Print JSON, one object a line
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Log in: shows a code, which you type on GitHub
    Login(LoginArguments),
    /// End this session
    Logout(LogoutArguments),
    /// Show who you are to Deputy, and until when
    Whoami,
    /// List what GitHub sent lately and what came of it here, or have one sent again; for administrators
    Deliveries(DeliveriesArguments),
    /// List where the Apps are installed, and what is left of their rate limits (administrators)
    Installations(InstallationsArguments),
    /// Print a token of an App's installation, as narrow as you ask for; it is written down who got it (administrators)
    Token(TokenArguments),
    /// List who was given which token (administrators)
    Audit(AuditArguments),
}

#[derive(Debug, Args)]
pub struct LoginArguments {
    /// Open no browser, only show the address
    #[arg(long)]
    pub no_browser: bool,
    /// What to call this session; without it the name of this machine
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
}

#[derive(Debug, Args)]
pub struct LogoutArguments {
    /// End all your sessions, on every machine
    #[arg(long)]
    pub everywhere: bool,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct DeliveriesArguments {
    #[command(subcommand)]
    pub command: Option<DeliveriesCommand>,
    #[command(flatten)]
    pub list: ListArguments,
}

#[derive(Debug, Subcommand)]
pub enum DeliveriesCommand {
    /// Have GitHub deliver one again that did not arrive
    Redeliver {
        /// Its GUID, as the list shows it
        #[arg(value_name = "GUID", value_parser = parse_guid)]
        guid: String,
    },
}

#[derive(Debug, Args)]
pub struct ListArguments {
    /// Only what did not arrive, or what a handler gave up
    #[arg(long)]
    pub failed: bool,
    /// Only this event, such as issue_comment
    #[arg(long, value_name = "EVENT")]
    pub event: Option<String>,
    /// Only what was sent since then: 90m, 2h, 3d ago, or 2026-03-01T12:00:00Z; a day ago if nothing is said
    #[arg(long, value_name = "WHEN", value_parser = Since::parse)]
    pub since: Option<Since>,
    /// At most so many
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub limit: u16,
}
