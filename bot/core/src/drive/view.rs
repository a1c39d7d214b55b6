//! What people see of a job: pure functions from its record to Markdown.

use std::fmt::Write as _;

use chrono::{DateTime, TimeDelta, Utc};

use crate::job::{Job, JobError, Status, Step, StepStatus};

/// More steps than this are counted, not shown: a summary holds 65,535 bytes.
pub const MOST_STEPS: usize = 150;
/// How much of an error's text is shown.
const LONGEST_CAUSE: usize = 2_000;

/// One line on how far it is.
pub fn title(job: &Job) -> String {
    let done = job.steps.iter().filter(|step| step.status == StepStatus::Succeeded).count();
    match job.status {
        Status::Waiting => "Waits for others of its group".to_owned(),
        Status::Queued if !job.request.locks.is_empty() => {
            format!("Waits for the lock of {}", job.request.locks.join(", "))
        }
        Status::Queued => "Queued".to_owned(),
        Status::Running => {
            let open: Vec<_> = job.steps.iter().filter(|step| step.left_at.is_none()).collect();
            let words: Vec<_> = open.iter().take(3).map(|step| going(step)).collect();
            match (words.is_empty(), done) {
                (true, _) => "Running".to_owned(),
                (false, 0) => words.join(", "),
                (false, done) => format!("{}, {done} done", words.join(", ")),
            }
        }
        Status::Succeeded => format!("Succeeded{}", took(job.started_at, job.ended_at)),
        Status::Failed => match failed(job) {
            Some(step) => format!("Failed at {}", step.name),
            None => "Failed".to_owned(),
        },
        Status::Cancelled => "Cancelled".to_owned(),
        Status::TimedOut => "Took longer than it may".to_owned(),
    }
}

fn going(step: &Step) -> String {
    match step.status {
        StepStatus::Waiting => format!("{} waits", step.name),
        _ if step.attempts > 1 => format!("{} runs, try {}", step.name, step.attempts),
        _ => format!("{} runs", step.name),
    }
}

/// The check run's summary: who asked for what, the steps with their times, notes, and why it failed.
pub fn summary(job: &Job) -> String {
    let request = &job.request;
    let mut out = format!(
        "**{}** asked for [`{}`]({}), job `{}`",
        request.requester.login,
        inline(&request.asked.words),
        request.asked.html_url,
        job.id
    );
    if let Some(head) = &request.head {
        _ = write!(out, ", on {head}");
    }
    out.push_str(".\n");
    if let Some(newer) = &job.superseded_by {
        _ = write!(out, "\nSuperseded: {} was pushed since.\n", newer.short());
    }
    if !job.steps.is_empty() {
        out.push_str("\n| Step | | Took |\n|---|---|---|\n");
        for step in job.steps.iter().take(MOST_STEPS) {
            let spent = step.left_at.map(|left| shown(left - step.entered_at)).unwrap_or_default();
            _ = writeln!(out, "| {} | {} | {spent} |", cell(&step.name), state(step));
        }
        if job.steps.len() > MOST_STEPS {
            _ = writeln!(out, "| and {} more | | |", job.steps.len() - MOST_STEPS);
        }
    }
    for decision in &job.decisions {
        let what = if decision.approved { "approved" } else { "rejected" };
        _ = write!(out, "\n{} {what} **{}**", decision.by.login, cell(&decision.step));
        match &decision.reason {
            Some(reason) => _ = writeln!(out, ": {}", cell(reason)),
            None => out.push_str(".\n"),
        }
    }
    for note in &job.notes {
        _ = write!(out, "\n{}\n", note.text);
    }
    if let Some(error) = &job.error {
        out.push('\n');
        out.push_str(&why(job, error));
    }
    out
}

/// The reply: shorter, as the check has the rest.
pub fn reply_text(job: &Job) -> String {
    let request = &job.request;
    let mut out = format!("{} **{}**: {}.", sign(job.status), request.workflow, title(job));
    for note in &job.notes {
        _ = write!(out, "\n\n{}", note.text);
    }
    if let Some(error) = &job.error {
        _ = write!(out, "\n\n{}", why(job, error).trim_end());
    }
    _ = write!(out, "\n\n<sub>Job `{}`", job.id);
    if let Some(head) = &request.head {
        _ = write!(out, " on {head}");
    }
    out.push_str("</sub>");
    out
}

fn why(job: &Job, error: &JobError) -> String {
    let mut cause: String = error.cause.chars().take(LONGEST_CAUSE).collect();
    if cause.len() < error.cause.len() {
        cause.push('…');
    }
    match failed(job) {
        Some(step) => format!("**{}** failed with `{}`: {cause}\n", cell(&step.name), inline(&error.error)),
        None => format!("`{}`: {cause}\n", inline(&error.error)),
    }
}

fn failed(job: &Job) -> Option<&Step> {
    job.steps.iter().rev().find(|step| step.status == StepStatus::Failed)
}

fn state(step: &Step) -> String {
    let word = match step.status {
        StepStatus::Running => "🔵 runs",
        StepStatus::Waiting => "⏳ waits",
        StepStatus::Succeeded => "✅",
        StepStatus::Failed => "❌ failed",
        StepStatus::Aborted => "⚪ cut off",
    };
    if step.attempts > 1 { format!("{word}, {} tries", step.attempts) } else { word.to_owned() }
}

fn sign(status: Status) -> &'static str {
    match status {
        Status::Waiting | Status::Queued => "⏳",
        Status::Running => "🔵",
        Status::Succeeded => "✅",
        Status::Failed => "❌",
        Status::Cancelled => "⚪",
        Status::TimedOut => "⌛",
    }
}

fn took(from: Option<DateTime<Utc>>, to: Option<DateTime<Utc>>) -> String {
    match (from, to) {
        (Some(from), Some(to)) => format!(" in {}", shown(to - from)),
        _ => String::new(),
    }
}

fn shown(time: TimeDelta) -> String {
    match time.num_seconds().max(0) {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

/// Fit for a table's cell.
fn cell(text: &str) -> String {
    text.replace(['\r', '\n'], " ").replace('|', "\\|")
}

/// Fit for a code span.
fn inline(text: &str) -> String {
    text.replace(['\r', '\n', '`'], " ")
}
