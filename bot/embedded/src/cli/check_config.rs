//! `deputy check-config`: everything that is wrong with the configuration at once, or what it amounts to.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::{ConfigFile, output, show};
use crate::config::{Config, FIELDS, FURTHER_APPS, LogFormat, Problem};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
    /// List every field with its variable, default and meaning, and check nothing
    #[arg(long)]
    fields: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    if arguments.fields {
        return output::print(&fields(arguments.json));
    }
    let loaded = arguments.config.load().and_then(|config| check(&config).map(|()| config));
    match loaded {
        Ok(config) if arguments.json => {
            output::print(&output::json(&json!({ "ok": true, "config": describe(&config) })))
        }
        Ok(config) => {
            let mut text = String::new();
            for (name, value) in describe(&config).as_object().into_iter().flatten() {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let _ = writeln!(text, "{:<16} {value}", name.replace('_', " "));
            }
            text.push_str(
                "\nThe configuration is good. `deputy doctor` asks GitHub whether the App is, too; `deputy serve` starts.\n",
            );
            output::print(&text)
        }
        Err(problems) if arguments.json => {
            let problems: Vec<_> = problems
                .iter()
                .map(|Problem { place, what, hint }| json!({ "place": place, "problem": what, "hint": hint }))
                .collect();
            output::print_unfit(&output::json(&json!({ "ok": false, "problems": problems })))
        }
        Err(problems) => show(&problems),
    }
}

/// What can be told without GitHub and without starting: whether secrets and folder are of the right kind.
fn check(config: &Config) -> Result<(), Vec<Problem>> {
    let mut problems = Vec::new();
    if config.data.exists() && !config.data.is_dir() {
        problems.push(Problem {
            place: "data".to_owned(),
            what: format!("{} is no folder", config.data.display()),
            hint: "give the path of a folder; it is made if it is missing".to_owned(),
        });
    }
    if let Err(error) = crate::app::signer(config) {
        problems.push(Problem {
            place: "github.private_key_file".to_owned(),
            what: format!("{error:#}"),
            hint: "generate a new private key on the App's settings page on GitHub".to_owned(),
        });
    }
    if let Err(error) = crate::app::webhook_secrets(config) {
        problems.push(Problem {
            place: "github.webhook_secret_files".to_owned(),
            what: error.to_string(),
            hint: "use random secrets: openssl rand -hex 32".to_owned(),
        });
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

fn describe(config: &Config) -> serde_json::Value {
    json!({
        "listen": config.listen.to_string(),
        "metrics": config.metrics.map_or_else(|| "off".to_owned(), |address| format!("http://{address}/metrics")),
        "mention": format!("@{0} or /{0}", config.mention),
        "data": config.data.display().to_string(),
        "archive": format!("{} days", config.archive.as_secs() / 86_400),
        "dedup": format!("{} hours", config.dedup.as_secs() / 3_600),
        "github": config.github.url,
        "app": config.github.issuer,
        "login": config.login.as_ref().map_or_else(
            || "off: without the App's client secret (github.client_secret_file) nobody can log in, and only help and ping \
                 answer"
                    .to_owned(),
            |login| match &login.public_url {
                Some(url) => format!("at {}", url.as_str()),
                None => format!("at http://{}", config.listen),
            },
        ),
        "administrators": match &config.admins[..] {
            [] => "nobody".to_owned(),
            admins => admins.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        },
        "further_apps": config.apps.iter().map(|app| app.name.as_str()).collect::<Vec<_>>().join(", "),
        "webhook_secrets": config.webhook_secrets.len(),
        "log": format!("{}, {}", config.log.filter, match config.log.format {
            LogFormat::Human => "human",
            LogFormat::Json => "json",
        }),
    })
}

fn fields(as_json: bool) -> String {
    if as_json {
        let fields: Vec<_> = FIELDS
            .iter()
            .map(|field| {
                json!({
                    "key": field.key,
                    "variable": field.variable,
                    "default": field.default,
                    "meaning": field.meaning,
                })
            })
            .collect();
        return output::json(&json!(fields));
    }
    let mut text = String::new();
    for field in FIELDS {
        let default = field.default.map(|default| format!("    default: {default}\n")).unwrap_or_default();
        let _ = writeln!(text, "{}  ({})\n{default}    {}\n", field.key, field.variable, field.meaning);
    }
    text.push_str(FURTHER_APPS);
    text
}
