//! Workflows' folders on disk: read whole, checked whole, and every fault said with its place.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use deputy_asl::{ExecutionType, Program};
use deputy_core::task::Task;
use deputy_core::workflow::{DEFINITION, Folder, MANIFEST, Problem, SCENARIOS, Workflow};

/// A fault in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The workflow's folder.
    pub folder: PathBuf,
    /// What is wrong in it.
    pub problem: Problem,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let slash = if self.problem.file.is_empty() { ": " } else { "/" };
        write!(f, "{}{slash}{}", self.folder.display(), self.problem)
    }
}

/// Reads every folder in `folder`, by name. Files beside them do not matter.
pub fn load(folder: &Path, tasks: &[&Task]) -> Result<Vec<Arc<Workflow>>, Vec<Fault>> {
    let unreadable = |path: &Path, error: &std::io::Error| {
        vec![Fault {
            folder: path.to_owned(),
            problem: problem(
                "",
                format!("cannot be read: {error}"),
                "check that it is there, and may be read",
            ),
        }]
    };
    let entries = fs::read_dir(folder).map_err(|error| unreadable(folder, &error))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| unreadable(folder, &error))?.path();
        if path.is_dir() {
            paths.push(path);
        }
    }
    paths.sort();
    let (mut workflows, mut faults) = (Vec::new(), Vec::new());
    for path in paths {
        match read(&path, tasks) {
            Ok(workflow) => workflows.push(Arc::new(workflow)),
            Err(problems) => {
                faults.extend(problems.into_iter().map(|problem| Fault { folder: path.clone(), problem }));
            }
        }
    }
    if faults.is_empty() { Ok(workflows) } else { Err(faults) }
}

/// Reads one folder.
pub fn read(path: &Path, tasks: &[&Task]) -> Result<Workflow, Vec<Problem>> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let mut missing = Vec::new();
    let mut text = |file: &str| {
        fs::read_to_string(path.join(file)).unwrap_or_else(|error| {
            missing.push(problem(
                file,
                format!("cannot be read: {error}"),
                "a workflow has all of its files",
            ));
            String::new()
        })
    };
    let (manifest, definition) = (text(MANIFEST), text(DEFINITION));
    let scenarios = scenarios(&path.join(SCENARIOS));
    if !missing.is_empty() {
        return Err(missing);
    }
    let scenarios: Vec<_> = scenarios.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let folder = Folder { name, manifest: &manifest, definition: &definition, scenarios: &scenarios };
    let workflow = Workflow::read(&folder, tasks)?;
    let problems = faults_of(&workflow);
    if problems.is_empty() { Ok(workflow) } else { Err(problems) }
}

/// What Amazon States Language has against a definition.
pub fn faults_of(workflow: &Workflow) -> Vec<Problem> {
    let kind = if workflow.manifest.express { ExecutionType::Express } else { ExecutionType::Standard };
    let report = Program::parse(&workflow.definition, kind);
    let errors = report.diagnostics.iter().filter(|diagnostic| diagnostic.is_error());
    let problems = errors
        .map(|error| problem(DEFINITION, error.to_string(), "mend it; `deputy asl validate` says more"));
    problems.collect()
}

fn scenarios(folder: &Path) -> Vec<(String, String)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut scenarios: Vec<_> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let is_toml = Path::new(&name).extension().is_some_and(|extension| extension == "toml");
            if is_toml { Some((name, fs::read_to_string(entry.path()).ok()?)) } else { None }
        })
        .collect();
    scenarios.sort();
    scenarios
}

fn problem(file: &str, text: String, hint: &str) -> Problem {
    Problem { file: file.to_owned(), line: 0, column: 0, text, hint: hint.to_owned() }
}
