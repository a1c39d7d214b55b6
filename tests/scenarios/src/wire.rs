//! GitHub's side of the webhook wire, byte by byte: for tests that send what no well-behaved client would.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A connection that is kept open between deliveries.
pub struct Connection(BufReader<TcpStream>);

/// What the receiver said.
#[derive(Debug)]
pub struct Answer {
    /// 202, 401, …
    pub status: u16,
    /// JSON.
    pub body: String,
}

impl Connection {
    /// Connects.
    ///
    /// # Panics
    ///
    /// When nobody listens there.
    pub fn open(address: SocketAddr) -> Self {
        Self::try_open(address).expect("the receiver listens")
    }

    /// The same where the receiver may be gone.
    pub fn try_open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends one delivery and reads the answer. An error means that nobody knows whether it was accepted.
    pub fn deliver(&mut self, guid: &str, event: &str, signature: &str, body: &[u8]) -> io::Result<Answer> {
        let head = format!(
            "POST /webhook HTTP/1.1\r\nHost: deputy\r\nUser-Agent: GitHub-Hookshot/0000000\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nX-GitHub-Event: {event}\r\n\
             X-GitHub-Delivery: {guid}\r\nX-Hub-Signature-256: {signature}\r\n\r\n",
            body.len()
        );
        let mut request = head.into_bytes();
        request.extend_from_slice(body);
        self.0.get_mut().write_all(&request)?;
        self.answer()
    }

    fn answer(&mut self) -> io::Result<Answer> {
        let broken = || io::Error::new(io::ErrorKind::UnexpectedEof, "no whole answer");
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(broken)?;
        let mut length = 0;
        loop {
            line.clear();
            if self.0.read_line(&mut line)? == 0 {
                return Err(broken());
            }
            let header = line.trim_end();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().map_err(|_| broken())?;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        Ok(Answer { status, body: String::from_utf8_lossy(&body).into_owned() })
    }
}

/// A fresh GUID.
pub fn guid() -> String {
    uuid::Uuid::new_v4().to_string()
}
