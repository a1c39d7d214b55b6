//! `deputy asl scenarios`: workflow folders and what they promise.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use deputy_asl::scenario::{Report, Scenario, ScenarioError};
use serde_json::{Value, json};

use super::check::count;
use super::{Kind, OfType, Problem, definition, output, read, say};

const DEFINITION: &str = "definition.asl.json";
const SCENARIOS: &str = "scenarios";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A workflow folder, or a folder of workflow folders
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    #[command(flatten)]
    of: OfType,
    /// Only scenarios whose name contains this
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A scenario that was run, or that cannot be.
struct Outcome {
    workflow: String,
    name: String,
    description: Option<String>,
    result: Result<Report, ScenarioError>,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Problem> {
    let folders = workflows(&arguments.folder)?;
    let mut outcomes = Vec::new();
    for folder in &folders {
        outcomes.extend(run_folder(folder, arguments.of.kind, arguments.only.as_deref())?);
    }
    if outcomes.is_empty() {
        let only = arguments.only.as_deref().unwrap_or_default();
        return Err(format!("no scenario's name contains `{only}`"));
    }
    let failed = outcomes.iter().filter(|outcome| !outcome.passed()).count();
    let code = if failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    if arguments.json {
        return Ok(say(&output::json(&outcomes.iter().map(Outcome::json).collect()), code));
    }
    let mut lines: Vec<String> = Vec::new();
    let mut workflow = None;
    for outcome in &outcomes {
        if workflow != Some(&outcome.workflow) {
            lines.push(outcome.workflow.clone());
            workflow = Some(&outcome.workflow);
        }
        lines.extend(outcome.lines());
    }
    let code = say(&format!("{}\n", lines.join("\n")), code);
    eprintln!("{} passed, {failed} failed.", count(outcomes.len() - failed, "scenario"));
    Ok(code)
}

/// The workflow folders in a folder, which may be one itself.
fn workflows(folder: &Path) -> Result<Vec<PathBuf>, Problem> {
    let shown = folder.display();
    if !folder.is_dir() {
        let why = if folder.exists() { "is no folder" } else { "is not there" };
        return Err(format!("{shown}: {why}; name a folder with {DEFINITION} and {SCENARIOS}/*.toml"));
    }
    if folder.join(DEFINITION).exists() {
        return Ok(vec![folder.to_owned()]);
    }
    let folders: Vec<PathBuf> =
        entries(folder)?.into_iter().filter(|entry| entry.join(DEFINITION).exists()).collect();
    if folders.is_empty() {
        return Err(format!("{shown}: holds no workflow: neither it nor a folder in it has a {DEFINITION}"));
    }
    Ok(folders)
}

/// What a folder holds, in the order of names.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, Problem> {
    let unreadable = |error: std::io::Error| format!("{}: cannot be read: {error}", folder.display());
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        entries.push(entry.map_err(unreadable)?.path());
    }
    entries.sort();
    Ok(entries)
}

fn run_folder(folder: &Path, kind: Kind, only: Option<&str>) -> Result<Vec<Outcome>, Problem> {
    let workflow = super::machine_name(&folder.join(DEFINITION));
    let program = definition(&folder.join(DEFINITION), kind)?.program;
    let place = folder.join(SCENARIOS);
    let mut files = if place.is_dir() { entries(&place)? } else { Vec::new() };
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    if files.is_empty() {
        return Err(format!(
            "{}: holds no *.toml; a scenario is as short as\n\n    [expect]\n    status = \"SUCCEEDED\"\n",
            place.display()
        ));
    }
    let mut outcomes = Vec::new();
    for file in files {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if only.is_some_and(|only| !name.contains(only)) {
            continue;
        }
        let scenario = Scenario::parse(&read(&file)?);
        let description = scenario.as_ref().ok().and_then(|scenario| scenario.description.clone());
        let result = scenario.map(|scenario| scenario.run(&program, kind.execution_type()));
        outcomes.push(Outcome { workflow: workflow.clone(), name, description, result });
    }
    Ok(outcomes)
}

impl Outcome {
    fn passed(&self) -> bool {
        self.result.as_ref().is_ok_and(Report::passed)
    }

    fn json(&self) -> Value {
        let mut shown = json!({
            "workflow": self.workflow,
            "scenario": self.name,
            "description": self.description,
            "passed": self.passed(),
        });
        let more = match &self.result {
            Ok(report) => json!({
                "failures": report.failures,
                "status": report.status,
                "output": report.output,
                "error": report.error,
                "cause": report.cause,
                "states": report.states,
                "tookMs": u64::try_from(report.took.as_millis()).unwrap_or(u64::MAX),
            }),
            Err(error) => json!({"failures": [{"about": "scenario", "message": error.to_string()}]}),
        };
        if let (Some(shown), Value::Object(more)) = (shown.as_object_mut(), more) {
            shown.extend(more);
        }
        shown
    }

    fn lines(&self) -> Vec<String> {
        let about = self.description.as_deref().unwrap_or_default();
        let line = format!("  {}  {:<20} {about}", if self.passed() { "ok  " } else { "FAIL" }, self.name);
        let problems: Vec<String> = match &self.result {
            Ok(report) => report
                .failures
                .iter()
                .map(|failure| {
                    let about = serde_json::to_value(failure.about).unwrap_or_default();
                    format!("{}: {}", about.as_str().unwrap_or_default(), failure.message)
                })
                .collect(),
            Err(error) => vec![error.to_string()],
        };
        let problems =
            problems.iter().flat_map(|problem| problem.lines()).map(|line| format!("        {line}"));
        std::iter::once(line.trim_end().to_owned()).chain(problems).collect()
    }
}
