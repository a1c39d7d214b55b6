//! The receiver over an inbox that keeps nothing: what HTTP alone costs. Measure it with `deputy-bench load`.

use std::sync::Arc;

use deputy_core::delivery::Delivery;
use deputy_core::ports::{Accepted, Inbox, InboxError, SystemClock};
use deputy_github::Secrets;
use deputy_web::{App, Server, ServerConfig, router};

/// Accepts everything at once.
struct Nothing;

impl Inbox for Nothing {
    fn accept<'a: 'b, 'b>(
        &'a self,
        _: Delivery,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<Accepted, InboxError>> + Send + 'b>> {
        Box::pin(std::future::ready(Ok(Accepted::New)))
    }

    fn ready<'a: 'b, 'b>(
        &'a self,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<(), InboxError>> + Send + 'b>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listen = std::env::var("DEPUTY_LISTEN").unwrap_or_else(|_| "127.0.0.1:3000".to_owned()).parse()?;
    let secret = std::env::var("DEPUTY_WEBHOOK_SECRET")?;
    let threads = std::env::var("THREADS").map_or(Ok(2), |threads| threads.parse())?;
    let app =
        Arc::new(App::new("receiver", Secrets::new([secret])?, Arc::new(Nothing), Arc::new(SystemClock)));
    let mut runtime = if threads == 0 {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    runtime.worker_threads(threads.max(1)).enable_all().build()?.block_on(async {
        let server = Server::bind(ServerConfig { listen, ..ServerConfig::default() }).await?;
        let stop = async { drop(tokio::signal::ctrl_c().await) };
        server.serve(app.clone(), router(app), stop).await;
        Ok(())
    })
}
