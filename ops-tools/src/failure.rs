//! What can go wrong, each with what to type next. Also decides the exit status.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::address::ServerUrl;

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Nobody said which Deputy.
    #[error(
        "Which Deputy? Type `deputyctl login --server https://deputy.example.com`; after that it is remembered."
    )]
    NoServer,
    /// There is no session for it.
    #[error("You are not logged in at {0}. Type `deputyctl login --server {0}`.")]
    NotLoggedIn(ServerUrl),
    /// There was one.
    #[error("Your session at {0} has expired or was ended. Type `deputyctl login`.")]
    SessionEnded(ServerUrl),
    /// No answer.
    #[error("{server} cannot be reached: {why}. Check the address and your network, then try again.")]
    Unreachable {
        /// Which.
        server: ServerUrl,
        /// The innermost cause.
        why: String,
    },
    /// An answer that no Deputy gives.
    #[error(
        "{0} answers, but not as a Deputy does. Check the address: it is the one that Deputy's login links begin with."
    )]
    NotADeputy(ServerUrl),
    /// A Deputy that is older than this program.
    #[error("The Deputy at {0} is too old for this. Ask whoever runs it for a newer one.")]
    TooOld(ServerUrl),
    /// Deputy said no, and said why.
    #[error("{message}")]
    Refused {
        /// For programs.
        code: String,
        /// For people, in Deputy's own words.
        message: String,
        /// Whether asking again may help.
        may_pass: bool,
    },
    /// The person did not type the code in time.
    #[error("The code has expired, or is not valid any more. Type `deputyctl login` for a new one.")]
    CodeExpired,
    /// The person said no.
    #[error(
        "You said no on GitHub, so you are not logged in. If that was a slip, type `deputyctl login` again."
    )]
    Denied,
    /// A token that nobody could make.
    #[error(
        "One token is for one owner, and for some of its repositories or for all: acme, or acme/shop acme/site."
    )]
    MixedPlaces,
    /// There is no place to keep a session in.
    #[error("There is no folder to keep the session in: set HOME or XDG_CONFIG_HOME.")]
    NoFolder,
    /// The session cannot be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Others may have read the session.
    #[error(
        "{0} can be read by others, so the session in it is not used. Type `deputyctl login` for a new one; to keep \
         this one, type `chmod 600 {0}`."
    )]
    Exposed(String),
    /// Somebody changed it.
    #[error("{} is damaged. Type `deputyctl login` for a new one.", .0.display())]
    Damaged(PathBuf),
    /// The machine does not do its part.
    #[error("this machine does not let deputyctl run: {0}")]
    Machine(#[source] io::Error),
    /// Ctrl-C.
    #[error("Stopped.")]
    Interrupted,
}

impl Failure {
    /// The exit status: 130 as shells have it for Ctrl-C, 1 for everything else. 2 is clap's, for what was mistyped.
    pub fn status(&self) -> ExitCode {
        match self {
            Self::Interrupted => ExitCode::from(130),
            _ => ExitCode::FAILURE,
        }
    }

    /// Whether it may be otherwise in a moment.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Refused { may_pass: true, .. })
    }
}
