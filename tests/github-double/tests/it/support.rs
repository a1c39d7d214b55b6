//! What the service under test would do, made small: an HTTP client, an App's JWT, a webhook receiver.

use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use github_double::{App, Double, Installation, Organization, Permission, Repository, User};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::HeaderMap;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// An organization with a member, a repository she may write to, and an App installed.
pub struct World {
    pub gh: Double,
    pub acme: Organization,
    pub ada: User,
    pub shop: Repository,
    pub app: App,
    pub installation: Installation,
}

impl World {
    pub async fn new() -> Self {
        let gh = Double::start().await;
        let (acme, ada) = (gh.org("acme"), gh.user("ada"));
        acme.add_member(&ada);
        let shop = acme.repo("shop");
        shop.permit(&ada, Permission::Write);
        let app = gh.app("Deputy").register();
        let installation = app.install_on(&acme);
        Self { gh, acme, ada, shop, app, installation }
    }

    /// Asks as the installation.
    pub async fn ask(&self, method: &str, path: &str, body: Value) -> Answer {
        self.ask_with(&format!("Bearer {}", self.installation.token()), method, path, body).await
    }

    /// Asks as the App itself.
    pub async fn ask_as_app(&self, method: &str, path: &str, body: Value) -> Answer {
        self.ask_with(&format!("Bearer {}", self.jwt()), method, path, body).await
    }

    pub async fn ask_with(&self, authorization: &str, method: &str, path: &str, body: Value) -> Answer {
        let headers = [("authorization", authorization)];
        send(&self.gh, method, path, &headers, body).await.expect("an answer")
    }

    pub fn jwt(&self) -> String {
        let now = self.gh.clock().now().timestamp();
        jwt(
            &self.app.private_key(),
            &json!({ "iss": self.app.client_id(), "iat": now - 60, "exp": now + 540 }),
        )
    }
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status and message, as a refusal is compared.
    pub fn refusal(&self) -> (u16, &str) {
        (self.status, self.body["message"].as_str().unwrap_or_default())
    }
}

/// Sends a request; an error is a connection without a whole answer.
pub async fn send(
    gh: &Double,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Value,
) -> Result<Answer, String> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let bytes = match &body {
        Value::Null => Bytes::new(),
        Value::String(text) => Bytes::from(text.clone()),
        json => Bytes::from(json.to_string()),
    };
    let mut request = Request::builder().method(method).uri(format!("{}{path}", gh.base_url()));
    if !headers.iter().any(|(name, _)| *name == "user-agent") {
        request = request.header("user-agent", "test");
    }
    for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
        request = request.header(*name, *value);
    }
    let response = client.request(request.body(Full::new(bytes)).unwrap()).await;
    let (parts, body) = response.map_err(|error| error.to_string())?.into_parts();
    let bytes = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
}

pub fn jwt(pem: &str, claims: &Value) -> String {
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let key = RsaKeyPair::from_der(&STANDARD.decode(body).unwrap()).unwrap();
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let signed = format!("{}.{}", part(&json!({ "alg": "RS256", "typ": "JWT" })), part(claims));
    let mut signature = vec![0; key.public().modulus_len()];
    let random = ring::rand::SystemRandom::new();
    key.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// What a webhook receiver got.
#[derive(Clone, Debug)]
pub struct Hook {
    pub headers: HeaderMap,
    pub bytes: Bytes,
}

impl Hook {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap()
    }

    /// `issue_comment.created`
    pub fn name(&self) -> String {
        match self.json()["action"].as_str() {
            Some(action) => format!("{}.{action}", self.header("x-github-event")),
            None => self.header("x-github-event").to_owned(),
        }
    }
}

/// A webhook receiver that answers what it is told to.
#[derive(Clone)]
pub struct Receiver {
    pub url: String,
    hooks: Arc<Mutex<Vec<Hook>>>,
    status: Arc<Mutex<u16>>,
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/webhook", listener.local_addr().unwrap());
        let receiver = Self { url, hooks: Arc::default(), status: Arc::new(Mutex::new(202)) };
        let serving = receiver.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let receiver = serving.clone();
                let service = service_fn(move |request: Request<Incoming>| {
                    let receiver = receiver.clone();
                    async move { receiver.take(request).await }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        receiver
    }

    pub fn answer(&self, status: u16) {
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = status;
    }

    pub fn hooks(&self) -> Vec<Hook> {
        self.hooks.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn names(&self) -> Vec<String> {
        self.hooks().iter().map(Hook::name).collect()
    }

    async fn take(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
        let (parts, body) = request.into_parts();
        let bytes = body.collect().await?.to_bytes();
        let hook = Hook { headers: parts.headers, bytes };
        self.hooks.lock().unwrap_or_else(PoisonError::into_inner).push(hook);
        let mut response = Response::new(Full::new(Bytes::from_static(br#"{"status":"accepted"}"#)));
        let status = *self.status.lock().unwrap_or_else(PoisonError::into_inner);
        *response.status_mut() = status.try_into().unwrap();
        Ok(response)
    }
}
