//! The accept loop: so many connections and no more, each with limits, and an orderly end.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::app::App;
use crate::connection::{self, Course, Shared};
use crate::pulse::Timeouts;

/// Where to listen, and how much of a stranger's behaviour to put up with.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Default 127.0.0.1:3000. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// How many connections at once; more wait in the kernel's queue. Default 512: each takes a file descriptor,
    /// of which a process usually has 1024, and the store must not be the one that goes without.
    pub connections: u32,
    /// How large a request's line and headers may be together. Default 32 KiB, at least 8 KiB; more is
    /// answered 431.
    pub largest_head: usize,
    /// How long a request's head may take to arrive, from its first byte, or on a new connection from the
    /// beginning. Default 10 s.
    pub head_timeout: Duration,
    /// How long a connection may wait for its next request. Default 75 s, more than the 60 s of common load
    /// balancers, so that it is they who close. While all places are taken, a tenth of it.
    pub idle_timeout: Duration,
    /// How long a request may take from head to answer; a bound for what has no closer one. Default 60 s.
    pub request_timeout: Duration,
    /// How long to read on after a refusal, so that a client that is still sending gets to see it. Default 2 s.
    pub linger: Duration,
    /// How long requests under way may take once the server is told to stop. Default 15 s.
    pub drain: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 3000)),
            connections: 512,
            largest_head: 32 * 1024,
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            request_timeout: Duration::from_mins(1),
            linger: Duration::from_secs(2),
            drain: Duration::from_secs(15),
        }
    }
}

/// A bound listener, not yet serving.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    config: ServerConfig,
}

impl Server {
    /// Binds; from here on the kernel queues connections.
    #[expect(clippy::unused_async, reason = "needs a runtime's context, which a future always has")]
    pub async fn bind(config: ServerConfig) -> io::Result<Self> {
        let socket = if config.listen.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // A restart must not wait for the connections of the process before to time out.
        socket.set_reuseaddr(true)?;
        socket.bind(config.listen)?;
        Ok(Self { listener: socket.listen(1024)?, config })
    }

    /// Where it listens, with the port that was really taken.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `shutdown` completes, then lets the requests under way finish.
    ///
    /// Deliveries go to `app`, everything else to `router`, which is [`router(app)`](crate::router) or has it
    /// merged in. Returns how many connections had to be cut because they were not done in time.
    pub async fn serve(self, app: Arc<App>, router: Router, shutdown: impl Future<Output = ()>) -> usize {
        let Self { listener, config } = self;
        let slots = Arc::new(Semaphore::new(config.connections as usize));
        let (course, watched) = watch::channel(Course::Open);
        let shared = Arc::new(Shared {
            app,
            router,
            http: http(&config),
            timeouts: Timeouts {
                idle: config.idle_timeout,
                idle_crowded: config.idle_timeout / 10,
                head: config.head_timeout,
                busy: config.request_timeout,
                linger: config.linger,
            },
            crowded: Box::new({
                let slots = Arc::clone(&slots);
                move || slots.available_permits() == 0
            }),
        });

        let mut shutdown = pin!(shutdown);
        loop {
            let (stream, peer, slot) = tokio::select! {
                biased;
                () = shutdown.as_mut() => break,
                accepted = accept(&listener, &slots) => accepted,
            };
            // Answers are one small write each; waiting to join it with another one only delays it.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%peer, %error, "A connection was gone as soon as it came.");
                continue;
            }
            let (shared, watched) = (Arc::clone(&shared), watched.clone());
            tokio::spawn(async move {
                connection::run(stream, peer, shared, watched).await;
                drop(slot);
            });
        }

        drop(listener);
        // Fails only when nobody is connected.
        let _ = course.send(Course::Drain);
        if tokio::time::timeout(config.drain, slots.acquire_many(config.connections)).await.is_ok() {
            return 0;
        }
        let cut = config.connections as usize - slots.available_permits();
        tracing::warn!(cut, "Connections were not done in time and are cut.");
        let _ = course.send(Course::Cut);
        // What is left drops at its next step; nothing after this may run beside it.
        let _ = slots.acquire_many(config.connections).await;
        cut
    }
}

fn http(config: &ServerConfig) -> http1::Builder {
    let mut http = http1::Builder::new();
    let largest_head = config.largest_head.max(8 * 1024);
    // The pulse keeps the time, see there. 100 headers, hyper's default, are three times what GitHub sends.
    http.header_read_timeout(None)
        .max_header_size(largest_head)
        // The read buffer grows to this while bodies fill it, and stays so: large reads, bounded memory.
        .max_buf_size(largest_head.max(64 * 1024));
    http
}

/// The next connection, once there is a place for it.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    let slot = loop {
        // The semaphore is never closed.
        if let Ok(slot) = Arc::clone(slots).acquire_owned().await {
            break slot;
        }
    };
    let mut pause = Duration::from_millis(10);
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, slot),
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                // Out of file descriptors or memory. Trying again at once would spin; others may end meanwhile.
                tracing::error!(%error, ?pause, "No connection can be accepted; trying again.");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(1));
            }
        }
    }
}

/// Whether only the connection that was to be accepted is affected: it went away while it waited.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
