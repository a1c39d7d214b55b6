//! `deputy doctor`: what is wrong between this server and GitHub, and how to mend it.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use deputy_core::ports::SystemClock;
use serde_json::json;

use super::{ConfigFile, UNFIT, output, show};
use crate::doctor::{Finding, Level, examine};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let config = match arguments.config.load() {
        Ok(config) => config,
        Err(problems) => return show(&problems),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("deputy doctor: the machine gives no threads: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut findings = Vec::new();
    let mut printed = ExitCode::SUCCESS;
    let looked = runtime.block_on(examine(&config, Arc::new(SystemClock), |finding| {
        // As they come: GitHub takes its time.
        if !arguments.json {
            printed = output::print(&line(&finding));
        }
        findings.push(finding);
    }));
    if let Err(error) = looked {
        eprintln!(
            "deputy doctor: {error:#}\n  hint: `deputy check-config` says what is wrong with the configuration"
        );
        return ExitCode::from(UNFIT);
    }
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    let (problems, warnings) = (count(Level::Problem), count(Level::Warning));
    if arguments.json {
        let list: Vec<_> = findings
            .iter()
            .map(|Finding { check, level, what, fix }| {
                json!({ "check": check, "level": level.name(), "what": what, "fix": fix })
            })
            .collect();
        printed = output::print(&output::json(&json!({ "ok": problems == 0, "findings": list })));
    } else {
        let plural = |count| if count == 1 { "" } else { "s" };
        eprintln!("\n{problems} problem{}, {warnings} warning{}.", plural(problems), plural(warnings));
    }
    if problems == 0 { printed } else { ExitCode::FAILURE }
}

fn line(Finding { check, level, what, fix }: &Finding) -> String {
    let fix = fix.as_ref().map(|fix| format!("{:24} fix: {fix}\n", "")).unwrap_or_default();
    format!("{:<8} {check:<15} {what}\n{fix}", level.name())
}
