//! `deputy asl graph`: a definition as a picture.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use deputy_asl::graph::{Statuses, mermaid, statuses_of_json, svg};
use serde_json::Value;

use super::{File, OfType, Problem, definition, name_of, read, say};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The definition; - for standard input
    #[arg(value_name = "FILE")]
    file: File,
    #[command(flatten)]
    of: OfType,
    /// Mermaid text or SVG; by default what the name after --out ends in, else Mermaid
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Colour the states as an execution left them: its history, as `aws stepfunctions get-execution-history` or
    /// `deputy asl run --history json` print it
    #[arg(long, value_name = "FILE")]
    history: Option<File>,
    /// Write there instead of to standard output
    #[arg(long, short, value_name = "FILE")]
    out: Option<File>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Mermaid,
    Svg,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Problem> {
    let program = definition(&arguments.file, arguments.of.kind)?.program;
    let statuses = arguments.history.as_ref().map(statuses).transpose()?;
    let svg_wanted = arguments.out.as_ref().is_some_and(|out| out.extension().is_some_and(|it| it == "svg"));
    let format = arguments.format.unwrap_or(if svg_wanted { Format::Svg } else { Format::Mermaid });
    let picture = match format {
        Format::Mermaid => mermaid(&program, statuses.as_ref()),
        Format::Svg => svg(&program, statuses.as_ref()),
    };
    match &arguments.out {
        None => return Ok(say(&format!("{}\n", picture.trim_end()), ExitCode::SUCCESS)),
        Some(out) => {
            std::fs::write(out, picture)
                .map_err(|error| format!("{}: cannot be written: {error}", name_of(out)))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn statuses(file: &File) -> Result<Statuses, Problem> {
    let shown = name_of(file);
    let answer: Value =
        serde_json::from_str(&read(file)?).map_err(|error| format!("{shown}: is no JSON: {error}"))?;
    let events = answer.get("events").unwrap_or(&answer).as_array();
    let mut events =
        events.ok_or_else(|| format!("{shown}: is no history: it has no list of `events`"))?.clone();
    // Histories may have been asked for in reverse.
    events.sort_by_key(|event| event.get("id").and_then(Value::as_u64));
    Ok(statuses_of_json(&events))
}
