//! `deputy doctor`: what is wrong between this server and GitHub, and how to mend it.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use deputy_core::ports::SystemClock;
use serde_json::json;

use super::{ConfigFile, show};
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
    let looked = runtime.block_on(examine(&config, Arc::new(SystemClock), |finding| {
        // As they come: GitHub takes its time.
        if !arguments.json {
            print(&finding);
        }
        findings.push(finding);
    }));
    if let Err(error) = looked {
        eprintln!(
            "deputy doctor: {error:#}\n  hint: `deputy check-config` says what is wrong with the configuration"
        );
        return ExitCode::from(2);
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
        println!("{:#}", json!({ "ok": problems == 0, "findings": list }));
    } else {
        let plural = |count| if count == 1 { "" } else { "s" };
        eprintln!("\n{problems} problem{}, {warnings} warning{}.", plural(problems), plural(warnings));
    }
    if problems == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn print(Finding { check, level, what, fix }: &Finding) {
    println!("{:<8} {check:<15} {what}", level.name());
    if let Some(fix) = fix {
        println!("{:24} fix: {fix}", "");
    }
}
