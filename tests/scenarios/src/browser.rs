//! A person's browser: it keeps cookies as it is told to, and goes where it is sent.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::leaks::hear;

/// Where the browser believes that Deputy is; a proxy in front of it would listen there.
pub const PUBLIC_URL: &str = "https://deputy.example";

/// Where administrators are given credentials of GitHub's, and nobody is given any elsewhere.
const CREDENTIALS: &str = "/api/v1/tokens";

/// A browser.
pub struct Browser {
    address: SocketAddr,
    cookies: BTreeMap<String, String>,
}

/// What a server answers.
#[derive(Debug, Clone)]
pub struct Page {
    /// 200, 303, …
    pub status: u16,
    /// In the order they came, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The page.
    pub body: String,
}

impl Browser {
    /// A browser without cookies, whose way to [`PUBLIC_URL`] leads to `address`.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, cookies: BTreeMap::new() }
    }

    /// The cookies that it keeps.
    pub fn cookies(&self) -> &BTreeMap<String, String> {
        &self.cookies
    }

    /// Opens a page of Deputy's, by its path or its whole address, and keeps its cookies. Follows nothing.
    ///
    /// # Panics
    ///
    /// When nobody answers, or the address is not Deputy's.
    pub async fn open(&mut self, url: &str) -> Page {
        let path = url.strip_prefix(PUBLIC_URL).unwrap_or(url);
        assert!(path.starts_with('/'), "not Deputy's: {url}");
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut head = String::new();
        if !cookies.is_empty() {
            head = format!("Cookie: {}\r\n", cookies.join("; "));
        }
        let page = send(self.address, "GET", path, &head, "").await.expect("Deputy answers");
        for cookie in page.all("set-cookie") {
            let pair = cookie.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        page
    }

    /// The same, and on to wherever Deputy sends the browser within its own pages.
    pub async fn follow(&mut self, url: &str) -> Page {
        let mut page = self.open(url).await;
        while let Some(next) = page.location().filter(|next| next.starts_with('/')) {
            page = self.open(&next).await;
        }
        page
    }
}

/// Asks Deputy's API.
///
/// # Panics
///
/// When nobody answers, or not with JSON.
pub async fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    session: Option<&str>,
    body: Option<&Value>,
) -> (u16, Value) {
    let mut head = String::new();
    if let Some(session) = session {
        head.extend(["Authorization: Bearer ", session, "\r\n"]);
    }
    if body.is_some() {
        head.push_str("Content-Type: application/json\r\n");
    }
    let body = body.map(Value::to_string).unwrap_or_default();
    let page = send(address, method, path, &head, &body).await.expect("Deputy answers");
    (page.status, page.body.parse().expect("JSON"))
}

impl Page {
    /// The header's value, if it is there.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// All values of a header.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Where the browser is sent.
    pub fn location(&self) -> Option<String> {
        self.header("location").map(str::to_owned)
    }

    /// What a person reads: the page's text, one line an element.
    pub fn text(&self) -> String {
        let body = self.body.split_once("<main>").map_or(&*self.body, |(_, main)| main);
        let mut text = String::new();
        let mut rest = body;
        while let Some((words, tag)) = rest.split_once('<') {
            text.push_str(words);
            let (name, after) = tag.split_once('>').unwrap_or_default();
            if matches!(name, "/p" | "/h1" | "/li") {
                text.push('\n');
            }
            rest = after;
        }
        let text =
            text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
        text.trim().to_owned()
    }
}

async fn send(address: SocketAddr, method: &str, path: &str, head: &str, body: &str) -> io::Result<Page> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: deputy.example\r\nUser-Agent: scenarios\r\nConnection: close\r\nContent-Length: {}\r\n{head}\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let path_alone = path.split('?').next().unwrap_or_default();
    hear(&format!("{method} {path_alone}"), &answer, path_alone.starts_with(CREDENTIALS));
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    Ok(Page { status: status.ok_or(io::ErrorKind::InvalidData)?, headers, body: body.to_owned() })
}
