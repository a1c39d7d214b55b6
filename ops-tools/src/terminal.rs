//! What people see: data on standard output, everything else beside it; a spinner and a browser where there can be one.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is the one place that prints")]

use std::io::{IsTerminal as _, Write as _};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use url::Url;

use crate::failure::Failure;

/// What was asked for.
pub fn print(line: &str) {
    println!("{}", plain(line));
}

/// What goes beside it.
pub fn tell(line: &str) {
    eprintln!("{}", plain(line));
}

/// Why it failed.
pub fn fail(failure: &Failure) -> ExitCode {
    eprintln!("deputyctl: {}", plain(&failure.to_string()));
    failure.status()
}

/// Without what a terminal would obey: texts come from a server.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || *c == '\n').collect()
}

/// Waits, and turns while it does; on anything but a terminal it only waits.
pub async fn wait(time: Duration, doing: &str) {
    const TURNS: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
    if !std::io::stderr().is_terminal() {
        tokio::time::sleep(time).await;
        return;
    }
    // Also when the wait is broken off by Ctrl-C.
    let _line = Line;
    let end = tokio::time::Instant::now() + time;
    for turn in TURNS.iter().cycle() {
        if tokio::time::Instant::now() >= end {
            return;
        }
        eprint!("\r\u{1b}[2K{turn} {}", plain(doing));
        // A spinner that does not turn harms nobody.
        let _ = std::io::stderr().flush();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Cleans the spinner's line when the spinner is gone.
struct Line;

impl Drop for Line {
    fn drop(&mut self) {
        eprint!("\r\u{1b}[2K");
        let _ = std::io::stderr().flush();
    }
}

/// Opens a page for the person, if there is a screen in front of them. `false` where there is none.
pub fn open_browser(url: &Url) -> bool {
    // The address comes from a server: nothing but a page is opened.
    if !matches!(url.scheme(), "https" | "http") || !has_screen() {
        return false;
    }
    let (program, arguments): (_, &[&str]) = if cfg!(target_os = "macos") {
        ("open", &[])
    } else if cfg!(windows) {
        ("rundll32", &["url.dll,FileProtocolHandler"])
    } else {
        ("xdg-open", &[])
    };
    let nothing = Stdio::null;
    Command::new(program)
        .args(arguments)
        .arg(url.as_str())
        .stdin(nothing())
        .stdout(nothing())
        .stderr(nothing())
        .spawn()
        .is_ok()
}

fn has_screen() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    // At the other end of a connection the browser would open where nobody sits.
    if is_set("SSH_CONNECTION") || is_set("SSH_TTY") || !std::io::stderr().is_terminal() {
        return false;
    }
    cfg!(any(target_os = "macos", windows)) || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_cannot_steer_the_terminal() {
        assert_eq!(plain("a\u{1b}[2Jb\r\u{7}c\nd"), "a[2Jbc\nd");
    }
}
