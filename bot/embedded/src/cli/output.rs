//! What a command has to say, to standard output, which may be closed early or not take it.

use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;

use super::UNFIT;

/// Prints it all. Who reads only the beginning, as `head` does, has what they wanted: that is no failure.
pub(super) fn print(text: &str) -> ExitCode {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("standard output cannot be written: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints it, and exits as for what the person can mend.
pub(super) fn print_unfit(text: &str) -> ExitCode {
    let printed = print(text);
    if printed == ExitCode::SUCCESS { ExitCode::from(UNFIT) } else { printed }
}

/// JSON as people can read it, and a line's end.
pub(super) fn json(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}
