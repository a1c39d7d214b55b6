//! What can be typed.

use clap::{Args, Parser, Subcommand};

use crate::address::ServerUrl;

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
