//! `ValidateStateMachineDefinition`: all that is wrong or doubtful in a definition.

use deputy_asl::{Diagnostic, ExecutionType, Program, Severity};
use serde_json::{Value, json};

use super::params::{Params, constraint};
use crate::error::ApiError;

/// How many diagnostics AWS answers when the request does not say.
const DEFAULT_DIAGNOSTICS: usize = 100;

pub(super) fn validate(params: Params<'_>) -> Result<Value, ApiError> {
    let kind = match params.one_of("type", &["STANDARD", "EXPRESS"])? {
        Some("EXPRESS") => ExecutionType::Express,
        _ => ExecutionType::Standard,
    };
    let warnings = params.one_of("severity", &["ERROR", "WARNING"])? == Some("WARNING");
    let limit = match params.number("maxResults")? {
        None | Some(0.0) => DEFAULT_DIAGNOSTICS,
        Some(number) if !(0.0..=100.0).contains(&number) => {
            let bound = if number < 0.0 { "greater than or equal to 0" } else { "less than or equal to 100" };
            return Err(constraint(
                &format!("'{number}'"),
                "maxResults",
                &format!("Member must have value {bound}"),
            ));
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Bounded just above.
        Some(number) => number as usize,
    };
    let report = Program::parse(params.required("definition")?, kind);
    let shown: Vec<&Diagnostic> =
        report.diagnostics.iter().filter(|diagnostic| warnings || diagnostic.is_error()).collect();
    let diagnostics: Vec<Value> = shown
        .iter()
        .take(limit)
        .map(|diagnostic| {
            json!({
                "severity": if diagnostic.severity == Severity::Error { "ERROR" } else { "WARNING" },
                "code": diagnostic.code.as_str(),
                "message": diagnostic.message,
                "location": diagnostic.location,
            })
        })
        .collect();
    let failed = report.errors().next().is_some();
    Ok(json!({
        "result": if failed { "FAIL" } else { "OK" },
        "diagnostics": diagnostics,
        "truncated": shown.len() > limit,
    }))
}
