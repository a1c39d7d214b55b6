//! `deputy`: the bot on one machine.

use std::process::ExitCode;

fn main() -> ExitCode {
    deputy_embedded::cli::main()
}
