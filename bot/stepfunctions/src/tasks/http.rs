//! `http:invoke`: calls to HTTP APIs, with connections whose secrets no definition holds.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use deputy_asl::{Integration, MAX_PAYLOAD_BYTES, Payload};
use http::{HeaderName, HeaderValue, Request, Uri, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tower_service::Service;

use super::aws::{escape, root};
use super::{TaskCall, TaskError, TaskFuture, TaskResult, TaskService};

/// How long a call may take: as on AWS, a minute.
const PATIENCE: Duration = Duration::from_mins(1);
/// Headers that are the connection's own business.
const RESERVED: [&str; 7] =
    ["authorization", "connection", "content-length", "host", "te", "transfer-encoding", "upgrade"];

/// A secret: never shown.
#[derive(Clone)]
struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What calls are authorized with, by the connection's name.
///
/// A definition names a connection by its ARN, `arn:aws:events:REGION:ACCOUNT:connection/NAME/…`; only NAME matters here.
#[derive(Debug, Clone, Default)]
pub struct Connections(Arc<HashMap<String, Connection>>);

#[derive(Debug)]
struct Connection {
    headers: Vec<(HeaderName, Secret)>,
    query: Vec<(String, Secret)>,
    /// The hosts that it may be used for. Empty: any.
    hosts: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// `{ name = "X-Api-Key", value_file = "key" }`
    api_key: Option<ApiKey>,
    /// `{ username = "deputy", password_file = "password" }`
    basic: Option<Basic>,
    #[serde(default)]
    headers: BTreeMap<String, Kept>,
    #[serde(default)]
    query: BTreeMap<String, Kept>,
    #[serde(default)]
    hosts: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ApiKey {
    name: String,
    value_file: Option<String>,
    value_env: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Basic {
    username: String,
    password_file: Option<String>,
    password_env: Option<String>,
}

/// Where a value is kept: in a file, in the environment, or, if it is no secret, here.
#[derive(Deserialize)]
#[serde(untagged)]
enum Kept {
    Plain(String),
    File { file: String },
    Env { env: String },
}

impl Connections {
    /// Reads a TOML file: a table for each connection, `[NAME]`, with `api_key`, `basic`, `headers`, `query` and `hosts`.
    /// Files are named from where the TOML file is.
    pub fn read(file: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(file).map_err(|error| format!("cannot be read: {error}"))?;
        let folder = file.parent().unwrap_or(Path::new("."));
        Self::parse(&text, folder, &|name| std::env::var(name).ok())
    }

    fn parse(text: &str, folder: &Path, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, String> {
        // The text may hold what is secret, so that messages do not show lines of it.
        let entries: BTreeMap<String, Entry> =
            toml::from_str(text).map_err(|error| error.message().to_owned())?;
        let secret = |file: Option<String>, env: Option<String>, what: &str| match (file, env) {
            (Some(file), None) => {
                let path = folder.join(file);
                let text = std::fs::read_to_string(&path)
                    .map_err(|error| format!("{what}: {} cannot be read: {error}", path.display()))?;
                Ok(text.trim_end_matches(['\r', '\n']).to_owned())
            }
            (None, Some(name)) => variable(&name).ok_or_else(|| format!("{what}: {name} is not set")),
            _ => Err(format!("{what}: say where it is, as …_file or …_env")),
        };
        let mut connections = HashMap::new();
        for (name, entry) in entries {
            let within = |problem: String| format!("connection {name}: {problem}");
            let mut connection = Connection { headers: Vec::new(), query: Vec::new(), hosts: entry.hosts };
            let header = |name: &str| {
                HeaderName::try_from(name).map_err(|_| within(format!("`{name}` is no name of a header")))
            };
            if let Some(ApiKey { name, value_file, value_env }) = entry.api_key {
                let value = secret(value_file, value_env, "api_key.value").map_err(within)?;
                connection.headers.push((header(&name)?, Secret(value)));
            }
            if let Some(Basic { username, password_file, password_env }) = entry.basic {
                let password = secret(password_file, password_env, "basic.password").map_err(within)?;
                let value = format!("Basic {}", STANDARD.encode(format!("{username}:{password}")));
                connection.headers.push((header::AUTHORIZATION, Secret(value)));
            }
            let value = |what: &str, kept: Kept| match kept {
                Kept::Plain(text) => Ok(text),
                Kept::File { file } => secret(Some(file), None, what),
                Kept::Env { env } => secret(None, Some(env), what),
            };
            for (name, kept) in entry.headers {
                let kept = value(&format!("headers.{name}"), kept).map_err(within)?;
                connection.headers.push((header(&name)?, Secret(kept)));
            }
            for (name, kept) in entry.query {
                let kept = value(&format!("query.{name}"), kept).map_err(within)?;
                connection.query.push((name, Secret(kept)));
            }
            for (name, Secret(value)) in &connection.headers {
                if HeaderValue::try_from(value.as_str()).is_err() {
                    return Err(within(format!("the value of {name} cannot stand in a header")));
                }
            }
            connections.insert(name.clone(), connection);
        }
        Ok(Self(Arc::new(connections)))
    }

    /// The connection that an ARN or a name means.
    fn find(&self, arn: &str) -> Option<&Connection> {
        let name = arn.split_once(":connection/").map_or(arn, |(_, rest)| rest);
        self.0.get(name.split('/').next().unwrap_or(name))
    }
}

/// Does `arn:aws:states:::http:invoke`.
///
/// Addresses that are private, of this machine, or of its link (where clouds keep credentials) are refused unless allowed:
/// a definition comes from somebody who should not reach them through us. The address is checked as it is connected
/// to, so that a name cannot change its mind in between. Redirects are answers, not followed.
#[derive(Clone)]
pub struct HttpTasks {
    connections: Connections,
    allow_private: bool,
    client: Client<hyper_rustls::HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>,
}

impl HttpTasks {
    /// With these connections. `allow_private` is for services of one's own.
    pub fn new(connections: Connections, allow_private: bool) -> Self {
        let mut http = HttpConnector::new_with_resolver(Resolver { allow_private });
        http.enforce_http(false);
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
            .map(|builder| builder.https_or_http().enable_http1().wrap_connector(http));
        // The provider is ring's and knows every protocol version that the builder asks for.
        let connector = connector.expect("ring supports TLS");
        Self { connections, allow_private, client: Client::builder(TokioExecutor::new()).build(connector) }
    }

    async fn invoke(&self, input: &Value, key: &str) -> TaskResult {
        let request = self.request(input, key)?;
        let response = tokio::time::timeout(PATIENCE, self.client.request(request)).await;
        let socket = |why: String| TaskError::new("States.Http.Socket", why);
        let response = response
            .map_err(|_| socket("The API did not answer within 60 seconds".into()))?
            .map_err(|error| socket(format!("The API cannot be reached: {}", root(&error))))?;
        let (head, body) = response.into_parts();
        let body = tokio::time::timeout(PATIENCE, Limited::new(body, MAX_PAYLOAD_BYTES).collect()).await;
        let body = body.map_err(|_| socket("The API's answer did not end within 60 seconds".into()))?;
        let body = body.map_err(|error| {
            if error.is::<LengthLimitError>() {
                TaskError::new("States.DataLimitExceeded", "The API's answer is larger than 256 KiB")
            } else {
                socket(format!("The API's answer broke off: {error}"))
            }
        })?;
        let body = body.to_bytes();
        let text = String::from_utf8_lossy(&body);
        let status = head.status.as_u16();
        let reason = head.status.canonical_reason().unwrap_or_default();
        if !(200..300).contains(&status) {
            return Err(TaskError::new(
                &format!("States.Http.StatusCode.{status}"),
                json!({"Error": format!("{status} {reason}"), "Body": text}).to_string(),
            ));
        }
        let mut headers: Map<String, Value> = Map::new();
        for (name, value) in &head.headers {
            let value = Value::from(String::from_utf8_lossy(value.as_bytes()));
            match headers.get_mut(name.as_str()) {
                Some(Value::Array(values)) => values.push(value),
                _ => {
                    headers.insert(name.to_string(), json!([value]));
                }
            }
        }
        let shown: Value = serde_json::from_slice(&body).unwrap_or_else(|_| text.into());
        Ok(Payload::from(json!({
            "Headers": headers, "ResponseBody": shown, "StatusCode": status, "StatusText": reason,
        })))
    }

    fn request(&self, input: &Value, key: &str) -> Result<Request<Full<Bytes>>, TaskError> {
        let wrong = |why: String| TaskError::new("States.Runtime", why);
        let text = |name: &str| input.get(name).and_then(Value::as_str);
        let endpoint = text("ApiEndpoint").ok_or_else(|| wrong("ApiEndpoint is missing".into()))?;
        let method = text("Method").ok_or_else(|| wrong("Method is missing".into()))?;
        let arn = input
            .get("Authentication")
            .or_else(|| input.get("InvocationConfig"))
            .and_then(|it| it.get("ConnectionArn"))
            .and_then(Value::as_str)
            .ok_or_else(|| wrong("Authentication.ConnectionArn is missing".into()))?;
        let connection = self.connections.find(arn).ok_or_else(|| {
            TaskError::new("Events.ConnectionResource.NotFound", format!("There is no connection {arn} here"))
        })?;
        let uri: Uri = endpoint.parse().map_err(|_| wrong(format!("ApiEndpoint {endpoint} is no URL")))?;
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let schemes: &[&str] = if self.allow_private { &["https", "http"] } else { &["https"] };
        if host.is_empty() || !uri.scheme_str().is_some_and(|scheme| schemes.contains(&scheme)) {
            return Err(wrong(format!("ApiEndpoint {endpoint} must be an https:// URL")));
        }
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(wrong("ApiEndpoint must not hold a user name or password".into()));
        }
        if !connection.hosts.is_empty()
            && !connection.hosts.iter().any(|known| known.eq_ignore_ascii_case(&host))
        {
            return Err(TaskError::new(
                "Events.ConnectionResource.AccessDenied",
                format!("The connection is not for {host}"),
            ));
        }
        // A literal address is connected to without asking the resolver.
        if let Ok(address) = host.parse::<IpAddr>()
            && !self.allow_private
            && is_private(address)
        {
            return Err(TaskError::new("States.Http.Socket", format!("{address} is a private address")));
        }
        let mut query: Vec<String> =
            uri.query().filter(|it| !it.is_empty()).map(ToOwned::to_owned).into_iter().collect();
        for (name, value) in input.get("QueryParameters").and_then(Value::as_object).into_iter().flatten() {
            let values = match value {
                Value::Array(values) => values.clone(),
                value => vec![value.clone()],
            };
            query.extend(values.iter().map(|value| format!("{}={}", escape(name), escape(&plain(value)))));
        }
        query.extend(
            connection
                .query
                .iter()
                .map(|(name, Secret(value))| format!("{}={}", escape(name), escape(value))),
        );
        let mut target = uri.path().to_owned();
        if !query.is_empty() {
            target = format!("{target}?{}", query.join("&"));
        }
        let mut parts = uri.into_parts();
        parts.path_and_query = Some(target.parse().map_err(|_| wrong("The URL's path is no path".into()))?);
        let uri = Uri::from_parts(parts).map_err(|_| wrong("ApiEndpoint is no URL".into()))?;
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in input.get("Headers").and_then(Value::as_object).into_iter().flatten() {
            if RESERVED.contains(&name.to_ascii_lowercase().as_str()) {
                return Err(wrong(format!("The header {name} cannot be set here")));
            }
            request = request.header(name, plain(value));
        }
        let given = |request: &http::request::Builder, name: &HeaderName| {
            request.headers_ref().is_some_and(|headers| headers.contains_key(name))
        };
        let body = self::body(input);
        if let Some((kind, _)) = &body
            && !given(&request, &header::CONTENT_TYPE)
        {
            request = request.header(header::CONTENT_TYPE, *kind);
        }
        for (name, value) in [
            (header::USER_AGENT, "Amazon|StepFunctions|HttpInvoke|deputy"),
            (header::RANGE, "bytes=0-262144"),
        ] {
            if !given(&request, &name) {
                request = request.header(name, value);
            }
        }
        let idempotency = HeaderName::from_static("idempotency-key");
        if !given(&request, &idempotency) {
            request = request.header(idempotency, key);
        }
        let mut request = request
            .body(Full::new(Bytes::from(body.map(|(_, body)| body).unwrap_or_default())))
            .map_err(|error| wrong(format!("The request cannot be made: {error}")))?;
        // The connection has the last word.
        for (name, Secret(value)) in &connection.headers {
            if let Ok(mut value) = HeaderValue::try_from(value.as_str()) {
                value.set_sensitive(true);
                request.headers_mut().insert(name.clone(), value);
            }
        }
        Ok(request)
    }
}

/// The body and its type: JSON, or a form if `Transform` says so.
fn body(input: &Value) -> Option<(&'static str, String)> {
    let body = input.get("RequestBody").filter(|body| !body.is_null())?;
    let encoded = input.get("Transform").and_then(|it| it.get("RequestBodyEncoding")).and_then(Value::as_str);
    if encoded == Some("URL_ENCODED") {
        let style = input
            .get("Transform")
            .and_then(|it| it.get("RequestEncodingOptions")?.get("ArrayFormat"))
            .and_then(Value::as_str)
            .unwrap_or("INDICES");
        let mut pairs = Vec::new();
        flatten(None, body, style, &mut pairs);
        return Some(("application/x-www-form-urlencoded", pairs.join("&")));
    }
    match body {
        Value::String(text) => Some(("text/plain", text.clone())),
        body => Some(("application/json", body.to_string())),
    }
}

/// A document as the fields of a form: `a[b]=1`, and lists as AWS's `ArrayFormat` says.
fn flatten(name: Option<&str>, value: &Value, style: &str, pairs: &mut Vec<String>) {
    match (name, value) {
        (_, Value::Object(members)) => {
            for (member, value) in members {
                let name = name.map_or_else(|| member.clone(), |name| format!("{name}[{member}]"));
                flatten(Some(&name), value, style, pairs);
            }
        }
        (Some(name), Value::Array(items)) => match style {
            "COMMAS" => {
                let joined: Vec<String> = items.iter().map(plain).collect();
                pairs.push(format!("{}={}", escape(name), escape(&joined.join(","))));
            }
            _ => {
                for (index, item) in items.iter().enumerate() {
                    let name = match style {
                        "BRACKETS" => format!("{name}[]"),
                        "REPEAT" => name.to_owned(),
                        _ => format!("{name}[{index}]"),
                    };
                    flatten(Some(&name), item, style, pairs);
                }
            }
        },
        (name, value) => {
            pairs.push(format!("{}={}", escape(name.unwrap_or_default()), escape(&plain(value))));
        }
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

impl TaskService for HttpTasks {
    fn accepts(&self, _: &str, integration: &Integration) -> bool {
        matches!(integration, Integration::Service { name, .. }
            if name.resource_type.as_ref() == "http" && name.resource.split('.').next() == Some("invoke"))
    }

    fn call(&self, call: TaskCall) -> TaskFuture {
        let tasks = self.clone();
        Box::pin(async move { tasks.invoke(call.input().value(), &call.idempotency_key()).await })
    }
}

/// Whether an address is of this machine, of its networks, or of nobody.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, second, third, _] = address.octets();
            address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_broadcast()
                || address.is_documentation()
                || address.is_multicast()
                || first == 0
                || first >= 240
                // Shared by providers and their customers; for protocols; for measuring.
                || first == 100 && (64..128).contains(&second)
                || first == 192 && second == 0 && third == 0
                || first == 198 && (18..20).contains(&second)
        }
        IpAddr::V6(address) => {
            let [first, second, ..] = address.segments();
            if let Some(v4) = address.to_ipv4_mapped().or_else(|| embedded(address)) {
                return is_private(v4.into());
            }
            address.is_loopback()
                || address.is_unspecified()
                || address.is_multicast()
                || first & 0xfe00 == 0xfc00
                || first & 0xffc0 == 0xfe80
                || first == 0x2001 && second == 0x0db8
        }
    }
}

/// The IPv4 address within one that is made of it: 6to4, NAT64, and the old compatible form.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let octets = address.octets();
    let four = |at: usize| Ipv4Addr::new(octets[at], octets[at + 1], octets[at + 2], octets[at + 3]);
    let segments = address.segments();
    match segments {
        [0x2002, ..] => Some(four(2)),
        [0x64, 0xff9b, ..] => Some(four(12)),
        [0, 0, 0, 0, 0, 0, high, _] if high != 0 => Some(four(12)),
        _ => None,
    }
}

/// Looks names up, and keeps private addresses to itself.
#[derive(Clone)]
struct Resolver {
    allow_private: bool,
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let looked_up = name.clone();
            let found = tokio::task::spawn_blocking(move || (looked_up.as_str(), 0).to_socket_addrs());
            let found = found.await.map_err(std::io::Error::other)??;
            let allowed: Vec<SocketAddr> =
                found.filter(|address| allow_private || !is_private(address.ip())).collect();
            if allowed.is_empty() {
                return Err(std::io::Error::other(format!("{name} has private addresses only")));
            }
            Ok(allowed.into_iter())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connections(text: &str) -> Result<Connections, String> {
        let variable = |name: &str| (name == "TOKEN").then(|| "hush".to_owned());
        Connections::parse(text, Path::new("/nowhere"), &variable)
    }

    fn github() -> Connections {
        connections(
            "[github]\nhosts = [\"api.example\", \"127.0.0.1\"]\napi_key = { name = \"X-Key\", value_env = \"TOKEN\" }\n\
             query = { v = \"1 2\" }\n",
        )
        .unwrap()
    }

    fn input(endpoint: &str) -> Value {
        json!({
            "ApiEndpoint": endpoint, "Method": "POST", "RequestBody": {"a": 1}, "QueryParameters": {"q": "x&y", "n": [1, 2]},
            "Authentication": {"ConnectionArn": "arn:aws:events:us-east-1:000000000000:connection/github/1234"},
        })
    }

    #[test]
    fn a_request_has_what_the_connection_adds() {
        let tasks = HttpTasks::new(github(), false);
        let request = tasks.request(&input("https://api.example/repos?z=0"), "k").unwrap();
        assert_eq!(request.uri(), "https://api.example/repos?z=0&q=x%26y&n=1&n=2&v=1%202");
        assert_eq!(request.headers()["x-key"], "hush");
        assert_eq!(request.headers()["content-type"], "application/json");
        assert!(!format!("{request:?}").contains("hush") && !format!("{:?}", github()).contains("hush"));
    }

    #[test]
    fn what_must_not_be_called_is_refused() {
        let error = |allow, change: &dyn Fn(&mut Value)| {
            let mut input = input("https://api.example");
            change(&mut input);
            HttpTasks::new(github(), allow).request(&input, "k").unwrap_err().cause.unwrap().to_string()
        };
        assert!(error(false, &|it| it["ApiEndpoint"] = "https://127.0.0.1/".into()).contains("private"));
        assert!(
            error(false, &|it| it["ApiEndpoint"] = "http://api.example/".into())
                .contains("must be an https://")
        );
        assert!(
            error(true, &|it| it["ApiEndpoint"] = "ftp://api.example/".into())
                .contains("must be an https://")
        );
        assert!(
            error(false, &|it| it["ApiEndpoint"] = "https://elsewhere.example/".into())
                .contains("not for elsewhere")
        );
        assert!(
            error(false, &|it| it["ApiEndpoint"] = "https://a@api.example/".into()).contains("user name")
        );
        assert!(error(false, &|it| it["Headers"] = json!({"Host": "x"})).contains("Host cannot be set"));
        assert!(
            error(false, &|it| it["Authentication"] = json!({"ConnectionArn": "x"}))
                .contains("no connection x")
        );
    }

    #[test]
    fn private_addresses_are_known_in_all_their_clothes() {
        for address in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "::1",
            "::",
            "fd00::1",
            "fe80::1",
            "::ffff:127.0.0.1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "::10.0.0.1",
        ] {
            assert!(is_private(address.parse().unwrap()), "{address}");
        }
        for address in ["1.1.1.1", "140.82.112.3", "100.128.0.1", "2606:4700::1111", "::ffff:1.1.1.1"] {
            assert!(!is_private(address.parse().unwrap()), "{address}");
        }
    }

    #[tokio::test]
    async fn a_name_with_private_addresses_only_is_not_found() {
        let name: Name = "localhost".parse().unwrap();
        assert!(Resolver { allow_private: false }.call(name.clone()).await.is_err());
        assert!(Resolver { allow_private: true }.call(name).await.unwrap().len() > 0);
    }

    #[test]
    fn forms_are_flattened() {
        let form = |style: &str| {
            let input = json!({"RequestBody": {"a": {"b": 1}, "c": ["x", "y"]},
                "Transform": {"RequestBodyEncoding": "URL_ENCODED", "RequestEncodingOptions": {"ArrayFormat": style}}});
            body(&input).unwrap().1
        };
        assert_eq!(form("INDICES"), "a%5Bb%5D=1&c%5B0%5D=x&c%5B1%5D=y");
        assert_eq!(form("REPEAT"), "a%5Bb%5D=1&c=x&c=y");
        assert_eq!(form("COMMAS"), "a%5Bb%5D=1&c=x%2Cy");
        assert_eq!(form("BRACKETS"), "a%5Bb%5D=1&c%5B%5D=x&c%5B%5D=y");
    }

    #[test]
    fn mistakes_are_told_without_what_is_secret() {
        assert!(
            connections("[a]\napi_key = { name = \"X\" }")
                .unwrap_err()
                .contains("connection a: api_key.value: say where")
        );
        assert!(
            connections("[a]\napi_key = { name = \"X\", value_env = \"NO\" }")
                .unwrap_err()
                .contains("NO is not set")
        );
        assert!(
            connections("[a]\nbasic = { username = \"u\", password_file = \"p\" }")
                .unwrap_err()
                .contains("/nowhere/p cannot be read")
        );
        let told = connections("[a]\nheaders = { X = \"hush\" \n").unwrap_err();
        assert!(!told.contains("hush"), "{told}");
    }
}
