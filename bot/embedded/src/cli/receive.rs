//! `deputy receive`: one payload through decoding and the command language, offline. Nothing runs, nothing is stored.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use deputy_core::comment::CommentAction;
use deputy_core::delivery::Delivery;
use deputy_core::dispatch::{COMMANDS, COMMENT_EVENTS, Plan, plan};
use deputy_core::ids::EventName;
use deputy_core::language::{Line, Parsed, Vocabulary};
use serde_json::{Value, json};

use super::{ConfigFile, UNFIT, output, show};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The payload, a JSON file; - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The event, as X-GitHub-Event names it, such as issue_comment
    #[arg(long, value_name = "EVENT")]
    event: EventName,
    /// The name that commands are addressed to; without it the configured one
    #[arg(long, value_name = "NAME")]
    mention: Option<String>,
    #[command(flatten)]
    config: ConfigFile,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What a payload would do.
#[derive(Debug)]
pub(super) struct Outcome {
    event: EventName,
    action: Option<String>,
    ignored: Option<String>,
    handlers: Vec<&'static str>,
    commands: Vec<Outlook>,
}

/// What one command line would do.
#[derive(Debug)]
struct Outlook {
    name: String,
    args: Vec<String>,
    status: &'static str,
    message: Option<String>,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let mention = match arguments.mention.clone().map_or_else(|| arguments.config.mention(), Ok) {
        Ok(mention) => mention,
        Err(problems) => return show(&problems),
    };
    let outcome = read(&arguments.file).and_then(|body| {
        let vocabulary = crate::app::vocabulary(&mention).map_err(|error| format!("--mention: {error}"))?;
        outcome(&vocabulary, &arguments.event, body)
            .map_err(|problem| format!("{}: {problem}", shown(&arguments.file)))
    });
    match outcome {
        Ok(outcome) if arguments.json => output::print(&output::json(&outcome.json())),
        Ok(outcome) => output::print(&outcome.text()),
        Err(problem) => {
            eprintln!("deputy receive: {problem}");
            ExitCode::from(UNFIT)
        }
    }
}

fn shown(file: &Path) -> String {
    if file == Path::new("-") { "standard input".to_owned() } else { file.display().to_string() }
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    let limit = deputy_web::BodyLimits::default().largest as u64;
    let shown = shown(file);
    let mut body = Vec::new();
    let outcome = if file == Path::new("-") {
        std::io::stdin().lock().take(limit + 1).read_to_end(&mut body)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(limit + 1).read_to_end(&mut body))
    };
    outcome.map_err(|error| format!("{shown}: cannot be read: {error}"))?;
    if body.len() as u64 > limit {
        return Err(format!("{shown}: is larger than 25 MB, and GitHub sends no such payload"));
    }
    if body.is_empty() {
        return Err(format!("{shown}: is empty; a payload is a JSON object"));
    }
    Ok(body)
}

/// Follows a payload as far as it can be followed without GitHub.
fn outcome(vocabulary: &Vocabulary, event: &EventName, body: Vec<u8>) -> Result<Outcome, String> {
    let about = deputy_github::Envelope::read(&body).map_err(|error| error.to_string())?;
    let delivery = Delivery {
        id: deputy_core::ids::DeliveryId::from_bytes([0; 16]),
        event: event.clone(),
        received_at: chrono::Utc::now(),
        headers: deputy_core::delivery::Headers::new(),
        about,
        body: body.into(),
    };
    let comment =
        deputy_github::comment(event, &delivery.body).map_err(|error| format!("{event}: {error}"))?;
    let (ignored, commands) = match &comment {
        None if COMMENT_EVENTS.contain(event) => {
            (Some("tells of no new or changed text".to_owned()), Vec::new())
        }
        None => (Some("is no event that can hold commands".to_owned()), Vec::new()),
        Some(comment) => match plan(vocabulary, comment) {
            Plan::Ignored(reason) => (Some(reason.to_string()), Vec::new()),
            Plan::Run(lines) => (None, lines.iter().map(|line| outlook(vocabulary, line)).collect()),
        },
    };
    let action = delivery.about.action.as_deref().map(str::to_owned).or_else(|| {
        // A commit comment's payload always says so; kept for payloads whose action GitHub leaves out.
        comment.as_ref().map(|comment| match comment.action {
            CommentAction::Created => "created".to_owned(),
            CommentAction::Edited => "edited".to_owned(),
        })
    });
    let handlers =
        crate::app::handlers_of(event).filter(|handler| *handler != COMMANDS || ignored.is_none()).collect();
    Ok(Outcome { event: event.clone(), action, ignored, handlers, commands })
}

fn outlook(vocabulary: &Vocabulary, line: &Line) -> Outlook {
    let behind_the_name = || line.words.as_deref().unwrap_or_default().iter().skip(1).cloned().collect();
    match vocabulary.parse(line) {
        Parsed::Run { definition, args, .. } => {
            Outlook { name: definition.name.clone(), args, status: "run", message: None }
        }
        Parsed::Help { message, .. } => Outlook {
            name: "help".to_owned(),
            args: behind_the_name(),
            status: "run",
            message: Some(message),
        },
        Parsed::Version { message } => {
            Outlook { name: "version".to_owned(), args: Vec::new(), status: "run", message: Some(message) }
        }
        Parsed::UsageError { name, message, .. } => {
            Outlook { name, args: behind_the_name(), status: "usage_error", message: Some(message) }
        }
        Parsed::Unknown { word, message } => {
            Outlook { name: word, args: behind_the_name(), status: "unknown", message: Some(message) }
        }
    }
}

impl Outcome {
    fn json(&self) -> Value {
        let commands: Vec<Value> = self
            .commands
            .iter()
            .map(|Outlook { name, args, status, message }| {
                json!({ "name": name, "args": args, "status": status, "message": message })
            })
            .collect();
        json!({
            "event": self.event.as_str(),
            "action": self.action,
            "ignored": self.ignored,
            "handlers": self.handlers,
            "commands": commands,
        })
    }

    fn text(&self) -> String {
        let action = self.action.as_deref().map(|action| format!(" ({action})")).unwrap_or_default();
        let mut text = format!("event     {}{action}\nhandlers  {}\n", self.event, self.handlers.join(", "));
        if let Some(reason) = &self.ignored {
            let _ = writeln!(text, "commands  none: {reason}");
        }
        for Outlook { name, args, status, message } in &self.commands {
            let status = status.replace('_', " ");
            let _ = writeln!(text, "command   {name} {args:?}: {status}");
            for line in message.iter().flat_map(|message| message.lines()) {
                let _ = writeln!(text, "          {line}");
            }
        }
        text
    }
}
