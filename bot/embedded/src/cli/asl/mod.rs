//! `deputy asl`: Amazon States Language at the command line: check, run, draw, and prove with scenarios.

mod check;
mod graph;
mod place;
mod run;
mod scenarios;

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand, ValueEnum};
use deputy_asl::{ExecutionType, Program};

use super::output;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say what is wrong or doubtful in definitions, where, and how to mend it
    Check(check::Arguments),
    /// Run a definition and print its output
    Run(run::Arguments),
    /// Draw a definition, as Mermaid text or SVG, with an execution's colours if given
    Graph(graph::Arguments),
    /// Run the scenarios of workflow folders: definition.asl.json and scenarios/*.toml
    Scenarios(scenarios::Arguments),
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let (name, result) = match &arguments.command {
        Command::Check(arguments) => ("check", check::run(arguments)),
        Command::Run(arguments) => ("run", run::run(arguments)),
        Command::Graph(arguments) => ("graph", graph::run(arguments)),
        Command::Scenarios(arguments) => ("scenarios", scenarios::run(arguments)),
    };
    result.unwrap_or_else(|problem| {
        eprintln!("deputy asl {name}: {problem}");
        ExitCode::from(2)
    })
}

/// What the person can mend: what is wrong, and what to do.
type Problem = String;

/// Standard or Express.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum Kind {
    #[default]
    Standard,
    Express,
}

impl Kind {
    fn execution_type(self) -> ExecutionType {
        match self {
            Self::Standard => ExecutionType::Standard,
            Self::Express => ExecutionType::Express,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Standard => "STANDARD",
            Self::Express => "EXPRESS",
        }
    }
}

/// Which type of state machine a definition is for.
#[derive(Debug, Clone, Copy, Args)]
struct OfType {
    /// The type of the state machine
    #[arg(long = "type", value_enum, ignore_case = true, default_value_t = Kind::Standard, value_name = "TYPE")]
    kind: Kind,
}

/// Prints what there is to say, and exits with `code` unless that fails.
fn say(text: &str, code: ExitCode) -> ExitCode {
    let printed = output::print(text);
    if printed == ExitCode::SUCCESS { code } else { printed }
}

/// A file's text; `-` is standard input.
fn read(file: &Path) -> Result<String, Problem> {
    let shown = name_of(file);
    if file == Path::new("-") {
        let mut text = String::new();
        let read = std::io::stdin().lock().read_to_string(&mut text);
        return read.map(|_| text).map_err(|error| format!("{shown}: cannot be read: {error}"));
    }
    if file.is_dir() {
        return Err(format!("{shown}: is a folder; name a file in it"));
    }
    let bytes = std::fs::read(file).map_err(|error| format!("{shown}: cannot be read: {error}"))?;
    String::from_utf8(bytes).map_err(|_| format!("{shown}: is not UTF-8 text"))
}

/// As messages name a file.
fn name_of(file: &Path) -> String {
    if file == Path::new("-") { "standard input".into() } else { file.display().to_string() }
}

/// Whether a file is meant to be YAML.
fn is_yaml(file: &Path) -> bool {
    file.extension().is_some_and(|extension| {
        extension.eq_ignore_ascii_case("yaml") || extension.eq_ignore_ascii_case("yml")
    })
}

/// A definition that is good.
struct Definition {
    text: String,
    program: Arc<Program>,
}

/// Reads a definition that must be good; shows what is wrong with it otherwise.
fn definition(file: &Path, kind: Kind) -> Result<Definition, Problem> {
    let text = read(file)?;
    let report = Program::parse(&text, kind.execution_type());
    if let Some(program) = report.program {
        return Ok(Definition { text, program });
    }
    let findings = check::findings(file, &text, &report.diagnostics);
    let errors: Vec<String> =
        findings.iter().filter(|finding| finding.is_error()).map(ToString::to_string).collect();
    Err(format!("the definition is not valid\n{}", errors.join("\n")))
}

/// The name of the machine that a file holds: `deploy` for `deploy.asl.json`, the folder's for `definition.asl.json`.
fn machine_name(file: &Path) -> String {
    let stem = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.split('.').next().unwrap_or_default().to_owned()
    };
    let mut name = stem(file);
    if name == "definition"
        && let Ok(absolute) = std::path::absolute(file)
        && let Some(folder) = absolute.parent()
    {
        name = stem(folder);
    }
    let name: String = name
        .chars()
        .map(|it| if it.is_ascii_alphanumeric() || it == '-' || it == '_' { it } else { '-' })
        .take(80)
        .collect();
    if name.trim_matches('-').is_empty() { "machine".into() } else { name }
}

/// A path that may be `-`.
type File = PathBuf;
