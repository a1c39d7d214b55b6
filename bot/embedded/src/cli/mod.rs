//! The command line: data on stdout, everything else on stderr; exit code 2 for what the person can mend.

// What a command prints is its result.
#![allow(clippy::print_stderr)]

mod asl;
mod check_config;
mod doctor;
mod keys;
mod output;
mod receive;
mod serve;
mod services;
mod setup;
mod stepfunctions;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, Problem};

/// A GitHub App bot: answers commands in comments, durably, from one binary and one data folder.
#[derive(Debug, Parser)]
#[command(
    name = "deputy",
    version,
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Receive webhooks and answer commands, until SIGTERM or Ctrl-C
    Serve(serve::Arguments),
    /// Register a GitHub App with one click, and write its credentials and a configuration
    Setup(setup::Arguments),
    /// Check the App at GitHub and this machine: what is wrong, and how to mend it; changes nothing
    Doctor(doctor::Arguments),
    /// Check the configuration: what is wrong, and how to mend it
    CheckConfig(check_config::Arguments),
    /// Show what a payload would do, offline: which handlers get it, which commands it holds
    Receive(receive::Arguments),
    /// The keys that people's grants are sealed with: list them, replace them
    Keys(keys::Arguments),
    /// Amazon States Language: check definitions, run them, draw them, and prove them with scenarios
    Asl(Box<asl::Arguments>),
    /// AWS Step Functions on this machine
    Stepfunctions(stepfunctions::Arguments),
    /// Print the version
    Version,
}

/// The exit code for what the person can mend; clap's, too.
const UNFIT: u8 = 2;

/// Where the configuration is.
#[derive(Debug, Args)]
struct ConfigFile {
    /// The configuration file; without it ./deputy.toml if that exists, then the environment alone
    #[arg(long, short, value_name = "FILE", env = "DEPUTY_CONFIG")]
    config: Option<PathBuf>,
}

impl ConfigFile {
    fn path(&self) -> Option<&Path> {
        self.config.as_deref().or_else(|| Some(Path::new("deputy.toml")).filter(|path| path.exists()))
    }

    fn load(&self) -> Result<Config, Vec<Problem>> {
        Config::load(self.path(), &|name| std::env::var(name).ok())
    }

    /// Only the name that commands are addressed to, for what needs nothing else.
    fn mention(&self) -> Result<String, Vec<Problem>> {
        Config::mention(self.path(), &|name| std::env::var(name).ok())
    }
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Setup(arguments) => setup::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::CheckConfig(arguments) => check_config::run(&arguments),
        Command::Receive(arguments) => receive::run(&arguments),
        Command::Keys(arguments) => keys::run(&arguments),
        Command::Asl(arguments) => asl::run(&arguments),
        Command::Stepfunctions(arguments) => stepfunctions::run(&arguments),
        Command::Version => output::print(concat!("deputy ", env!("CARGO_PKG_VERSION"), "\n")),
    }
}

/// Shows what is wrong with the configuration.
fn show(problems: &[Problem]) -> ExitCode {
    for problem in problems {
        eprintln!("{problem}");
    }
    let count = problems.len();
    eprintln!("\n{count} problem{} in the configuration.", if count == 1 { "" } else { "s" });
    ExitCode::from(UNFIT)
}
