//! Listens on loopback and serves connections; a fault may cut one off.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::pipeline;
use crate::hub::Hub;

/// Serves until `stop` changes or its sender is gone.
pub(crate) async fn serve(listener: TcpListener, hub: Arc<Hub>, mut stop: watch::Receiver<bool>) {
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                // Too many open files, or a connection gone before it was accepted: the next may do.
                Err(_) => continue,
            },
            _ = stop.changed() => return,
        };
        let hub = Arc::clone(&hub);
        let mut stop = stop.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let hub = Arc::clone(&hub);
                async move { pipeline::answer(&hub, request).await.ok_or(Cut) }
            });
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::select! {
                // An error is a client that went away, or a fault that was asked for.
                _ = connection => {}
                _ = stop.changed() => {}
            }
        });
    }
}

/// Ends a connection without an answer.
#[derive(Debug)]
struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection is cut off, as a test asked for")
    }
}

impl std::error::Error for Cut {}

/// A body in one piece that may break off before its announced end.
#[derive(Debug)]
pub(crate) struct Text {
    bytes: Option<Bytes>,
    breaks_off: bool,
}

impl Text {
    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self { bytes: Some(bytes), breaks_off: false }
    }

    /// The first half of `bytes`; then the connection is closed.
    pub(crate) fn half(bytes: &Bytes) -> Self {
        Self { bytes: Some(bytes.slice(..bytes.len() / 2)), breaks_off: true }
    }
}

impl Body for Text {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(bytes) = self.bytes.take() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        if self.breaks_off {
            return Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())));
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none() && !self.breaks_off
    }
}

/// What the server answers with.
pub(crate) type HttpResponse = Response<Text>;
