//! The playground: a pretended GitHub, a real Deputy and a page to watch them talk, all on this machine.

mod markdown;
mod page;
mod routes;
mod stage;

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context as _;
use clap::Parser;
use tokio::net::TcpListener;

/// A pull request to comment on, with Deputy answering. Nothing leaves this machine.
#[derive(Debug, Parser)]
#[command(name = "playground")]
struct Arguments {
    /// The page's port on 127.0.0.1; without it 8090, or a free one if that is taken
    #[arg(long)]
    port: Option<u16>,
    /// Where Deputy keeps its data; without it a folder that goes when the playground ends
    #[arg(long, value_name = "DIR")]
    data: Option<std::path::PathBuf>,
}

#[tokio::main]
#[allow(clippy::print_stdout, reason = "the address is what this program is asked for")]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let listener = listen(arguments.port).await?;
    let stage = stage::Stage::set_up(arguments.data).await?;
    println!("\n  The playground is at  http://{}\n", listener.local_addr()?);
    println!("  Try `@deputy help` there, {}/auth/login in a browser,", stage.deputy());
    println!("  or `deputyctl login --server {}` in a terminal. Ctrl-C ends it.\n", stage.deputy());
    axum::serve(listener, routes::router(stage.scene()))
        .with_graceful_shutdown(async {
            // Without the signal there is no way to end but to be killed, which loses nothing either.
            let _ = tokio::signal::ctrl_c().await;
        })
        .await?;
    stage.clear().await;
    Ok(())
}

async fn listen(port: Option<u16>) -> anyhow::Result<TcpListener> {
    let at = |port| TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    match port {
        Some(port) => {
            at(port).await.with_context(|| format!("port {port} cannot be used; choose another with --port"))
        }
        None => match at(8090).await {
            Ok(listener) => Ok(listener),
            Err(_) => at(0).await.context("no free port on 127.0.0.1"),
        },
    }
}
