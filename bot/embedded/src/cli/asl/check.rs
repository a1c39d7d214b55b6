//! `deputy asl check`: what is wrong or doubtful in definitions.

use std::fmt;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use deputy_asl::{Code, Diagnostic, Program};
use serde_json::{Value, json};

use super::{File, OfType, Problem, is_yaml, name_of, output, place, read, say};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Definitions; - for standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<File>,
    #[command(flatten)]
    of: OfType,
    /// Fail for warnings too
    #[arg(long)]
    strict: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// One thing that is wrong or doubtful, for its reader.
pub(super) struct Finding {
    file: String,
    place: Option<(usize, usize)>,
    diagnostic: Diagnostic,
    hint: Option<String>,
}

impl Finding {
    pub(super) fn is_error(&self) -> bool {
        self.diagnostic.is_error()
    }

    fn json(&self) -> Value {
        let mut shown = serde_json::to_value(&self.diagnostic).unwrap_or_default();
        if let Some(members) = shown.as_object_mut() {
            if let Some((line, column)) = self.place {
                members.insert("line".into(), line.into());
                members.insert("column".into(), column.into());
            }
            if let Some(hint) = &self.hint {
                members.insert("hint".into(), hint.as_str().into());
            }
        }
        shown
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some((line, column)) = self.place {
            write!(f, ":{line}:{column}")?;
        }
        let word = if self.is_error() { "error" } else { "warning" };
        let Diagnostic { code, message, location, .. } = &self.diagnostic;
        write!(f, ": {word}: {} ({})", message.trim_end(), code.as_str())?;
        if let Some(location) = location {
            write!(f, "\n    at {location}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n    hint: {hint}")?;
        }
        Ok(())
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Problem> {
    // All files are read first: a name that is mistyped should not hide behind pages of findings.
    let texts: Vec<(&File, String)> =
        arguments.files.iter().map(|file| read(file).map(|text| (file, text))).collect::<Result<_, _>>()?;
    let (mut errors, mut warnings) = (0, 0);
    let mut shown = Vec::new();
    let mut lines = String::new();
    for (file, text) in &texts {
        let report = Program::parse(text, arguments.of.kind.execution_type());
        let found = findings(file, text, &report.diagnostics);
        errors += found.iter().filter(|finding| finding.is_error()).count();
        warnings += found.iter().filter(|finding| !finding.is_error()).count();
        if arguments.json {
            let valid = report.program.is_some();
            let found: Vec<Value> = found.iter().map(Finding::json).collect();
            shown.push(json!({"file": name_of(file), "valid": valid, "diagnostics": found}));
        } else {
            lines.extend(found.iter().map(|finding| format!("{finding}\n")));
        }
    }
    if arguments.json {
        lines = output::json(&Value::Array(shown));
    } else {
        let files = count(texts.len(), "definition");
        if errors + warnings == 0 {
            eprintln!("{files} checked: nothing to complain about.");
        } else {
            eprintln!("{files} checked: {}, {}.", count(errors, "error"), count(warnings, "warning"));
        }
    }
    let bad = errors > 0 || arguments.strict && warnings > 0;
    Ok(say(&lines, if bad { ExitCode::FAILURE } else { ExitCode::SUCCESS }))
}

/// `1 error`, `2 errors`.
pub(super) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

const SMALLEST: &str = r#"{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}"#;

/// Diagnostics with their places and hints.
pub(super) fn findings(file: &Path, text: &str, diagnostics: &[Diagnostic]) -> Vec<Finding> {
    let broken = serde_json::from_str::<Value>(text).err();
    let document: Value = serde_json::from_str(text).unwrap_or_default();
    let of = |diagnostic: &Diagnostic| {
        let mut diagnostic = diagnostic.clone();
        let (place, hint) = if let Some(error) = &broken {
            diagnostic.message = format!("This is no JSON: {error}");
            let hint = if is_yaml(file) {
                Some(
                    "definitions are JSON here; convert it first, for example: yq -o=json . FILE.yaml".into(),
                )
            } else if text.trim().is_empty() {
                Some(format!("the file is empty; the smallest definition is {SMALLEST}"))
            } else {
                None
            };
            (Some((error.line().max(1), error.column().max(1))), hint)
        } else {
            let place = diagnostic.location.as_deref().and_then(|location| place::find(text, location));
            (place, hint(&diagnostic, &document))
        };
        Finding { file: name_of(file), place, diagnostic, hint }
    };
    diagnostics.iter().map(of).collect()
}

/// Fields that states have, for suggestions.
const FIELDS: [&str; 45] = [
    "Arguments",
    "Assign",
    "BackoffRate",
    "Branches",
    "Catch",
    "Cause",
    "CausePath",
    "Choices",
    "Comment",
    "Condition",
    "Credentials",
    "Default",
    "End",
    "Error",
    "ErrorEquals",
    "ErrorPath",
    "HeartbeatSeconds",
    "InputPath",
    "IntervalSeconds",
    "ItemBatcher",
    "ItemProcessor",
    "ItemReader",
    "ItemSelector",
    "Items",
    "ItemsPath",
    "MaxAttempts",
    "MaxConcurrency",
    "Next",
    "Output",
    "OutputPath",
    "Parameters",
    "QueryLanguage",
    "Resource",
    "Result",
    "ResultPath",
    "ResultSelector",
    "ResultWriter",
    "Retry",
    "Seconds",
    "StartAt",
    "States",
    "TimeoutSeconds",
    "Timestamp",
    "Type",
    "Variable",
];

/// What to do about it.
fn hint(diagnostic: &Diagnostic, document: &Value) -> Option<String> {
    let message = diagnostic.message.as_str();
    match diagnostic.code {
        Code::MissingTransitionTarget if message.contains("not reachable") => {
            Some("no Next, Default, Choices or Catch leads there: lead to it, or leave it out".into())
        }
        Code::MissingTransitionTarget => {
            let states = states_around(document, diagnostic.location.as_deref().unwrap_or_default());
            let wanted = message.rsplit(':').next().unwrap_or_default().trim().trim_matches('\'');
            let listed = states.join(", ");
            Some(match nearest(wanted, &states) {
                Some(state) => format!("did you mean `{state}`? The states here are: {listed}"),
                None => format!("the states here are: {listed}"),
            })
        }
        Code::MissingEndState => {
            Some("give the last state \"End\": true, or lead to a Succeed or Fail state".into())
        }
        Code::InvalidStateName => Some("names have 80 characters at most".into()),
        Code::SchemaValidationFailed => {
            let field = message.strip_prefix("Field '").and_then(|rest| rest.split('\'').next());
            if let Some(field) = field {
                let fields: Vec<String> = FIELDS.iter().map(|field| (*field).to_owned()).collect();
                return nearest(field, &fields)
                    .filter(|near| near != field)
                    .map(|near| format!("did you mean `{near}`?"));
            }
            if message.starts_with("Value is not a Resource") || message.contains("is not a valid resource") {
                return Some("resources are ARNs, such as arn:aws:states:::lambda:invoke".into());
            }
            if message.contains("at least one of the following fields") && message.contains("Next") {
                return Some("say where it leads, or \"End\": true".into());
            }
            None
        }
        Code::LiteralExpression => {
            Some("AWS takes the value as it stands; drop the `.$`, or check the QueryLanguage".into())
        }
        _ => None,
    }
}

/// The states among which a target is looked for.
fn states_around(document: &Value, location: &str) -> Vec<String> {
    let mut found = document;
    let mut here = document;
    for name in location.split('/').filter(|name| !name.is_empty()) {
        let (name, indices) = name.split_once('[').map_or((name, ""), |(name, rest)| (name, rest));
        let Some(next) = here.get(name) else { break };
        here = next;
        for index in indices.split(['[', ']']).filter_map(|index| index.parse::<usize>().ok()) {
            here = here.get(index).unwrap_or(&Value::Null);
        }
        if here.get("States").is_some() {
            found = here;
        }
    }
    found
        .get("States")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, _)| name.clone())
        .collect()
}

/// The name that is most like `wanted`, if any is like it.
fn nearest(wanted: &str, names: &[String]) -> Option<String> {
    names
        .iter()
        .map(|name| (strsim::jaro_winkler(&wanted.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, name)| name.clone())
}
