//! Tier T as far as the language goes: single states with mocked results.

use deputy_asl::{
    ErrorDetails, ExecutionType, Mock, Payload, Probe, Program, Seed, Timestamp, Verdict, inspect,
};
use serde_json::{Value, json};

use crate::compare::Wildcards;

/// The first difference of a case; nothing when the case is about the API rather than the language.
pub fn run(case: &Value) -> Option<Result<(), String>> {
    let (request, expect) = (&case["request"], &case["expect"]);
    expect["status"].as_str()?;
    let definition = request["definition"].to_string();
    let name = request["stateName"].as_str().unwrap_or("StateName");
    let report = if request["definition"]["States"].is_object() {
        Program::parse(&definition, ExecutionType::Standard)
    } else {
        Program::parse_state(&definition, name, ExecutionType::Standard)
    };
    let Some(program) = report.program else {
        return Some(Err(format!("refused: {:?}", report.diagnostics)));
    };
    let (workflow, state) = program.find_state(name)?;
    let mut info = super::info(case);
    // TestState runs states as an Express execution would.
    info.execution_type = ExecutionType::Express;
    info.id = info.id.replace(":execution:", ":express:").into();
    info.input = Payload::from(request.get("input").cloned().unwrap_or_else(|| json!({})));
    let retries = request["stateConfiguration"]["retrierRetryCount"].as_u64().unwrap_or(0);
    let mock = request.get("mock").map(|mock| match mock.get("result") {
        Some(result) => Mock::Result(Payload::from(result.clone())),
        None => Mock::Error(ErrorDetails {
            error: mock["errorOutput"]["error"].as_str().map(Into::into),
            cause: mock["errorOutput"]["cause"].as_str().map(Into::into),
        }),
    });
    let probe = Probe {
        workflow,
        state,
        info,
        context: request.get("context").map(|context| Payload::from(context.clone())),
        variables: serde_json::Map::new(),
        mock,
        retry_count: u32::try_from(retries).unwrap_or(u32::MAX),
        at: Timestamp(0),
        failed_iterations: request["stateConfiguration"]["mapIterationFailureCount"].as_u64().unwrap_or(0),
        seed: Seed::default(),
    };
    let inspection = inspect(&program, &probe);
    let error = |status: &str, error: &ErrorDetails| {
        let mut shown = json!({"status": status});
        for (key, text) in [("error", &error.error), ("cause", &error.cause)] {
            if let Some(text) = text {
                shown[key] = text.as_ref().into();
            }
        }
        shown
    };
    let mut actual = match &inspection.verdict {
        Verdict::Succeeded { output, next } => {
            json!({"status": "SUCCEEDED", "output": output.value(), "nextState": next.as_deref()})
        }
        Verdict::Failed(details) => error("FAILED", details),
        Verdict::Retriable(details) => error("RETRIABLE", details),
        Verdict::Caught { error: details, output, next } => {
            let mut shown = error("CAUGHT_ERROR", details);
            shown["output"] = output.value().clone();
            shown["nextState"] = json!(next.as_deref());
            shown
        }
        // Without a mock somebody has to run it.
        Verdict::Task(_) | Verdict::MapRun(_) | Verdict::Pending => return None,
    };
    if actual["nextState"].is_null() {
        actual.as_object_mut()?.remove("nextState");
    }
    let mut expected = expect.clone();
    let members = expected.as_object_mut()?;
    let data = members.contains_key("inspectionData");
    members.retain(|key, _| {
        matches!(key.as_str(), "status" | "output" | "error" | "cause" | "nextState" | "inspectionData")
    });
    if data {
        actual["inspectionData"] = inspection.trace.to_json();
    }
    let difference = Wildcards::of_case(case).difference(&expected, &actual);
    Some(difference.map_or(Ok(()), |path| Err(format!("{path}: expected {expected} got {actual}"))))
}
