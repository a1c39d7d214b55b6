//! A workflow: a folder that is a command. `workflow.toml`, `definition.asl.json`, `scenarios/*.toml`; no code.

mod arguments;
mod calls;
mod manifest;
mod problem;

use std::fmt::Write as _;
use std::sync::Arc;

use ring::digest::{SHA256, digest};
use serde_json::Value;

pub use self::arguments::{Filled, SHA_FLAG, YES_FLAG, fill};
pub use self::manifest::{Argument, AskedOn, Kind, Manifest, OnPush, Pins, Trigger};
pub use self::problem::Problem;
use crate::language::Entry;
use crate::task::Task;

/// The manifest's file name.
pub const MANIFEST: &str = "workflow.toml";
/// The definition's.
pub const DEFINITION: &str = "definition.asl.json";
/// The folder of the scenarios.
pub const SCENARIOS: &str = "scenarios";

/// A workflow's folder, as text.
#[derive(Debug, Clone, Copy)]
pub struct Folder<'a> {
    /// The folder's name, which is the command's.
    pub name: &'a str,
    /// `workflow.toml`.
    pub manifest: &'a str,
    /// `definition.asl.json`.
    pub definition: &'a str,
    /// The scenarios' file names and texts, by name.
    pub scenarios: &'a [(&'a str, &'a str)],
}

/// A workflow that people can ask for.
#[derive(Debug, Clone)]
pub struct Workflow {
    /// The command's name.
    pub name: String,
    /// Twelve hex digits of what manifest and definition say: changes when either does.
    pub version: String,
    /// What the manifest says.
    pub manifest: Manifest,
    /// The definition, with `${DeputyTask}` as it is written.
    pub definition: String,
}

impl Workflow {
    /// Reads a folder, and says everything that is wrong with it. What Amazon States Language itself asks of the definition is
    /// the orchestrator's to say.
    pub fn read(folder: &Folder<'_>, tasks: &[&Task]) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        if !is_name(folder.name) {
            problems.push(Problem::of_folder(
                "a workflow's folder is called as its command is",
                "use up to 40 lower-case letters, digits and dashes, beginning with a letter",
            ));
        }
        if folder.scenarios.is_empty() {
            problems.push(Problem::of_folder(
                "there is no scenario",
                "add scenarios/*.toml: success, refusal, failure and recovery",
            ));
        }
        let manifest = Manifest::read(folder.manifest).map_err(|more| problems.extend(more)).ok();
        match serde_json::from_str::<Value>(folder.definition) {
            Ok(definition) => problems.extend(calls::check(&definition, folder.definition, tasks)),
            Err(error) => problems.push(Problem {
                file: DEFINITION.to_owned(),
                line: error.line(),
                column: error.column(),
                text: format!("is no JSON: {error}"),
                hint: "mend it; `deputy asl validate` says more".to_owned(),
            }),
        }
        match manifest {
            Some(manifest) if problems.is_empty() => Ok(Self {
                name: folder.name.to_owned(),
                version: version(folder),
                manifest,
                definition: folder.definition.to_owned(),
            }),
            _ => Err(problems),
        }
    }

    /// The command in the vocabulary.
    pub fn entry(self: &Arc<Self>) -> Entry {
        let workflow = Arc::clone(self);
        Entry {
            name: self.name.clone(),
            aliases: self.manifest.aliases.clone(),
            summary: self.manifest.summary.clone(),
            permission: self.manifest.permission,
            examples: self.manifest.examples.clone(),
            arguments: Arc::new(move |command| arguments::add(command, &workflow.manifest)),
        }
    }
}

fn is_name(name: &str) -> bool {
    matches!(name.len(), 1..=40)
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn version(folder: &Folder<'_>) -> String {
    let hash = digest(&SHA256, format!("{}\0{}", folder.manifest, folder.definition).as_bytes());
    hash.as_ref()[..6].iter().fold(String::new(), |mut version, byte| {
        _ = write!(version, "{byte:02x}");
        version
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Running;
    use crate::language::{Parsed, Vocabulary};
    use crate::task::{Ends, TaskContext, TaskEnd, TaskError};

    const DEPLOY: &str = r#"
summary = "Deploy a commit"
aliases = ["ship"]
examples = ["deploy staging --retries 2"]
check = "deploy ({environment})"
locks = ["{environment}"]
confirm = true

[concurrency]
group = "deploy-{environment}"
policy = "reject"

[[arguments]]
name = "environment"
help = "Where to"
choices = ["staging", "production"]

[[flags]]
name = "retries"
short = "r"
type = "integer"
default = 3

[[flags]]
name = "force"
type = "boolean"
"#;

    fn nothing<'a>(_: &'a TaskContext<'a>) -> Running<'a, Result<TaskEnd, TaskError>> {
        Box::pin(async { Ok(TaskEnd::Waits) })
    }

    const fn task(name: &'static str, ends: Ends) -> Task {
        Task { name, summary: "", input: &[], output: &[], errors: &[], ends, run: nothing, look: None }
    }

    const TASKS: &[&Task] = &[&task("job.note", Ends::AtOnce), &task("approval.request", Ends::ByToken)];

    fn read(manifest: &str, definition: &str) -> Result<Workflow, Vec<Problem>> {
        let folder = Folder { name: "deploy", manifest, definition, scenarios: &[("success.toml", "")] };
        Workflow::read(&folder, TASKS)
    }

    #[test]
    fn a_folder_is_a_command_with_arguments_help_and_names_filled_in() {
        let workflow = Arc::new(read(DEPLOY, "{}").unwrap());
        let vocabulary = Vocabulary::new("deputy", [workflow.entry()]).unwrap();
        let lines = vocabulary.read("@deputy ship staging --force --yes");
        let Parsed::Run { definition, matches, .. } = vocabulary.parse(&lines[0]) else {
            panic!("{lines:?}")
        };
        assert_eq!(definition.name, "deploy");
        let filled = fill(&workflow.manifest, &matches);
        assert_eq!(
            Value::Object(filled.arguments).to_string(),
            r#"{"environment":"staging","retries":3,"force":true}"#
        );
        assert_eq!(
            (filled.check.as_str(), filled.group.as_deref()),
            ("deploy (staging)", Some("deploy-staging"))
        );
        assert_eq!(filled.locks, ["staging"]);
        let Parsed::Help { message, .. } = vocabulary.help(&["deploy".to_owned()]) else {
            panic!("it is known")
        };
        assert!(
            message.contains("One of `staging`, `production`.") && message.contains("`--yes`"),
            "{message}"
        );
        let wrong = vocabulary.read("@deputy deploy moon");
        assert!(matches!(vocabulary.parse(&wrong[0]), Parsed::UsageError { .. }));
    }

    #[test]
    fn a_version_changes_with_what_runs() {
        let version = |manifest: &str, definition| read(manifest, definition).unwrap().version;
        assert_eq!(version(DEPLOY, "{}").len(), 12);
        assert_eq!(version(DEPLOY, "{}"), version(DEPLOY, "{}"));
        assert_ne!(version(DEPLOY, "{}"), version(DEPLOY, "{ }"));
        assert_ne!(version(DEPLOY, "{}"), version(&format!("{DEPLOY} "), "{}"));
    }

    #[test]
    fn calls_that_cannot_work_are_said_with_their_state() {
        let definition = r#"{
  "StartAt": "Both",
  "States": {
    "Both": {"Type": "Parallel", "End": true, "Branches": [{"StartAt": "Typo", "States": {
      "Typo": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true,
        "Parameters": {"FunctionName": "${DeputyTask}", "Payload": {"task": "job.noet", "context.$": "$$"}}}
    }}]},
    "Ask": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true,
      "Arguments": {"FunctionName": "${DeputyTask}", "Payload": {"task": "approval.request", "context": "{% $states.context %}"}}},
    "Lost": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true,
      "Parameters": {"FunctionName": "${DeputyTask}", "Payload": {"task": "job.note"}}},
    "Other": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true,
      "Parameters": {"FunctionName": "mine", "Payload": {}}}
  }
}"#;
        let problems = read(DEPLOY, definition).unwrap_err();
        let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(problems.join("\n"), @r#"
        definition.asl.json:5:7: state `Typo`: there is no task `job.noet`; there are job.note, approval.request
        definition.asl.json:8:5: state `Ask`: `approval.request` waits; its Resource is arn:aws:states:::lambda:invoke.waitForTaskToken
        definition.asl.json:10:5: state `Lost`: the task would not know its job; give the Payload "context.$": "$$", or in JSONata "context": "{% $states.context %}"
        "#);
    }

    #[test]
    fn an_incomplete_folder_says_what_is_missing() {
        let folder = Folder { name: "De ploy", manifest: "", definition: "{", scenarios: &[] };
        let problems: Vec<_> =
            Workflow::read(&folder, TASKS).unwrap_err().iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(problems.join("\n"), @r"
        a workflow's folder is called as its command is; use up to 40 lower-case letters, digits and dashes, beginning with a letter
        there is no scenario; add scenarios/*.toml: success, refusal, failure and recovery
        workflow.toml:1:1: missing field `summary`; CONTRIBUTING.md, `Add a workflow`, has a complete one
        definition.asl.json:1:1: is no JSON: EOF while parsing an object at line 1 column 1; mend it; `deputy asl validate` says more
        ");
    }
}
