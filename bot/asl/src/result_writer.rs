//! What a `ResultWriter` writes, and what the Map state's output is then: files for the runner to put, no input or output.

use serde_json::{Map, Value, json};

use crate::effect::{MapRunRequest, Outcome, ResultWriterRequest};
use crate::map_run::Child;
use crate::payload::Payload;

/// A file to put into the writer's bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultFile {
    /// Its key.
    pub key: String,
    /// What is in it.
    pub body: String,
}

/// How a child execution is named in the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildName {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
}

/// The files of a distributed map that is over, the manifest last: whoever sees it finds what it names.
///
/// Records hold what a description of the child holds, but for its dates.
pub fn files<'r>(
    request: &MapRunRequest,
    results: impl Iterator<Item = (ChildName, &'r Child, Option<&'r Outcome>)>,
) -> Vec<ResultFile> {
    let Some(writer) = &request.writer else { return Vec::new() };
    let machine = request.arn.replacen(":mapRun:", ":stateMachine:", 1);
    let machine = machine.rsplit_once(':').map_or(machine.as_str(), |(machine, _)| machine);
    let (mut succeeded, mut failed, mut pending) = (Vec::new(), Vec::new(), Vec::new());
    for (name, child, outcome) in results {
        let record = record(machine, &name, child, outcome);
        match outcome {
            None => pending.push(record),
            Some(Outcome::Succeeded { output }) => match transformation(writer) {
                Transformation::None => succeeded.push(record),
                Transformation::Compact => succeeded.push(output.value().clone()),
                Transformation::Flatten => flatten_into(&mut succeeded, output.value()),
            },
            Some(_) => failed.push(record),
        }
    }
    let lines = writer.config.value().get("OutputType").and_then(Value::as_str) == Some("JSONL");
    let extension = if lines { "jsonl" } else { "json" };
    let folder = folder(request, writer);
    let mut files = Vec::new();
    let mut listed = Map::new();
    for (kind, records) in [("FAILED", failed), ("PENDING", pending), ("SUCCEEDED", succeeded)] {
        let mut shown = Vec::new();
        if !records.is_empty() {
            let body = if lines {
                let records: Vec<String> = records.iter().map(Value::to_string).collect();
                records.join("\n") + "\n"
            } else {
                Value::Array(records).to_string()
            };
            let key = format!("{folder}/{kind}_0.{extension}");
            shown.push(json!({"Key": key, "Size": body.len()}));
            files.push(ResultFile { key, body });
        }
        listed.insert(kind.into(), shown.into());
    }
    let manifest = json!({
        "DestinationBucket": writer.parameters.value().get("Bucket"),
        "MapRunArn": request.arn.as_ref(),
        "ResultFiles": listed,
    });
    files.push(ResultFile { key: format!("{folder}/manifest.json"), body: manifest.to_string() });
    files
}

/// The Map state's output: where the results are, or, of a writer without a resource, the results transformed.
pub(crate) fn output(request: &MapRunRequest, outputs: Payload) -> Payload {
    match &request.writer {
        None => outputs,
        Some(writer) if writer.resource.is_some() => Payload::from(json!({
            "MapRunArn": request.arn.as_ref(),
            "ResultWriterDetails": {
                "Bucket": writer.parameters.value().get("Bucket"),
                "Key": format!("{}/manifest.json", folder(request, writer)),
            },
        })),
        Some(writer) => match (transformation(writer), outputs.value()) {
            (Transformation::Flatten, Value::Array(items)) => {
                let mut flat = Vec::new();
                for item in items {
                    flatten_into(&mut flat, item);
                }
                Payload::from(Value::Array(flat))
            }
            _ => outputs,
        },
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transformation {
    None,
    Compact,
    Flatten,
}

fn transformation(writer: &ResultWriterRequest) -> Transformation {
    match writer.config.value().get("Transformation").and_then(Value::as_str) {
        Some("COMPACT") => Transformation::Compact,
        Some("FLATTEN") => Transformation::Flatten,
        _ => Transformation::None,
    }
}

fn flatten_into(flat: &mut Vec<Value>, output: &Value) {
    match output {
        Value::Array(items) => flat.extend(items.iter().cloned()),
        other => flat.push(other.clone()),
    }
}

/// Where the files of a map run lie: under the prefix, in a folder of its own.
fn folder(request: &MapRunRequest, writer: &ResultWriterRequest) -> String {
    let run = request.arn.rsplit(':').next().unwrap_or_default();
    let prefix = writer.parameters.value().get("Prefix").and_then(Value::as_str).unwrap_or_default();
    match prefix.trim_end_matches('/') {
        "" => run.to_owned(),
        prefix => format!("{prefix}/{run}"),
    }
}

fn record(machine: &str, name: &ChildName, child: &Child, outcome: Option<&Outcome>) -> Value {
    let mut record = Map::new();
    record.insert("ExecutionArn".into(), name.arn.as_str().into());
    record.insert("Input".into(), child.input.text().into());
    record.insert("InputDetails".into(), json!({"Included": true}));
    record.insert("Name".into(), name.name.as_str().into());
    record.insert("StateMachineArn".into(), machine.into());
    let (status, error, cause) = match outcome {
        None => ("PENDING", &None, &None),
        Some(Outcome::Succeeded { output }) => {
            record.insert("Output".into(), output.text().into());
            record.insert("OutputDetails".into(), json!({"Included": true}));
            ("SUCCEEDED", &None, &None)
        }
        Some(Outcome::Failed { error, cause }) => ("FAILED", error, cause),
        Some(Outcome::TimedOut { error, cause }) => ("TIMED_OUT", error, cause),
        Some(Outcome::Aborted { error, cause }) => ("ABORTED", error, cause),
    };
    for (field, text) in [("Error", error), ("Cause", cause)] {
        if let Some(text) = text {
            record.insert(field.into(), text.as_ref().into());
        }
    }
    record.insert("Status".into(), status.into());
    Value::Object(record)
}
