//! `deputyctl`: Deputy from a terminal. People log in here, see who they are, and log out; administrators operate it.

mod address;
mod cli;
mod credentials;
mod deliveries;
mod failure;
mod keeping;
mod login;
mod logout;
mod server;
mod terminal;
mod whoami;

use std::process::ExitCode;

use clap::Parser as _;

use self::cli::{Cli, Command};
use self::failure::Failure;
use self::keeping::Keeping;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // One thread: this waits nearly all of its time.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return terminal::fail(&Failure::Machine(error)),
    };
    match runtime.block_on(run(&cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => terminal::fail(&failure),
    }
}

async fn run(cli: &Cli) -> Result<(), Failure> {
    let work = async {
        let keeping = Keeping::find()?;
        match &cli.command {
            Command::Login(arguments) => login::run(cli, arguments, &keeping).await,
            Command::Logout(arguments) => logout::run(cli, arguments, &keeping).await,
            Command::Deliveries(arguments) => deliveries::run(cli, arguments, &keeping).await,
            Command::Whoami => whoami::run(cli, &keeping).await,
            Command::Installations(arguments) => credentials::installations(cli, arguments, &keeping).await,
            Command::Token(arguments) => credentials::token(cli, arguments, &keeping).await,
            Command::Audit(arguments) => credentials::audit(cli, arguments, &keeping).await,
        }
    };
    tokio::select! {
        outcome = work => outcome,
        interrupted = tokio::signal::ctrl_c() => match interrupted {
            Ok(()) => Err(Failure::Interrupted),
            Err(error) => Err(Failure::Machine(error)),
        },
    }
}
