//! What a delivery costs as the store fills: the same at a million as at a thousand, if it is right.

use anyhow::bail;
use serde::Serialize;

use crate::FlatArgs;
use crate::load::{Plan, Until};
use crate::report::Report;
use crate::servers::{Deputy, SECRET};

/// One decade's figures.
#[derive(Serialize)]
struct Decade {
    from: u64,
    to: u64,
    wall_us: f64,
    report: Report,
}

pub fn run(args: &FlatArgs) -> anyhow::Result<()> {
    let deputy = Deputy::start(&args.deputy.deputy, &args.deputy.data)?;
    let mut plan = Plan::new(&deputy.server.url(Deputy::PATH)?, SECRET, args.connections)?;
    // The first thousand warm up both sides, and are no decade of their own.
    let mut stored = 1000;
    plan.run(Until::Requests(stored), None)?;
    let mut decades = Vec::new();
    if !args.json {
        println!("| stored deliveries | µs a delivery | server CPU, µs | p50, ms | p99, ms | RSS, MB |");
        println!("|---|---|---|---|---|---|");
    }
    while stored < args.until {
        let to = (stored * 10).min(args.until);
        let report = plan.run(Until::Requests(to - stored), Some(deputy.server.pid()))?;
        if report.failures() > 0 {
            bail!("not every delivery was accepted, so that the figures mean nothing:\n{report}");
        }
        let decade = Decade { from: stored, to, wall_us: 1e6 / report.requests_per_second, report };
        if !args.json {
            print_row(&decade);
        }
        decades.push(decade);
        stored = to;
    }
    if args.json {
        println!("{}", serde_json::to_string(&decades)?);
    }
    Ok(())
}

fn print_row(Decade { from, to, wall_us, report }: &Decade) {
    use crate::report::{megabytes, millis};
    let (cpu, rss) = report.server.map_or((0.0, 0.0), |server| (server.cpu_us, megabytes(server.rss)));
    let (p50, p99) = (millis(report.p50_us), millis(report.p99_us));
    println!("| {from} to {to} | {wall_us:.1} | {cpu:.1} | {p50:.2} | {p99:.2} | {rss:.1} |");
}
