//! The receiver alone, without the rest of Deputy, for finding out what costs what.
//!
//! `DEPUTY_DATA` set: over the embedded inbox, and with `HANDLER` set every event also runs a handler that does
//! nothing. Not set: over an inbox that keeps nothing, which leaves the price of HTTP, signature and JSON.
//! `THREADS` chooses tokio's: 0 for its single-threaded runtime.

use std::sync::Arc;

use async_trait::async_trait;
use deputy_core::delivery::Delivery;
use deputy_core::ids::EventName;
use deputy_core::ports::{Accepted, Inbox, InboxError, SystemClock};
use deputy_embedded::{Lane, Options, Run, Store, Workers};
use deputy_github::Secrets;
use deputy_web::{App, Server, ServerConfig, router};

const HANDLER: &str = "nothing";

/// Accepts everything at once.
struct Nothing;

#[async_trait]
impl Inbox for Nothing {
    async fn accept(&self, _: Delivery) -> Result<Accepted, InboxError> {
        Ok(Accepted::New)
    }

    async fn ready(&self) -> Result<(), InboxError> {
        Ok(())
    }
}

#[async_trait]
impl Run for Nothing {
    async fn run(&self, _: &str, _: Delivery, _: u32) -> anyhow::Result<()> {
        Ok(())
    }
}

fn main() -> anyhow::Result<()> {
    let listen = std::env::var("DEPUTY_LISTEN").unwrap_or_else(|_| "127.0.0.1:3000".to_owned()).parse()?;
    let secrets = Secrets::new([std::env::var("DEPUTY_WEBHOOK_SECRETS")?])?;
    let threads: usize = std::env::var("THREADS").map_or(Ok(1), |threads| threads.parse())?;
    let handled = std::env::var_os("HANDLER").is_some();
    let mut runtime = if threads == 0 {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    let runtime = runtime.worker_threads(threads.max(1)).enable_all().build()?;
    runtime.block_on(async {
        let mut workers = None;
        let inbox: Arc<dyn Inbox> = match std::env::var_os("DEPUTY_DATA") {
            None => Arc::new(Nothing),
            Some(data) => {
                let subscribed =
                    move |_: &EventName| handled.then(|| HANDLER.to_owned()).into_iter().collect();
                let store = Store::open(Options::new(data), Arc::new(SystemClock), Arc::new(subscribed))?;
                if handled {
                    let started = Workers::start(&store, Arc::new(Nothing), vec![Lane::new(HANDLER)]).await;
                    workers = Some(started?);
                }
                Arc::new(store)
            }
        };
        let app = Arc::new(App::new("receiver", secrets, inbox, Arc::new(SystemClock)));
        let server = Server::bind(ServerConfig { listen, ..ServerConfig::default() }).await?;
        let stop = async { drop(tokio::signal::ctrl_c().await) };
        server.serve(app.clone(), router(app), stop).await;
        drop(workers);
        Ok(())
    })
}
