//! One connection: hyper speaks HTTP/1.1 on it, and a pulse tells when it has been silent for too long.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::Router;
use axum::extract::ConnectInfo;
use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tower_service::Service as _;

use crate::app::App;
use crate::pulse::{Phase, Pulse, Timeouts};
use crate::receive;
use crate::routes::WEBHOOK_PATH;

/// What the server wants of its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Course {
    /// Serve on.
    Open,
    /// Finish the request that is under way, if any, and close.
    Drain,
    /// Close now.
    Cut,
}

/// What all connections of a server share.
pub(crate) struct Shared {
    pub(crate) app: Arc<App>,
    pub(crate) router: Router,
    pub(crate) http: hyper::server::conn::http1::Builder,
    pub(crate) timeouts: Timeouts,
    /// Whether every place is taken, so that idle connections should make room sooner.
    pub(crate) crowded: Box<dyn Fn() -> bool + Send + Sync>,
}

/// Serves a connection to its end.
pub(crate) async fn run(
    stream: TcpStream,
    peer: SocketAddr,
    shared: Arc<Shared>,
    mut course: watch::Receiver<Course>,
) {
    let pulse = &Pulse::start();
    let service = service_fn(async |request| {
        pulse.enter(Phase::Busy);
        let response = answer(&shared, peer, request).await;
        pulse.enter(Phase::Idle);
        Ok::<_, Infallible>(response)
    });
    let stream = Pulsing { stream, pulse };
    let mut connection = pin!(shared.http.serve_connection(TokioIo::new(stream), service));
    let mut check = pin!(tokio::time::sleep(shared.timeouts.check_every()));
    loop {
        tokio::select! {
            biased;
            // Errors are the client's doing (it hung up, or spoke no HTTP) and hyper has answered what can be.
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::trace!(%peer, %error, "A connection ended early.");
                }
                return;
            }
            changed = course.changed() => {
                let course = *course.borrow_and_update();
                if changed.is_err() || course == Course::Cut {
                    return;
                }
                connection.as_mut().graceful_shutdown();
            }
            () = check.as_mut() => {
                if let Some(phase) = pulse.overdue(&shared.timeouts, (shared.crowded)()) {
                    tracing::debug!(%peer, ?phase, "A connection was silent for too long.");
                    return;
                }
                check.as_mut().reset(tokio::time::Instant::now() + shared.timeouts.check_every());
            }
        }
    }
}

type Answer = Response<Either<Full<Bytes>, axum::body::Body>>;

/// Deliveries go straight to the receiver, which saves the router's boxes; everything else goes to the router.
async fn answer(shared: &Shared, peer: SocketAddr, mut request: Request<Incoming>) -> Answer {
    if request.method() == Method::POST && request.uri().path() == WEBHOOK_PATH {
        let response: Response<Full<Bytes>> = receive::answer(&shared.app, Some(peer), request).await;
        return response.map(Either::Left);
    }
    request.extensions_mut().insert(ConnectInfo(peer));
    let Ok(response) = shared.router.clone().call(request).await;
    response.map(Either::Right)
}

/// A stream that takes note when a request begins to arrive, and that closes without cutting its last answer.
struct Pulsing<'a> {
    stream: TcpStream,
    pulse: &'a Pulse,
}

impl AsyncRead for Pulsing<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        if buf.filled().len() > before {
            self.pulse.heard();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pulsing<'_> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Says that no more comes, then reads on until the client is done or the pulse ends it.
    ///
    /// Closing while the client still sends, as it does after a 413, would make the kernel reset the
    /// connection, and the reset may reach the client before it has read the answer.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.pulse.phase() != Phase::Lingering {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            self.pulse.enter(Phase::Lingering);
        }
        let mut scratch = [0; 4096];
        loop {
            let mut buf = ReadBuf::new(&mut scratch);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buf))?;
            if buf.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }

    // hyper puts head and body of an answer into one buffer as long as this is false: one small write.
    fn is_write_vectored(&self) -> bool {
        false
    }
}
