//! Runs a corpus of AWS's answers against a server in this process, over HTTP, and reports what differs.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    asl_conformance::run::run(|_| None).await
}
