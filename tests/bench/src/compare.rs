//! Deputy and its peer in turns, so that both meet the same machine in the same state.

use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::Serialize;

use crate::CompareArgs;
use crate::load::{Plan, Until};
use crate::process::Server;
use crate::report::{Report, megabytes, millis, to_f64};
use crate::servers::{Deputy, PROBOT_PATH, SECRET, start_probot};

/// All rounds of both.
#[derive(Serialize)]
struct Comparison {
    deputy: Vec<Report>,
    probot: Vec<Report>,
    ratios: Ratios,
}

/// Deputy's median by probot's.
#[derive(Serialize)]
struct Ratios {
    requests_per_second: f64,
    p99: f64,
    rss: f64,
}

pub fn run(args: &CompareArgs) -> anyhow::Result<()> {
    let (mut deputy, mut probot) = (Vec::new(), Vec::new());
    for round in 1..=args.rounds.max(1) {
        let running = Deputy::start(&args.deputy.deputy, &args.deputy.data)?;
        deputy.push(measure(args, &running.server, Deputy::PATH)?);
        drop(running);
        eprintln!("round {round}, deputy:\n{}", deputy[round - 1]);
        let running = start_probot()?;
        probot.push(measure(args, &running, PROBOT_PATH)?);
        drop(running);
        eprintln!("round {round}, probot:\n{}", probot[round - 1]);
    }
    let ratios = Ratios {
        requests_per_second: ratio(&deputy, &probot, |report| report.requests_per_second),
        p99: ratio(&deputy, &probot, |report| millis(report.p99_us)),
        rss: ratio(&deputy, &probot, peak_rss),
    };
    let comparison = Comparison { deputy, probot, ratios };
    if args.json {
        println!("{}", serde_json::to_string(&comparison)?);
    } else {
        print_table(&comparison);
    }
    Ok(())
}

fn measure(args: &CompareArgs, server: &Server, path: &str) -> anyhow::Result<Report> {
    let seconds = |seconds: f64| Duration::try_from_secs_f64(seconds).context("that is no number of seconds");
    let mut plan = Plan::new(&server.url(path)?, SECRET, args.connections)?;
    plan.run(Until::Elapsed(seconds(args.warmup)?), None)?;
    let report = plan.run(Until::Elapsed(seconds(args.duration)?), Some(server.pid()))?;
    if report.failures() > 0 {
        bail!("not every delivery was accepted, so that the figures mean nothing:\n{report}");
    }
    Ok(report)
}

fn median(reports: &[Report], figure: impl Fn(&Report) -> f64) -> f64 {
    let mut figures: Vec<f64> = reports.iter().map(figure).collect();
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    if figures.len() % 2 == 1 { figures[middle] } else { f64::midpoint(figures[middle - 1], figures[middle]) }
}

fn ratio(deputy: &[Report], probot: &[Report], figure: impl Fn(&Report) -> f64 + Copy) -> f64 {
    median(deputy, figure) / median(probot, figure)
}

fn peak_rss(report: &Report) -> f64 {
    report.server.map_or(0.0, |server| to_f64(server.peak_rss))
}

fn print_table(comparison: &Comparison) {
    let Comparison { deputy, probot, ratios } = comparison;
    let rounds = deputy.len();
    println!("| median of {rounds} rounds | Deputy, durable | probot, keeps nothing | ratio | to reach |");
    println!("|---|---|---|---|---|");
    let row = |name: &str, figure: &dyn Fn(&Report) -> f64, digits: usize, ratio: f64, goal: &str| {
        let (ours, theirs) = (median(deputy, figure), median(probot, figure));
        println!("| {name} | {ours:.digits$} | {theirs:.digits$} | {ratio:.2} | {goal} |");
    };
    row("requests/s", &|r| r.requests_per_second, 0, ratios.requests_per_second, "≥ 4");
    let p50 = ratio(deputy, probot, |r| millis(r.p50_us));
    row("p50, ms", &|r| millis(r.p50_us), 2, p50, "");
    row("p99, ms", &|r| millis(r.p99_us), 2, ratios.p99, "≤ 0.5");
    let mb = |r: &Report| r.server.map_or(0.0, |server| megabytes(server.peak_rss));
    row("peak RSS, MB", &mb, 1, ratios.rss, "Deputy < 60 MB");
    let cpu = |r: &Report| r.server.map_or(0.0, |server| server.cpu_us);
    row("server CPU, µs a request", &cpu, 1, ratio(deputy, probot, cpu), "");
    let best = |r: &Report| r.server.map_or(0.0, |server| server.best_cpu_us);
    row("the same at best", &best, 1, ratio(deputy, probot, best), "");
}
