//! Nothing secret is written anywhere: at the end of every world, what Deputy logged, kept and answered is looked through
//! for every secret that GitHub, a browser or a terminal has seen, and for whatever looks like one.
//!
//! The log is that of the whole process, at `trace`, with what panics said; the data folder is read as bytes and as tables,
//! with the archive unpacked; answers are those that browsers and terminals of this crate got. What Deputy says to GitHub,
//! the double itself looks through. A search that had nothing to look through is a failure of its own.

mod answers;
mod folder;
mod log;
mod needles;

use std::path::Path;

use github_double::Double;

pub(crate) use self::answers::hear;
use self::needles::{Allowed, Needles};

/// How far the log and the answers were written when a world began.
pub(crate) struct Watch {
    log: log::Mark,
    answers: usize,
}

/// What is known of a world that has ended.
pub(crate) struct Ended<'a> {
    pub(crate) github: &'a Double,
    pub(crate) data: &'a Path,
    /// Whether Deputy ever ran in this world.
    pub(crate) has_run: bool,
}

impl Watch {
    /// Begins to listen.
    pub(crate) fn begin() -> Self {
        Self { log: log::Mark::set(), answers: answers::heard() }
    }

    /// Where secrets were found, and what could not be looked through.
    pub(crate) fn findings(&self, ended: &Ended<'_>) -> Vec<String> {
        if !ended.has_run {
            return Vec::new();
        }
        let of_github = ended.github.secrets();
        let needles = Needles::new(of_github.iter().cloned().chain(answers::ours()));
        let mut findings = Vec::new();
        // The App's two secrets and its key, of which it cannot run without.
        if of_github.len() < 3 {
            findings.push(format!("only {} secrets are known", of_github.len()));
        }
        match self.log.written() {
            Ok(log) => findings.extend(needles.find("the log", &log, Allowed::Nothing)),
            Err(why) => findings.push(why),
        }
        // What is handed to a browser or a terminal on purpose is ours; GitHub's never is.
        let needles_in_answers = Needles::new(of_github.into_iter());
        for (what, answer) in answers::since(self.answers) {
            findings.extend(needles_in_answers.find(&what, &answer, Allowed::Sessions));
        }
        let is_delivered = ended.github.has_delivered();
        findings.extend(folder::look_through(ended.data, &needles, is_delivered));
        findings
    }
}
