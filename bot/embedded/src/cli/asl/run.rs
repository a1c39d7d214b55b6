//! `deputy asl run`: one execution, from its input to its output.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use deputy_asl::scenario::{About, Scenario};
use deputy_asl::{Payload, Timestamp};
use deputy_stepfunctions::tasks::mock::Mocks;
use deputy_stepfunctions::{ApiError, Clock, Config, Engine, Home, Registry, SystemClock, VirtualClock};
use serde_json::{Value, json};

use super::{Definition, File, Kind, OfType, Problem, definition, machine_name, name_of, output, read, say};
use crate::cli::services::Services;

/// How often the progress line is written.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);
/// How many events a page of a history has, at most.
const PAGE: u32 = 1_000;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The definition; - for standard input
    #[arg(value_name = "FILE")]
    file: File,
    /// The input, a JSON file; - for standard input. Without it, {}
    #[arg(long, short, value_name = "FILE")]
    input: Option<File>,
    /// Mocked answers: a scenario (*.toml), played in virtual time, or a MockConfigFile.json of Step Functions Local
    #[arg(long, value_name = "FILE", conflicts_with = "mocks")]
    mock: Option<File>,
    /// Which test case of the MockConfigFile.json
    #[arg(long, value_name = "NAME")]
    test_case: Option<String>,
    /// The state machine's name, as the MockConfigFile.json and the context object know it; by default after the file
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    of: OfType,
    /// Print the history instead of the output
    #[arg(long, value_enum, value_name = "FORM", num_args = 0..=1, require_equals = false, default_missing_value = "table")]
    history: Option<Form>,
    /// Let no time pass in waits: the clock jumps to whatever is due next
    #[arg(long)]
    virtual_time: bool,
    #[command(flatten)]
    services: Services,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    Table,
    Json,
}

/// How an execution ended.
struct Ended {
    status: String,
    output: Option<String>,
    error: Option<String>,
    cause: Option<String>,
    /// As `GetExecutionHistory` answers it, if it was asked for.
    history: Option<Vec<Value>>,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Problem> {
    let from_standard_input =
        [Some(&arguments.file), arguments.input.as_ref(), arguments.mock.as_ref()].into_iter().flatten();
    if from_standard_input.filter(|file| file.as_os_str() == "-").count() > 1 {
        return Err("only one of FILE, --input and --mock can be standard input".into());
    }
    let definition = definition(&arguments.file, arguments.of.kind)?;
    let input = arguments.input.as_ref().map(document).transpose()?;
    let scenario = arguments.mock.as_ref().filter(|file| file.extension().is_some_and(|it| it == "toml"));
    let ended = match scenario {
        Some(file) => play(arguments, &definition, input, file)?,
        None => execute(arguments, &definition, input.as_deref().unwrap_or("{}"))?,
    };
    let shown = match (arguments.history, &ended.history) {
        (Some(Form::Json), Some(events)) => output::json(&json!({"events": events})),
        (Some(Form::Table), Some(events)) => table(events),
        _ => ended.output.as_ref().map(|output| format!("{output}\n")).unwrap_or_default(),
    };
    if ended.status == "SUCCEEDED" {
        return Ok(say(&shown, ExitCode::SUCCESS));
    }
    let code = say(&shown, ExitCode::FAILURE);
    eprintln!("{}", ended.status);
    for (name, text) in [("error", &ended.error), ("cause", &ended.cause)] {
        if let Some(text) = text {
            eprintln!("{name}  {text}");
        }
    }
    Ok(code)
}

/// A file that must hold JSON, as its text.
fn document(file: &File) -> Result<String, Problem> {
    let text = read(file)?;
    let shown = name_of(file);
    let payload = Payload::parse(&text).map_err(|error| {
        let hint = if super::is_yaml(file) { "; inputs are JSON here" } else { "" };
        format!("{shown}: is no JSON: {error}{hint}")
    })?;
    if payload.is_too_large() {
        return Err(format!("{shown}: is larger than 256 KiB, which is all that Step Functions takes"));
    }
    Ok(text)
}

/// Plays a scenario's answers.
fn play(
    arguments: &Arguments,
    definition: &Definition,
    input: Option<String>,
    file: &File,
) -> Result<Ended, Problem> {
    let scenario = Scenario::parse(&read(file)?).map_err(|error| format!("{}: {error}", name_of(file)))?;
    let scenario = match input {
        Some(text) => {
            scenario.with_input(serde_json::from_str(&text).map_err(|error| format!("--input: {error}"))?)
        }
        None => scenario,
    };
    let report = scenario.run(&definition.program, arguments.of.kind.execution_type());
    // What was expected is the business of `asl scenarios`; what keeps the execution from ending is told.
    let hindered = report
        .failures
        .iter()
        .find(|failure| matches!(failure.about, About::Unanswered | About::Stuck | About::Endless));
    if let Some(failure) = hindered {
        return Err(format!("{}: {}", name_of(file), failure.message));
    }
    let history = report.history.iter().map(|(at, event)| {
        let mut shown = event.to_json();
        shown["timestamp"] = seconds(*at);
        shown
    });
    Ok(Ended {
        status: report.status.to_owned(),
        output: report.output.as_ref().map(ToString::to_string),
        error: report.error.as_deref().map(ToOwned::to_owned),
        cause: report.cause.as_deref().map(ToOwned::to_owned),
        history: Some(history.collect()),
    })
}

/// A time as the API answers it.
#[allow(clippy::cast_precision_loss)] // Milliseconds of this millennium fit.
fn seconds(at: Timestamp) -> Value {
    (at.0 as f64 / 1000.0).into()
}

/// Runs for real, on an engine in a folder of its own that goes afterwards.
fn execute(arguments: &Arguments, definition: &Definition, input: &str) -> Result<Ended, Problem> {
    if arguments.history.is_some() && arguments.of.kind == Kind::Express {
        return Err("Express executions keep no history, as on AWS: leave --type express out, or give a scenario with --mock".into());
    }
    let name = arguments.name.clone().unwrap_or_else(|| machine_name(&arguments.file));
    let mocks = mocks(arguments, &name)?;
    let registry = match mocks {
        Some(mocks) => Registry::new().with_override(mocks),
        None => Registry::new(),
    };
    let registry = arguments.services.real(registry)?;
    let folder = tempfile::tempdir().map_err(|error| format!("no folder for the execution: {error}"))?;
    let mut config = Config::new(folder.path());
    config.registry = registry;
    config.home = Home { region: arguments.services.region.clone(), ..Home::default() };
    if arguments.virtual_time {
        let clock: Arc<dyn Clock> = Arc::new(VirtualClock::eager(SystemClock.now()));
        config.clock = clock;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the machine gives no threads: {error}"))?;
    runtime.block_on(async {
        let engine = Engine::open(config).map_err(|error| format!("{error}"))?;
        let ended = one(&engine, arguments, definition, &name, input).await;
        engine.close().await;
        ended
    })
}

/// The mocks of Step Functions Local, with the test case that is meant.
fn mocks(arguments: &Arguments, machine: &str) -> Result<Option<Mocks>, Problem> {
    let mocks = match &arguments.mock {
        Some(file) => {
            let shown = name_of(file);
            Some(Mocks::parse(&read(file)?).map_err(|error| format!("{shown}: {error}"))?)
        }
        None => arguments.services.mocks()?,
    };
    let Some(mocks) = mocks else {
        return match arguments.test_case {
            Some(_) => Err("--test-case: give the file that has it, with --mock".into()),
            None => Ok(None),
        };
    };
    let cases = mocks.cases_of(machine);
    let listed = cases.join(", ");
    if cases.is_empty() {
        let machines = mocks.machines().join(", ");
        return Err(format!("the mocks know no machine `{machine}`, only {machines}: say which with --name"));
    }
    let case = match (&arguments.test_case, cases.as_slice()) {
        (Some(case), cases) if cases.contains(case) => case.clone(),
        (Some(case), _) => return Err(format!("`{machine}` has no test case `{case}`; it has {listed}")),
        (None, [only]) => only.clone(),
        (None, _) => return Err(format!("say which test case, with --test-case: {listed}")),
    };
    Ok(Some(mocks.choose(machine, &case)))
}

/// What was refused, for the person.
fn refused(error: &ApiError) -> Problem {
    let mut text = error.message.clone();
    if error.code == "InvalidDefinition" && text.contains("is not available on this machine") {
        text.push_str("\nGive its answers with --mock, or say where it is: --lambda-endpoint, --endpoint, --s3-folder, --connections.");
    }
    text
}

async fn one(
    engine: &Engine,
    arguments: &Arguments,
    definition: &Definition,
    name: &str,
    input: &str,
) -> Result<Ended, Problem> {
    let kind = arguments.of.kind;
    let create = json!({
        "name": name, "definition": definition.text, "type": kind.word(),
        "roleArn": "arn:aws:iam::000000000000:role/local",
    });
    let created = engine.request("CreateStateMachine", &create).await.map_err(|error| refused(&error))?;
    let machine = created["stateMachineArn"].clone();
    let start = json!({"stateMachineArn": machine, "input": input, "name": "run"});
    let described = if kind == Kind::Express {
        until_stopped(engine.request("StartSyncExecution", &start)).await?.map_err(|error| refused(&error))?
    } else {
        let started = engine.request("StartExecution", &start).await.map_err(|error| refused(&error))?;
        let arn = started["executionArn"].as_str().unwrap_or_default().to_owned();
        let progress = Progress::new(engine, &arn);
        tokio::select! {
            ended = engine.wait(&arn) => ended.map_err(|error| refused(&error))?,
            () = progress.show() => unreachable!("progress never ends"),
            _ = tokio::signal::ctrl_c() => {
                let stop = json!({"executionArn": arn, "error": "Interrupted"});
                engine.request("StopExecution", &stop).await.map_err(|error| refused(&error))?;
                engine.wait(&arn).await.map_err(|error| refused(&error))?
            }
        }
    };
    let text = |name: &str| described[name].as_str().map(ToOwned::to_owned);
    let history = match arguments.history {
        Some(_) => Some(history(engine, &described["executionArn"]).await.map_err(|error| refused(&error))?),
        None => None,
    };
    Ok(Ended {
        status: text("status").unwrap_or_default(),
        output: text("output"),
        error: text("error"),
        cause: text("cause"),
        history,
    })
}

/// Waits, unless somebody presses Ctrl-C.
async fn until_stopped<T>(future: impl Future<Output = T>) -> Result<T, Problem> {
    tokio::select! {
        done = future => Ok(done),
        _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
    }
}

async fn history(engine: &Engine, execution: &Value) -> Result<Vec<Value>, ApiError> {
    let mut events = Vec::new();
    let mut request = json!({"executionArn": execution, "maxResults": PAGE});
    loop {
        let mut answer = engine.request("GetExecutionHistory", &request).await?;
        if let Some(page) = answer["events"].as_array_mut() {
            events.append(page);
        }
        match answer.get("nextToken") {
            Some(token) => request["nextToken"] = token.clone(),
            None => return Ok(events),
        }
    }
}

/// The line that shows where an execution is.
struct Progress<'e> {
    engine: &'e Engine,
    execution: &'e str,
    since: Instant,
}

impl<'e> Progress<'e> {
    fn new(engine: &'e Engine, execution: &'e str) -> Self {
        Self { engine, execution, since: Instant::now() }
    }

    /// Writes the line again and again, where there is a terminal to see it; clears it when dropped.
    async fn show(&self) {
        let terminal = std::io::stderr().is_terminal();
        loop {
            tokio::time::sleep(PROGRESS_EVERY).await;
            if !terminal {
                continue;
            }
            let request = json!({"executionArn": self.execution, "reverseOrder": true, "maxResults": 100});
            let Ok(answer) = self.engine.request("GetExecutionHistory", &request).await else { continue };
            let events = answer["events"].as_array().cloned().unwrap_or_default();
            let count = events.first().and_then(|event| event["id"].as_u64()).unwrap_or(0);
            let state = events.iter().find_map(|event| event["stateEnteredEventDetails"]["name"].as_str());
            let seconds = self.since.elapsed().as_secs_f32();
            eprint!("\r\x1b[K{seconds:.1} s  {}  {count} events", state.unwrap_or("starting"));
            // A terminal that is gone shows nothing anyway.
            let _ = std::io::stderr().flush();
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if std::io::stderr().is_terminal() {
            eprint!("\r\x1b[K");
        }
    }
}

/// A history with a line for each event: number, time since the start, type, and what there is to say.
fn table(events: &[Value]) -> String {
    let start = events.first().and_then(|event| event["timestamp"].as_f64()).unwrap_or(0.0);
    let line = |event: &Value| {
        let at = event["timestamp"].as_f64().unwrap_or(start) - start;
        let kind = event["type"].as_str().unwrap_or_default();
        let line =
            format!("{:>5}  {at:>9.3} s  {kind:<28} {}", event["id"].as_u64().unwrap_or(0), about(event));
        format!("{}\n", line.trim_end())
    };
    events.iter().map(line).collect()
}

/// What is most telling in an event's details.
fn about(event: &Value) -> String {
    let details = event.as_object().into_iter().flatten().find(|(name, _)| name.ends_with("EventDetails"));
    let Some((_, details)) = details else { return String::new() };
    let text = |name: &str| details[name].as_str().map(ToOwned::to_owned);
    let short = |text: String| match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    };
    let resource =
        text("resourceType").zip(text("resource")).map(|(kind, action)| format!("{kind}:{action}"));
    let parts = [
        text("name").or_else(|| text("state")),
        resource.or_else(|| text("resource")),
        text("error"),
        text("cause").map(short),
        text("input").or_else(|| text("output")).or_else(|| text("parameters")).map(short),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("  ")
}
