//! A running server with a fake inbox, and a client that sends exactly the bytes it is told to.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use deputy_core::delivery::Delivery;
use deputy_core::ids::DeliveryId;
use deputy_core::ports::{Accepted, Clock, Inbox, InboxError, SystemClock};
use deputy_github::Secrets;
use deputy_web::{App, BodyLimits, Server, ServerConfig, router};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;

pub const SECRET: &str = "It's a Secret to Everybody";
pub const GUID: &str = "72d3162e-cc78-11e3-81ab-4c9367dc0958";

/// Nothing that is waited for here takes this long; what does is stuck.
const STUCK: Duration = Duration::from_mins(1);

/// An inbox in memory that can be held up, full or broken.
#[derive(Default)]
pub struct FakeInbox {
    pub stored: Arc<Mutex<HashMap<DeliveryId, Delivery>>>,
    pub mood: Mutex<Mood>,
    pub asked_ready: Mutex<usize>,
}

#[derive(Clone, Default)]
pub enum Mood {
    #[default]
    Well,
    Full,
    Broken,
    /// `begun` gets a permit when an acceptance has begun; it goes on when `go` has one to give.
    Held {
        begun: Arc<Semaphore>,
        go: Arc<Semaphore>,
    },
}

impl FakeInbox {
    pub fn feels(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// From now on, acceptances wait. Returns `(begun, go)` of [`Mood::Held`].
    pub fn hold(&self) -> (Arc<Semaphore>, Arc<Semaphore>) {
        let (begun, go) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        self.feels(Mood::Held { begun: begun.clone(), go: go.clone() });
        (begun, go)
    }

    pub fn get(&self, id: &str) -> Option<Delivery> {
        self.stored.lock().unwrap().get(&id.parse().unwrap()).cloned()
    }

    /// Everything stored, which is forgotten.
    pub fn drain(&self) -> Vec<Delivery> {
        self.stored.lock().unwrap().drain().map(|(_, delivery)| delivery).collect()
    }

    pub fn len(&self) -> usize {
        self.stored.lock().unwrap().len()
    }
}

#[async_trait]
impl Inbox for FakeInbox {
    async fn accept(&self, delivery: Delivery) -> Result<Accepted, InboxError> {
        let mood = self.mood.lock().unwrap().clone();
        let stored = self.stored.clone();
        let store = move || {
            if stored.lock().unwrap().insert(delivery.id, delivery).is_none() {
                Accepted::New
            } else {
                Accepted::Duplicate
            }
        };
        match mood {
            Mood::Well => Ok(store()),
            Mood::Full => Err(InboxError::Full),
            Mood::Broken => Err(InboxError::Unavailable(anyhow::anyhow!("disk /dev/hush is on fire"))),
            // In a task of its own, because cancelling the call must not cancel the acceptance.
            Mood::Held { begun, go } => tokio::spawn(async move {
                begun.add_permits(1);
                go.acquire().await.unwrap().forget();
                Ok(store())
            })
            .await
            .unwrap(),
        }
    }

    async fn ready(&self) -> Result<(), InboxError> {
        *self.asked_ready.lock().unwrap() += 1;
        match *self.mood.lock().unwrap() {
            Mood::Broken => Err(InboxError::Unavailable(anyhow::anyhow!("disk /dev/hush is on fire"))),
            _ => Ok(()),
        }
    }
}

/// A clock that stands still.
pub struct Noon;

impl Noon {
    pub fn time() -> DateTime<Utc> {
        "2026-03-01T12:00:00Z".parse().unwrap()
    }
}

impl Clock for Noon {
    fn now(&self) -> DateTime<Utc> {
        Self::time()
    }

    fn sleep_until(
        &self,
        deadline: DateTime<Utc>,
    ) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        SystemClock.sleep_until(deadline)
    }
}

/// A server on a free port, and what stands behind it.
pub struct Running {
    pub app: Arc<App>,
    pub inbox: Arc<FakeInbox>,
    pub addr: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<usize>,
}

/// A server with default limits.
pub async fn start() -> Running {
    start_with(BodyLimits::default(), ServerConfig::default()).await
}

pub async fn start_with(limits: BodyLimits, config: ServerConfig) -> Running {
    let inbox = Arc::new(FakeInbox::default());
    let secrets = Secrets::new([SECRET]).unwrap();
    let app = Arc::new(App::new("deputy-test", secrets, inbox.clone(), Arc::new(Noon)).with_limits(limits));
    let config = ServerConfig { listen: "127.0.0.1:0".parse().unwrap(), ..config };
    let server = Server::bind(config).await.unwrap();
    let addr = server.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let routes = router(app.clone());
    let served = tokio::spawn(server.serve(app.clone(), routes, async { drop(stopped.await) }));
    Running { app, inbox, addr, stop, served }
}

impl Running {
    pub async fn connect(&self) -> Client {
        Client { stream: TcpStream::connect(self.addr).await.unwrap(), read: Vec::new() }
    }

    /// Sends one request on a connection of its own.
    pub async fn ask(&self, request: impl AsRef<[u8]>) -> Answer {
        let mut client = self.connect().await;
        client.send(request).await;
        client.answer().await
    }

    /// Tells the server to stop; the handle gives how many connections it cut.
    pub fn shut_down(self) -> JoinHandle<usize> {
        let _ = self.stop.send(());
        self.served
    }
}

/// One connection.
pub struct Client {
    stream: TcpStream,
    read: Vec<u8>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (known, value) = line.split_once(": ")?;
            known.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// Status and the code in `error`.
    pub fn refusal(&self) -> (u16, String) {
        let json = self.json();
        assert!(json["message"].as_str().is_some_and(|message| message.len() > 20), "{self:?}");
        (self.status, json["error"].as_str().unwrap().to_owned())
    }
}

impl Client {
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).await.unwrap();
    }

    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.stream.write_all(bytes.as_ref()).await
    }

    /// Says that nothing more will be sent.
    pub async fn finish(&mut self) {
        let _ = self.stream.shutdown().await;
    }

    /// The next answer; fails the test when the connection ends before it.
    pub async fn answer(&mut self) -> Answer {
        self.try_answer().await.expect("the server closed without an answer")
    }

    /// The next answer, or `None` when the server closes instead.
    pub async fn try_answer(&mut self) -> Option<Answer> {
        tokio::time::timeout(STUCK, self.read_answer()).await.expect("the server is stuck")
    }

    async fn read_answer(&mut self) -> Option<Answer> {
        let end = loop {
            if let Some(at) = self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            if !self.more().await {
                return None;
            }
        };
        let head = String::from_utf8(self.read[..end].to_vec()).unwrap();
        let mut answer = Answer { status: head[9..12].parse().unwrap(), head, body: String::new() };
        let length: usize = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        while self.read.len() < end + length {
            assert!(self.more().await, "the answer is cut: {answer:?}");
        }
        answer.body = String::from_utf8(self.read[end..end + length].to_vec()).unwrap();
        self.read.drain(..end + length);
        Some(answer)
    }

    async fn more(&mut self) -> bool {
        matches!(self.stream.read_buf(&mut self.read).await, Ok(1..))
    }

    /// Waits until the server has closed the connection without saying anything more.
    pub async fn closed(&mut self) {
        assert!(self.try_answer().await.is_none());
    }
}

/// A delivery's request, to be bent out of shape before it is sent.
pub struct Request {
    pub line: &'static str,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// A delivery as GitHub would send it.
pub fn delivery(event: &str, id: &str, body: impl Into<Vec<u8>>) -> Request {
    let body = body.into();
    let signature = Secrets::new([SECRET]).unwrap().sign(&body);
    let headers = [
        ("Host", "deputy.example"),
        ("User-Agent", "GitHub-Hookshot/044aadd"),
        ("Accept", "*/*"),
        ("Content-Type", "application/json"),
        ("X-GitHub-Delivery", id),
        ("X-GitHub-Event", event),
        ("X-GitHub-Hook-ID", "292430182"),
        ("X-Hub-Signature-256", &signature),
        ("Content-Length", &body.len().to_string()),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    Request { line: "POST /webhook HTTP/1.1", headers, body }
}

impl Request {
    /// Sets a header, or adds it.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        match self.headers.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((_, old)) => value.clone_into(old),
            None => self.headers.push((name.to_owned(), value.to_owned())),
        }
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    /// In chunked encoding, cut into `size` bytes each.
    pub fn chunked(self, size: usize) -> Vec<u8> {
        let chunks = self.body.chunks(size).fold(Vec::new(), |mut all, chunk| {
            all.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            all.extend_from_slice(chunk);
            all.extend_from_slice(b"\r\n");
            all
        });
        let mut request = self.without("content-length").with("transfer-encoding", "chunked");
        request.body = chunks;
        let mut bytes = request.bytes();
        bytes.extend_from_slice(b"0\r\n\r\n");
        bytes
    }

    /// The request's head.
    pub fn head(&self) -> Vec<u8> {
        let mut head = format!("{}\r\n", self.line);
        for (name, value) in &self.headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        head += "\r\n";
        head.into_bytes()
    }

    pub fn bytes(&self) -> Vec<u8> {
        [self.head(), self.body.clone()].concat()
    }
}

impl From<Request> for Vec<u8> {
    fn from(request: Request) -> Self {
        request.bytes()
    }
}
